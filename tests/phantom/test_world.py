"""Worlds: drawn from a seed, each part from its own pool; a session filmed in one shows what its optics say."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tast.errors import TastError
from tast.phantom.drive import SkinDrive, simulated_drive
from tast.phantom.filmed import eight_bits, filmed
from tast.phantom.lamps import D65, LAMP_FAMILIES
from tast.phantom.sensor import SENSORS, Camera, Sensor
from tast.phantom.session import Session, in_worlds, phantom_sessions, truth
from tast.phantom.world import RATE_SPREAD, Delivery, Pools, World, face_numbers, facts, world

PLAN: dict[str, Any] = {
    "seed": 3, "subjects": 6, "sessions": 1, "seconds": 4.0, "fps_hz": 30.0, "width_px": 96, "height_px": 72,
    "face_height_px": 36, "profile": "wide", "scenarios": ("steady",), "layout": "csv",
}  # fmt: skip


def plain_session(**changes: Any) -> Session:
    """A session before a camera that adds nothing: linear, without noise, under daylight."""
    camera = Camera("industrial", Sensor(SENSORS[0]), full_well_electrons=1e9, read_noise_electrons=0, tone="linear", bits=10)
    (session,) = phantom_sessions(**(PLAN | {"subjects": 1} | changes))
    return replace(session, world=World(1, D65, camera, Delivery(15.0), world(1, 1).coding), face=8, fps_hz=15.0)


def test_a_world_is_its_seeds_in_any_process() -> None:
    code = "from tast.phantom.world import world; print(world(5, 3))"
    other = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert other.stdout.strip() == repr(world(5, 3))
    assert world(5, 3) == world(5, 3) != world(5, 4)


def test_each_part_comes_from_its_own_pool() -> None:
    """Two protocols' worlds share nothing of what their pools do not share, and what is drawn of one part moves no other."""
    seen = Pools(lamps=LAMP_FAMILIES[:2], sensors=SENSORS[:20], faces=(1, 101))
    unseen = Pools(lamps=LAMP_FAMILIES[2:], sensors=SENSORS[20:], faces=(101, 201))
    slow = Pools(rates_hz=(15.0, 25.0))
    for number in range(1, 40):
        one, other = world(1, number, seen), world(1, number, unseen)
        assert set(one.lamp.family.split(" and ")) <= set(LAMP_FAMILIES[:2])
        assert set(other.lamp.family.split(" and ")) <= set(LAMP_FAMILIES[2:])
        assert one.camera.sensor.name in SENSORS[:20] and other.camera.sensor.name in SENSORS[20:]
        assert one.delivery == other.delivery
        late = world(1, number, slow).delivery
        assert min(abs(late.fps_hz / rate - 1) for rate in slow.rates_hz) <= RATE_SPREAD
        assert (late.dropped, late.doubled) == (one.delivery.dropped, one.delivery.doubled)
    assert not set(face_numbers(1, 100, seen)) & set(face_numbers(1, 100, unseen))


def test_nobody_has_two_faces_and_too_few_are_refused() -> None:
    pools = Pools(faces=(11, 31))
    assert sorted(face_numbers(9, 20, pools)) == list(range(11, 31))
    assert face_numbers(9, 5, pools) == face_numbers(9, 20, pools)[:5]
    with pytest.raises(TastError, match="subjects = 21; expected at most 20"):
        face_numbers(9, 21, pools)


def test_people_take_turns_in_the_worlds() -> None:
    sessions = in_worlds(phantom_sessions(**(PLAN | {"sessions": 2, "scenarios": "all"})), count=4, cameras=("webcam",))
    assert [s.in_world.number for s in sessions] == [1, 1, 2, 2, 3, 3, 4, 4, 1, 1, 2, 2]
    assert all(a.face == b.face for a, b in zip(sessions[::2], sessions[1::2], strict=True))
    assert {s.in_world.camera.kind for s in sessions} == {"webcam"}
    assert all(s.fps_hz == s.in_world.delivery.fps_hz for s in sessions)
    assert {"lamp", "sensor", "coding", "fps_hz"} <= set(facts(sessions[0].in_world))


