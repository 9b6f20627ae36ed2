from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from tast.errors import VideoRejected
from tast.preprocessing.align import align
from tast.preprocessing.mask import FaceOutlines, closed_chain, common_inside, drawn, least_steep, mask, overexposed
from tast.records import FaceVideo
from tests.preprocessing import scene


@pytest.fixture(scope="module")
def aligned() -> FaceVideo:
    film = scene.film(scene.swaying(2.0))
    return align(film, "r", roi_size_px=128, smooth_s=0.5, detect_every_s=1.0, landmarks_every_s=0.1, max_gap_s=0.5)


@pytest.fixture(scope="module")
def masked(aligned: FaceVideo) -> FaceVideo:
    return mask(aligned, mesh_every_frames=5, erode_px=4)


def test_one_mask_for_all_frames_and_exactly_zero_outside(aligned: FaceVideo, masked: FaceVideo) -> None:
    kept = (masked.frames != 0).any(axis=(0, 3))
    assert not masked.frames[:, ~kept].any()
    np.testing.assert_array_equal(masked.frames[:, kept], aligned.frames[:, kept])
    assert masked.frames.dtype == np.uint8
    assert masked.notes["mask_share"] == pytest.approx(kept.mean(), abs=1e-3)


def test_the_face_is_inside_and_background_hair_and_neck_are_not(masked: FaceVideo) -> None:
    kept = (masked.frames != 0).any(axis=(0, 3))
    for row, column in [(55, 46), (55, 81), (80, 64), (90, 50), (90, 78), (104, 64)]:  # eyes, nose, cheeks, chin
        assert kept[row, column]
    for row, column in [(5, 64), (64, 5), (64, 122), (125, 64), (120, 20), (10, 10)]:
        assert not kept[row, column]
    assert 0.2 < kept.mean() < 0.45


def test_it_hardly_depends_on_how_often_the_mesh_runs_and_repeats_to_the_bit(aligned: FaceVideo, masked: FaceVideo) -> None:
    assert mask(aligned, mesh_every_frames=5, erode_px=4).frames.tobytes() == masked.frames.tobytes()
    each = (mask(aligned, mesh_every_frames=1, erode_px=4).frames != 0).any(axis=(0, 3))
    fifth = (masked.frames != 0).any(axis=(0, 3))
    assert (each & fifth).sum() / (each | fifth).sum() > 0.97


def test_no_face_is_rejected() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (10, 128, 128, 3), dtype=np.uint8)
    with pytest.raises(VideoRejected, match="r: no face mesh found in 5 aligned frames"):
        mask(FaceVideo("r", noise, np.arange(10) / 30, np.ones(10)), mesh_every_frames=2, erode_px=4)


def test_a_face_that_is_not_where_alignment_says_is_rejected(aligned: FaceVideo) -> None:
    """As if the landmarks lay 14 px, or 0.4 eye distances, beside the eyes."""
    astray = replace(aligned, frames=np.roll(aligned.frames, 14, axis=2))
    with pytest.raises(VideoRejected, match=r"r: eyes of the mesh 0\.[34]\d eye distances off those of the alignment"):
        mask(astray, mesh_every_frames=5, erode_px=4)


def test_native_chatter_is_swallowed_and_standard_error_comes_back(aligned: FaceVideo, capfd: pytest.CaptureFixture[str]) -> None:
    mask(aligned, mesh_every_frames=20, erode_px=4)
    assert capfd.readouterr().err == ""
    os.write(2, b"still heard")
    assert capfd.readouterr().err == "still heard"


def square(left: float = 10.0, top: float = 10.0, side: float = 20.0) -> npt.NDArray[np.float64]:
    return np.array([[left, top], [left + side, top], [left + side, top + side], [left, top + side]])


def test_common_inside_is_what_nearly_all_drawings_hold_less_a_rim() -> None:
    here, off, corner = (drawn(FaceOutlines(square(*at), ()), (40, 40), skin_only=False) for at in ((10, 10), (18, 10), (30, 30)))
    assert common_inside([here] * 100, 0).sum() == 21 * 21
    assert common_inside([here] * 99 + [off], 0).sum() == 21 * 21  # 99 % suffice
    assert common_inside([here] * 98 + [off] * 2, 0).sum() == 21 * 13
    assert common_inside([here], 3).sum() == 15 * 15
    assert common_inside([corner], 3).sum() == 4 * 4  # the image's border erodes as well


