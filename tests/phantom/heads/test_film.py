"""Frames of people against what was planted: blood, places, outlines, light, bytes."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from tast.phantom.face import DELAY_TAPS_S
from tast.phantom.heads.body import body, renumbered
from tast.phantom.heads.film import Film, View
from tast.phantom.heads.lamp import Lamp, lamp
from tast.phantom.heads.looks import looks
from tast.phantom.heads.manner import Manner, manner, posed
from tast.phantom.heads.plain import plain_paint, plain_skin
from tast.phantom.motion import SETUPS

PROJECT = Path(__file__).parents[3]
VIEW = View(320, 240, 120)
WALL = np.full((240, 320, 3), 0.3, np.float32)
FACE_PX_CM = 18.6 / 120  # of a pixel at the face
NO_PULSE = np.zeros((len(DELAY_TAPS_S), 3), np.float32)
ABSORPTION = np.tile(np.array([0.004, 0.012, 0.007], np.float32), (len(DELAY_TAPS_S), 1))
FRONTAL = Lamp((0.0, 0.3, 0.954), 0.6)

Light = npt.NDArray[np.float32]


def film(number: int = 5, light: Lamp = FRONTAL, **changes: str) -> Film:
    person = replace(looks(11, number), hair="crop", glasses="none", beard="none")
    return Film(replace(person, **changes), VIEW, light, plain_skin(person.melanosomes), plain_paint, WALL)


@pytest.fixture(scope="module")
def person() -> Film:
    return film()


def at(moment: Manner, seen: Film, absorption: Light = NO_PULSE) -> Light:
    return seen.frame(moment, 0, absorption).copy()


def around(picture: Light, x: float, y: float, radius: int = 6) -> Light:
    row, column = round(y), round(x)
    return picture[row - radius : row + radius + 1, column - radius : column + radius + 1]


def test_skin_shows_the_colours_of_the_pulse_and_nothing_else_does(person: Film) -> None:
    """Cheeks and forehead: absorption 0.012 in green at perfusion about 1, red and blue in proportion, gloss takes a little."""
    lost = 1 - at(posed(), person, ABSORPTION) / at(posed(), person)
    marks = person.landmarks(posed(), 0)
    eyes, brow = marks[36:48].mean(axis=0), marks[19:25].mean(axis=0)
    cheeks = [around(lost, marks[k, 0], marks[30, 1]) for k in (40, 47)]
    forehead = around(lost, brow[0], brow[1] - 0.2 * (marks[8, 1] - eyes[1]))
    for patch in (*cheeks, forehead):
        red, green, blue = patch.reshape(-1, 3).mean(axis=0)
        assert 0.6 * 0.012 < green < 1.7 * 0.012
        assert red / green == pytest.approx(4 / 12, rel=0.05) and blue / green == pytest.approx(7 / 12, rel=0.05)
    assert not lost[:20].any() and not lost[:, :30].any(), "the wall"
    assert np.abs(lost[-6:]).max() < 1e-6, "the clothes"
    assert np.abs(around(lost, *marks[36:42].mean(axis=0), radius=1)).max() < 0.002, "the eye"


def test_landmarks_lie_where_the_view_puts_them(person: Film) -> None:
    """Between the eyes the view's place, give or take the camera's perspective; the eyes about 6.2 cm apart at 6.45 px per cm."""
    marks = person.landmarks(posed(), 0)
    eyes = marks[36:42].mean(axis=0), marks[42:48].mean(axis=0)
    np.testing.assert_allclose((eyes[0] + eyes[1]) / 2, [160, 0.44 * 240], atol=1.5)
    assert 33 < eyes[1][0] - eyes[0][0] < 50
    assert marks[8, 1] > marks[57, 1] > marks[33, 1] > marks[27, 1]


def test_the_head_turns_as_asked(person: Film) -> None:
    rest, right, down = (person.landmarks(posed(turn), 0) for turn in ((0, 0, 0), (20, 0, 0), (0, 15, 0)))
    assert right[30, 0] > rest[30, 0] + 15 and down[30, 1] > rest[30, 1] + 10
    rolled = person.landmarks(posed((0, 0, 10)), 0)
    across = rolled[45] - rolled[36]
    assert np.degrees(np.arctan2(across[1], across[0])) == pytest.approx(10, abs=3)


def test_eyes_close(person: Film) -> None:
    def gap(moment: Manner) -> float:
        marks = person.landmarks(moment, 0)
        return float((marks[[41, 40]] - marks[[37, 38]])[:, 1].mean())

    assert gap(posed(expression={"eyeBlink_L": 1, "eyeBlink_R": 1})) < 0.25 * gap(posed())


def test_a_small_shift_changes_an_outline_smoothly(person: Film) -> None:
    """Ten shifts of a tenth of a pixel: along the neck each changes a pixel by a tenth of the contrast, about.

    Elsewhere a few pixels jump, where an ear or an eye is finer than they are.
    """
    pictures = []
    for tenth in range(11):
        shifted = replace(posed(), shift_cm=np.array([[tenth / 10 * FACE_PX_CM, 0, 0]]))
        pictures.append(at(shifted, person))
    steps = np.abs(np.diff(pictures, axis=0)).max(axis=3)
    chin = round(person.landmarks(posed(), 0)[8, 1])
    contrast = np.ptp(pictures[0][chin - 10 : chin])
    assert steps[:, chin - 10 : chin].max() < 0.3 * contrast
    assert (steps > 0.25 * contrast).sum(axis=(1, 2)).max() < 20


def test_the_wall_stands_still_and_the_light_follows_the_lamp(person: Film) -> None:
    moved = replace(posed(), shift_cm=np.array([[3.0, 1.0, 2.0]]))
    assert np.array_equal(at(moved, person)[:15, :40], at(posed(), person)[:15, :40])
    from_right = film(light=Lamp((0.8, 0.2, 0.566), 0.4))
    picture, marks = at(posed(), from_right), from_right.landmarks(posed(), 0)
    left, right = (around(picture, marks[k, 0], marks[30, 1]).mean() for k in (36, 45))
    assert right > 1.3 * left


def test_a_shadow_crosses_the_face() -> None:
    shadow = Lamp((0.0, 0.3, 0.954), 0.4, shadow_depth=0.7, shadow_swing_cm=12, shadow_hz=0.25)
    seen = film(light=shadow)
    beginning, later = (replace(posed(), times_s=np.array([time_s])) for time_s in (1.0, 3.0))
    bright, dark = at(beginning, seen), at(later, seen)
    marks = seen.landmarks(posed(), 0)
    nose = marks[30]
    assert around(dark, *nose).mean() < 0.8 * around(bright, *nose).mean()


def test_long_hair_hides_the_ears_and_glasses_lie_on_the_nose(person: Film) -> None:
    plain = at(posed(), person)
    glasses = np.abs(at(posed(), film(glasses="thick")) - plain).max(axis=2)
    marks = person.landmarks(posed(), 0)
    assert glasses[: round(marks[19, 1]) - 8].max() < 0.02 and glasses[round(marks[33, 1]) + 2 :].max() < 0.02
    assert (glasses > 0.05).sum() > 150
    long = np.abs(at(posed(), film(hair="long")) - plain).max(axis=2)
    chin, ear = round(marks[8, 1]), round(marks[0, 0])
    assert (long[chin - 20 : chin + 10, ear - 15 : ear + 12] > 0.05).mean() > 0.3


def test_a_body_whose_vertices_are_renumbered_is_the_same_body() -> None:
    whole = body(replace(looks(11, 3), glasses="round"))
    again = renumbered(whole, np.random.default_rng(4).permutation(len(whole.vertices_cm)).astype(np.int32))
    for field in ("vertices_cm", "texels", "follows", "rises", "visibility", "occlusion", "sharpness"):
        np.testing.assert_array_equal(getattr(again, field)[again.triangles], getattr(whole, field)[whole.triangles])
    np.testing.assert_array_equal(again.vertices_cm[again.edges[:, :2]], whole.vertices_cm[whole.edges[:, :2]])
    np.testing.assert_array_equal(again.edges[:, 2:], whole.edges[:, 2:])
    np.testing.assert_array_equal(again.vertices_cm[again.seam], whole.vertices_cm[whole.seam])
    for new, old in zip(again.eyes, whole.eyes, strict=True):
        np.testing.assert_array_equal(again.vertices_cm[new.vertices], whole.vertices_cm[old.vertices])


def digest(threads: int) -> str:
    """Of three frames of a talking person with all that hair can be."""
    cv2.setNumThreads(threads)
    times_s = np.arange(3) / 30
    course = manner(np.random.default_rng(2), SETUPS["talking"], times_s, np.sin(times_s), np.cos(times_s))
    person = replace(looks(11, 3), hair="curly_long", glasses="round")
    seen = Film(person, VIEW, lamp(11, 3), plain_skin(person.melanosomes), plain_paint, WALL)
    absorption = np.tile(ABSORPTION, (3, 1, 1))
    return hashlib.sha256(b"".join(light.tobytes() for light in seen.frames(course, absorption))).hexdigest()


def test_bytes_are_the_same_in_another_process_with_two_threads() -> None:
    command = [sys.executable, "-c", "from tests.phantom.heads.test_film import digest; print(digest(2))"]
    environment = os.environ | {"NUMBA_NUM_THREADS": "2", "OPENBLAS_NUM_THREADS": "2", "PYTHONPATH": str(PROJECT)}
    other = subprocess.run(command, cwd=PROJECT, env=environment, capture_output=True, text=True, check=True)
    before = cv2.getNumThreads()
    try:
        assert other.stdout.strip() == digest(1)
    finally:
        cv2.setNumThreads(before)
