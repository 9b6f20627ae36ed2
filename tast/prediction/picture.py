"""A predicted trace as a picture: SpO2 with its interval, below it the quality of each second, and why it may be wrong."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from tast.pages.pictures import BLUE, GREEN, INK, VERMILION, png
from tast.prediction import MIN_QUALITY
from tast.prediction.trace import PredictedTrace

HEADROOM_PERCENT = 1.0  # above and below the interval
LARGEST_STEP_S, MOST_MARKERS = 1.5, 120
MOST_SENTENCES = 3  # of causes, below the axis
LINE_IN = 0.18  # for each line there beyond so many, so that the trace keeps its room
LEAST_SPAN_PERCENT = 6.0  # of the axis, so that a steady trace looks steady


def trace_png(trace: PredictedTrace) -> bytes:
    """PNG bytes; the same trace gives the same bytes."""

    def draw(figure: Figure) -> None:
        above, below = figure.subplots(2, 1, sharex=True, height_ratios=(5, 1.3))
        _draw_spo2(above, trace)
        _draw_quality(below, trace)
        figure.align_ylabels((above, below))

    more_in = LINE_IN * max(0, len(_lines_below(trace)) - MOST_SENTENCES)
    return png(draw, width_in=8.5, height_in=4.6 + more_in)


def _draw_spo2(axes: Axes, trace: PredictedTrace) -> None:
    if trace.trend is not None:
        axes.plot(trace.start_s + 0.5, trace.trend, color=BLUE, linewidth=2, marker="o", markersize=3)
        axes.set(ylabel="Trend (no scale)", title=f"{trace.name}: no percentage is known", yticks=[0.0], yticklabels=["start"])
        axes.margins(y=0.3)
        return
    gaps = np.flatnonzero(np.diff(trace.start_s) > LARGEST_STEP_S) + 1
    for run in np.split(np.arange(len(trace)), gaps):
        _draw_run(axes, trace, run, labelled=run[0] == 0)
    for number, reading in enumerate(trace.anchor.readings if trace.anchor else ()):
        axes.plot(
            [reading.begin_s, reading.end_s], [reading.spo2_percent] * 2, color=VERMILION, linewidth=5, alpha=0.8,
            solid_capstyle="butt", label="anchored here" if number == 0 else None,
        )  # fmt: skip
    axes.set(ylabel="SpO₂ (%)", title=trace.name, ylim=_limits(trace))
    axes.yaxis.set_major_locator(MaxNLocator(integer=True, nbins=7))
    axes.legend(loc="lower right", bbox_to_anchor=(1, 1.0), ncols=3, borderaxespad=0.2)


def _draw_run(axes: Axes, trace: PredictedTrace, run: npt.NDArray[np.int64], *, labelled: bool) -> None:
    """Seconds without a gap between them."""
    start_s, lower, upper = trace.start_s[run], trace.lower_percent[run], trace.upper_percent[run]
    if np.isfinite(trace.half_width_percent).all():
        interval_label = f"{trace.coverage * 100:.0f} % interval ({half_widths(trace)})"
        edges_s = np.append(start_s, start_s[-1] + 1)
        axes.stairs(
            upper,
            edges_s,
            baseline=lower,
            fill=True,
            color=BLUE,
            alpha=0.18,
            linewidth=0,
            label=interval_label if labelled else None,
        )
    marker = "o" if len(trace) <= MOST_MARKERS else None
    label = "predicted" if labelled else None
    axes.plot(start_s + 0.5, trace.spo2_percent[run], color=BLUE, linewidth=2, marker=marker, markersize=3, label=label)


def half_widths(trace: PredictedTrace) -> str:
    """Of the interval, as a reader wants it: one number, or from the narrowest second to the widest."""
    low, high = trace.half_width_percent.min(), trace.half_width_percent.max()
    return f"± {low:.1f}" if f"{low:.1f}" == f"{high:.1f}" else f"± {low:.1f} to {high:.1f}"


def _limits(trace: PredictedTrace) -> tuple[float, float]:
    lower, upper = np.nan_to_num(trace.lower_percent, nan=np.inf), np.nan_to_num(trace.upper_percent, nan=-np.inf)
    known = [one.spo2_percent for one in trace.anchor.readings] if trace.anchor else []
    low, high = min(lower.min(), trace.spo2_percent.min(), *known), max(upper.max(), trace.spo2_percent.max(), *known)
    missing = max(0.0, LEAST_SPAN_PERCENT - (high - low)) / 2
    return float(low - missing - HEADROOM_PERCENT), float(min(high + missing + HEADROOM_PERCENT, trace.highest_percent + 0.5))


def _lines_below(trace: PredictedTrace) -> list[str]:
    """What the values rest on, and why they may be wrong."""
    return [*filter(None, [*trace.basis, *trace.findings.sentences()[:MOST_SENTENCES], trace.caution])]


def _draw_quality(axes: Axes, trace: PredictedTrace) -> None:
    good = trace.quality >= MIN_QUALITY
    axes.bar(trace.start_s, trace.quality, width=0.92, align="edge", color=np.where(good, GREEN, VERMILION))
    axes.axhline(MIN_QUALITY, color=INK, linewidth=1, linestyle=(0, (4, 3)))
    axes.set(
        xlabel="\n".join(["Time (s)", *_lines_below(trace)]),
        ylabel="Quality",
        ylim=(0, 1),
        yticks=(0, 0.5, 1),
        xlim=(trace.start_s[0], trace.start_s[-1] + 1),
    )
    axes.yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0, symbol=" %"))
