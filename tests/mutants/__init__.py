"""Planted faults: mistakes that somebody may well make, one at a time in a copy of the tree, and the tests that must notice.

    python -m tests.mutants [NAME ...] [--room ROOM] [--budget MINUTES] [--jobs N] [--list] [--write]

rooms/<room>.yaml holds the faults of a room. Why a list of our own and no tool that mutates operators: docs/testing.md.
"""
