"""A project folder as a run leaves it, small enough for a test: clips, predictions, scores, a contact sheet, a model."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tast.clip_store import ClipRow, Defect, Reject, write_tables
from tast.evaluation.predictions import predictions_per_second
from tast.parquet import write_table
from tast.seconds import clip_seconds
from tast.view.page import png_of

PROJECT = Path(__file__).parents[2]
FPS_HZ, CLIP_S, SIZE_PX = 15.0, 4, 32
PEOPLE = {"s1": "train", "s2": "train", "s10": "test"}
WRONG_BY = 3.0  # points that the planted predictions are too high
SCORES = {
    "test": {"rmse": WRONG_BY, "n_subjects": 1, "n_records": 1, "n_seconds": 8, "interval": {"coverage": None}},
    "constant": {"rmse": 6.41},
}


def make_project(folder: Path, *, model: Path | None = None, record: str = "{}-01") -> Path:
    """record: how a person's recording is called."""
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(PROJECT / name, folder / name)
    (folder / "dvc.lock").write_text("schema: '2.0'\nstages: {}\n")
    clips = folder / "data" / "clips"
    clips.mkdir(parents=True)
    rows = [
        ClipRow(
            clip_id=f"{subject}-{start:03d}", dataset="phantom", subject_id=subject, record_id=record.format(subject),
            scenario="slow_translation", file=f"{subject}.npy", first_frame=round(start * FPS_HZ),
            n_frames=round(CLIP_S * FPS_HZ), start_s=float(start), fps_hz=FPS_HZ, quality=0.9, codec="h264", camera="phone",
            spo2_percent=tuple(95.0 - start - second for second in range(CLIP_S)),
        )
        for subject in PEOPLE
        for start in range(5)
    ]  # fmt: skip
    for number, subject in enumerate(PEOPLE):
        frames = np.random.default_rng(number).uniform(-40, 300, (round(8 * FPS_HZ), SIZE_PX, SIZE_PX, 3))
        np.save(clips / f"{subject}.npy", frames.astype(np.float16))
    reason = "no face in 300 frames <script>alert(1)</script>"
    write_tables(clips, rows, [Reject("s4-01", reason)], [Defect(record.format("s1"), "3 frames are missing")], {})
    split = {part: [row.clip_id for row in rows if PEOPLE[row.subject_id] == part] for part in ("train", "val", "test")}
    (folder / "data/split.json").write_text(json.dumps(split))
    _write_reports(folder, pd.read_parquet(clips / "manifest.parquet"), split["test"], record)
    if model is not None:
        shutil.copytree(model, folder / "models" / "tast_net")
    return folder


def _write_reports(folder: Path, manifest: pd.DataFrame, tested: list[str], record: str) -> None:
    sheets = folder / "reports" / "contact_sheets"
    sheets.mkdir(parents=True)
    (sheets / f"{Path(record.format('s10')).name}.png").write_bytes(png_of(np.full((90, 400, 3), 120, np.uint8)))
    of_clips = clip_seconds(manifest[manifest["clip_id"].isin(tested)])
    of_clips = of_clips.assign(predicted_percent=of_clips["true_percent"] + WRONG_BY, quality=0.9)
    table = predictions_per_second(of_clips, half_width_percent=5.0, lowest_percent=50.0, highest_percent=100.0)
    write_table(folder / "reports/predictions.parquet", table)
    (folder / "reports/metrics.json").write_text(json.dumps(SCORES))
    (folder / "reports/report.html").write_text("<!DOCTYPE html><title>report</title><p>of the last run</p>")


@pytest.fixture
def project(tmp_path: Path) -> Path:
    return make_project(tmp_path)
