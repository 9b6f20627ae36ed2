"""The light around a face travels with it: what flickers there is measured, what the face does is not."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tast.params import load_params
from tast.pictures import YuvPicture
from tast.preprocessing.align import align
from tast.preprocessing.light import on_grid
from tast.preprocessing.pipeline import settings_of
from tast.preprocessing.pose import Pose
from tast.preprocessing.surroundings import SurroundingsWatcher
from tests.preprocessing import scene

FACE = Pose(40 + 0j, 160 + 100j)  # in frames of 320x240: hair from x = 80 to 240, chin at y = 164


def frame(background: float, face: float) -> np.ndarray:
    picture = np.full((240, 320, 3), background, dtype=np.float32)
    picture[12:, 85:235] = face
    picture[170:] = face  # clothes
    return picture.astype(np.uint8)


def test_the_background_is_what_lies_beside_and_above_the_face():
    watcher = SurroundingsWatcher()
    for k, (background, face) in enumerate([(90, 10), (96, 200), (90, 200)]):
        watcher.take(k / 30, frame(background, face), FACE)
    found = watcher.result()
    assert_allclose(found.background, np.array([[90] * 3, [96] * 3, [90] * 3]))
    assert_allclose(found.place, [[160, 100, 40]] * 3)
    assert_array_equal(found.repeated, [False, False, False])


def test_a_head_that_moves_keeps_what_it_ever_comes_near_out_of_the_background():
    watcher = SurroundingsWatcher()
    for k, x in enumerate((100, 220)):
        picture = np.full((240, 320, 3), 90, dtype=np.uint8)
        picture[40:170, x - 75 : x + 75] = 250
        watcher.take(k / 30, picture, Pose(40 + 0j, x + 100j))
    found = watcher.result()
    assert np.isnan(found.background).all() or np.allclose(found.background, 90)


def test_a_face_that_fills_the_frame_leaves_no_background():
    watcher = SurroundingsWatcher()
    watcher.take(0.0, frame(90, 10), Pose(120 + 0j, 160 + 120j))
    assert np.isnan(watcher.result().background).all()


def test_a_frame_shown_twice_and_a_frame_without_a_face_are_known():
    noise = np.random.default_rng(1).integers(80, 100, (2, 240, 320, 3), dtype=np.uint8)
    watcher = SurroundingsWatcher()
    for k, (which, pose) in enumerate([(0, FACE), (0, FACE), (1, None)]):
        watcher.take(k / 30, noise[which], pose)
    found = watcher.result()
    assert_array_equal(found.repeated, [False, True, False])
    assert_array_equal(np.isnan(found.place[:, 0]), [False, False, True])


def test_luma_and_chroma_give_the_colour_unrounded():
    """Grey of luma 100 and half a step of chroma, by a matrix whose red is luma plus twice Cr less neutral."""
    matrix = np.array([[1, 0, 2, -256], [1, 0, 0, 0], [1, 2, 0, -256]], dtype=np.float32)
    chroma = np.full((120, 160), 128.25, dtype=np.float32)
    watcher = SurroundingsWatcher()
    watcher.take(0.0, YuvPicture(np.full((240, 320), 100, np.uint8), (chroma, chroma), matrix), FACE)
    assert_allclose(watcher.result().background, [[100.5, 100, 100.5]], atol=1e-4)


def test_a_film_keeps_its_surroundings_through_alignment():
    settings = settings_of(load_params().preprocess.model_dump())["align"]
    motion = scene.still(1.0)
    lamp = 1 + 0.1 * np.sin(2 * np.pi * 1.2 * motion.times_s)
    lit = (
        (time_s, np.rint(picture * lamp[k]).clip(0, 255).astype(np.uint8))
        for k, (time_s, picture) in enumerate(scene.film(motion))
    )
    found = align(lit, "lamp", **settings).surroundings
    assert found is not None
    assert_allclose(found.background[:, 1] / found.background[:, 1].mean(), lamp / lamp.mean(), atol=0.004)
    assert found.place[:, 2].mean() == pytest.approx(44 * 0.92, rel=0.2)


def test_values_are_joined_over_what_is_not_known():
    values = np.array([[1.0, np.nan], [np.nan, np.nan], [3.0, np.nan]])
    assert_allclose(
        on_grid(values, np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.5, 1.0])), [[1, np.nan], [1.5, np.nan], [2, np.nan]]
    )
