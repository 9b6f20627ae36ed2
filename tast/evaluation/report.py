"""One page that tells what was measured, on whom, and how far to trust it: self-contained HTML, no scripts, no date."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from tast.anchors import SPAN_S
from tast.evaluation.breakdown import grouped
from tast.evaluation.clinical import A_RMS_LIMIT_PERCENT
from tast.evaluation.evaluate import plain
from tast.evaluation.predictions import labelled
from tast.pages.page import number, page_environment
from tast.people import person_of, recording_of
from tast.seconds import labels_per_second

METHODS = {
    "test": "TAST-Net",
    "ratio_of_ratios": "Ratio of ratios",
    "chrominance": "Chrominance ratio",
    "chrominance_angle": "Chrominance angle",
    "constant": "Constant predictor",
}
SCORE_COLUMNS = {
    "rmse": "RMSE",
    "mae": "MAE",
    "pearson_r": "R",
    "r_within_people": "R within people",
    "r_within_recordings": "R within recordings",
    "bias": "Bias",
    "slope": "Slope",
    "skill": "Skill",
}
PROTOCOLS = {
    "subject_independent": "Subject-independent: nobody in the test set was seen in training, validation or calibration.",
    "clip_random": "Clip-random: clips were drawn at random, so the test set holds people that training has seen.",
}
PROTOCOL_WARNINGS = {
    "clip_random": (
        "These scores are optimistic. The same people, and overlapping seconds of the same recordings, lie on both sides of the "
        "split: the network can recognise the person instead of reading the oxygen. Do not compare them with "
        "subject-independent results."
    ),
}
DATASETS = {
    "phantom": (
        "A rendered phantom, not people: a physical model of light in skin, under lamps, before cameras, written to disk in the "
        "layout of a data set. It shows that the pipeline works, and says nothing about living people."
    ),
    "pure": "PURE (Stricker et al. 2014): 10 people, six kinds of head motion; SpO₂ lies mostly in 94-99 %.",
    "vipl_hr": "VIPL-HR (Niu et al. 2018): 107 people, nine scenarios, several cameras; SpO₂ lies mostly in 95-99 %.",
    "mcd_rppg": "MCD-rPPG (Egorov et al. 2025): 600 people before and after squats, three cameras; one SpO₂ reading each time.",
    "sums": "SUMS (Liu, Tang et al. 2024): 10 people at high altitude, at rest and after stairs.",
    "ladh": "LADH (Ma, Tang et al. 2025): people at high altitude in daily care, some of them on ten days.",
    "physdrive": "PhysDrive (Wang, Yang et al. 2025): 48 drivers; neither frames nor SpO₂ have time stamps.",
    "csv": "Recordings listed by the user in a CSV file.",
}
PICTURES = {  # name -> what it is, and how to read it
    "scatter": (
        "Predicted against true SpO₂",
        "One point per second. Oximeters say whole percents: points are spread by a third of a point.",
    ),
    "bland_altman": ("Agreement", "Bias and the limits of the table above, of seconds."),
    "bands": (
        "Error by band of true SpO₂",
        "Where the constant predictor sits far from zero and the network does not, it reads oxygen and not the mean.",
    ),
    "traces": ("SpO₂ against time", "The shaded band is the interval that a user is shown; the tinted ground is below 90 %."),
    "refusal": ("Error over the share of seconds refused", "At the right end few seconds are left: a rise there may be chance."),
    "learning_curve": (
        "Learning curve", "The kept epoch is the one with the lowest validation loss; the test set has no say in it."
    ),
}  # fmt: skip
GROUPS = {  # name in scores.json -> heading
    "scenario": "Scenario", "motion": "Motion", "camera": "Camera", "skin_type": "Skin type", "codec": "Codec",
    "quality": "Quality",
    "band": "Band of true SpO₂ (%)", "person": "Person",
}  # fmt: skip
MOST_ROWS = 12  # of a table that stands open


@dataclass(frozen=True)
class DataFacts:
    """What the report says about the data.

    dataset: a key of DATASETS. manifest: of the clip store. parts: train, val, test -> their clip ids. rejects: record_id,
    reason. digest: of the clip store, by which the data can be known again.
    """

    dataset: str
    manifest: pd.DataFrame
    parts: Mapping[str, Sequence[str]]
    rejects: pd.DataFrame
    digest: str


def render_report(
    *,
    metrics: Mapping[str, Any],
    predictions: pd.DataFrame,
    plots: Mapping[str, bytes],
    data: DataFacts,
    params: Mapping[str, Any],
) -> str:
    """The page as HTML text.

    metrics: as from evaluate. predictions: the table. plots: as from evaluation_plots. params: nested plain
    mappings of what the result was made with. The same input gives the same text.
    """
    rows = labelled(predictions)
    environment = page_environment("tast.evaluation")
    environment.filters["span"] = span
    found = plain(metrics)
    groups = {heading: found["test"]["breakdown"][name] for name, heading in GROUPS.items()}
    recordings = grouped(rows.assign(recording=recording_of(rows)), "recording", draws=1, seed=0)  # of one person each
    groups["Recording"] = plain(recordings)
    return environment.get_template("report.html.j2").render(
        metrics=found,
        a_rms_limit=A_RMS_LIMIT_PERCENT,
        anchor_s=SPAN_S,
        methods=METHODS,
        score_columns=SCORE_COLUMNS,
        protocol=PROTOCOLS.get(metrics["protocol"], metrics["protocol"]),
        protocol_warning=PROTOCOL_WARNINGS.get(metrics["protocol"]),
        dataset=data.dataset,
        dataset_note=DATASETS.get(data.dataset, ""),
        digest=data.digest,
        parts=[part_facts(name, data.manifest, clip_ids) for name, clip_ids in data.parts.items()],
        groups={heading: one for heading, one in groups.items() if len(one) > 1},
        folded=[heading for heading, one in groups.items() if len(one) > MOST_ROWS or heading == "Recording"],
        silent=[heading.lower() for heading, one in groups.items() if len(one) < 2],
        skin_types=sorted({one["skin_type"] for band in found["test"]["skin"]["bands"] for one in band["groups"]}),
        rejects=data.rejects.to_dict(orient="records"),
        pictures={name: base64.b64encode(plots[name]).decode() for name in PICTURES if name in plots},
        captions={name: {"title": title, "text": text} for name, (title, text) in PICTURES.items()},
        params=flattened(params),
    )


def part_facts(name: str, manifest: pd.DataFrame, clip_ids: Sequence[str]) -> dict[str, Any]:
    """How many people, recordings, clips and labelled seconds a part of the split holds, and what SpO2 they have."""
    clips = manifest[manifest["clip_id"].isin(clip_ids)]
    labels = labels_per_second(clips)["true_percent"] if len(clips) else pd.Series([], dtype=float)
    known = labels[np.isfinite(labels)]
    counts = {"subjects": person_of(clips).nunique(), "recordings": recording_of(clips).nunique(), "clips": len(clips)}
    return {"name": name, **counts, "seconds": len(known), "min": known.min(), "mean": known.mean(), "max": known.max()}


def flattened(params: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Nested mappings as `section.key` -> text, in the order given; lists as comma-separated text."""
    flat: dict[str, str] = {}
    for key, value in params.items():
        if isinstance(value, Mapping):
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = ", ".join(map(_as_yaml, value)) if isinstance(value, list | tuple) else _as_yaml(value)
    return flat


def _as_yaml(value: Any) -> str:
    return {None: "null", True: "true", False: "false"}[value] if value is None or isinstance(value, bool) else str(value)


def span(interval: Mapping[str, float | None]) -> str:
    """`1.12 to 1.76`; empty where there is no interval."""
    low, high = interval["low"], interval["high"]
    return "" if low is None or high is None else f"{number(low)} to {number(high)}"
