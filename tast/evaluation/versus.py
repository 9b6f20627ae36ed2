"""Two results side by side: every figure of both on the same seconds of people that neither has seen, and what lies between them.

A second counts once, a person is drawn whole and for both at once. Differences are B - A, as a change from A to B reads.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tast.errors import TastError
from tast.evaluation.clinical import measured
from tast.evaluation.contest import GROUPINGS, Entrant, new_to_all
from tast.evaluation.evaluate import with_band
from tast.evaluation.metrics import (
    N_MOMENTS,
    compare_paired,
    percentile_interval,
    resampled_sums,
    score,
    scores_of_sums,
    subject_moments,
    without_means,
)  # fmt: skip
from tast.evaluation.plots import with_gaps
from tast.evaluation.predictions import covered
from tast.pages.pictures import BLUE, INK, MUTED, ORANGE, png
from tast.people import person_of, recording_of
from tast.seconds import KEY

FloatArray = npt.NDArray[np.float64]

SIDES = ("a", "b")
OF_A_MODEL = ("predicted_percent", "lower_percent", "upper_percent")  # columns of a table of predictions
LABEL_NOISE_PERCENT = 1e-6  # below what tast.evaluation.predictions.digest_of_test takes note of
LESS_IS_BETTER = ("rmse", "mae", "bias", "a_rms")  # by its size
MORE_IS_BETTER = ("r", "r_within")
MOST_PEOPLE, MOST_TRACES = 40, 6  # in the picture


@dataclass(frozen=True)
class Difference:
    """A figure of A and of B, b - a with its 95 % interval, and the share of resamples of people in which B is the better.

    NaN where a number cannot be had: an interval of one person, an R of a constant. b_better: NaN too where neither more nor less
    is better by itself (coverage and width of an interval).
    """

    a: float
    b: float
    difference: float
    low: float
    high: float
    b_better: float


@dataclass(frozen=True)
class Group:
    """RMSE of both in a scenario or a band of true SpO2, in percent SpO2."""

    n_people: int
    n_seconds: int
    rmse: Difference


@dataclass(frozen=True)
class Versus:
    """What came of it: on whom, and all figures.

    measures: by name: rmse, mae, bias, a_rms (of errors, predicted - true, in percent SpO2; a_rms where the truth is 70 to
    100 %), r (Pearson's), r_within (with each person's means taken away), coverage (share of the seconds that the interval
    holds), width (of the interval, mean, in percent SpO2). scenarios, bands: by name.
    """

    people: tuple[str, ...]
    n_recordings: int
    n_seconds: int
    measures: Mapping[str, Difference]
    scenarios: Mapping[str, Group]
    bands: Mapping[str, Group]


def side_by_side(a: Entrant, b: Entrant) -> pd.DataFrame:
    """The labelled seconds that both tables hold, of people that neither has seen: what is said of a second by A (`..._a`) and B.

    In the order of KEY. Raises TastError where they hold none in common, where the labels of those differ, and where all people
    were seen by one of the two.
    """
    if a.people_seen is None or b.people_seen is None:
        raise TastError(f"the card of {'A' if a.people_seen is None else 'B'} does not name the people that it was trained on")
    columns = [*KEY, "true_percent", *OF_A_MODEL]
    rows = a.rows.merge(b.rows[columns], on=KEY, suffixes=("_a", "_b"), validate="one_to_one").sort_values(KEY, ignore_index=True)
    if rows.empty:
        raise TastError("no second was predicted by both")
    other = ~np.isclose(rows["true_percent_a"], rows["true_percent_b"], rtol=0.0, atol=LABEL_NOISE_PERCENT)
    if other.any():
        raise TastError(f"{other.sum()} of the {len(rows)} seconds that both predicted have another label")
    rows = rows.rename(columns={"true_percent_a": "true_percent"}).drop(columns="true_percent_b")
    new = rows[new_to_all(rows, [a.people_seen, b.people_seen])]
    if new.empty:
        raise TastError(f"all {person_of(rows).nunique()} people whom both predicted were seen by A or B in training")
    return new.reset_index(drop=True)


def versus(rows: pd.DataFrame, *, draws: int, seed: int) -> Versus:
    """All figures of the seconds of `side_by_side`, with paired bootstrap intervals over people from `draws` resamples."""
    people = person_of(rows)
    by_group: dict[str, dict[str, Group]] = {column: {} for column in GROUPINGS}
    banded = with_band(rows)
    for column, groups in by_group.items():
        for name, group in banded.groupby(column, sort=True, observed=True):
            groups[str(name)] = _group(group, draws, seed)
    return Versus(
        people=tuple(sorted(set(people))), n_recordings=recording_of(rows).nunique(), n_seconds=len(rows),
        measures=_differences(rows, people, draws, seed), scenarios=by_group["scenario"], bands=by_group["band"],
    )  # fmt: skip


def _group(rows: pd.DataFrame, draws: int, seed: int) -> Group:
    people, true = person_of(rows), rows["true_percent"]
    a, b = (score(true, rows[f"predicted_percent_{side}"]).rmse for side in SIDES)
    paired = compare_paired(
        true, rows["predicted_percent_b"], rows["predicted_percent_a"], people, draws=draws, seed=seed
    )  # fmt: skip
    interval = paired.rmse_difference_interval
    return Group(
        people.nunique(), len(rows),
        Difference(a, b, paired.rmse_difference, interval.low, interval.high, paired.probability_better),
    )  # fmt: skip


def _differences(rows: pd.DataFrame, people: pd.Series, draws: int, seed: int) -> dict[str, Difference]:
    """Of each measure, from the same resamples of people for both sides."""
    sums = [_sums(rows, people, side) for side in SIDES]
    a, b = (_figures(of.sum(axis=0)) for of in sums)
    drawn_a, drawn_b = (_figures(resampled_sums(of, draws, seed)) for of in sums)
    n_people = people.nunique()
    return {name: _difference(name, float(a[name]), float(b[name]), drawn_a[name], drawn_b[name], n_people) for name in a}


def _difference(name: str, a: float, b: float, drawn_a: FloatArray, drawn_b: FloatArray, n_people: int) -> Difference:
    interval, better = percentile_interval(drawn_b - drawn_a, n_people), math.nan
    usable = np.isfinite(drawn_b - drawn_a)
    if math.isfinite(interval.low) and name in LESS_IS_BETTER:
        better = float(np.mean(np.abs(drawn_b[usable]) < np.abs(drawn_a[usable])))
    elif math.isfinite(interval.low) and name in MORE_IS_BETTER:
        better = float(np.mean(drawn_b[usable] > drawn_a[usable]))
    return Difference(a, b, b - a, interval.low, interval.high, better)


def _sums(rows: pd.DataFrame, people: pd.Series, side: str) -> FloatArray:
    """(people, 3 N_MOMENTS + 3) sums of each person, which one side's figures are made of.

    Those of all seconds, of all with each person's means taken away, of the seconds that A_rms is of; and how many seconds there
    are, how many of them the interval holds, and its widths.
    """
    true, predicted = rows["true_percent"].to_numpy(), rows[f"predicted_percent_{side}"].to_numpy()
    names, owner = np.unique(people, return_inverse=True)
    inside = measured(true)
    in_range = np.zeros((len(names), N_MOMENTS))
    if inside.any():
        in_range[np.unique(owner[inside])] = subject_moments(true[inside], predicted[inside], people[inside])
    ends = rows.rename(columns={f"{name}_{side}": name for name in OF_A_MODEL})
    of_interval = np.zeros((len(names), 3))
    widths = ends["upper_percent"] - ends["lower_percent"]
    np.add.at(of_interval, owner, np.column_stack([np.ones(len(rows)), covered(ends), widths]))
    within = subject_moments(without_means(true, people), without_means(predicted, people), people)
    return np.hstack([subject_moments(true, predicted, people), within, in_range, of_interval])


def _figures(sums: FloatArray) -> dict[str, FloatArray]:
    """Each figure of (..., 3 N_MOMENTS + 3) sums: of all people, or of those who were drawn."""
    whole, within, in_range, of_interval = np.split(sums, [N_MOMENTS, 2 * N_MOMENTS, 3 * N_MOMENTS], axis=-1)
    scores = scores_of_sums(whole)
    with np.errstate(invalid="ignore"):  # nobody who was drawn has a second between 70 and 100 %
        a_rms = scores_of_sums(in_range)["rmse"]
    n_seconds, held, width = np.moveaxis(of_interval, -1, 0)
    return {
        "rmse": scores["rmse"], "mae": scores["mae"], "r": scores["pearson_r"],
        "r_within": scores_of_sums(within)["pearson_r"], "bias": scores["bias"], "a_rms": a_rms,
        "coverage": held / n_seconds, "width": width / n_seconds,
    }  # fmt: skip


def picture(rows: pd.DataFrame, name_a: str, name_b: str) -> bytes:
    """PNG of the seconds of `side_by_side`: RMSE of both person by person, and their traces in a few recordings.

    Both stand in the order of their difference, from where B gains most to where it loses most, and more than MOST_PEOPLE and
    MOST_TRACES are thinned evenly.
    """
    rows = rows.assign(person=person_of(rows), recording=recording_of(rows))
    people, recordings = (_rmse_by(rows, column) for column in ("person", "recording"))
    people_shown = people.iloc[_evenly(len(people), MOST_PEOPLE)]
    shown = recordings.iloc[_evenly(len(recordings), MOST_TRACES)]
    columns = min(3, len(shown))
    lines = math.ceil(len(shown) / columns)

    def draw(figure: Figure) -> None:
        above, below = figure.subfigures(2, 1, height_ratios=[4.2, 2.4 * lines + 0.6], squeeze=False)[:, 0]
        of_people = "" if len(people_shown) == len(people) else f" ({len(people_shown)} of {len(people)} people)"
        _draw_people(above.subplots(), people_shown, (name_a, name_b), of_people)
        panels = below.subplots(lines, columns, sharey=True, squeeze=False)
        for panel, (name, pair) in zip(panels.flat, shown.iterrows(), strict=False):
            _draw_trace(panel, rows[rows["recording"] == name], (name_a, name_b))
            panel.set_title(f"{name} · RMSE A {pair['a']:.1f}, B {pair['b']:.1f}", fontsize=9.5)
        for panel in panels.flat[len(shown) :]:
            panel.set_axis_off()
        panels[-1, 0].set_xlabel("time in the recording (s)", loc="left")
        below.supylabel("SpO₂ (%)", fontsize=11)
        handles, labels = panels[0, 0].get_legend_handles_labels()
        below.legend(handles, labels, loc="outside lower left", ncols=3)

    return png(draw, width_in=11.5, height_in=4.2 + 2.4 * lines + 0.6)


def _rmse_by(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """RMSE of each group, columns a and b, from where B gains most to where it loses most."""
    squares = {side: (rows[f"predicted_percent_{side}"] - rows["true_percent"]) ** 2 for side in SIDES}
    table = pd.DataFrame(squares).groupby(rows[column]).mean() ** 0.5
    return table.iloc[np.argsort((table["b"] - table["a"]).to_numpy(), kind="stable")]


def _evenly(count: int, most: int) -> npt.NDArray[np.int64]:
    return np.unique(np.linspace(0, count - 1, most).round().astype(np.int64))


def _draw_people(axes: Axes, people: pd.DataFrame, names: tuple[str, str], note: str) -> None:
    places = np.arange(len(people))
    axes.vlines(places, people["a"], people["b"], color=MUTED, linewidth=1.4)
    for side, name, colour, marker in zip(SIDES, names, (ORANGE, BLUE), "os", strict=True):
        axes.plot(places, people[side], marker, color=colour, markersize=6, label=f"{side.upper()}: {name}")
    axes.set_xticks(places, list(people.index), rotation=45, ha="right", fontsize=8.5)
    axes.set(xlim=(-0.7, len(people) - 0.3), ylim=(0, None), ylabel="RMSE (points of SpO₂)")
    axes.set_title(f"Error of each person{note}, from where B gains most to where it loses most")
    axes.legend(loc="upper left", ncols=2)


def _draw_trace(axes: Axes, record: pd.DataFrame, names: tuple[str, str]) -> None:
    columns = ["true_percent", *(f"predicted_percent_{side}" for side in SIDES)]
    seconds = with_gaps(record.assign(middle_s=record["start_s"] + 0.5).set_index("middle_s")[columns])
    time_s = seconds.index.to_numpy()
    axes.step(time_s, seconds["true_percent"], where="mid", color=INK, linewidth=1.6, label="true")
    for side, name, colour, line in zip(SIDES, names, (ORANGE, BLUE), ("--", "-"), strict=True):
        predicted = seconds[f"predicted_percent_{side}"]
        axes.plot(time_s, predicted, line, color=colour, linewidth=1.8, label=f"{side.upper()}: {name}")
    axes.set_xlim(0, None)
