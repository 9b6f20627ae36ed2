"""One video through the steps of preprocessing, for a film and a contact sheet of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tast.files import whole_file
from tast.preprocessing.resample import mean_rate_hz
from tast.preprocessing.steps import Settings, after_each_step
from tast.preview.film import PANEL_PX, Panel, write_film
from tast.preview.overlay import Sight, close_up, watch
from tast.preview.pulse import Pulse, pulse_of, telling_times_s
from tast.preview.sheet import Strip, contact_sheet
from tast.records import FaceVideo, FloatArray

Image = npt.NDArray[np.uint8]
Frames = Iterable[tuple[float, Image]]

COLUMNS = 6
SIGHT_PX = 2 * PANEL_PX  # fine enough for a close-up
RAW = "Camera, with the detector's box, dlib's 68 landmarks and the mesh of MediaPipe"


@dataclass(frozen=True)
class Steps:
    """A face after each step, and the pulse that it carries before it is magnified."""

    aligned: FaceVideo
    masked: FaceVideo
    magnified: FaceVideo
    pulse: Pulse


def steps_of(record_id: str, frames: Frames, settings: Settings) -> Steps:
    """Run preprocessing on frames (time_s, (H, W, 3) uint8 RGB). Raises VideoRejected where the video cannot be used."""
    after = dict(after_each_step(record_id, frames, settings))
    pulse = pulse_of(after["resample"], **_band(settings))
    return Steps(after["align"], after["mask"], after["decimate"], pulse)


def write_preview(folder: Path, name: str, frames: Frames, steps: Steps, settings: Settings) -> tuple[Path, Path]:
    """Write folder/name.mp4 and folder/name.png. frames: the same as for steps_of, once more."""
    detect_every_s, alpha = settings["align"]["detect_every_s"], settings["magnify"]["alpha"]
    panels = [
        Panel(f"aligned, {steps.aligned.frames.shape[1]} px", steps.aligned.frames, steps.aligned.times_s),
        Panel("masked", steps.masked.frames, steps.masked.times_s),
        Panel(f"magnified x {alpha:g}", shown(steps.magnified.frames), steps.magnified.times_s),
    ]
    times_s = telling_times_s(steps.pulse, COLUMNS)
    sights = watch(frames, detect_every_s=detect_every_s, height_px=SIGHT_PX)
    nearest: dict[int, Sight] = {}
    film, sheet = folder / f"{name}.mp4", folder / f"{name}.png"
    write_film(film, _remembering(sights, times_s, nearest), panels, steps.pulse)
    strips = [Strip(RAW, close_up([nearest[k] for k in sorted(nearest)]))]
    strips += [Strip(panel.title.capitalize(), [panel.at(time_s) for time_s in times_s]) for panel in panels]
    with whole_file(sheet) as part:
        part.write_bytes(contact_sheet(name, _remark(steps), times_s, strips, steps.pulse))
    return film, sheet


def shown(magnified: npt.NDArray[np.generic]) -> npt.NDArray[np.uint8]:
    """Magnified frames as they can be shown: clipped to 0...255."""
    return np.clip(np.rint(magnified.astype(np.float32)), 0, 255).astype(np.uint8)


def _remembering(sights: Iterable[Sight], times_s: FloatArray, nearest: dict[int, Sight]) -> Iterator[Sight]:
    """The same sights; on their way the one next to times_s[k] becomes nearest[k]."""
    distance_s = np.full(len(times_s), np.inf)
    for sight in sights:
        for k in np.flatnonzero(np.abs(times_s - sight.time_s) < distance_s):
            distance_s[k], nearest[int(k)] = abs(times_s[k] - sight.time_s), sight
        yield sight


def _remark(steps: Steps) -> str:
    rate_hz, share = mean_rate_hz(steps.aligned.times_s), steps.aligned.quality.mean()
    return f"{rate_hz:.1f} frames per second; face seen in {100 * share:.0f} % of {len(steps.aligned.times_s)} frames"


def _band(settings: Settings) -> dict[str, float]:
    return {name: settings["magnify"][name] for name in ("low_hz", "high_hz")}
