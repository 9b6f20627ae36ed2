"""What is painted on the atlas: amounts relative to the person's mean, features in their places, blood where skin is."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tast.phantom.heads.atlas import FACE_HEIGHT, PULSE_TEXEL, atlas, region, smooth_outline, texels_of_face
from tast.phantom.heads.looks import Looks, looks
from tast.phantom.heads.morphable import morphable_head
from tast.phantom.heads.paint import Painting, painted
from tast.records import FloatArray

PLAIN = replace(looks(5, 4), neckline="crew", hair="short", beard="none", glasses="none", freckles=0.0, fitzpatrick=2)


def at_mark(field: FloatArray, number: int) -> float:
    """A map's value at one landmark."""
    column, row = texels_of_face(morphable_head().vertices_cm[morphable_head().landmarks68[number]][None])[0]
    return float(field[round(row), round(column)])


@pytest.fixture(scope="module")
def painting() -> Painting:
    return painted(PLAIN)


def test_melanin_and_blood_are_relative_to_the_mean_over_the_bare_face(painting: Painting) -> None:
    bare = (1 - painting.cover[:FACE_HEIGHT]) * atlas().face
    for amount in (painting.melanin, painting.blood):
        assert np.average(amount[:FACE_HEIGHT], weights=bare) == pytest.approx(1, abs=0.02)  # the brows and lids lie above
        assert amount.min() > 0


def test_lips_hold_more_blood_and_brows_cover_the_skin(painting: Painting) -> None:
    lips = np.average(painting.blood[:FACE_HEIGHT], weights=atlas().lips)
    assert 1.3 < lips < 4
    assert at_mark(painting.cover, 19) > 0.3 and at_mark(painting.cover, 24) > 0.3
    assert at_mark(painting.cover, 30) < 0.02, "the tip of the nose is bare"


def test_perfusion_averages_one_over_the_face_and_is_none_where_there_is_no_skin(painting: Painting) -> None:
    whole = painting.perfusion.sum(axis=2)
    face = atlas().face[::PULSE_TEXEL, ::PULSE_TEXEL][: FACE_HEIGHT // PULSE_TEXEL]
    seen = whole[: FACE_HEIGHT // PULSE_TEXEL]
    skin = (face > 0) & (seen > 0.3)
    assert seen[skin].mean() == pytest.approx(1, abs=0.12)
    assert whole[FACE_HEIGHT // PULSE_TEXEL :].max() == 0, "the patches"
    cloth = seen[-4:]
    assert cloth[:, 100:156].max() == 0, "below the collar, in front"


def test_the_pulse_arrives_later_on_the_forehead_than_on_the_chin(painting: Painting) -> None:
    delay = painting.perfusion @ np.arange(painting.perfusion.shape[2]) / np.maximum(painting.perfusion.sum(axis=2), 1e-6)
    around = []
    for height in (-6.0, 8.5):
        column, row = (round(float(value) / PULSE_TEXEL) for value in texels_of_face(np.array([[0.0, height, 10.0]]))[0])
        around.append(delay[row - 3 : row + 4, column - 6 : column + 7].mean())
    assert around[1] > around[0] + 0.5


@pytest.mark.parametrize(("beard", "number"), [("full", 8), ("goatee", 8), ("moustache", 33)])
def test_a_beard_covers_its_place(beard: str, number: int, painting: Painting) -> None:
    bearded = painted(replace(PLAIN, beard=beard))
    place = texels_of_face(morphable_head().vertices_cm[morphable_head().landmarks68[number]][None])[0]
    column, row = round(float(place[0])), round(float(place[1])) + (14 if beard == "moustache" else -12)
    patch = np.s_[row - 4 : row + 5, column - 4 : column + 5]
    assert bearded.cover[patch].mean() > 0.5 > painting.cover[patch].mean() + 0.3


def test_freckles_are_spots_of_melanin_on_the_cheeks() -> None:
    def contrast(person: Looks) -> float:
        cheek = painted(person).melanin[225:275, 560:620]
        return float(np.percentile(cheek, 98) / np.median(cheek))

    assert contrast(replace(PLAIN, freckles=1.0)) > contrast(PLAIN) + 0.15


def test_a_bald_head_has_no_hair_painted_and_a_person_is_painted_alike_twice(painting: Painting) -> None:
    crown = np.s_[10:60, 480:540]
    assert painting.cover[crown].mean() > 0.7 > painted(replace(PLAIN, hair="bald")).cover[crown].mean() + 0.6
    again = painted(PLAIN)
    assert all(np.array_equal(getattr(painting, name), getattr(again, name)) for name in vars(painting))


def test_regions_are_soft_and_as_large_as_their_outlines() -> None:
    """A circle of radius 40 texels, whose border's texels count as inside."""
    angle = np.linspace(0, 2 * np.pi, 13)[:-1]
    outline = smooth_outline(np.stack([300 + 40 * np.cos(angle), 300 + 40 * np.sin(angle)], axis=1))
    coverage = region(outline, 3.0)
    assert coverage.sum() == pytest.approx(np.pi * 40.5**2, rel=0.02)
    assert coverage[300, 300] == pytest.approx(1, abs=0.01) and 0.3 < coverage[300, 340] < 0.7
