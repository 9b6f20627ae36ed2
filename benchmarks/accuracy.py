"""TAST-Net on people of the test folds, over several seeds and folds, beside what needs no network; for development.

    python -m benchmarks.accuracy --seeds 0 1 2 --folds 0 1    (the clips of the last `make repro`)
    python -m benchmarks.accuracy --set vipl --seeds 0 1 2     (phantoms made for it, see benchmarks/sets.py)
    python -m benchmarks.accuracy --set vipl_h264 --change download.phantom.compression.quality=9 --name accuracy_vipl_crf9

These phantoms' seeds are those that the design was chosen on: figures to publish are made by `python -m benchmarks.published`.
All is scored per second of the recordings. Where one person is left out at a time, all take their turn, and the seconds of all
are scored together. With --keep, clips and finished trainings are found again, as long as nothing that decides them has changed.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.methods import HOFFMAN_2022, method_rows
from benchmarks.recorded import RECORDED_ROOT
from benchmarks.results import Row, write_rows
from benchmarks.runs import BASELINES, CONSTANT, METHODS, OURS, Run, folds_of, run_all
from benchmarks.sets import PLAIN_SETS, SETS, WORKSPACE, Bars, kept_clips, params_of_set, phantoms_of
from flows import running
from flows.changes import change_of
from flows.layout import CLIPS
from tast import instruction_set
from tast.clip_store import ClipStore
from tast.evaluation.metrics import bootstrap_intervals, compare_paired, score
from tast.params import changed, load_params
from tast.people import person_of

DRAWS = 1000  # of the bootstrap over people
FOLDS = 2  # of five, where a protocol has no other number


def rows_by_run(runs: list[Run], bars: Bars) -> list[Row]:
    """Worst and mean over runs, each on several test people, and the error of all runs together with its interval."""
    scores = [run.scores() for run in runs]
    rmse, r = np.array([one.rmse for one in scores]), np.array([one.pearson_r for one in scores])
    shares = rmse / np.array([run.scores(CONSTANT).rmse for run in runs])
    spreads = [run.predictions["true_percent"].std(ddof=0) for run in runs]  # the RMSE of the best of all constants
    rows = [
        _against_constant("worst run", shares.max(), bars),
        _against_constant("mean", shares.mean(), bars),
        Row("R, worst run", r.min(), "1", must=bars.r_must, aim=bars.r_aim),
        Row("R, mean", r.mean(), "1", must=bars.r_must, aim=bars.r_aim),
        Row("RMSE, mean", float(rmse.mean()), "% SpO2", better="lower", aim=bars.rmse_aim_percent),
        *interval_rows(pd.concat([run.predictions for run in runs], ignore_index=True)),
        _percent("RMSE, deviation over runs", deviation(rmse)),
        _percent("MAE, mean", np.mean([one.mae for one in scores])),
        _percent("bias, mean", np.mean([one.bias for one in scores])),
        Row("slope, mean", float(np.mean([one.slope for one in scores])), "1"),
        _percent("constant predictor: RMSE, mean", np.mean([run.scores(CONSTANT).rmse for run in runs])),
        _percent("mean of the test labels, which nobody has: RMSE, mean", np.mean(spreads)),
    ]
    for name in BASELINES:
        scores = [run.scores(name) for run in runs]
        rows.append(_percent(f"{name}: RMSE, mean", np.mean([one.rmse for one in scores])))
        rows.append(Row(f"{name}: R, mean", float(np.mean([one.pearson_r for one in scores])), "1"))
    return rows


def interval_rows(predictions: pd.DataFrame) -> list[Row]:
    """Of all runs' seconds: the RMSE and its 95 % interval over resampled people, and what it lies below the constant's."""
    of_ours, people = (predictions["true_percent"], predictions[OURS]), person_of(predictions)
    rmse = bootstrap_intervals(*of_ours, people, draws=DRAWS, seed=0)["rmse"]
    against = compare_paired(*of_ours, predictions[CONSTANT], people, draws=DRAWS, seed=0).rmse_difference_interval
    return [
        _percent("RMSE of all runs", score(*of_ours).rmse),
        _percent("RMSE of all runs, 95 % from", rmse.low),
        _percent("RMSE of all runs, 95 % to", rmse.high),
        Row("RMSE of all runs less the constant's, 95 % to", against.high, "% SpO2", better="lower", must=0.0),
    ]


def rows_of_all(runs: list[Run]) -> list[Row]:
    """Every method on the seconds of all people together, each person left out in turn, beside the published figures."""
    predictions = pd.concat([run.predictions for run in runs], ignore_index=True)
    rows = [Row("people", person_of(predictions).nunique(), "1"), Row("runs", len(runs), "1")]
    for method in METHODS:
        rows += method_rows(method, predictions["true_percent"], predictions[method], HOFFMAN_2022, is_ours=method == OURS)
    return rows


def _against_constant(which: str, share: float, bars: Bars) -> Row:
    name, value = f"RMSE over the constant predictor's, {which}", float(share)
    return Row(name, value, "1", CONSTANT, value, better="lower", must=bars.share_must, aim=bars.share_aim)


def _percent(name: str, value: float | np.floating[Any]) -> Row:
    return Row(name, float(value), "% SpO2", better="lower")


def deviation(values: npt.NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--set", choices=PLAIN_SETS, help="a phantom made for this; without it, the clips of the last `make repro`"
    )
    parser.add_argument(
        "--change", type=change_of, nargs="+", default=[], metavar="KEY=VALUE", help="of params.yaml or the set: train.epochs=2"
    )
    parser.add_argument("--recorded-root", type=Path, default=RECORDED_ROOT, help="folder of oximetry_phone_cam")
    parser.add_argument("--keep", type=Path, help="folder for clips and finished trainings; else a temporary one")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--folds", type=int, nargs="+")
    parser.add_argument("--threads", type=int, help="of each training; so many at a time as the cores carry; train.threads")
    parser.add_argument("--name", help="of the JSON below benchmarks/results/; accuracy, or accuracy_SET")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    params, chosen = load_params(), SETS.get(asked.set)
    if chosen is not None:
        params = params_of_set(params, asked.set, asked.recorded_root)
    threads = {} if asked.threads is None else {"train.threads": asked.threads}
    params = changed(params, threads | dict(asked.change))
    instruction_set.require(params.compute.instruction_set)
    with tempfile.TemporaryDirectory() as temporary:
        keep = asked.keep or Path(temporary)
        if chosen is None:
            store, bars = ClipStore(CLIPS), WORKSPACE
        else:
            store = kept_clips(keep, asked.set, phantoms_of(params, chosen.others), params)
            bars = chosen.bars
        runs = run_all(params, store, asked.folds or folds_of(params, store, FOLDS), asked.seeds, keep / "trainings")
    rows = rows_of_all(runs) if params.split.protocol == "leave_one_subject_out" else rows_by_run(runs, bars)
    write_rows(asked.name or "_".join(filter(None, ["accuracy", asked.set])), rows)


if __name__ == "__main__":
    running.run(main)
