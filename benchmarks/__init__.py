"""Benchmarks: one command each, JSON out, beside a named peer measured in the same run."""
