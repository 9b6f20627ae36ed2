"""An audit as JSON and as one self-contained page with pictures: no scripts, no date, the same facts give the same bytes."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tast.datasets.audit import CLIP_S
from tast.datasets.catalog import CATALOG
from tast.datasets.published import natural_order
from tast.files import whole_file
from tast.pages.page import page_environment
from tast.pages.pictures import BLUE, FAINT, INK, MUTED, SKY, VERMILION, png

CAPTIONS = {
    "labels": "All labelled seconds of all recordings. Where nearly all lie in a few points, little can be learned or shown.",
    "subjects": "Range and mean of each subject's labelled seconds: where means differ, knowing the person pays.",
    "rates": "True rate by the time stamps, never by the container's header. A cross is an estimate where stamps are missing.",
    "swings": "How far SpO₂ moves within a recording: a model that says one number per recording errs by about half of it.",
}
MOST_SUBJECTS = 60
MOST_NAMES_SIDE_BY_SIDE = 5  # of cameras, in one picture


def write_audit(facts: dict[str, Any], folder: Path) -> None:
    """Write folder/audit.json and folder/audit.html. facts: as from `audit`."""
    contents = {"audit.json": json.dumps(facts, indent=1, sort_keys=True) + "\n", "audit.html": render_audit(facts)}
    for name, text in contents.items():
        with whole_file(folder / name) as part:
            part.write_text(text, encoding="utf-8")


def render_audit(facts: dict[str, Any]) -> str:
    """The page as HTML text."""
    name = facts["dataset"]
    pictures = audit_plots(facts) if facts["labels"]["n_seconds"] else {}
    return page_environment("tast.datasets").get_template("audit.html.j2").render(
        facts=facts,
        title=CATALOG[name].title if name in CATALOG else name,
        clip_swings=facts["swings"][f"clip_{CLIP_S}_s"],
        clip_s=CLIP_S,
        groups={"Scenario": by_group(facts["recordings"], "scenario"), "Camera": by_group(facts["recordings"], "camera")},
        pictures=[(key, base64.b64encode(picture).decode(), CAPTIONS[key]) for key, picture in pictures.items()],
    )  # fmt: skip


def by_group(recordings: list[dict[str, Any]], column: str) -> list[dict[str, Any]]:
    """Totals of the recordings that share a scenario or a camera; empty where the data set does not name them."""
    table = pd.DataFrame(recordings)
    if table.empty or not table[column].any():
        return []
    rows = []
    for name, group in table.groupby(column, sort=True):
        rates = group["rate_hz"]
        seconds, means = group["n_labelled_s"], group["spo2_mean"]
        rows.append(
            {
                "name": str(name).replace("_", " ") or "-", "recordings": len(group), "subjects": group["subject_id"].nunique(),
                "minutes": group["seconds"].sum() / 60, "rate_min": rates.min(), "rate_median": rates.median(),
                "rate_max": rates.max(), "dropped": group["n_dropped"].sum(), "masked": group["n_masked"].sum(),
                "spo2_mean": (means * seconds).sum() / max(seconds.sum(), 1), "spo2_min": group["spo2_min"].min(),
                "spo2_max": group["spo2_max"].max(),
            }
        )  # fmt: skip
    return rows


def audit_plots(facts: dict[str, Any]) -> dict[str, bytes]:
    """All pictures by name, as PNG bytes; none of swings where every recording has one spot reading."""
    recordings = pd.DataFrame(facts["recordings"])
    moving = recordings["swing"].dropna().to_numpy(dtype=np.float64)
    return {
        "labels": label_histogram(facts["labels"]),
        **({"swings": swings(moving)} if len(moving) else {}),
        "rates": frame_rates(recordings),
        "subjects": subject_ranges(recordings),
    }


def label_histogram(labels: dict[str, Any]) -> bytes:
    """Seconds at each whole percent, as a share; mean and SD marked."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        percents = np.array([int(percent) for percent in labels["histogram"]])
        counts = np.array(list(labels["histogram"].values()))
        axes.bar(percents, 100 * counts / counts.sum(), width=0.85, color=BLUE)
        mean, sd = labels["mean"], labels["sd"]
        axes.axvspan(mean - sd, mean + sd, color=SKY, alpha=0.2, linewidth=0, label=f"mean ± SD: {mean:.1f} ± {sd:.2f} %")
        axes.axvline(mean, color=INK, linewidth=1.6, linestyle="--")
        axes.set(title="SpO₂ labels", xlabel="SpO₂ (%), rounded down", ylabel="share of labelled seconds (%)")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside lower left")

    return png(draw, width_in=6.0, height_in=4.2)


