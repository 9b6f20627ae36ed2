"""One page of all methods: the table, and below it what each errs by and what refusing is worth to it. Self-contained HTML."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import pandas as pd

from tast.evaluation.agreement import agreement_of_repeated
from tast.evaluation.clinical import A_RMS_LIMIT_PERCENT, a_rms_by_band, hypoxia_auc
from tast.evaluation.evaluate import plain
from tast.evaluation.metrics import HYPOXIA_PERCENT, detect_hypoxia, score
from tast.evaluation.plots import bias_and_risk
from tast.evaluation.refusal import risk_coverage
from tast.evaluation.report import span
from tast.evaluation.table import MethodResult, as_html
from tast.pages.page import page_environment
from tast.people import person_of


def render_methods(
    results: Sequence[MethodResult], table: pd.DataFrame, *, title: str, note: str, warning: str, draws: int, seed: int,
    anchored: pd.DataFrame | None = None, anchored_note: str = "",
) -> str:  # fmt: skip
    """The page as HTML text: the same results give the same text.

    results, table: as results_table was given and gave them, the first the reference. note: what the numbers are of; warning:
    why they must not be believed as they stand, or empty. anchored, anchored_note: the table of the same methods, anchored, and
    what that is; None where there is none.
    """
    anchors = {one.name: f"method-{place}" for place, one in enumerate(results, 1)}
    environment = page_environment("tast.evaluation")
    environment.filters["span"] = span
    first = results[0].predictions
    links = {name: f"#{anchor}" for name, anchor in anchors.items()}
    return environment.get_template("methods.html.j2").render(
        title=title,
        note=note,
        warning=warning,
        people=person_of(first).nunique(),
        seconds=len(first),
        runs=first["run"].nunique(),
        table=as_html(table, results[0].name, links),
        anchored=None if anchored is None else as_html(anchored, results[0].name, links),
        anchored_note=anchored_note,
        methods=[plain(_facts(one, anchors[one.name], draws, seed)) for one in results],
        a_rms_limit=A_RMS_LIMIT_PERCENT,
        threshold=HYPOXIA_PERCENT,
    )


def _facts(result: MethodResult, anchor: str, draws: int, seed: int) -> dict[str, Any]:
    rows = result.predictions
    true, predicted, people = rows["true_percent"], rows["predicted_percent"], person_of(rows)
    whole, *_ = a_rms_by_band(true, predicted, people, draws=draws, seed=seed)
    differ = rows["quality"].nunique() > 1
    refusal = asdict(risk_coverage(predicted - true, rows["quality"], people, draws=draws, seed=seed)) if differ else None
    nothing = {"area": None, "gain": None, "gain_interval": None}
    picture = bias_and_risk(rows, refusal)
    return (
        {"name": result.name, "anchor": anchor, "abstained": result.abstained, "rmse": score(true, predicted).rmse}
        | {"a_rms": whole.a_rms, "within_limit": whole.within_limit, "auc": hypoxia_auc(true, predicted)}
        | asdict(agreement_of_repeated(predicted - true, people))
        | asdict(detect_hypoxia(true, predicted))
        | (nothing if refusal is None else {name: refusal[name] for name in nothing})
        | {"picture": base64.b64encode(picture).decode()}
    )
