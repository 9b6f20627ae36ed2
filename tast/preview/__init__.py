"""Preprocessing to look at: contact sheets and films of what each step makes of a video."""
