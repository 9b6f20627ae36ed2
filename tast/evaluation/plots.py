"""The pictures of an evaluation as PNG bytes: the same table gives the same bytes. Subjects differ by colour and by marker."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullFormatter, StrMethodFormatter

from tast.evaluation.agreement import agreement, agreement_of_repeated
from tast.evaluation.evaluate import with_band
from tast.evaluation.metrics import CONSTANT_VARIANCE, HYPOXIA_PERCENT
from tast.evaluation.predictions import labelled
from tast.pages.pictures import BLUE, GREEN, INK, MUTED, ORANGE, PURPLE, SKY, VERMILION, png
from tast.people import person_of, recording_of
from tast.seconds import KEY, is_spot
from tast.training.settings import kept_epoch

SUBJECT_COLOURS = (BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION, "#7f7f7f")
SUBJECT_MARKERS = "osD^vPX"
MOST_IN_LEGEND = 14
MOST_TRACES = 24
TRACE_COLUMNS = ("true_percent", "predicted_percent", "lower_percent", "upper_percent")
JITTER_PERCENT = 0.35  # oximeters say whole percents: repeated points would hide each other


def evaluation_plots(
    predictions: pd.DataFrame, history: pd.DataFrame, *, refusal: Mapping[str, Any] | None, train_mean_percent: float, seed: int
) -> dict[str, bytes]:
    """All pictures, by name. predictions: the table; history: epoch, train_loss, val_loss, val_rmse_percent.

    refusal: as evaluate has it; None where the seconds do not differ in quality, and then there is no picture of it.
    """
    rows = labelled(predictions)
    return {
        "scatter": scatter(rows, train_mean_percent=train_mean_percent, seed=seed),
        "bland_altman": bland_altman(rows, seed=seed),
        "bands": error_by_band(rows, train_mean_percent=train_mean_percent),
        "traces": traces(predictions.sort_values(KEY), train_mean_percent=train_mean_percent),
        "learning_curve": learning_curve(history),
    } | ({} if refusal is None else {"refusal": risk_curves({"TAST-Net": refusal})})


def scatter(rows: pd.DataFrame, *, train_mean_percent: float, seed: int) -> bytes:
    """Predicted against true SpO2, one point per second, people by colour and marker."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        true, predicted = _columns(rows, "true_percent", "predicted_percent")
        low, high = _range(np.concatenate([true, predicted]), margin=1.0)
        _plot_subjects(axes, rows, _jittered(true, seed), predicted)
        axes.plot([low, high], [low, high], color=INK, linewidth=1.2, linestyle="--", label="perfect")
        axes.axhline(train_mean_percent, color=MUTED, linewidth=1.2, linestyle=":", label="constant predictor")
        if np.var(true) > CONSTANT_VARIANCE:
            slope, intercept = np.polyfit(true, predicted, 1)
            ends = np.array([true.min(), true.max()])
            axes.plot(ends, slope * ends + intercept, color=INK, linewidth=1.8, label=f"fit, slope {slope:.2f}")
        axes.set(xlim=(low, high), ylim=(low, high), aspect="equal", title="Predicted against true SpO₂")
        axes.set(xlabel="true SpO₂ (%)", ylabel="predicted SpO₂ (%)")
        axes.xaxis.set_major_locator(_percent_ticks())
        axes.yaxis.set_major_locator(_percent_ticks())
        axes.legend(handles=list(axes.lines), loc="upper left")
        _legend_of_subjects_below(figure, axes)

    return png(draw, width_in=6.0, height_in=6.6)


