"""Stage trial: a row of the table of methods trained with one seed on one fold, and asked about people it never saw.

python -m flows.stages.trial subject_independent cnn3d 0 1        (protocol, row, seed, fold)

What it is trained with stands in data/methods/ROW.json. Clips with its preprocessing, and what is trained, are kept below
.tast/table by all that decides them: `tast table` trains as many trials at a time as there are cores, and this stage finds them.
"""

from __future__ import annotations

import argparse
import logging

from flows.layout import ROWS, trial_folder
from flows.running import run_stage
from flows.tables.clips import clips_beside
from flows.tables.rows import read_row
from flows.tables.trainings import train_and_predict
from flows.tables.trials import KEPT, PREDICTIONS, trials_of
from tast import instruction_set
from tast.files import whole_folder
from tast.params import stage_params
from tast.parquet import write_table

log = logging.getLogger("flows.stages.trial")  # __name__ is __main__ where a stage runs


def trial(protocol: str, name: str, seed: int, fold: int) -> None:
    """Write the predictions of the fold's test people: one row per labelled second, with method, seed and fold."""
    params = stage_params("compute", "runner")
    instruction_set.require(params.compute.instruction_set)
    row = read_row(name, ROWS)
    store, clips = clips_beside(row.preprocess, KEPT, params.runner.workers)
    (planned,) = trials_of(row, store, clips, protocol=protocol, folds=[fold], seeds=[seed], kept=KEPT / "trainings")
    if planned.training.is_done:
        log.info("%s: trained before", planned)
    predictions = train_and_predict(planned.training).assign(method=name, seed=seed, fold=fold)
    with whole_folder(trial_folder(protocol, name, seed, fold)) as folder:
        write_table(folder / PREDICTIONS, predictions)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m flows.stages.trial", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("protocol")
    parser.add_argument("row")
    parser.add_argument("seed", type=int)
    parser.add_argument("fold", type=int)
    asked = parser.parse_args()
    run_stage(lambda: trial(asked.protocol, asked.row, asked.seed, asked.fold))


if __name__ == "__main__":
    main()
