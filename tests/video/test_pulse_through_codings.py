"""The same recording in any coding at a high rate shows the same pulse, as the pipeline takes faces from it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tast.pictures import Picture
from tast.preprocessing.colour import Dither, upright
from tast.preprocessing.pose import Pose
from tast.records import FloatArray, VideoSource
from tast.video.coding import Coding
from tast.video.read import read_pictures
from tast.video.transfer import light_from_srgb, srgb_from_light
from tast.video.write_coded import write_coded

SIDE = 96
SKIN, PULSE = np.array([0.45, 0.21, 0.14]), 0.006 * np.array([0.4, 1.0, 0.65])  # linear light, and what the pulse takes of it
BEAT = np.sin(2 * np.pi * 1.2 * np.arange(50) / 30)
BEST: dict[str, Any] = {"codec": "h264", "suffix": ".mkv", "quality": 0}
CODINGS = {
    "4:4:4": Coding(**BEST, subsampling="444"),
    "4:2:0": Coding(**BEST),
    "full range": Coding(**BEST, full_range=True),
    "BT.709": Coding(**BEST, matrix="bt709"),
    "10 bits": Coding(**BEST, bits=10),
    "10 bits, BT.2020": Coding(**BEST, bits=10, matrix="bt2020"),
    "HLG": Coding(**BEST, bits=10, matrix="bt2020", transfer="hlg"),
    "PQ": Coding(**BEST, bits=10, matrix="bt2020", transfer="pq"),
}


def recording(bits: int) -> list[tuple[float, Any]]:
    """Skin under a gradient of light and redness, its pulse, and a camera's noise, coded as sRGB."""
    rng, most = np.random.default_rng(2), 1023 if bits == 10 else 255
    shade = np.linspace(0.8, 1.2, SIDE)[None, :, None] * np.linspace([1.1, 0.95, 0.9], [0.9, 1.05, 1.1], SIDE)[:, None]
    frames = [most * srgb_from_light(SKIN * shade * (1 - PULSE * b)) + rng.normal(0, most / 170, (SIDE, SIDE, 3)) for b in BEAT]
    kind = np.uint16 if bits == 10 else np.uint8
    return [(i / 30, np.rint(frame).clip(0, most).astype(kind)) for i, frame in enumerate(frames)]


def pulse_of(colours: FloatArray) -> FloatArray:
    """What the pulse takes of each channel's light (3,), of mean colours (T, 3) in 0..255."""
    light, wave = light_from_srgb(colours / 255), BEAT - BEAT.mean()
    return np.asarray(-(light / light.mean(axis=0)).T @ wave / (wave @ wave))


def faces(pictures: Iterable[tuple[float, Picture]]) -> FloatArray:
    dither = Dither()
    return np.array([upright(picture, Pose(1 + 0j, 0j), SIDE, dither).mean(axis=(0, 1)) for _, picture in pictures])


@pytest.mark.parametrize("name", CODINGS)
def test_the_pulse_has_the_same_ratios_however_it_is_coded(tmp_path: Path, name: str) -> None:
    """Read as SDR, HLG's red over green is off by a quarter, and of PQ's face is little left."""
    coding = CODINGS[name]
    planted = recording(coding.bits)
    read = faces(read_pictures(VideoSource(write_coded(tmp_path / "video", planted, coding))))
    lossless = np.array([picture.mean(axis=(0, 1)) for _, picture in planted]) * (255 / 1023 if coding.bits == 10 else 1)
    assert_allclose(read.mean(axis=0), lossless.mean(axis=0), atol=1.5)
    found, expected = pulse_of(read), pulse_of(lossless)
    assert_allclose(found / found[1], expected / expected[1], rtol=0.03)
    assert_allclose(found[1], expected[1], rtol=0.03)
