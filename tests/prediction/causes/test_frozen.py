"""Blocks of chroma that a codec left as they were: in files that encoders wrote of a noisy scene, whatever their bits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tast.pictures import YuvPicture
from tast.prediction.causes.findings import Findings
from tast.prediction.causes.frozen import FrozenBlocks, unchanged_blocks
from tast.prediction.causes.known import FROZEN
from tast.records import VideoSource
from tast.video.coding import Coding
from tast.video.read import read_pictures
from tast.video.write_coded import write_coded

H264 = Coding("h264", ".mp4", quality=0, matrix="bt709")
PLACE = np.array([[80.0, 50.0, 40.0]])  # of the scene's middle


def noisy_scene(sd: float = 1.2, count: int = 40) -> list[tuple[float, np.ndarray]]:
    """160x120, skin's colour with a gradient and a sensor's noise."""
    random = np.random.default_rng(0)
    scene = np.array([150.0, 105.0, 85.0]) * np.linspace(0.8, 1.2, 160)[None, :, None] * np.ones((120, 1, 1))
    return [(k / 30, np.rint(scene + random.normal(0, sd, scene.shape)).astype(np.uint8)) for k in range(count)]


def frozen_in(video: VideoSource, place: np.ndarray = PLACE) -> float:
    blocks = FrozenBlocks()
    for _ in blocks.watched(read_pictures(video)):
        pass
    times_s, shares = blocks.share(place, np.array([0.0]))
    assert len(times_s) == len(shares) > 0
    return float(np.nanmean(shares))


@pytest.mark.parametrize(
    ("coding", "low", "high"),
    [
        (H264, 0.0, 0.01),
        (replace(H264, subsampling="444"), 0.0, 0.01),
        (Coding("hevc", ".mp4", quality=0, bits=8, matrix="bt709"), 0.0, 0.01),
        (replace(H264, quality=18), 0.3, 1.0),
        (replace(H264, quality=18, subsampling="444"), 0.3, 1.0),
        (Coding("hevc", ".mp4", quality=12, matrix="bt709"), 0.9, 1.0),
        (Coding("hevc", ".mp4", quality=22, matrix="bt709"), 0.9, 1.0),
        (Coding("mjpeg", ".avi", bits_per_pixel=0.57, full_range=True), 0.2, 1.0),
        (Coding("vp9", ".mkv", bits_per_pixel=0.3, matrix="bt709"), 0.3, 1.0),
    ],
)
def test_a_codec_that_loses_nothing_freezes_nothing_and_others_do(tmp_path: Path, coding: Coding, low: float, high: float):
    assert low <= frozen_in(VideoSource(write_coded(tmp_path / "scene", noisy_scene(), coding))) <= high


def test_a_quiet_sensor_is_no_codec(tmp_path: Path):
    """A third of the noise: most samples stay as they were from frame to frame, and no block of 64 does."""
    assert frozen_in(VideoSource(write_coded(tmp_path / "scene", noisy_scene(0.4), H264))) < 0.03


def test_only_the_face_is_asked_and_frames_that_come_twice_say_nothing():
    random = np.random.default_rng(1)
    chroma = [random.integers(100, 150, (2, 60, 80), dtype=np.uint8) for _ in range(4)]
    for number in range(1, 4):
        chroma[number][:, :, :16] = chroma[0][:, :, :16]  # beside the face

    def frames(order: Iterable[int]) -> list[tuple[float, YuvPicture]]:
        return [
            (k / 30, YuvPicture(np.zeros((120, 160), dtype=np.uint8), (chroma[n][0], chroma[n][1]), np.zeros((3, 4), np.float32)))
            for k, n in enumerate(order)
        ]

    def shares(order: Iterable[int], place: np.ndarray = PLACE) -> np.ndarray:
        blocks = FrozenBlocks()
        list(blocks.watched(frames(order)))
        return blocks.share(place, np.array([0.0]))[1]

    assert_array_equal(shares([0, 1, 2, 3]), [0, 0, 0])
    assert (shares([0, 1, 2, 3], np.array([[0.0, 50.0, 40.0]])) > 0.3).all()
    assert_array_equal(shares([0, 1, 1, 2]), [0, np.nan, 0])


def test_pictures_without_chroma_are_not_measured():
    blocks = FrozenBlocks()
    given = noisy_scene(count=3)
    assert [time_s for time_s, _ in blocks.watched(given)] == [time_s for time_s, _ in given]
    assert len(blocks.share(PLACE, np.array([0.0]))[1]) == 0


def test_a_block_is_unchanged_where_each_of_its_samples_is():
    before = np.random.default_rng(2).integers(0, 1023, (17, 26), dtype=np.uint16)
    now = before.copy()
    now[3, 9] += 1
    assert_array_equal(unchanged_blocks(now, before), [[1, 0, 1], [1, 1, 1]])


def test_a_little_frozen_takes_the_level_and_much_the_change_as_well():
    assert Findings({FROZEN.name: np.full(4, 0.01)}).untold() == ()
    some, much = (Findings({FROZEN.name: np.full(4, share)}) for share in (0.1, 0.5))
    assert len(some.untold()) == 1 and some.untold(anchored=True) == ()
    assert (
        much.untold(anchored=True) == much.untold() and "colour stands still from frame to frame (4 of 4 s)" in much.untold()[0]
    )
