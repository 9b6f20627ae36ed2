"""The film of one video: what each step makes of it side by side, and the pulse with a line at the present."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
from matplotlib.figure import Figure
from matplotlib.image import imread

from tast.files import whole_file
from tast.pages.pictures import DPI, VERMILION, png
from tast.preview.overlay import Sight
from tast.preview.pulse import Pulse
from tast.preview.sheet import draw_wave
from tast.video.coding import Coding
from tast.video.write_coded import write_container

Image = npt.NDArray[np.uint8]

CODING = Coding("h264", ".mp4", quality=18, rate_hz=30.0)  # no loss that an eye would see; each picture has a time of its own
PANEL_PX = 360
GAP_PX, TITLE_PX, PULSE_PX = 16, 32, 208
LEFT_PX, ABOVE_PX, BELOW_PX = 104, 40, 60  # of the pulse: for its labels, its title, its axis


class Panel(NamedTuple):
    """One of the squares: title, and frames (T, H, W, 3) uint8 RGB at times_s (T,)."""

    title: str
    frames: npt.NDArray[np.generic]
    times_s: npt.NDArray[np.floating]

    def at(self, time_s: float) -> Image:
        """The frame next to a time, PANEL_PX high and wide."""
        frame = self.frames[np.argmin(np.abs(self.times_s - time_s))]
        return np.asarray(cv2.resize(np.asarray(frame), (PANEL_PX, PANEL_PX), interpolation=cv2.INTER_NEAREST), dtype=np.uint8)


def write_film(path: Path, sights: Iterable[Sight], panels: Sequence[Panel], pulse: Pulse) -> None:
    """Write an MP4 (H.264) in which each sight stands at its own true time.

    Raises TastError where there is no frame.
    """
    with whole_file(path) as part:
        write_container(part, _pictures(sights, panels, pulse), CODING)


def _pictures(sights: Iterable[Sight], panels: Sequence[Panel], pulse: Pulse) -> Iterator[tuple[float, Image]]:
    backdrop: Image | None = None
    for time_s, image, _ in sights:
        raw = _at_panel_height(image)
        if backdrop is None:
            backdrop = _backdrop(raw.shape[1], [panel.title for panel in panels], pulse)
        picture = backdrop.copy()
        for left, shown in zip(_lefts(raw.shape[1], len(panels)), (raw, *(panel.at(time_s) for panel in panels)), strict=True):
            picture[TITLE_PX : TITLE_PX + PANEL_PX, left : left + shown.shape[1]] = shown
        _draw_present(picture, time_s, pulse)
        yield time_s, picture


def _at_panel_height(image: Image) -> Image:
    width = round(image.shape[1] * PANEL_PX / image.shape[0])
    return np.asarray(cv2.resize(image, (width, PANEL_PX), interpolation=cv2.INTER_AREA), dtype=np.uint8)


def _lefts(raw_width_px: int, n_panels: int) -> list[int]:
    """Left edges of the raw frame and of the panels beside it."""
    return [GAP_PX, *(2 * GAP_PX + raw_width_px + k * (PANEL_PX + GAP_PX) for k in range(n_panels))]


def _size_px(raw_width_px: int, n_panels: int) -> tuple[int, int]:
    """Width and height of the film, even as H.264 wants them."""
    width = _lefts(raw_width_px, n_panels + 1)[-1]
    return width + width % 2, TITLE_PX + PANEL_PX + PULSE_PX


def _backdrop(raw_width_px: int, titles: Sequence[str], pulse: Pulse) -> Image:
    """(H, W, 3) uint8: all that does not move."""
    width, height = _size_px(raw_width_px, len(titles))

    def draw(figure: Figure) -> None:
        figure.set_layout_engine("none")  # every pixel's place is known
        lefts = _lefts(raw_width_px, len(titles))
        for left, title in zip(lefts, ("camera, with box, 68 landmarks and mesh", *titles), strict=True):
            figure.text(left / width, 1 - 0.72 * TITLE_PX / height, title, fontsize=8)
        wide, high = width - LEFT_PX - GAP_PX, PULSE_PX - ABOVE_PX - BELOW_PX
        axes = figure.add_axes((LEFT_PX / width, BELOW_PX / height, wide / width, high / height))
        draw_wave(axes, pulse)
        axes.set_title(f"Pulse: mean green inside the mask, band-passed; peak at {pulse.peak_per_minute:.0f} bpm", fontsize=8)
        axes.tick_params(labelsize=7)
        for label in (axes.xaxis.label, axes.yaxis.label):
            label.set_fontsize(7)

    content = imread(io.BytesIO(png(draw, width_in=width / DPI, height_in=height / DPI)))
    return np.rint(255 * content[:height, :width, :3]).astype(np.uint8)


def _draw_present(picture: Image, time_s: float, pulse: Pulse) -> None:
    start_s, end_s = pulse.times_s[0], pulse.times_s[-1]
    share = np.clip((time_s - start_s) / (end_s - start_s), 0, 1)
    height, width = picture.shape[:2]
    x = round(LEFT_PX + share * (width - LEFT_PX - GAP_PX))
    colour = tuple(int(VERMILION[i : i + 2], 16) for i in (1, 3, 5))
    picture[height - PULSE_PX + ABOVE_PX : height - BELOW_PX, x : x + 2] = colour
