"""TAST-Net on the clips of the last `make repro`, over several seeds and splits, on subjects never seen.

    python -m benchmarks.accuracy --seeds 0 1 2 --folds 0 1

Each fold is another set of test subjects; each seed another initial network. Beside it stand the constant predictor and the two
colour ratios, calibrated on the same training clips. Nothing is chosen on the test clips.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.results import Row, write_rows
from flows.evaluate import train_mean_percent
from flows.layout import CLIPS
from flows.running import configure_logging
from flows.train import compute_reproducibly, train_model
from tast.clip_store import ClipStore
from tast.datasets.splits import Split, make_split
from tast.errors import TastError
from tast.evaluation.baselines import ratio_predictions
from tast.evaluation.evaluate import KEY, labelled
from tast.evaluation.metrics import Scores, score
from tast.params import Params, load_params
from tast.training.dataset import ClipDataset
from tast.training.inference import predict


@dataclass(frozen=True)
class Run:
    fold: int
    seed: int
    scores: Scores
    constant_rmse: float

    @property
    def share_of_constant(self) -> float:
        return self.scores.rmse / self.constant_rmse

    def __str__(self) -> str:
        against = f"RMSE {self.scores.rmse:.2f} (constant {self.constant_rmse:.2f})"
        return f"fold {self.fold}, seed {self.seed}: {against}, R {self.scores.pearson_r:.2f}"


def runs_of_fold(params: Params, store: ClipStore, fold: int, seeds: list[int]) -> tuple[list[Run], dict[str, Scores]]:
    """Train once per seed on one fold -> the runs, and the scores of the colour ratios on the same seconds."""
    chosen = params.split.model_dump() | {"fold": fold, "folds": params.split.folds}
    split = make_split(store.manifest, **chosen)
    parts = {name: _dataset(params, store, split, name) for name in split.parts}
    mean = train_mean_percent(store, split)
    runs = []
    for seed in seeds:
        compute_reproducibly(seed, params.train.threads)
        seeded = params.train.model_copy(update={"seed": seed})
        with tempfile.TemporaryDirectory() as checkpoints:
            model, _, card = train_model(seeded, store, parts["train"], parts["val"], Path(checkpoints))
        rows = labelled(predict(model, parts["test"], card.scaling))
        constant = score(rows["true_percent"], np.full(len(rows), mean)).rmse
        runs.append(Run(fold, seed, score(rows["true_percent"], rows["predicted_percent"]), constant))
        print(runs[-1], flush=True)
    baselines = ratio_predictions(store, split.train, split.test)
    return runs, {name: _score_beside(rows, table) for name, table in baselines.items()}


def _dataset(params: Params, store: ClipStore, split: Split, part: str) -> ClipDataset:
    return ClipDataset(store, split.parts[part], kind=params.train.input, frame_size_px=params.train.frame_size_px)


def _score_beside(rows: pd.DataFrame, table: pd.DataFrame) -> Scores:
    said = rows[[*KEY, "true_percent"]].merge(table, on=KEY, validate="one_to_one")
    return score(said["true_percent"], said["predicted_percent"])


def rows_of(runs: list[Run], ratios: list[dict[str, Scores]]) -> list[Row]:
    shares, r = np.array([run.share_of_constant for run in runs]), np.array([run.scores.pearson_r for run in runs])
    rmse, mae = np.array([run.scores.rmse for run in runs]), np.array([run.scores.mae for run in runs])
    rows = [
        _against_constant("worst run", shares.max()),
        _against_constant("mean", shares.mean()),
        Row("R, worst run", r.min(), "1", must=0.7, aim=0.9),
        Row("R, mean", r.mean(), "1", must=0.7, aim=0.9),
        _percent("RMSE, mean", rmse.mean()),
        _percent("RMSE, deviation over runs", deviation(rmse)),
        _percent("MAE, mean", mae.mean()),
        _percent("constant predictor: RMSE, mean", np.mean([run.constant_rmse for run in runs])),
    ]
    for name in ratios[0]:
        rows.append(_percent(f"{name}: RMSE, mean", np.mean([one[name].rmse for one in ratios])))
        rows.append(Row(f"{name}: R, mean", float(np.mean([one[name].pearson_r for one in ratios])), "1"))
    return rows


def _against_constant(which: str, share: float) -> Row:
    name = f"RMSE over the constant predictor's, {which}"
    return Row(name, float(share), "1", peer="constant predictor", ratio=float(share), better="lower", must=0.7, aim=0.5)


def _percent(name: str, value: float | np.floating[Any]) -> Row:
    return Row(name, float(value), "% SpO2", better="lower")


def deviation(values: npt.NDArray[np.float64]) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.accuracy", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--folds", type=int, nargs="+", default=[0, 1])
    parser.add_argument("--name", default="accuracy", help="of the JSON below benchmarks/results/")
    arguments = parser.parse_args()
    configure_logging()
    params, store = load_params(), ClipStore(CLIPS)
    by_fold = [runs_of_fold(params, store, fold, arguments.seeds) for fold in arguments.folds]
    write_rows(arguments.name, rows_of([run for runs, _ in by_fold for run in runs], [ratios for _, ratios in by_fold]))


if __name__ == "__main__":
    try:
        main()
    except TastError as error:
        print(f"error: {error}", file=sys.stderr)
        raise SystemExit(1) from None