def bland_altman(rows: pd.DataFrame, *, seed: int) -> bytes:
    """Error against the mean of both values, with bias and 95 % limits of agreement of repeated measures."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        true, predicted = _columns(rows, "true_percent", "predicted_percent")
        error = predicted - true
        shown = _jittered(true, seed)
        _plot_subjects(axes, rows, (shown + predicted) / 2, predicted - shown)
        repeated = agreement_of_repeated(error, person_of(rows))
        found = repeated if math.isfinite(repeated.limit_low) else agreement(error)  # with one person nobody is between people
        axes.axhline(0, color=MUTED, linewidth=1.0)
        levels = {"bias": (found.bias, "-"), "+1.96 SD": (found.limit_high, "--"), "−1.96 SD": (found.limit_low, "--")}
        for name, (level, line) in levels.items():
            if math.isfinite(level):
                axes.axhline(level, color=INK, linewidth=1.6, linestyle=line)
                axes.annotate(
                    f"{name}\n{_signed(level)}", (1.01, level), xycoords=("axes fraction", "data"), va="center", fontsize=9.5
                )
        reach = 1.15 * max(float(np.abs(error).max()) + JITTER_PERCENT, abs(found.limit_low), abs(found.limit_high), 1.0)
        axes.set(ylim=(-reach, reach), title="Agreement (Bland-Altman)")
        axes.set(xlabel="mean of true and predicted SpO₂ (%)", ylabel="predicted − true SpO₂ (points)")
        axes.xaxis.set_major_locator(_percent_ticks())
        _legend_of_subjects_below(figure, axes)

    return png(draw, width_in=6.0, height_in=6.6)


def error_by_band(rows: pd.DataFrame, *, train_mean_percent: float) -> bytes:
    """Error in each band of true SpO2: median, quartiles and the middle 90 %, beside what the constant predictor errs by."""

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _draw_bands(axes, rows.assign(constant_percent=train_mean_percent), "TAST-Net")
        _legend_below(figure, axes)

    return png(draw, width_in=6.0, height_in=4.6)


def bias_and_risk(rows: pd.DataFrame, refusal: Mapping[str, Any] | None) -> bytes:
    """A method's error by band, and, where its seconds differ in quality, the RMSE of what is left as the worst are refused.

    rows: of a MethodResult. refusal: as for risk_curves, or None.
    """

    def draw(figure: Figure) -> None:
        left, right = figure.subplots(1, 2)
        _draw_bands(left, rows, "method")
        left.tick_params(axis="x", labelsize=8.5)
        left.legend(loc="best")
        if refusal is None:
            right.set_axis_off()
            right.text(0.5, 0.5, "The seconds do not differ in quality,\nor have none.", ha="center", va="center", color=MUTED)
        else:
            _draw_risk(right, {"this method": refusal})
            right.legend(loc="best")

    return png(draw, width_in=10.0, height_in=4.0)


def _draw_bands(axes: Axes, rows: pd.DataFrame, name: str) -> None:
    bands = [(str(band), group) for band, group in with_band(rows).groupby("band", observed=True, sort=True)]
    errors = [(group["predicted_percent"] - group["true_percent"]).to_numpy() for _, group in bands]
    constant = [(group["constant_percent"] - group["true_percent"]).mean() for _, group in bands]
    places = np.arange(len(bands))
    boxes = axes.boxplot(
        errors, positions=places, widths=0.5, whis=(5, 95), showfliers=False, patch_artist=True, manage_ticks=False,
        medianprops={"color": INK, "linewidth": 2}, whiskerprops={"color": BLUE}, capprops={"color": BLUE},
        boxprops={"facecolor": "#cfe3f1", "edgecolor": BLUE},
    )  # fmt: skip
    boxes["boxes"][0].set_label(f"{name}: quartiles, 5-95 %")
    axes.plot(places, constant, "D", color=VERMILION, markersize=7, label="constant predictor: mean error", zorder=3)
    axes.axhline(0, color=MUTED, linewidth=1.0)
    axes.set_xticks(places, [f"{band} %\nn = {len(group)}" for band, group in bands])
    axes.set_xlim(-0.7, len(bands) - 0.3)
    axes.set(title="Error by band of true SpO₂", ylabel="predicted − true SpO₂ (points)")


def traces(rows: pd.DataFrame, *, train_mean_percent: float) -> bytes:
    """True and predicted SpO2 against time, one panel per test recording, with the model's interval where it has one.

    Seconds without a label show their prediction. More than MOST_TRACES recordings are thinned evenly, which the heading says.
    """
    rows = rows.assign(recording=recording_of(rows))
    names = sorted(rows["recording"].unique())
    chosen = [names[i] for i in np.unique(np.linspace(0, len(names) - 1, MOST_TRACES).astype(int))]
    columns = min(3, len(chosen))
    lines = math.ceil(len(chosen) / columns)

    def draw(figure: Figure) -> None:
        panels = figure.subplots(lines, columns, sharey=True, squeeze=False)
        low, high = _range(rows[["true_percent", "predicted_percent"]].to_numpy().ravel(), margin=1.5)
        for panel, name in zip(panels.flat, chosen, strict=False):  # the last row may have panels to spare
            record = rows[rows["recording"] == name]
            _plot_trace(panel, record, train_mean_percent)
            panel.set_title(_trace_title(record), fontsize=10)
            panel.set(ylim=(low, high), xlim=(0, None))
        for panel in panels.flat[len(chosen) :]:
            panel.set_axis_off()
        panels[-1, 0].set_xlabel("time in the recording (s)", loc="left")
        shown = "" if len(chosen) == len(names) else f" ({len(chosen)} of {len(names)} test recordings)"
        figure.suptitle(f"SpO₂ against time{shown}", x=0.01, ha="left", weight="bold", fontsize=12)
        figure.supylabel("SpO₂ (%)", fontsize=11)
        _legend_below(figure, panels.flat[0])

    return png(draw, width_in=3.9 * columns + 0.3, height_in=2.3 * lines + 1.2)


def learning_curve(history: pd.DataFrame) -> bytes:
    """Loss and validation RMSE by epoch (counted from 0 in the table, from 1 here), and the one kept."""

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True)
        epoch = history["epoch"].to_numpy() + 1
        best = kept_epoch(history["val_loss"].tolist())
        above.plot(epoch, history["train_loss"], color=ORANGE, linewidth=1.8, linestyle="--", label="training")
        above.plot(epoch, history["val_loss"], color=BLUE, linewidth=1.8, label="validation")
        above.set(title="Learning curve", ylabel="loss", yscale="log")
        above.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        above.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
        above.yaxis.set_minor_formatter(NullFormatter())
        below.plot(epoch, history["val_rmse_percent"], color=BLUE, linewidth=1.8)
        below.set(xlabel="epoch", ylabel="validation RMSE\n(points of SpO₂)", ylim=(0, None))
        for panel in (above, below):
            panel.axvline(epoch[best], color=MUTED, linewidth=1.2, linestyle=":", label=f"kept: epoch {epoch[best]}")
        below.xaxis.set_major_locator(MaxNLocator(integer=True))
        _legend_below(figure, above)

    return png(draw, width_in=6.0, height_in=4.6)


def risk_curves(refusals: Mapping[str, Mapping[str, Any]]) -> bytes:
    """RMSE of the seconds that are left as those of the lowest quality are refused, one line for each method.

    refusals: method -> coverage, rmse and random, as RiskCoverage has them. Dotted: what refusing without a reason gives.
    """

    def draw(figure: Figure) -> None:
        axes = figure.subplots()
        _draw_risk(axes, refusals)
        _legend_below(figure, axes)

    return png(draw, width_in=6.0, height_in=4.6)


def _draw_risk(axes: Axes, refusals: Mapping[str, Mapping[str, Any]]) -> None:
    for (name, one), (colour, _) in zip(refusals.items(), subject_styles(list(refusals)).values(), strict=True):
        refused = 100 * (1 - np.asarray(one["coverage"], dtype=np.float64))
        axes.plot(refused, one["rmse"], color=colour, linewidth=1.8, label=f"{name}: lowest quality first")
        axes.axhline(one["random"], color=colour, linewidth=1.2, linestyle=":", label="without a reason")
    axes.set(title="What refusing is worth", xlabel="seconds refused (%)", ylabel="RMSE of the rest (points)", xlim=(0, 100))
    axes.set_ylim(0, 1.15 * max(axes.get_ylim()[1], 1e-9))


def subject_styles(subject_ids: list[str]) -> dict[str, tuple[str, str]]:
    """A colour and a marker for each subject; markers shift once the colours are used up."""
    n = len(SUBJECT_COLOURS)
    return {
        subject: (SUBJECT_COLOURS[i % n], SUBJECT_MARKERS[(i + i // n) % len(SUBJECT_MARKERS)])
        for i, subject in enumerate(sorted(subject_ids))
    }


def with_gaps(by_time_s: pd.DataFrame | pd.Series, longest_step_s: float = 1.5) -> pd.DataFrame | pd.Series:
    """A series on increasing times in seconds, plus a NaN after each gap: a line must not bridge what no clip covered."""
    times_s = by_time_s.index.to_numpy(dtype=np.float64)
    before_gap = times_s[:-1][np.diff(times_s) > longest_step_s]
    return by_time_s.reindex(np.sort(np.concatenate([times_s, before_gap + longest_step_s / 2])))


def _plot_subjects(axes: Axes, rows: pd.DataFrame, x: npt.NDArray[np.float64], y: npt.NDArray[np.float64]) -> None:
    who = person_of(rows).to_numpy(dtype=str)
    one_set = rows["dataset"].nunique() == 1  # whose name would only repeat itself in the legend
    styles = subject_styles(list(np.unique(who)))
    alpha = float(np.clip(12 / math.sqrt(len(rows)), 0.12, 0.75))
    for subject, (colour, marker) in styles.items():
        chosen = who == subject
        name = subject.partition("/")[2] if one_set else subject
        label = name if len(styles) <= MOST_IN_LEGEND else None
        axes.scatter(x[chosen], y[chosen], s=26, alpha=alpha, linewidths=0, label=label, color=colour, marker=marker)


def _plot_trace(axes: Axes, record: pd.DataFrame, train_mean_percent: float) -> None:
    seconds = with_gaps(record.assign(middle_s=record["start_s"] + 0.5).set_index("middle_s")[list(TRACE_COLUMNS)])
    time_s = seconds.index.to_numpy()
    axes.axhspan(0, HYPOXIA_PERCENT, color="#f4f1ea", zorder=0)
    axes.axhline(train_mean_percent, color=MUTED, linewidth=1.0, linestyle=":", label="constant predictor")
    axes.fill_between(
        time_s, seconds["lower_percent"], seconds["upper_percent"], color=SKY, alpha=0.35, linewidth=0, label="interval"
    )
    axes.plot(time_s, seconds["predicted_percent"], color=BLUE, linewidth=1.8, label="predicted")
    line = "--" if is_spot(record).any() else "-"  # one reading for all of it: nobody knows its course
    axes.step(time_s, seconds["true_percent"], where="mid", color=INK, linewidth=1.6, linestyle=line, label="true")


def _trace_title(record: pd.DataFrame) -> str:
    """Of a recording's rows: name, scenario, RMSE, and whether its truth is one spot reading."""
    first = record.iloc[0]
    rmse = math.sqrt(float(((record["predicted_percent"] - record["true_percent"]) ** 2).mean()))
    spot = " · one reading" if is_spot(record).any() else ""
    return f"{first['record_id']} · {first['scenario']} · RMSE {rmse:.1f}{spot}".replace("_", " ")