def swings(values: np.ndarray[Any, np.dtype[np.float64]]) -> bytes:
    """Max - min of SpO2 in each recording, as a histogram with bins of one point."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        edges = np.arange(0, np.floor(values.max()) + 2)
        axes.hist(values, bins=edges.tolist(), color=BLUE, rwidth=0.85)
        axes.set(title="Swing of each recording", xlabel="max − min of SpO₂ (points)", ylabel="recordings")
        axes.yaxis.set_major_locator(MaxNLocator(integer=True))

    return png(draw, width_in=6.0, height_in=4.2)


def frame_rates(recordings: pd.DataFrame) -> bytes:
    """True frame rate of each recording, with the spread of its steps, by camera."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        ordered = recordings.sort_values(["camera", "record_id"]).reset_index(drop=True)
        known = ~ordered["times_are_estimated"].to_numpy(dtype=bool)
        spread_hz = ordered["rate_hz"] ** 2 * ordered["step_sd_ms"] / 1000  # d(1/step) = step SD * rate^2
        if known.any():
            axes.errorbar(
                ordered.index[known], ordered["rate_hz"][known], yerr=spread_hz[known], fmt="o", color=BLUE, ecolor=SKY,
                markersize=4, linewidth=1.0, label="by time stamps, ± SD of a step",
            )  # fmt: skip
        if not known.all():
            axes.plot(ordered.index[~known], ordered["rate_hz"][~known], "x", color=VERMILION, markersize=6, label="estimated")
        low = max(0.0, float((ordered["rate_hz"] - spread_hz).min()))
        high = float((ordered["rate_hz"] + spread_hz).max())
        upright = ordered["camera"].nunique() > MOST_NAMES_SIDE_BY_SIDE
        margin = max(1.0, 0.1 * (high - low))
        above = max(margin, 0.35 * (high - low)) if upright else margin
        axes.set(title="True frame rate", ylabel="frames per second", ylim=(max(0.0, low - margin), high + above))
        _mark_cameras(figure, ordered, upright)
        axes.set(
            xlabel="recordings, in order of camera and name" if ordered["camera"].any() else "recordings, in order of their names"
        )
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        figure.legend(loc="outside lower left", ncols=2)

    return png(draw, width_in=6.0, height_in=4.2)


def subject_ranges(recordings: pd.DataFrame) -> bytes:
    """Range and mean of SpO2 of each subject; more than MOST_SUBJECTS are thinned evenly, which the heading says."""
    names = sorted(recordings["subject_id"].unique(), key=natural_order)
    chosen = [names[i] for i in np.unique(np.linspace(0, len(names) - 1, min(MOST_SUBJECTS, len(names))).astype(int))]

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        for place, name in enumerate(chosen):
            group = recordings[recordings["subject_id"] == name]
            axes.plot([place, place], [group["spo2_min"].min(), group["spo2_max"].max()], color=SKY, linewidth=3)
            axes.plot(group["spo2_mean"].map(lambda _, at=place: at), group["spo2_mean"], "o", color=BLUE, markersize=4)
        shown = "" if len(chosen) == len(names) else f" ({len(chosen)} of {len(names)})"
        axes.set(title=f"SpO₂ of each subject{shown}", ylabel="SpO₂ (%): range, and mean of each recording")
        step = max(1, len(chosen) // 15)
        axes.set_xticks(range(0, len(chosen), step), chosen[::step], rotation=0 if len(chosen) <= 15 else 60)
        axes.set_xlabel("subject")

    return png(draw, width_in=6.0, height_in=4.2)


def _mark_cameras(figure: Figure, ordered: pd.DataFrame, upright: bool) -> None:
    """A faint line and a name where the recordings of another camera begin; upright: the names, where they are too many."""
    axes = figure.axes[0]
    for camera, group in ordered[ordered["camera"] != ""].groupby("camera"):
        first = group.index.min()
        axes.axvline(first - 0.5, color=FAINT, linewidth=1.2)
        axes.annotate(
            str(camera), (first - 0.4, 1.0), xycoords=("data", "axes fraction"), va="top", fontsize=8.5, color=MUTED,
            rotation=90 if upright else 0,
        )  # fmt: skip
