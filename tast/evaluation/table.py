"""The table of methods: what each predicts of the same seconds of the same people, scored side by side, and the papers' figures.

Every score is of all runs' seconds together; 95 % intervals are over resampled people, and a difference from the reference draws
the same people for both. What several differences say at once is held by Holm's step-down (1979).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape

import numpy as np
import pandas as pd
from statsmodels.stats.multitest import multipletests

from tast.evaluation import run_interval
from tast.evaluation.agreement import agreement_of_repeated
from tast.evaluation.clinical import a_rms
from tast.evaluation.metrics import bootstrap_intervals, compare_paired, correlation_within, score
from tast.evaluation.predictions import covered
from tast.people import person_of
from tast.seconds import BRIGHTNESS, KEY, SPOT
from tast.training import change_scale

PREDICTED = (*KEY, "run", "true_percent", "predicted_percent", "lower_percent", "upper_percent", "quality", "constant_percent")
ANCHORED_BY = (  # what an anchored table needs besides
    "start_s", "changing_percent", BRIGHTNESS, SPOT, *change_scale.COLUMNS, *run_interval.COLUMNS
)  # fmt: skip
DIGITS = 9  # of a difference: beyond them, who gives one value all along would differ from who stays by how floats are rounded


@dataclass(frozen=True)
class MethodResult:
    """What a method predicts, what it costs and what is published of it.

    predictions: one row per labelled second of each run (PREDICTED, and ANCHORED_BY where it can be anchored; NaN ends where it
    has no interval, NaN quality where it is not known). parameters: None without a network. ms_per_frame: by clips at a time.
    abstained: seconds that it has no answer to
    and that were given the constant. published: rmse, mae, r on the data set that the table is of, as far as a paper has them.
    """

    name: str
    predictions: pd.DataFrame
    parameters: int | None = None
    ms_per_frame: Mapping[int, float] = field(default_factory=dict)
    abstained: int = 0
    published: Mapping[str, float] = field(default_factory=dict)


def results_table(
    results: Sequence[MethodResult], *, reference: str, draws: int, seed: int, stays: str | None = None
) -> pd.DataFrame:
    """One row per method, in the order of the results; errors in percent SpO2, NaN where a number cannot be had.

    a_rms: as ISO 80601-2-61 has it, the root mean square of all errors where the truth is 70 to 100 %. loa_low, loa_high: limits
    of agreement of repeated measures. skill: 1 - RMSE over the constant's. difference: of RMSE from the reference's, with its
    interval and p, two-sided from the draws, after Holm over the methods. stays: among anchored results, the row of who says that
    SpO2 is what it was in the anchor; from_stays is then the difference from that one. Raises ValueError where two methods were
    scored on other seconds.
    """
    by_name = {one.name: one.predictions.sort_values(["run", *KEY], ignore_index=True) for one in results}
    against = {"difference": by_name[reference], **({"from_stays": by_name[stays]} if stays else {})}
    table = pd.DataFrame([_row(one, by_name[one.name], against, draws=draws, seed=seed) for one in results])
    others = (table["method"] != reference) & table["p"].notna()
    table.loc[others, "p"] = multipletests(table.loc[others, "p"], method="holm")[1] if others.any() else np.nan
    return table


def _row(
    result: MethodResult, predictions: pd.DataFrame, against: Mapping[str, pd.DataFrame], *, draws: int, seed: int
) -> dict[str, object]:
    if not predictions[["run", *KEY]].equals(against["difference"][["run", *KEY]]):
        raise ValueError(f"{result.name} was scored on other seconds than the reference")
    true, predicted, people = predictions["true_percent"], predictions["predicted_percent"], person_of(predictions)
    pooled = score(true, predicted)
    rmse = bootstrap_intervals(true, predicted, people, draws=draws, seed=seed)["rmse"]
    within, _ = correlation_within(true, predicted, predictions["run"] + "/" + people, people, draws=1, seed=seed)
    limits = agreement_of_repeated(predicted - true, people)
    constant = compare_paired(true, predicted, predictions["constant_percent"], people, draws=draws, seed=seed)
    differences: dict[str, float] = {}
    for name, other in against.items():
        paired = compare_paired(true, predicted, other["predicted_percent"], people, draws=draws, seed=seed)
        interval = paired.rmse_difference_interval
        ends = (paired.rmse_difference, interval.low, interval.high)
        found = {f"{name}{end}": round(value, DIGITS) + 0.0 for end, value in zip(("", "_low", "_high"), ends, strict=True)}
        found |= {"p": _two_sided(paired.probability_better, draws)} if name == "difference" else {}
        differences |= dict.fromkeys(found, np.nan) if predictions is other else found
    return {
        "method": result.name,
        "parameters": result.parameters,
        **{f"ms_{batch}": ms for batch, ms in result.ms_per_frame.items()},
        "rmse": pooled.rmse, "rmse_low": rmse.low, "rmse_high": rmse.high, "mae": pooled.mae, "r": pooled.pearson_r,
        "r_within": within, "bias": pooled.bias, "loa_low": limits.limit_low, "loa_high": limits.limit_high,
        "a_rms": a_rms(true, predicted),
        "coverage": covered(predictions).mean(), "width": (predictions["upper_percent"] - predictions["lower_percent"]).mean(),
        "skill": constant.skill,
        **differences,
        "abstained": result.abstained / max(len(predictions), 1),
        **{f"published_{name}": result.published.get(name, np.nan) for name in ("rmse", "mae", "r")},
        "runs": predictions["run"].nunique(), "people": people.nunique(), "seconds": len(predictions),
    }  # fmt: skip


def _two_sided(probability_better: float, draws: int) -> float:
    """p of no difference; never 0, which so many draws could not show."""
    tail = min(probability_better, 1 - probability_better)
    return min(1.0, 2 * (tail * draws + 1) / (draws + 1))


HEADINGS = {
    "method": "method",
    "parameters": "parameters",
    "ms_1": "ms/frame, 1 clip",
    "ms_16": "16 clips",
    "rmse": "RMSE [95 %]",
    "mae": "MAE",
    "r": "R",
    "r_within": "r within people",
    "bias": "bias",
    "loa": "limits of agreement",
    "a_rms": "A_rms",
    "coverage": "in interval",
    "width": "its width",
    "skill": "skill",
    "difference": "difference from {reference} [95 %]",
    "p": "p (Holm)",
    "from_stays": "difference from who stays [95 %]",
    "published": "published RMSE / MAE / R",
}


def as_cells(table: pd.DataFrame, reference: str) -> tuple[list[str], list[list[str]]]:
    """Headings and rows as text, two decimals, `-` where there is no number; who stays has a column in an anchored table."""
    shown = [name for name in HEADINGS if name != "from_stays" or name in table]
    headings = [HEADINGS[name].format(reference=reference) for name in shown]
    return headings, [[_cell(row, name) for name in shown] for row in table.to_dict("records")]


def _cell(row: Mapping[str, object], name: str) -> str:
    if name == "method":
        return str(row[name])
    if name == "parameters":
        count = row.get(name)
        return "-" if count is None or count != count else f"{int(count):,}"  # type: ignore[call-overload]
    if name == "loa":
        return f"{_number(row['loa_low'], '+')} to {_number(row['loa_high'], '+')}"
    if name == "published":
        return " / ".join(_number(row[f"published_{one}"]) for one in ("rmse", "mae", "r"))
    if name.startswith("ms_"):
        return _number(row.get(name, np.nan), digits=3)
    if name == "p":
        return _number(row[name], digits=3)
    sign = "+" if name in ("bias", "difference", "from_stays") else ""
    value = _number(row[name], sign)
    if f"{name}_low" not in row or value == "-":
        return value
    return f"{value} [{_number(row[f'{name}_low'], sign)}, {_number(row[f'{name}_high'], sign)}]"


def _number(value: object, sign: str = "", digits: int = 2) -> str:
    return f"{value:{sign}.{digits}f}" if value is not None and value == value else "-"


def as_markdown(table: pd.DataFrame, reference: str) -> str:
    headings, rows = as_cells(table, reference)
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_latex(table: pd.DataFrame, reference: str) -> str:
    """A tabular of booktabs."""
    headings, rows = as_cells(table, reference)
    lines = [" & ".join(map(_tex, line)) + r" \\" for line in [headings, *rows]]
    begin = rf"\begin{{tabular}}{{l{'r' * (len(headings) - 1)}}}"
    return "\n".join([begin, r"\toprule", lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}"]) + "\n"


def _tex(text: str) -> str:
    return "".join({"%": r"\%", "_": r"\_", "&": r"\&", "#": r"\#"}.get(letter, letter) for letter in text)


def as_html(table: pd.DataFrame, reference: str, links: Mapping[str, str] | None = None) -> str:
    """A <table>, to be set into a page; links: method -> where more of it stands."""
    headings, rows = as_cells(table, reference)
    head = "".join(f'<th scope="col">{escape(one)}</th>' for one in headings)
    body = "".join(
        f'<tr><th scope="row">{_linked(first, links or {})}</th>{"".join(f"<td>{escape(one)}</td>" for one in others)}</tr>\n'
        for first, *others in rows
    )
    return f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{body}</tbody>\n</table>\n"


def _linked(name: str, links: Mapping[str, str]) -> str:
    return f'<a href="{escape(links[name])}">{escape(name)}</a>' if name in links else escape(name)
