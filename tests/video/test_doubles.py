"""Frames that a recorder repeated are found although they were encoded again; on a tripod nothing is found that is not there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tast.phantom.delivery import Delivery, arrivals, delivered
from tast.phantom.filmed import eight_bits, filmed
from tast.phantom.session import Session, in_worlds, phantom_sessions
from tast.records import SourceFacts, VideoSource
from tast.video.coding import Coding
from tast.video.doubles import NEIGHBOURS, repeated
from tast.video.facts import NO_CODEC, SourceMeter, doubts
from tast.video.read import read_pictures
from tast.video.write_coded import Timed, write_coded

N_FRAMES = 75
DOUBLED = (9, 20, 21, 33, 47, 60, 71)
CODINGS = {
    "h264, 14": Coding("h264", ".mp4", quality=14, matrix="bt709"),
    "h264, 18": Coding("h264", ".mp4", quality=18, matrix="bt709"),
    "h264, 24": Coding("h264", ".mp4", quality=24, matrix="bt709"),
    "mpeg4, .6 bit a pixel": Coding("mpeg4", ".avi", bits_per_pixel=0.6),
}


def session() -> Session:
    """A head on a tripod, whose camera delivers every frame once."""
    plan = phantom_sessions(
        seed=5, subjects=1, sessions=1, seconds=N_FRAMES / 25, fps_hz=25.0, width_px=192, height_px=144, face_height_px=90,
        profile="wide", scenarios=("steady",),
    )  # fmt: skip
    (one,) = in_worlds(plan, count=1, cameras=("webcam",))
    world = one.in_world
    return replace(one, world=replace(world, delivery=Delivery(25.0)), fps_hz=25.0)


@pytest.fixture(scope="module")
def head() -> list[Timed]:
    one = session()
    return [(number / 25, eight_bits(picture)) for number, (_, picture) in enumerate(filmed(one, one.in_world))]


def facts_of(path: Path) -> SourceFacts:
    meter = SourceMeter()
    assert list(read_pictures(VideoSource(path), meter=meter))
    facts = meter.facts()
    assert facts is not None
    return facts


@pytest.mark.parametrize("name", [name for name in CODINGS if name != "h264, 24"])
def test_repeated_pictures_are_found_after_encoding_and_none_where_there_is_none(tmp_path: Path, head: list[Timed], name: str):
    sent = delivered(head, arrivals(N_FRAMES, doubled=DOUBLED))
    found = facts_of(write_coded(tmp_path / "doubled", sent, CODINGS[name])).n_doubled
    assert len(DOUBLED) - 1 <= found <= len(DOUBLED) + 1
    assert facts_of(write_coded(tmp_path / "whole", head, CODINGS[name])).n_doubled <= 1


def test_their_times_are_known_and_those_of_a_part(tmp_path: Path, head: list[Timed]):
    sent = delivered(head, arrivals(N_FRAMES, doubled=DOUBLED))
    meter = SourceMeter()
    assert list(read_pictures(VideoSource(write_coded(tmp_path / "v", sent, CODINGS["h264, 14"])), meter=meter))
    np.testing.assert_allclose(meter.filled_in_s(), np.array(DOUBLED) / 25, atol=1e-4)
    later = [number for number in DOUBLED if number > N_FRAMES // 3]
    np.testing.assert_allclose(meter.filled_in_s(since_s=N_FRAMES // 3 / 25), np.array(later) / 25, atol=1e-4)
    assert SourceMeter().filled_in_s().tolist() == []


def test_of_frames_whose_codec_nobody_knows_equal_ones_alone_are_filled_in(head: list[Timed]):
    near = [(time_s, picture.copy()) for time_s, picture in delivered(head, arrivals(N_FRAMES, doubled=DOUBLED))]
    near[DOUBLED[0]][1][0, ::7] ^= 1
    of_camera, of_file = SourceMeter(NO_CODEC), SourceMeter()
    assert list(of_camera.watched(near)) == list(of_file.watched(near)) == near
    assert of_file.filled_in_s().tolist() == [near[number][0] for number in DOUBLED]
    assert of_camera.filled_in_s().tolist() == [near[number][0] for number in DOUBLED[1:]]


def test_a_still_picture_without_noise_is_not_filled_in():
    meter = SourceMeter(NO_CODEC)
    same = np.full((16, 16, 3), 90, np.uint8)
    assert len(list(meter.watched((k / 25, same) for k in range(100)))) == 100
    assert meter.filled_in_s().tolist() == []


def still(noise: float) -> Iterator[Timed]:
    rng = np.random.default_rng(3)
    picture = np.kron(rng.uniform(60, 200, (9, 12, 3)), np.ones((16, 16, 1)))
    for number in range(N_FRAMES):
        yield number / 25, np.rint(picture + rng.normal(0, noise, picture.shape)).astype(np.uint8)


@pytest.mark.parametrize("noise", [0.5, 2.0])
@pytest.mark.parametrize("name", CODINGS)
def test_a_still_scene_has_no_repeated_pictures_beyond_what_its_codec_repeats(tmp_path: Path, name: str, noise: float):
    path = write_coded(tmp_path / "still", still(noise), CODINGS[name])
    lumas = [picture.luma for _, picture in read_pictures(VideoSource(path))]
    equal = sum(np.array_equal(one[::8], other[::8]) for one, other in zip(lumas[1:], lumas, strict=False))
    facts = facts_of(path)
    assert facts.n_doubled <= equal + 0.05 * N_FRAMES
    assert facts.taken_hz >= 0.95 * facts.measured_hz and not any("its camera took" in one for one in doubts(facts))


def test_two_of_three_pictures_may_be_repeated(tmp_path: Path):
    """A camera of 10 Hz in a file of 30."""
    rng = np.random.default_rng(0)
    differences = rng.uniform(0.9, 1.1, 90)
    differences[np.arange(90) % 3 > 0] = 0.05
    assert repeated(differences).sum() == 60


@settings(max_examples=50)
@given(st.integers(0, 2**32), st.floats(0.3, 8), st.floats(0.01, 0.15))
def test_differences_of_one_crowd_are_nobodys_repetition(seed: int, level: float, spread: float):
    rng = np.random.default_rng(seed)
    drift = np.linspace(1, 3, 120)  # the scene moves more and more
    assert repeated(level * drift * np.exp(rng.normal(0, spread, 120))).mean() <= 0.02


def test_few_frames_and_faint_noise_say_nothing_unless_pictures_are_equal():
    assert repeated(np.array([1.0, 0.1, 1.0, 0.0])).tolist() == [False, False, False, True]
    faint = np.full(4 * NEIGHBOURS, 0.1)
    faint[::9] = 0.004
    assert not repeated(faint).any()
    assert len(repeated(np.empty(0))) == 0