def _legend_below(figure: Figure, axes: Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower left", ncols=4, columnspacing=1.2, handletextpad=0.5)


def _legend_of_subjects_below(figure: Figure, axes: Axes) -> None:
    subjects = [handle for handle in axes.collections if not str(handle.get_label()).startswith("_")]
    if not subjects:
        return
    legend = figure.legend(
        subjects, [str(handle.get_label()) for handle in subjects], loc="outside lower left", ncols=7, title="person",
        alignment="left", columnspacing=1.0, handletextpad=0.2,
    )  # fmt: skip
    for handle in legend.legend_handles:
        if handle is not None:
            handle.set_alpha(1.0)


def _percent_ticks() -> MaxNLocator:
    return MaxNLocator(nbins=8, steps=[1, 2, 5, 10], integer=True)


def _columns(rows: pd.DataFrame, *names: str) -> tuple[npt.NDArray[np.float64], ...]:
    return tuple(rows[name].to_numpy(dtype=np.float64) for name in names)


def _jittered(values: npt.NDArray[np.float64], seed: int) -> npt.NDArray[np.float64]:
    return values + np.random.default_rng(seed).uniform(-JITTER_PERCENT, JITTER_PERCENT, len(values))


def _range(values: npt.NDArray[np.float64], *, margin: float) -> tuple[float, float]:
    return math.floor(float(np.nanmin(values)) - margin), math.ceil(float(np.nanmax(values)) + margin)


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "−")
