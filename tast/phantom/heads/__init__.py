"""Heads in three dimensions: people with faces, hair and clothes of their own, who move, are lit and filmed."""
