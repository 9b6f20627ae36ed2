"""`tast table` where every method gets the store in data/clips, whatever clips it asks for: a program for tests of the table."""

from __future__ import annotations

from pathlib import Path

from benchmarks import table


class OneStore(table.Place):
    def folder(self, row: object) -> Path:
        return Path("data/clips")


if __name__ == "__main__":
    table.Place = OneStore  # type: ignore[misc]
    table.main()
