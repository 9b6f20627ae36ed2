"""The face's texture and blood supply, for a light and a dark subject."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tast.phantom import outlines
from tast.phantom.face import DELAY_TAPS_S, FaceTexture, face_texture
from tast.phantom.photograph import photograph
from tast.phantom.subject import subject

TEXEL = 1.0


def texture(fitzpatrick_melanosomes: float) -> FaceTexture:
    person = replace(subject(7, 1), mirrored=False, melanosomes=fitzpatrick_melanosomes)
    return face_texture(person, TEXEL)


@pytest.fixture(scope="module")
def fair() -> FaceTexture:
    return texture(0.03)


@pytest.fixture(scope="module")
def dark() -> FaceTexture:
    return texture(0.21)


def at(face: FaceTexture, point: tuple[float, float]) -> float:
    step = face.perfusion_texel_size
    total = face.perfusion.sum(axis=2)
    return float(total[round((point[1] - face.origin[1]) / step), round((point[0] - face.origin[0]) / step)])


def centre(outline: outlines.Outline) -> tuple[float, float]:
    x, y = np.mean(outline, axis=0)
    return float(x), float(y)


def test_regions_are_coverages_and_hair_is_no_skin() -> None:
    photo = photograph()
    for region in (photo.person, photo.skin, photo.perfused, photo.hair, photo.brows, photo.clothes):
        assert region.shape == (512, 512) and region.min() >= 0 and region.max() <= 1
    assert np.all(photo.perfused <= photo.person + 0.3), "the pulse is on the person"
    assert photo.perfused[30, 225] == 0 and photo.hair[30, 225] > 0.99


def test_the_pulse_is_on_skin_and_not_on_eyes_mouth_and_hair(fair: FaceTexture) -> None:
    for outline in (outlines.LEFT_EYE, outlines.RIGHT_EYE, outlines.MOUTH):
        assert at(fair, centre(outline)) < 0.05
    assert at(fair, (225.0, 40.0)) == 0
    assert at(fair, (200.0, 122.0)) > 0.8, "cheek"
    assert at(fair, (225.0, 88.0)) > 0.6, "forehead"


def test_perfusion_averages_one_over_the_skin_and_spreads_over_the_delays(fair: FaceTexture) -> None:
    total = fair.perfusion.sum(axis=2)
    core = total[total > 0.5]
    assert core.mean() == pytest.approx(1, abs=0.1)
    arrival_s = (fair.perfusion @ DELAY_TAPS_S)[total > 0.5] / core
    assert arrival_s.min() >= 0 and arrival_s.max() <= DELAY_TAPS_S[-1] + 1e-9 and np.ptp(arrival_s) > 0.01


def test_melanin_darkens_the_skin_and_not_the_wall_behind(fair: FaceTexture, dark: FaceTexture) -> None:
    assert np.all(dark.skin_rgb < 0.75 * fair.skin_rgb)
    assert np.all(np.diff(dark.skin_rgb) < 0), "brown: red above green above blue"
    np.testing.assert_array_equal(dark.rgba[..., 3], fair.rgba[..., 3])
    np.testing.assert_array_equal(dark.perfusion, fair.perfusion)


def test_no_seam_where_dark_skin_ends(dark: FaceTexture) -> None:
    """Along the jaw, nothing between skin and background is brighter than the skin: no pale rim of the photograph shows."""
    alpha = dark.rgba[..., 3]
    rows = slice(int(135 - dark.origin[1]), int(150 - dark.origin[1]))
    columns = slice(int(150 - dark.origin[0]), int(300 - dark.origin[0]))
    brightness = dark.rgba[rows, columns, :3].mean(axis=2) / np.maximum(alpha[rows, columns], 0.2)
    rim = (alpha[rows, columns] > 0.3) & (alpha[rows, columns] < 0.9)
    assert rim.any()
    assert np.median(brightness[rim]) < 1.1 * dark.skin_rgb.mean()
