"""Stage table: the trials of one protocol side by side, with what needs no network: Markdown, CSV, LaTeX and HTML.

python -m flows.stages.table subject_independent
"""

from __future__ import annotations

import argparse

import pandas as pd

from flows.layout import ROWS, TABLES, trial_folder
from flows.running import run_stage
from flows.tables.clips import clips_beside
from flows.tables.methods import LIKE, results_of, write_table
from flows.tables.rows import read_row
from flows.tables.trials import KEPT, PREDICTIONS, run_of, split_of
from tast import instruction_set
from tast.clip_store import ClipStore
from tast.errors import BadInput
from tast.params import stage_params
from tast.parquet import read_table

TRIAL = "the predictions of a trial (`dvc repro` makes what is missing)"


def table(protocol: str) -> None:
    params = stage_params("table", "compute", "runner")
    instruction_set.require(params.compute.instruction_set)
    asked = params.table
    rows = [read_row(name, ROWS) for name in asked.methods]
    store, _ = clips_beside(rows[0].preprocess, KEPT, params.runner.workers)
    runs = [(seed, fold) for seed in asked.seeds for fold in asked.folds]
    predicted = {(row.name, run_of(*run)): read_trial(protocol, row.name, *run) for row in rows for run in runs}
    splits = {run_of(*run): split_of(rows[0], store, protocol, run[1]) for run in runs}
    facts = {
        "protocol": protocol, "seeds": list(asked.seeds), "folds": list(asked.folds),
        "methods": {row.name: {"method": row.method, "preset": row.preset} for row in rows},
    }  # fmt: skip
    write_table(TABLES / protocol, results_of(rows, predicted, store, splits, data_set_of(store)), facts)


def read_trial(protocol: str, row: str, seed: int, fold: int) -> pd.DataFrame:
    file = trial_folder(protocol, row, seed, fold) / PREDICTIONS
    try:
        return read_table(file, TRIAL)
    except FileNotFoundError:
        raise BadInput(file, "no such file", TRIAL) from None


def data_set_of(store: ClipStore) -> str:
    """The data set whose published figures may stand beside the table's; none of several, or of a phantom."""
    names = set(store.manifest["dataset"])
    return next(iter(names)) if len(names) == 1 and names <= LIKE.keys() else ""


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m flows.stages.table", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("protocol")
    asked = parser.parse_args()
    run_stage(lambda: table(asked.protocol))


if __name__ == "__main__":
    main()
