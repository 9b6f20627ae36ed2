"""The pictures of README and docs/tutorial.md: a report, a prediction, what the steps make of a face, the pipeline.

    python -m benchmarks.pictures [PROJECT]

Of a project whose outputs are there (`make repro`), by default this one. The prediction is that of the first test recording that
`tast predict` reads, anchored by what the oximeter shows in its first ten seconds; the face is that of the first contact sheet.
Needs Chromium on the machine for the report.
"""

from __future__ import annotations

import argparse
import io
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from PIL import Image

from tast.anchors import SPAN_S, reading_at
from tast.datasets.recordings import read_recordings
from tast.errors import BadInput, VideoRejected
from tast.files import whole_file
from tast.pages.pictures import BLUE, INK, MUTED, SKY, png
from tast.prediction.asked import Asked
from tast.prediction.picture import trace_png
from tast.prediction.predict import predict_video
from tast.records import VideoRecord
from tast.saved_model import load_model
from tast.yaml_text import yaml_of

PICTURES = Path("docs/pictures")
MOST_BYTES = 200_000
REPORT_PX = (1100, 800)
SHEET_WIDTH_PX, SHEET_COLOURS = 1000, 96
SHOWN = ("data", "models", "reports")  # folders of outputs
STAGES = ("download", "preprocess", "split", "train", "evaluate")
DOES = {
    "download": "fetch or render,\naudit",
    "preprocess": "find, align, mask,\nmagnify, cut",
    "split": "by people",
    "train": "network, change\nreader, interval",
    "evaluate": "score people whom\nit has not seen",
}


def prediction(project: Path) -> bytes:
    """A trace as `tast predict` draws it. Raises BadInput where no test recording is read."""
    model, card = load_model(project / "models/tast_net")
    for record in test_recordings(project):
        asked = Asked(anchor=[reading_at(SPAN_S / 2, _first_readings(record))])
        try:
            trace = predict_video(record.record_id, record.video, model, card, asked)
        except VideoRejected:
            continue
        return trace_png(replace(trace, name=f"{record.record_id} (rendered)"))
    raise BadInput(project, "no test recording that is read", "one at least")


def test_recordings(project: Path) -> Iterator[VideoRecord]:
    split = json.loads((project / "data/split.json").read_text(encoding="utf-8"))
    tested = {clip.rpartition("-")[0] for clip in split["test"]}
    for record in read_recordings(project / "data/raw/phantom"):
        if isinstance(record, VideoRecord) and record.record_id in tested:
            yield record


def _first_readings(record: VideoRecord) -> float:
    """Mean SpO2 of the first ten seconds, as somebody would read it off."""
    first = record.spo2.percent[record.spo2.times_s - record.spo2.times_s[0] < SPAN_S]
    return float(np.round(np.nanmean(first)))


def report(project: Path) -> bytes:
    """The top of the report, as a browser shows it."""
    from playwright.sync_api import sync_playwright  # of the extra `dev`

    with sync_playwright() as program:
        browser = program.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": REPORT_PX[0], "height": REPORT_PX[1]})
        page.goto((project / "reports/report.html").resolve().as_uri())
        shot = page.screenshot()
        browser.close()
    return shot


def steps(project: Path) -> bytes:
    """The first contact sheet, smaller, in few colours."""
    sheet = min((project / "reports/contact_sheets").glob("*.png"))
    with Image.open(sheet) as whole:
        height = round(whole.height * SHEET_WIDTH_PX / whole.width)
        small = whole.convert("RGB").resize((SHEET_WIDTH_PX, height), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    small.quantize(SHEET_COLOURS).save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def pipeline(project: Path) -> bytes:
    """The stages of dvc.yaml with what they leave, and what follows them."""
    stages = yaml_of((project / "dvc.yaml").read_text(encoding="utf-8"))["stages"]

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.set(xlim=(0, 6), ylim=(0.45, 2.2))
        axes.axis("off")
        for at, name in enumerate(STAGES):
            left = [
                next(iter(one)) if isinstance(one, dict) else one
                for key in ("outs", "metrics")
                for one in stages[name].get(key, [])
            ]
            _box(axes, at, name, DOES[name], "\n".join(left), BLUE)
        _box(axes, 5, "publish, promote", "MLflow: a run,\na version, a title", "champion, if it is\nsurely better", INK)
        for at in range(5):
            axes.annotate("", (at + 1.03, 1.5), (at + 0.92, 1.5), arrowprops={"arrowstyle": "-|>", "color": MUTED})
        axes.text(2.45, 2.1, "DVC: each stage runs where its code, parameters or data changed", ha="center", color=BLUE)
        axes.text(5.47, 2.1, "Prefect, MLflow", ha="center", color=INK)

    return png(draw, width_in=12, height_in=2.9)


def _box(axes, at: int, name: str, does: str, leaves: str, colour: str) -> None:  # type: ignore[no-untyped-def]
    axes.add_patch(FancyBboxPatch((at + 0.06, 1.06), 0.82, 0.86, boxstyle="round,pad=0.02", fc=SKY + "22", ec=colour))
    axes.text(at + 0.47, 1.74, name, ha="center", va="center", weight="bold")
    axes.text(at + 0.47, 1.4, does, ha="center", va="center", fontsize=9.5)
    axes.text(at + 0.47, 0.92, leaves, ha="center", va="top", fontsize=8.5, color=MUTED, linespacing=1.5)


MADE = {"prediction": prediction, "report": report, "steps": steps, "pipeline": pipeline}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pictures", description=__doc__.partition("\n")[0])
    parser.add_argument("project", nargs="?", type=Path, default=Path())
    parser.add_argument("--only", choices=list(MADE), help="this one alone")
    given = parser.parse_args()
    for name, make in MADE.items():
        if given.only in (None, name):
            content = make(given.project)
            if len(content) > MOST_BYTES:
                raise BadInput(PICTURES / f"{name}.png", f"{len(content):,} bytes", f"{MOST_BYTES:,} at most")
            with whole_file(PICTURES / f"{name}.png") as part:
                part.write_bytes(content)
            print(PICTURES / f"{name}.png", f"{len(content):,} bytes")


if __name__ == "__main__":
    main()
