"""`tast table` where every method gets the store in data/clips, whatever clips it asks for, and three epochs, whatever its preset
says: a program for tests of the table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchmarks import table
from flows.tables import rows
from tast.params import Params, changed

FEW_EPOCHS = {"train.epochs": 3, "train.patience": 3}


class OneStore(table.Place):
    def folder(self, row: object) -> Path:
        return Path("data/clips")


def with_few_epochs(params: Params, values: Mapping[str, Any]) -> Params:
    return changed(params, {**values, **FEW_EPOCHS})


if __name__ == "__main__":
    rows.changed = with_few_epochs
    table.Place = OneStore  # type: ignore[misc]
    table.main()
