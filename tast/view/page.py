"""The page as HTML: live, where a video can be dropped in, or as one file that stands alone."""

from __future__ import annotations

import base64
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import cv2
import numpy as np
import numpy.typing as npt
from markupsafe import Markup, escape

from tast.errors import BadInput
from tast.pages.page import page_environment
from tast.records import FloatArray
from tast.view.experiments import Experiment
from tast.view.project import Project, Recording, scores_of, sheet_of, strip_of

MOST_CARDS = 48  # recordings on a page; the next ones are a link away
MOST_POINTS = 240  # of a curve
WIDTH, HEIGHT, LEFT, RIGHT, ABOVE, BELOW = 340, 132, 30, 6, 8, 20  # of a chart, in its own units
POLICY = (
    """<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">\n"""
)
LOWEST, HIGHEST = 50.0, 100.0  # percent SpO2 that a chart shows at most


def render(
    project: Project, *, experiments: tuple[list[Experiment], int] = ([], 0), first: int = 0, live: dict[str, Any] | None = None
) -> str:
    """live: of the page that is served: max_mb of a video, model (or why there is none); None: one file that loads nothing.

    first: number of the recording that the page begins with.
    """
    on_page = project.recordings[first : first + MOST_CARDS]
    cards = [card(project, one, live) for one in on_page]
    environment = page_environment("tast.view")
    environment.filters |= {"commands": commands}
    html = environment.get_template("view.html.j2").render(
        project=project,
        name=project.folder.resolve().name,
        groups=[
            ("Recordings of people that the model has not seen", [one for one in cards if one["tested"]]),
            ("Other recordings", [one for one in cards if not one["tested"]]),
        ],
        first=first,
        most=MOST_CARDS,
        total=len(project.recordings),
        tiles=scores_of(project.scores),
        phantom=bool(project.recordings) and {one.dataset for one in project.recordings} == {"phantom"},
        experiments=experiments[0],
        n_experiments=experiments[1],
        live=live,
    )  # fmt: skip
    if live is None:
        return html
    if POLICY not in html:
        raise ValueError("base.html.j2 has another policy; expected the one that the page's own takes the place of")
    return html.replace(POLICY, "", 1)  # what is served comes with a policy in its headers, which allows the page's own script


def card(project: Project, recording: Recording, live: dict[str, Any] | None) -> dict[str, Any]:
    """What a recording's card shows."""
    known = recording.true_percent[np.isfinite(recording.true_percent)]
    facts = [
        f"{recording.dataset}, {recording.subject_id}",
        recording.scenario,
        recording.camera,
        recording.codec,
        recording.role,
    ]
    return {
        "name": recording.record_id,
        "facts": ", ".join(fact for fact in facts if fact),
        "spo2": f"{known.min():.0f} to {known.max():.0f} %" if len(known) else "none known",
        "spot": recording.is_spot,
        "seconds": len(recording.start_s),
        "face_seen": recording.face_seen,
        "rmse": recording.rmse,
        "defects": recording.defects,
        "tested": recording.predicted is not None,
        "chart": chart(recording),
        "strip": _picture(project, recording, live, "strip"),
        "sheet": _picture(project, recording, live, "sheet") if recording.has_sheet else "",
    }


def _picture(project: Project, recording: Recording, live: dict[str, Any] | None, kind: str) -> str:
    """Address of a picture; the picture itself where nothing is served. Empty where it cannot be read."""
    if live is not None:
        return f"/{kind}?{urlencode({name: getattr(recording, name) for name in KEY})}"
    try:
        content = picture(project.folder, recording, kind)
    except BadInput:
        return ""
    return f"data:image/png;base64,{base64.b64encode(content).decode()}"


KEY = ("dataset", "subject_id", "record_id")  # by which a picture is asked for


def picture(folder: Path, recording: Recording, kind: str) -> bytes:
    """PNG bytes. kind: strip or sheet. Raises BadInput where it cannot be read."""
    if kind == "strip":
        return png_of(strip_of(folder, recording))
    sheet = sheet_of(folder, recording.record_id)
    if sheet is None:
        raise BadInput(folder, f"no contact sheet of {recording.record_id}", "one of the recordings that have one")
    return sheet.read_bytes()


def png_of(image: npt.NDArray[np.uint8]) -> bytes:
    """(H, W, 3) RGB as PNG."""
    done, content = cv2.imencode(".png", np.ascontiguousarray(image[:, :, ::-1]))
    if not done:
        raise ValueError(f"an image of shape {image.shape} cannot be written as PNG")
    return bytes(content)


def commands(text: str) -> Markup:
    """Text whose `commands` are marked as such."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def chart(recording: Recording) -> Markup:
    """SVG of true SpO2, and of what is predicted with its interval, over the recording's seconds."""
    table = recording.predicted
    times_s = recording.start_s if table is None else table["start_s"].to_numpy(dtype=np.float64)
    true = recording.true_percent if table is None else table["true_percent"].to_numpy(dtype=np.float64)
    predicted, lower, upper = (
        np.full(len(times_s), np.nan) if table is None else table[name].to_numpy(dtype=np.float64)
        for name in ("predicted_percent", "lower_percent", "upper_percent")
    )
    step = -(-len(times_s) // MOST_POINTS)
    times_s, true, predicted, lower, upper = (values[::step] for values in (times_s, true, predicted, lower, upper))
    values = np.concatenate([true, predicted, lower, upper])
    values = np.clip(values[np.isfinite(values)], LOWEST, HIGHEST)
    if not len(values):
        return Markup("")
    step_percent = 10 if np.ptp(values) > 20 else 5
    low = step_percent * np.floor((values.min() - 0.5) / step_percent)
    high = min(step_percent * np.ceil((values.max() + 0.5) / step_percent), HIGHEST + 1)
    end_s = max(float(times_s[-1] - times_s[0]), 1.0)

    def places(series: FloatArray) -> list[str]:
        x = LEFT + (times_s - times_s[0]) / end_s * (WIDTH - LEFT - RIGHT)
        y = ABOVE + (high - np.clip(series, low, high)) / (high - low) * (HEIGHT - ABOVE - BELOW)
        return [f"{one:.1f},{two:.1f}" for one, two, value in zip(x, y, series, strict=True) if np.isfinite(value)]

    parts = []
    for level in np.arange(low, min(high, HIGHEST) + 0.1, step_percent):
        y = ABOVE + (high - level) / (high - low) * (HEIGHT - ABOVE - BELOW)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 5}" y="{y + 4:.1f}" text-anchor="end">{level:.0f}</text>')
    for time_s, x, anchor in ((times_s[0], LEFT, "start"), (times_s[-1], WIDTH - RIGHT, "end")):
        parts.append(f'<text x="{x}" y="{HEIGHT - 5}" text-anchor="{anchor}">{time_s:.0f} s</text>')
    if band := places(lower):
        parts.append(f'<polygon class="band" points="{" ".join(band + places(upper)[::-1])}"/>')
    if line := places(true):
        parts.append(f'<polyline class="true" points="{" ".join(line)}"/>')
    if line := places(predicted):
        parts.append(f'<polyline class="predicted" points="{" ".join(line)}"/>')
    told = "True SpO2" if table is None else f"Predicted and true SpO2, RMSE {recording.rmse:.2f}"
    label = escape(f"{told} of {recording.record_id} over {end_s:.0f} s")
    return Markup(f'<svg class="chart" viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{label}">{"".join(parts)}</svg>')
