"""TAST-Net on subjects never seen, over several seeds and splits, beside what needs no network.

    python -m benchmarks.accuracy --seeds 0 1 2 --folds 0 1    (the clips of the last `make repro`)
    python -m benchmarks.accuracy --set vipl --seeds 0 1 2     (phantoms made for it, see benchmarks/sets.py)
    python -m benchmarks.accuracy --set vipl_h264 --change download.phantom.compression.quality=9 --name accuracy_vipl_crf9

Each fold is another set of test subjects; each seed another initial network. Beside it stand the constant predictor, the two
colour ratios and mere position in the recording, calibrated on the same training clips. Nothing is chosen on the test clips.
Where one subject is left out at a time, all take their turn, and the seconds of all are scored together.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.methods import HOFFMAN_2022, method_rows
from benchmarks.recorded import RECORDED_ROOT
from benchmarks.results import Row, write_rows
from benchmarks.sets import SETS, WORKSPACE, AccuracySet, Bars, make_clips, params_of_set
from flows.changes import change_of
from flows.evaluate import predictions_by, train_mean_percent
from flows.layout import CLIPS
from flows.processes import in_processes, trainings_at_a_time
from flows.progress import progress
from flows.running import configure_logging
from flows.train import fit_model
from tast.clip_store import ClipStore
from tast.datasets.splits import Split, make_split
from tast.errors import TastError
from tast.evaluation.baselines import ratio_predictions
from tast.evaluation.metrics import Scores, bootstrap_intervals, compare_paired, score
from tast.evaluation.position import position_predictions
from tast.evaluation.predictions import labelled
from tast.files import whole_file
from tast.models.ratio_of_ratios import RATIOS
from tast.params import Params, changed, load_params
from tast.people import person_of
from tast.seconds import KEY
from tast.training.compute import compute_reproducibly
from tast.training.dataset import ClipDataset

OURS, CONSTANT = "TAST-Net", "constant predictor"
DRAWS = 1000  # of the bootstrap over people
BASELINES = (*RATIOS, "time only")


@dataclass(frozen=True)
class Run:
    """said: one row per labelled second of a test recording, with KEY, true_percent, and what each method says of it."""

    fold: int
    seed: int
    said: pd.DataFrame

    def scores(self, method: str = OURS) -> Scores:
        return score(self.said["true_percent"], self.said[method])

    @property
    def share_of_constant(self) -> float:
        return self.scores().rmse / self.scores(CONSTANT).rmse

    @property
    def spread_percent(self) -> float:
        """Deviation of the test labels: the RMSE of the best of all constants."""
        return float(self.said["true_percent"].std(ddof=0))

    def __str__(self) -> str:
        against = f"RMSE {self.scores().rmse:.2f} (constant {self.scores(CONSTANT).rmse:.2f})"
        return f"fold {self.fold}, seed {self.seed}: {against}, R {self.scores().pearson_r:.2f}"


@dataclass(frozen=True)
class Training:
    """What one run is made of; the clips by their folder, for it may run in a process of its own."""

    params: Params
    clips: Path
    fold: int
    seed: int


def run_training(training: Training) -> Run:
    """Train, predict the test clips, and put beside it what needs no network."""
    store, params, seed = ClipStore(training.clips), training.params, training.seed
    split = make_split(store.manifest, **(params.split.model_dump() | {"fold": training.fold}))
    parts = {name: _dataset(params, store, split, name) for name in split.parts}
    compute_reproducibly(seed, params.train.threads)
    seeded = params.train.model_copy(update={"seed": seed})
    with tempfile.TemporaryDirectory() as checkpoints:
        model, _, card = fit_model(seeded, store, parts["train"], parts["val"], Path(checkpoints))
    rows = labelled(predictions_by(model, card, parts["test"])).rename(columns={"predicted_percent": OURS})
    rows = rows.merge(baseline_table(store, split), on=KEY, validate="one_to_one")
    return Run(training.fold, seed, rows.assign(**{CONSTANT: train_mean_percent(store, split)}))


def baseline_table(store: ClipStore, split: Split) -> pd.DataFrame:
    """KEY, and a column of percents for each of BASELINES; fitted on the training clips."""
    tables = ratio_predictions(store, split.train, split.test)
    tables["time only"] = position_predictions(store.manifest, split.train, split.test)
    return pd.concat([tables[name].set_index(KEY)["predicted_percent"].rename(name) for name in BASELINES], axis=1).reset_index()


def _dataset(params: Params, store: ClipStore, split: Split, part: str) -> ClipDataset:
    return ClipDataset(store, split.parts[part], kind=params.train.input, frame_size_px=params.train.frame_size_px)


def rows_by_run(runs: list[Run], bars: Bars) -> list[Row]:
    """Worst and mean over runs, each on several test subjects."""
    scores = [run.scores() for run in runs]
    shares, r = np.array([run.share_of_constant for run in runs]), np.array([one.pearson_r for one in scores])
    rmse = np.array([one.rmse for one in scores])
    rows = [
        _against_constant("worst run", shares.max(), bars),
        _against_constant("mean", shares.mean(), bars),
        Row("R, worst run", r.min(), "1", must=bars.r_must, aim=bars.r_aim),
        Row("R, mean", r.mean(), "1", must=bars.r_must, aim=bars.r_aim),
        Row("RMSE, mean", float(rmse.mean()), "% SpO2", better="lower", aim=bars.rmse_aim_percent),
        *interval_rows(pd.concat([run.said for run in runs], ignore_index=True)),
        _percent("RMSE, deviation over runs", deviation(rmse)),
        _percent("MAE, mean", np.mean([one.mae for one in scores])),
        _percent("bias, mean", np.mean([one.bias for one in scores])),
        Row("slope, mean", float(np.mean([one.slope for one in scores])), "1"),
        _percent("constant predictor: RMSE, mean", np.mean([run.scores(CONSTANT).rmse for run in runs])),
        _percent("mean of the test labels, which nobody has: RMSE, mean", np.mean([run.spread_percent for run in runs])),
    ]
    for name in BASELINES:
        said = [run.scores(name) for run in runs]
        rows.append(_percent(f"{name}: RMSE, mean", np.mean([one.rmse for one in said])))
        rows.append(Row(f"{name}: R, mean", float(np.mean([one.pearson_r for one in said])), "1"))
    return rows


def interval_rows(said: pd.DataFrame) -> list[Row]:
    """95 % intervals over resampled people, all runs together: of the RMSE, and of what it lies below the constant's."""
    of_ours = said["true_percent"], said[OURS]
    rmse = bootstrap_intervals(*of_ours, person_of(said), draws=DRAWS, seed=0)["rmse"]
    against = compare_paired(*of_ours, said[CONSTANT], person_of(said), draws=DRAWS, seed=0).rmse_difference_interval
    return [
        _percent("RMSE of all runs, 95 % from", rmse.low),
        _percent("RMSE of all runs, 95 % to", rmse.high),
        Row("RMSE less the constant's, 95 % to", against.high, "% SpO2", better="lower", must=0.0),
    ]


