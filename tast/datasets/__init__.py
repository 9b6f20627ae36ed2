"""Data sets: readers of what lies on disk, downloads, audits, and the split into train, validation and test.

Nothing is imported here: who needs the split alone does not rest on every reader.
"""
