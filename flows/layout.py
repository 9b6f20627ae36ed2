"""Where the stages put things, relative to the project's top folder: the same names as the outs in dvc.yaml."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING

from flows import PROJECT, original

if TYPE_CHECKING:
    from tast.params import Table

SOURCE = Path("data/source.json")
METHOD = Path("data/method.json")
CODE = Path("data/code")  # what code each stage rests on: a file for each
ROWS = Path("data/methods")  # what each row of the table of methods is trained with
RAW = Path("data/raw")
AUDIT = Path("data/audit")
CLIPS = Path("data/clips")
CONTACT_SHEETS = Path("reports/contact_sheets")
SPLIT = Path("data/split.json")
MODEL = Path("models/tast_net")
HISTORY = Path("reports/learning_curve.csv")
PREDICTIONS = Path("reports/predictions.parquet")
METRICS = Path("reports/metrics.json")  # a few of them, the columns of `dvc exp show`
SCORES = Path("reports/scores.json")  # all
REPORT = Path("reports/report.html")
PLOTS = Path("reports/plots")
PLOT_DATA = Path("reports/plot_data")  # points of the diagrams that DVC draws
TRIALS = Path("data/trials")
TABLES = Path("reports/table")  # PROTOCOL
CURVE = "the learning curve of stage train (`dvc repro --force train` makes it anew)"
DOWNLOAD = "make it anew: `dvc repro --force download`"  # for what that stage left and is another now
STAGES = ("download", "preprocess", "split", "train", "evaluate")  # of every run, in order


def trial_folder(protocol: str, row: str, seed: int, fold: int) -> Path:
    return TRIALS / protocol / row / f"{seed}-{fold}"


def table_stages(table: Table) -> list[str]:
    """Of the table of methods, in order: a trial for each protocol, row, seed and fold, and each protocol's table."""
    trials = product(table.protocols, table.methods, table.seeds, table.folds)
    return [f"trial@{'-'.join(map(str, one))}" for one in trials] + [f"table@{protocol}" for protocol in table.protocols]


def data_root(root: str, project: Path = PROJECT) -> str:
    """A data set's root as params.yaml has it: what is relative is there in an experiment's copy of the project too."""
    found = original(project)
    return root if "://" in root or found == project else str(found / root)
