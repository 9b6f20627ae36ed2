"""A model's card as a person reads it: what it is for and not for, whom it has seen, how good it was, and where it holds.

After Mitchell et al. 2019 (Model Cards for Model Reporting), as far as the files of a run know the answers.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tast.saved_model import ModelCard
from tast.tracking.figures import value_at

ROWS = {  # of the table of scores: heading -> place in what evaluate gives, and in which units
    "RMSE": ("test", "rmse", " (% SpO2)"),
    "MAE": ("test", "mae", " (% SpO2)"),
    "bias": ("test", "bias", " (% SpO2)"),
    "R": ("test", "pearson_r", ""),
    "R within people": ("test", "r_within_people", ""),
    "skill over the constant predictor": ("test", "skill", ""),
    "RMSE, anchored by the first 10 s": ("anchored.test", "rmse", " (% SpO2)"),
    "R, anchored": ("anchored.test", "pearson_r", ""),
}
NOT_FOR = (
    "No medical device. Not for diagnosis, monitoring or any decision about a person's care; not for cameras, lamps, codecs or "
    "people unlike those below."
)
SIMULATED = "The people are **rendered**: the scores show that the method works on them, and say nothing of living people."


def model_card(card: ModelCard, scores: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    """Markdown of some 2,000 characters. scores: as evaluate gives them. params: those of the run by dotted key."""
    return "\n\n".join(
        [
            f"SpO2 (%) per second, from the video of a face, by the method `{card.model_name}`.",
            "**For** research on remote photoplethysmography: to compare methods, data and "
            "protocols, and to try on one's own recordings.",
            f"**Not for**: {NOT_FOR}",
            _data(card, scores, params),
            _scores(scores),
            _domain(card, scores),
        ]
    )


def _data(card: ModelCard, scores: Mapping[str, Any], params: Mapping[str, Any]) -> str:
    test = scores["test"]
    seen = "unknown" if card.people_seen is None else str(len(card.people_seen))
    lines = [
        f"Data set: {' and '.join(card.trained_on) or params.get('dataset.name', 'unknown')} (clips {card.data_digest[:12]})",
        f"Protocol: {str(scores['protocol']).replace('_', ' ')}",
        f"People: {seen} in training and validation, {test.get('n_subjects', 'unknown')} others in the test",
        f"SpO2 of the training: {card.scaling.mean_percent:.1f} % on average, SD {card.scaling.deviation_percent:.1f}",
    ]
    if "phantom" in card.trained_on:
        worlds = params.get("download.phantom.worlds.count")
        where = f"{worlds} worlds of lamps, cameras and codings" if worlds else "one photograph before one camera"
        lines.append(f"Worlds: {where}; SpO2 as `{params.get('download.phantom.profile')}`")
    note = f"\n\n{SIMULATED}" if card.trained_on == ("phantom",) else ""
    return "**Data**\n\n" + _items(lines) + note


def _scores(scores: Mapping[str, Any]) -> str:
    table = ["| on people whom it has not seen | value | 95 % over people |", "|---|---:|---:|"]
    for title, (method, name, unit) in ROWS.items():
        value = value_at(scores, f"{method}.{name}")
        low, high = (value_at(scores, f"{method}.intervals.{name}.{end}") for end in ("low", "high"))
        if value is not None:
            interval = "-" if low is None or high is None else f"{low:.2f} to {high:.2f}"
            table.append(f"| {title}{unit} | {value:.2f} | {interval} |")
    constant = value_at(scores, "constant.rmse")
    beside = (
        "" if constant is None else f"\n\nThe mean of the training labels, said for all, has an RMSE of {constant:.2f} % SpO2."
    )
    return "**Scores**\n\n" + "\n".join(table) + beside


def _domain(card: ModelCard, scores: Mapping[str, Any]) -> str:
    clips = card.preprocessing.get("clips", {})
    codecs = ", ".join(f"{name} (from {bits:.2g} bits a pixel)" for name, bits in card.codecs.items()) or "unknown"
    lines = [
        f"Clips of {clips.get('length_s', '?')} s at {clips.get('fps_hz', '?')} Hz, {clips.get('size_px', '?')} px; input "
        f"`{card.input_kind}`",
        f"Codecs of the training: {codecs}",
        "Colours outside of the training's are named in the answer (`causes`), and such a video is refused",
    ]
    if card.interval is not None:
        held = value_at(scores, "test.interval.coverage")
        found = "" if held is None else f"; of the test it held {held:.0%}"
        lines.append(f"Interval: +- {card.interval.half_width_percent:.1f} % SpO2 for {card.interval.coverage:.0%}{found}")
    return "**Domain**\n\n" + _items(lines)


def _items(lines: list[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
