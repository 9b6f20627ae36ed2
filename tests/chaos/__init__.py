"""Faults tried on purpose: `make chaos`, or `python -m tests.chaos ROOM...`; docs/reliability.md has what came of them."""