def test_of_each_subject_many_heads_take_turns_in_the_worlds() -> None:
    plan = phantom_sessions(**(PLAN | {"subjects": 2, "sessions": 4, "scenarios": "all"}))
    sessions = in_worlds(plan, count=4, heads=3)
    assert [s.in_world.number for s in sessions] == [1, 2, 3, 1, 4, 1, 2, 4]
    heads = [s.face for s in sessions]
    assert heads[0] == heads[3] and heads[4] == heads[7] and len(set(heads)) == 6
    with pytest.raises(TastError, match="heads of phantom subjects = 6; expected at most 5"):
        in_worlds(plan, count=4, heads=3, faces=(1, 6))
    with pytest.raises(TastError, match="rates_hz 12 is unknown; expected some of 15"):
        in_worlds(plan, count=4, rates_hz=(12.0,))


def test_the_pulse_of_the_raw_channels_is_that_of_the_skin() -> None:
    session = plain_session()
    drive = simulated_drive(session)
    assert isinstance(drive, SkinDrive)
    times_s = np.arange(0, 4, 0.02)
    lost = drive.absorption(times_s, np.zeros(1))[:, 0]
    saturation = drive.spo2.at(times_s) / 100
    steady = 1 - session.colours.tint(session.skin, saturation, *drive.perfusion.at(times_s))
    beat = (lost - steady) / session.colours.pulse_strengths(session.skin, saturation)
    assert_allclose(beat, np.repeat(drive.pulse.volume_at(times_s)[:, None], 3, axis=1), atol=1e-12)


class Flash:
    """From the second frame on blood takes so much of each raw channel."""

    def __init__(self, taken: np.ndarray) -> None:
        self.taken = taken

    def absorption(self, times_s: np.ndarray, delays_s: np.ndarray) -> np.ndarray:
        return np.where(times_s[:, None, None] > times_s[0], self.taken, 0) * np.ones((len(times_s), len(delays_s), 1))


@pytest.mark.parametrize("face", [8, 21, 34])
def test_a_face_shows_the_ratios_of_its_skin(face: int) -> None:
    """The same moment with and without blood: what the surface reflects dilutes the channels by some per cent, no more."""
    session = replace(plain_session(seconds=0.2, width_px=160, height_px=120, face_height_px=60), face=face)
    strengths = 5 * session.colours.pulse_strengths(session.skin, 0.97)
    (_, pale), (_, flushed) = (list(filmed(session, session.in_world, Flash(taken)))[1] for taken in (np.zeros(3), strengths))
    cheeks = np.s_[62:78, 66:94]
    before, after = (picture[cheeks].mean(axis=(0, 1), dtype=float) for picture in (pale, flushed))
    measured = (before - after) / before
    expected = session.colours.picture_pulse(session.skin, 0.97)
    assert_allclose(measured / measured[1], expected / expected[1], rtol=0.2)
    assert 0.5 < measured[1] / (5 * expected[1]) < 1.3


def test_the_truth_of_a_world_is_its_own_optics_at_the_saturation_of_the_moment() -> None:
    session = plain_session()
    true = truth(session)
    pulses = session.colours.picture_pulse(session.skin, true.spo2_percent / 100)
    assert np.ptp(true.spo2_percent) > 0.3 and np.ptp(true.ratio_of_ratios) > 0.005
    assert_allclose(true.ratio_of_ratios, pulses[:, 0] / pulses[:, 1])
    assert np.corrcoef(true.spo2_percent, true.ratio_of_ratios)[0, 1] < -0.9, "less oxygen, more of red"


def test_frames_follow_from_the_session_alone() -> None:
    session = replace(in_worlds(phantom_sessions(**PLAN), count=3)[1], seconds=0.4)
    once, again = (list(filmed(session, session.in_world)) for _ in range(2))
    assert [time_s for time_s, _ in once] == [time_s for time_s, _ in again]
    for (_, first), (_, second) in zip(once, again, strict=True):
        assert_array_equal(first, second)


def test_ten_bits_become_eight_by_rounding() -> None:
    assert_array_equal(
        eight_bits(np.array([0, 1, 2, 5, 6, 1021, 1023], np.uint16)), np.array([0, 0, 1, 1, 2, 255, 255], np.uint8)
    )
    picture = np.array([[3, 250]], np.uint8)
    assert eight_bits(picture) is picture
