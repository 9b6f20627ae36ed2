"""The colours of a pulse smaller than a grey level, coded without loss: the ratios of the recording within 3 %."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tast.phantom.delivery import arrivals, delivered
from tast.preprocessing.colour import Dither, upright
from tast.preprocessing.pose import Pose
from tast.records import FloatArray, VideoSource
from tast.video.coding import Coding
from tast.video.read import read_frames, read_pictures
from tast.video.write_coded import Timed, write_coded

SIDE, N_FRAMES, FPS_HZ, PULSE_HZ = 96, 150, 30.0, 1.2  # six whole beats
SKIN, PULSE = np.array([190.0, 130.0, 105.0]), np.array([0.004, 0.010, 0.007])  # in grey levels; AC over DC
LOSSLESS = Coding("h264", ".mp4", quality=0, matrix="bt709")
DEEP = {"codec": "hevc", "suffix": ".mp4", "quality": 0, "bits": 10}
CODINGS = {
    "601": Coding("h264", ".mp4", quality=0, matrix="bt601"),
    "709": LOSSLESS,
    "full": Coding("h264", ".mp4", quality=0, matrix="bt709", full_range=True),
    "P3": Coding("h264", ".mp4", quality=0, matrix="bt709", display_p3=True),
    "2020": Coding("h264", ".mp4", quality=0, matrix="bt2020"),
    "10 bit": Coding(**DEEP, matrix="bt709"),
    "10 bit, full": Coding(**DEEP, matrix="bt709", full_range=True),
    "HLG": Coding(**DEEP, matrix="bt2020", transfer="hlg"),
    "PQ": Coding(**DEEP, matrix="bt2020", transfer="pq"),
}


def recording(bits: int = 8) -> list[Timed]:
    rng = np.random.default_rng(4)
    white, dtype = (255, np.uint8) if bits == 8 else (1023, np.uint16)
    texture = np.kron(rng.normal(0, 5, (SIDE // 4, SIDE // 4, 3)), np.ones((4, 4, 1)))  # spreads chroma over its steps
    frames = []
    for number in range(N_FRAMES):
        levels = (SKIN + texture) * (1 + PULSE * np.sin(2 * np.pi * PULSE_HZ * number / FPS_HZ)) + rng.normal(
            0, 1.2, (SIDE, SIDE, 3)
        )
        frames.append((number / FPS_HZ, np.rint(levels * (white / 255)).astype(dtype)))
    return frames


def ratios(timed: list[tuple[float, FloatArray]]) -> FloatArray:
    """Red and blue over green (2,): AC over DC by a sine at the pulse's rate."""
    times_s = np.array([time_s for time_s, _ in timed])
    means = np.array([rgb.mean(axis=(0, 1), dtype=np.float64) for _, rgb in timed])
    waves = np.column_stack([np.ones_like(times_s), *(f(2 * np.pi * PULSE_HZ * times_s) for f in (np.sin, np.cos))])
    level, in_phase, _ = np.linalg.lstsq(waves, means, rcond=None)[0]
    red, green, blue = in_phase / level
    return np.array([red, blue]) / green


def read(path: Path) -> list[tuple[float, FloatArray]]:
    dither, whole = Dither(), Pose(1 + 0j, 0j)
    return [(time_s, upright(picture, whole, SIDE, dither)) for time_s, picture in read_pictures(VideoSource(path))]


@pytest.mark.parametrize("name", CODINGS)
def test_ratios_are_those_of_the_recording(tmp_path: Path, name: str):
    frames = recording(CODINGS[name].bits)
    coded = ratios(read(write_coded(tmp_path / "v", frames, CODINGS[name])))
    np.testing.assert_allclose(coded, ratios(frames), rtol=0.03)
    np.testing.assert_allclose(coded, [0.4, 0.7], rtol=0.04)


def test_so_they_are_after_drops_doubles_and_a_second_generation(tmp_path: Path):
    frames = recording()
    true = ratios(frames)
    first = write_coded(tmp_path / "first", frames, LOSSLESS)
    for number, changed in enumerate((
        delivered(frames, arrivals(N_FRAMES, lost=range(5, N_FRAMES, 17))),
        delivered(frames, arrivals(N_FRAMES, doubled=range(5, N_FRAMES, 11))),
        read_frames(VideoSource(first)),
    )):  # fmt: skip
        path = write_coded(tmp_path / str(number), changed, LOSSLESS)
        np.testing.assert_allclose(ratios(read(path)), true, rtol=0.03)
