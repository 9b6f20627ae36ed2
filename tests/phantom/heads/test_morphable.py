"""The head's data: its size, its symmetry, and what its vertices see."""

from __future__ import annotations

import numpy as np

from tast.phantom.heads.condense import _directions, _separated
from tast.phantom.heads.morphable import HARMONICS, HEAD, harmonics, morphable_head


def test_the_file_is_small_and_has_its_licence_and_origin_beside_it() -> None:
    assert HEAD.stat().st_size < 5e6
    assert "MIT License" in (HEAD.parent / "LICENSE").read_text()
    assert "ICT-FaceKit" in (HEAD.parent / "SOURCE.md").read_text()
    with np.load(HEAD, allow_pickle=False) as arrays:
        assert arrays["identity"].shape[0] == 48


def test_the_landmarks_are_those_of_a_face_that_looks_at_the_camera() -> None:
    """In cm: symmetric, the eyes 6.2 apart and above the nose, the chin 11 below them, the nose in front."""
    head = morphable_head()
    points = head.vertices_cm[head.landmarks68]
    np.testing.assert_allclose(points[0:8] * [-1, 1, 1], points[16:8:-1], atol=0.02)
    left, right = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    assert 5.5 < right[0] - left[0] < 6.6 and 10 < left[1] - points[8, 1] < 12
    assert points[30, 2] == points[:, 2].max()


def test_expressions_and_people_move_what_they_should() -> None:
    head = morphable_head()
    jaw, blink = (head.expression[head.expression_names.index(name)] for name in ("jawOpen", "eyeBlink_L"))
    assert jaw[head.landmarks68[8], 1] < -2 and abs(jaw[head.landmarks68[27]]).max() < 0.05
    assert blink[head.landmarks68[44], 1] < -0.4 and abs(blink[head.landmarks68[37]]).max() < 0.05
    sizes = np.sqrt((head.identity**2).sum(axis=2).mean(axis=1))
    assert 0.3 < sizes[0] < 0.6 and sizes[0] == sizes.max()


def test_harmonics_are_orthonormal_over_the_sphere() -> None:
    values = harmonics(_directions(4000))
    np.testing.assert_allclose(4 * np.pi / 4000 * values.T @ values, np.eye(HARMONICS), atol=0.01)


def test_vertices_see_the_light_from_where_nothing_is_in_the_way() -> None:
    """The forehead sees the front and not the back; below the nose little comes from above, which the forehead sees."""
    head = morphable_head()
    front, back, above = (head.visibility @ harmonics(np.array([d]))[0] for d in ([0.0, 0, 1], [0.0, 0, -1], [0.0, 1, 0]))
    skin = head.of_part("skin")
    forehead = np.argmin(np.where(skin, np.linalg.norm(head.vertices_cm - [0, 9, 10], axis=1), np.inf))
    below_nose = head.landmarks68[33]
    assert front[forehead] > 0.8 and back[forehead] < 0.2
    assert above[below_nose] < 0.3 < above[forehead]
    assert head.occlusion[below_nose] < 0.9 < 0.95 < head.occlusion[forehead]


def test_parts_get_vertices_of_their_own_along_their_border() -> None:
    """Two triangles that share an edge, of which one is of part 1: the edge's vertices are there twice."""
    origin, part, triangles = _separated(np.array([[0, 1, 2], [1, 3, 2]], np.int32), np.array([0, 0, 0, 1]))
    assert sorted(zip(origin, part, strict=True)) == [(0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (3, 1)]
    assert np.array_equal(origin[triangles], [[0, 1, 2], [1, 3, 2]])
    assert np.array_equal(part[triangles], [[0, 0, 0], [1, 1, 1]])
