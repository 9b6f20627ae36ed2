"""What is computed around Face Mesh's models: the face that the detector's numbers mean, and the square that is cut out."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from benchmarks.face_mesh import cut_out, detected


def outputs(faces: dict[int, tuple[float, list[float]]]) -> tuple[np.ndarray, np.ndarray]:
    """The detector's: of anchor -> logit, and x, y, width, height, and six points, in 128ths off the anchor."""
    numbers, logits = np.zeros((896, 16), dtype=np.float32), np.full((896, 1), -1000, dtype=np.float32)
    for anchor, (logit, given) in faces.items():
        numbers[anchor, : len(given)], logits[anchor] = given, logit
    return numbers, logits


def test_a_face_lies_where_its_anchor_and_numbers_say() -> None:
    """Anchor 512, the first of the coarse grid, lies at 1/16 of each side, by which 56 of 128 lead to the middle."""
    numbers, logits = outputs({512: (3, [56, 56, 32, 64, 46, 50, 66, 50])})
    for given in ((numbers, logits), (logits, numbers)):
        box, eyes = detected(*given)
        np.testing.assert_allclose(box, [[0.375, 0.25], [0.625, 0.75]])
        np.testing.assert_allclose(eyes, [[54 / 128, 58 / 128], [74 / 128, 58 / 128]], atol=1e-7)


def test_boxes_that_overlap_are_averaged_by_their_scores_and_a_second_face_is_not() -> None:
    same, higher, elsewhere = [56.0, 56, 32, 64], [56.0, 60, 32, 64], [8.0, 8, 16, 16]
    box, _ = detected(*outputs({512: (0, same), 513: (np.log(3), higher), 514: (0.5, elsewhere), 515: (-0.1, same)}))
    weight = 0.75 / (0.75 + 0.5)
    np.testing.assert_allclose(box, [[0.375, 0.25 + weight * 4 / 128], [0.625, 0.75 + weight * 4 / 128]], atol=1e-7)
    with pytest.raises(ValueError, match="no face"):
        detected(*outputs({}))


def test_what_is_cut_out_is_upright_where_the_face_was_turned() -> None:
    picture = np.zeros((80, 100, 3), dtype=np.uint8)
    picture[30:50, 40:50] = 200  # the left half of a square of 20
    upright = cut_out(picture, np.array([50, 40]), 20, 0, 40, cv2.BORDER_CONSTANT)
    assert upright.shape == (40, 40, 3) and upright[2:38, 2:18].min() == 200 and upright[2:38, 22:38].max() == 0
    turned = cut_out(picture, np.array([50, 40]), 20, np.pi / 2, 40, cv2.BORDER_CONSTANT)
    assert turned[22:38, 2:38].min() == 200 and turned[2:18, 2:38].max() == 0