def test_skin_only_leaves_out_the_hulls_of_the_features_and_a_rim_around_them() -> None:
    corners_in_any_order = square(16, 18, 8)[[0, 2, 1, 3]]
    outlines = FaceOutlines(square(), (corners_in_any_order,))
    whole, skin = (drawn(outlines, (40, 40), skin_only=skin_only) for skin_only in (False, True))
    assert whole.sum() == 21 * 21
    assert skin.sum() == 21 * 21 - 9 * 9
    assert not skin[18:27, 16:25].any()
    assert not common_inside([skin], 2)[16:29, 18:23].any()


def test_skin_only_on_a_face(aligned: FaceVideo, masked: FaceVideo) -> None:
    skin = (mask(aligned, mesh_every_frames=5, erode_px=4, skin_only=True).frames != 0).any(axis=(0, 3))
    kept = (masked.frames != 0).any(axis=(0, 3))
    assert kept[skin].all()
    for row, column in [(55, 46), (55, 81), (45, 46), (92, 64)]:  # eyes, a brow, the mouth
        assert not skin[row, column]
    for row, column in [(72, 45), (72, 82), (38, 64)]:  # cheeks, forehead
        assert skin[row, column]


def test_of_a_face_the_least_steep_share_is_kept() -> None:
    """A ramp beside an even field, both lit: with half of the pixels, none of the ramp."""
    light = np.full((20, 40), 100.0)
    light[:, 20:] += 5 * np.arange(20)
    inside = np.zeros(light.shape, dtype=bool)
    inside[5:15, 4:36] = True
    half = least_steep(light, inside, 0.4)
    assert half.sum() == pytest.approx(0.4 * inside.sum(), abs=20)  # the even field's ties stay together
    assert not half[:, 20:].any()
    assert not half[~inside].any()
    np.testing.assert_array_equal(least_steep(light, inside, 1.0), inside)
    brighter = light.copy()
    brighter[:, 20:] *= 4  # more light makes a ramp no steeper, relative to it
    assert not least_steep(brighter, inside, 0.4)[:, 20:].any()


def test_the_share_is_of_the_pixels_inside() -> None:
    """Steeper and steeper from left to right inside, even outside: of the inside 40 % are kept, not none."""
    light = np.full((20, 80), 100.0)
    light[:, 40:] *= np.exp(0.0005 * np.arange(40) ** 2)
    inside = np.zeros(light.shape, dtype=bool)
    inside[5:15, 45:75] = True
    assert least_steep(light, inside, 0.4).sum() == pytest.approx(0.4 * inside.sum(), abs=10)
    assert least_steep(light, inside, 0.4)[5:15, 45:55].all()


def test_overexposed_is_what_any_channel_often_is() -> None:
    frames = np.full((100, 4, 4, 3), 200, dtype=np.uint8)
    frames[:3, 1, 1, 0] = 255
    frames[:2, 2, 2, 1] = 255  # as often as noise may
    frames[:, 3, 3, 2] = 249
    assert np.argwhere(overexposed(frames, 250)).tolist() == [[1, 1]]


def test_overexposed_pixels_of_a_face_are_black_and_a_face_of_nothing_else_is_rejected(aligned: FaceVideo) -> None:
    frames = aligned.frames.copy()
    frames[:, 60:80, 40:50, 0] = 255  # the red of a cheek
    pale = replace(aligned, frames=frames)
    kept = (mask(pale, mesh_every_frames=20, erode_px=4, overexposed_level=250).frames != 0).any(axis=(0, 3))
    assert not kept[60:80, 40:50].any()
    assert kept[60:80, 80:88].all()
    with pytest.raises(VideoRejected, match="the whole face is overexposed, at 1 of 255 or above"):
        mask(aligned, mesh_every_frames=20, erode_px=4, overexposed_level=1)


def test_edges_become_one_closed_chain() -> None:
    assert closed_chain([(3, 1), (1, 2), (4, 2), (4, 3)]) == [1, 2, 4, 3]
    with pytest.raises(ValueError, match="one closed polygon"):
        closed_chain([(1, 2), (2, 3)])
    with pytest.raises(ValueError, match="more than one"):
        closed_chain([(1, 2), (2, 3), (3, 1), (4, 5), (5, 6), (6, 4)])
