"""The contact sheet of one video: a row of frames after each step, and the pulse that they carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tast.pages.pictures import GREEN, INK, MUTED, VERMILION, png
from tast.preview.pulse import Pulse

Image = npt.NDArray[np.uint8]
FloatArray = npt.NDArray[np.floating]
WIDTH_IN = 11.0
SHEET_IN, CAPTION_IN = 16.0, 0.5
PULSE_IN, HEAD_IN, TITLE_IN = 2.3, 0.75, 0.36


@dataclass(frozen=True, eq=False)
class Strip:
    """A row of the sheet: one (H, W, 3) uint8 RGB image for each time."""

    title: str
    images: Sequence[Image]


def contact_sheet(heading: str, remark: str, times_s: FloatArray, strips: Sequence[Strip], pulse: Pulse) -> bytes:
    """PNG bytes; the same values give the same bytes. times_s: when the images of every strip were taken."""
    heights = [WIDTH_IN / len(times_s) * _aspect(strip) + TITLE_IN for strip in strips]
    total_in = HEAD_IN + sum(heights) + PULSE_IN

    def draw(figure: Figure) -> None:
        parts: Any = figure.subfigures(len(strips) + 2, 1, height_ratios=[HEAD_IN, *heights, PULSE_IN])
        parts[0].text(0.01, 0.5, heading, va="center", weight="bold", fontsize=14)
        parts[0].text(0.99, 0.5, remark, va="center", ha="right", fontsize=9.5, color=MUTED)
        for part, strip in zip(parts[1:-1], strips, strict=True):
            _draw_strip(part, strip)
        wave, spectrum = parts[-1].subplots(1, 2, width_ratios=[3, 1.4])
        draw_wave(wave, pulse)
        for time_s in times_s:
            wave.axvline(time_s, color=MUTED, linewidth=0.9, linestyle=":")
        draw_spectrum(spectrum, pulse)

    return png(draw, width_in=WIDTH_IN, height_in=total_in)


def picture_sheet(pictures: Sequence[Image], captions: Sequence[str], columns: int) -> bytes:
    """PNG bytes of (H, W, 3) uint8 RGB pictures of one shape, row by row, each above its caption."""
    rows = -(-len(pictures) // columns)
    height, width = pictures[0].shape[:2]
    each_in = SHEET_IN / columns

    def draw(figure: Figure) -> None:
        panels = np.ravel(figure.subplots(rows, columns, squeeze=False))
        for panel in panels:
            panel.set_axis_off()
        for panel, picture, caption in zip(panels, pictures, captions, strict=False):
            panel.imshow(picture, interpolation="antialiased")
            panel.set_title(caption, y=0, pad=-3, va="top", fontsize=8.5, color=INK, linespacing=1.35)

    return png(draw, width_in=SHEET_IN, height_in=rows * (each_in * height / width + CAPTION_IN))


def draw_wave(axes: Axes, pulse: Pulse) -> None:
    axes.plot(pulse.times_s, pulse.wave_percent, color=GREEN, linewidth=1.4)
    axes.set(xlabel="time (s)", ylabel="green (%)", xlim=(pulse.times_s[0], pulse.times_s[-1]))
    axes.set_title("Pulse: mean green inside the mask, band-passed (dotted: the frames above)", fontsize=10.5)


def draw_spectrum(axes: Axes, pulse: Pulse) -> None:
    axes.plot(pulse.rate_per_minute, pulse.power / pulse.power.max(), color=INK, linewidth=1.4)
    axes.axvline(pulse.peak_per_minute, color=VERMILION, linewidth=1.2, linestyle="--")
    axes.set(xlabel="beats per minute", ylabel="power", ylim=(0, None))
    axes.set(xlim=(pulse.rate_per_minute[0], pulse.rate_per_minute[-1]), yticks=[])
    axes.set_title(f"Spectrum: peak at {pulse.peak_per_minute:.0f} bpm", fontsize=10.5)


def _aspect(strip: Strip) -> float:
    height, width = strip.images[0].shape[:2]
    return float(height / width)


def _draw_strip(part: Any, strip: Strip) -> None:
    part.suptitle(strip.title, x=0.01, ha="left", fontsize=10.5, weight="bold")
    for panel, image in zip(part.subplots(1, len(strip.images), squeeze=False)[0], strip.images, strict=True):
        panel.imshow(image, interpolation="nearest")
        panel.set_axis_off()