def rows_of_all(runs: list[Run]) -> list[Row]:
    """Every method on the seconds of all people together, each person left out in turn, beside the published figures."""
    said = pd.concat([run.said for run in runs], ignore_index=True)
    rows = [Row("people", person_of(said).nunique(), "1"), Row("runs", len(runs), "1")]
    for method in (OURS, CONSTANT, *BASELINES):
        rows += method_rows(method, said["true_percent"], said[method], HOFFMAN_2022, is_ours=method == OURS)
    return rows


def _against_constant(which: str, share: float, bars: Bars) -> Row:
    name, value = f"RMSE over the constant predictor's, {which}", float(share)
    return Row(name, value, "1", CONSTANT, value, better="lower", must=bars.share_must, aim=bars.share_aim)


def _percent(name: str, value: float | np.floating[Any]) -> Row:
    return Row(name, float(value), "% SpO2", better="lower")


def deviation(values: npt.NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def measure(params: Params, store: ClipStore, seeds: Sequence[int], folds: Sequence[int] | None, bars: Bars) -> list[Row]:
    """Rows of all runs; folds: None for those of the protocol: all people in turn, the one other data set, else two."""
    protocol = params.split.protocol
    leaves_one_out = protocol == "leave_one_subject_out"
    n_folds = {"leave_one_subject_out": person_of(store.manifest).nunique(), "cross_dataset": 1}.get(protocol, 2)
    trainings = [Training(params, store.folder, fold, seed) for fold in folds or range(n_folds) for seed in seeds]
    runs = []
    with progress("accuracy", len(trainings)) as advance:
        for run in in_processes(run_training, trainings, trainings_at_a_time(params.train.threads)):
            runs.append(run)
            advance(1, str(run))
    return rows_of_all(runs) if leaves_one_out else rows_by_run(runs, bars)


def clips_in(folder: Path, params: Params, chosen: AccuracySet) -> ClipStore:
    """The set's clips below folder, made where there are none; TastError where they were made of another phantom or otherwise."""
    made_of, phantom = folder / "phantom.json", params.download.phantom.model_dump_json(indent=2)
    if not (folder / "clips").is_dir():
        store = make_clips(params, folder, chosen.tested_on)
        with whole_file(made_of) as part:
            part.write_text(phantom)
        return store
    store = ClipStore(folder / "clips")
    if not made_of.is_file() or made_of.read_text() != phantom:
        raise TastError(f"{folder} holds clips of another phantom than is asked for; remove it, or give another folder")
    if store.preprocessing != params.preprocess.model_dump(mode="json"):
        raise TastError(f"{folder} holds clips of other preprocessing than params.yaml's; remove it, or give another folder")
    return store


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--set", choices=SETS, help="a phantom made for this; without it, the clips of the last `make repro`")
    parser.add_argument(
        "--change", type=change_of, nargs="+", default=[], metavar="KEY=VALUE", help="of params.yaml or the set: train.epochs=2"
    )
    parser.add_argument("--recorded-root", type=Path, default=RECORDED_ROOT, help="folder of oximetry_phone_cam")
    parser.add_argument("--keep", type=Path, help="folder for the phantom and its clips, made there once; else a temporary one")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--folds", type=int, nargs="+")
    parser.add_argument("--threads", type=int, help="of each training; so many at a time as the cores carry; train.threads")
    parser.add_argument("--name", help="of the JSON below benchmarks/results/; accuracy, or accuracy_SET")
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    configure_logging()
    params, chosen = load_params(), SETS.get(asked.set)
    if chosen is not None:
        params = params_of_set(params, asked.set, asked.recorded_root)
    threads = {} if asked.threads is None else {"train.threads": asked.threads}
    params = changed(params, threads | dict(asked.change))
    if chosen is None:
        rows = measure(params, ClipStore(CLIPS), asked.seeds, asked.folds, WORKSPACE)
    else:
        with tempfile.TemporaryDirectory() as folder:
            store = clips_in(asked.keep or Path(folder), params, chosen)
            rows = measure(params, store, asked.seeds, asked.folds, chosen.bars)
    write_rows(asked.name or "_".join(filter(None, ["accuracy", asked.set])), rows)


if __name__ == "__main__":
    try:
        main()
    except TastError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
