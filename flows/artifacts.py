"""What the task of each DVC stage leaves on Prefect's page, read from the stage's files: tables, scores, pictures.

The stages themselves know no page: they run alone under `dvc repro`.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
from prefect.artifacts import create_image_artifact, create_link_artifact, create_table_artifact

from flows.layout import CLIPS, CURVE, HISTORY, PLOTS, REPORT, SCORES, SPLIT
from flows.summary import COLUMNS, ROWS, score_title
from tast.clip_store import DEFECTS, REJECTS, ClipStore
from tast.csv_tables import read_csv
from tast.datasets.splits import Split
from tast.people import person_of, recording_of
from tast.training.settings import kept_epoch

MOST_ROWS = 200  # of a table on the page; the file has all
PICTURES = {"bland_altman": "Bland-Altman plot of the test set", "learning_curve": "Learning curve"}


def of_preprocess() -> None:
    """Which videos were rejected, and what was met in those that were used all the same."""
    store = ClipStore(CLIPS)
    videos = recording_of(store.manifest).nunique()
    _table(
        "rejected-videos",
        store.rejects,
        f"{len(store.rejects)} of {videos + len(store.rejects)} videos rejected",
        CLIPS / REJECTS,
    )
    _table("defects", store.defects, f"{len(store.defects)} defects in videos that are used all the same", CLIPS / DEFECTS)


def of_split() -> None:
    """How many people, videos and clips each part has."""
    split, manifest = Split.from_json(SPLIT), ClipStore(CLIPS).manifest
    parts = {part: manifest.loc[list(clip_ids)] for part, clip_ids in split.parts.items()}
    counts = [
        {"part": part, "people": person_of(clips).nunique(), "videos": recording_of(clips).nunique(), "clips": len(clips)}
        for part, clips in parts.items()
    ]
    _table("split", pd.DataFrame(counts), f"Protocol {split.protocol}", SPLIT)


def of_train() -> None:
    """The learning curve, epoch by epoch."""
    curve = read_csv(HISTORY, CURVE)
    best = curve.iloc[kept_epoch(curve["val_loss"].tolist())]
    caption = f"Best epoch {best['epoch'] + 1:.0f} of {len(curve)}: validation RMSE {best['val_rmse_percent']:.2f} % SpO2"
    _table("epochs", curve.assign(epoch=curve["epoch"] + 1).round(4), caption, HISTORY)


def of_evaluate() -> None:
    """The scores beside the constant predictor's, and the pictures that show them."""
    metrics = json.loads(SCORES.read_text())
    scores = pd.DataFrame([_scores(name, metrics[key]) for key, name in ROWS.items() if key in metrics])
    _table("scores", scores, score_title(metrics), REPORT)
    where = f"The page to look at first (`{REPORT}`)"
    create_link_artifact(REPORT.resolve().as_uri(), link_text=REPORT.name, key="report", description=where)
    for name, caption in PICTURES.items():
        _picture(name.replace("_", "-"), PLOTS / f"{name}.png", caption)


LEFT_BY: dict[str, Callable[[], None]] = {
    "preprocess": of_preprocess, "split": of_split, "train": of_train, "evaluate": of_evaluate,
}  # fmt: skip


def _scores(name: str, scores: dict[str, Any]) -> dict[str, Any]:
    caption = {title: scores.get(column) for column, title in COLUMNS.items()}
    return {"method": name} | {title: None if value is None else round(value, 3) for title, value in caption.items()}


def _table(key: str, table: pd.DataFrame, caption: str, file: Path) -> None:
    more = f"; the first {MOST_ROWS}" if len(table) > MOST_ROWS else ""
    rows = [{str(name): value for name, value in row.items()} for row in table.head(MOST_ROWS).to_dict("records")]
    create_table_artifact(rows, key=key, description=f"{caption}{more} (`{file}`)")


def _picture(key: str, png: Path, caption: str) -> None:
    """As a data URI: the page shows it wherever it is served, without a way to our files."""
    data = base64.b64encode(png.read_bytes()).decode()
    create_image_artifact(f"data:image/png;base64,{data}", key=key, description=f"{caption} (`{png}`)")
