"""Benchmarks: one command each, JSON out, beside a named peer measured in the same run."""

import flows  # noqa: F401  settles the environment, the instruction set first: before a benchmark imports numpy or torch
