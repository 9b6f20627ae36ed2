"""The compiled loops against pictures and numbers known by hand."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from hypothesis import given, settings
from hypothesis import strategies as st

from tast.phantom.heads import raster

Array = npt.NDArray[np.generic]
SQUARE = np.array([[2, 1, 5], [6, 1, 5], [2, 4, 5], [6, 4, 5]], np.float32)  # x, y, depth
TWO = np.array([[0, 1, 2], [1, 3, 2]], np.int32)  # clockwise, y down


def drawn(
    screen: npt.NDArray[np.float32], values: npt.NDArray[np.float32], triangles: npt.NDArray[np.int32], size: tuple[int, int]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32], npt.NDArray[np.bool_]]:
    depth, facing = np.full(size, np.inf, np.float32), np.zeros(len(triangles), np.bool_)
    picture = np.zeros((*size, values.shape[1]), np.float32)
    raster.drawn(screen, values, triangles, depth, picture, facing)
    return depth, picture, facing


def test_a_square_covers_its_pixels_and_carries_its_values_linearly() -> None:
    values = np.stack([10 * SQUARE[:, 0], SQUARE[:, 1]], axis=1)
    depth, picture, facing = drawn(SQUARE, values, TWO, (6, 9))
    inside = np.zeros((6, 9), bool)
    inside[1:5, 2:7] = True
    assert np.array_equal(np.isfinite(depth), inside) and facing.all()
    y, x = np.nonzero(inside)
    np.testing.assert_allclose(picture[inside], np.stack([10 * x, y], axis=1), atol=1e-4)


def test_back_faces_are_not_drawn_and_what_is_nearer_hides_the_rest() -> None:
    depth, _, facing = drawn(SQUARE, SQUARE, np.ascontiguousarray(TWO[:, ::-1]), (6, 9))
    assert not np.isfinite(depth).any() and not facing.any()
    near = SQUARE + np.array([2, 0, -1], np.float32)
    both = np.concatenate([near, SQUARE])
    depth, _, _ = drawn(both, both, np.concatenate([TWO, TWO + 4]).astype(np.int32), (6, 9))
    np.testing.assert_allclose(depth[2, 2:9], [5, 5, 4, 4, 4, 4, 4], rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4)), min_size=81, max_size=81))
def test_neighbours_leave_no_gap(shifts: list[tuple[float, float]]) -> None:
    """A grid of 9 x 9 vertices, 1.7 pixels apart, each shifted: all pixels between its outer vertices are covered."""
    y, x = np.mgrid[:9, :9].astype(np.float32).reshape(2, -1) * 1.7
    moved = np.stack([x, y], axis=1) + np.array(shifts, np.float32)
    screen = np.column_stack([moved, np.ones(81)]).astype(np.float32)
    corner = (np.arange(8)[:, None] * 9 + np.arange(8)).ravel()
    triangles = np.concatenate([[corner, corner + 1, corner + 9], [corner + 1, corner + 10, corner + 9]], axis=1).T
    depth, _, _ = drawn(screen, screen, np.ascontiguousarray(triangles, dtype=np.int32), (14, 14))
    assert np.isfinite(depth[1:13, 1:13]).all()


def test_normals_point_to_the_viewer_of_a_front_face() -> None:
    """The same square in space, y up."""
    vertices = SQUARE * np.array([1, -1, 0], np.float32)
    normals = np.empty_like(vertices)
    raster.vertex_normals(vertices, TWO, normals)
    np.testing.assert_allclose(normals, np.tile([0.0, 0, 1], (4, 1)), atol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.floats(8.01, 15.99), st.booleans())
def test_an_outline_leaves_each_pixel_the_light_of_its_share(border: float, upright: bool) -> None:
    """A bright half of the picture up to `border`: along every line across it the light is the length of the bright part."""
    corners = np.array([[-4, -4, 5], [border, -4, 5], [-4, 30, 5], [border, 30, 5]], np.float32)
    triangles, edges = TWO, np.array([[1, 3, 1, -1]], np.int32)
    if not upright:
        corners = np.ascontiguousarray(corners[[0, 2, 1, 3]][:, [1, 0, 2]])
        edges = np.array([[2, 3, 1, -1]], np.int32)
    depth, picture, facing = drawn(corners, np.ones((4, 1), np.float32), triangles, (24, 24))
    light = np.repeat(picture, 3, axis=2)
    place, blend = np.zeros((999, 2), np.int32), np.zeros((999, 3), np.float32)
    raster.softened(corners, triangles, facing, edges, depth, light, place, blend)
    across = light.sum(axis=1 if upright else 0)
    np.testing.assert_allclose(across, border + 0.5, atol=1e-4)


def test_light_is_colour_times_shading_less_what_blood_takes_plus_gloss() -> None:
    """0.5 x 0.8 x (1 - 0.1) + 0.3 x 0.2 x 0.9; the wall where nothing is."""
    picture, depth = np.full((2, 2, 4), np.array([3, 3, 0.8, 0.3]), np.float32), np.ones((2, 2), np.float32)
    depth[0, 0] = np.inf
    texture, lost = np.full((8, 8, 4), np.array([0.5, 0.5, 0.5, 0.2]), np.float32), np.full((2, 2, 3), 0.1, np.float32)
    light = np.zeros((2, 2, 3), np.float32)
    white, wall = np.full(3, 0.9, np.float32), np.full((2, 2, 3), 0.7, np.float32)
    raster.coloured(picture, depth, texture, lost, white, wall, light)
    np.testing.assert_allclose(light[0, 0], 0.7)
    np.testing.assert_allclose(light[1], 0.5 * 0.8 * 0.9 + 0.3 * 0.2 * 0.9, rtol=1e-5)


def test_hair_covers_by_its_opacity_and_only_what_is_behind_it() -> None:
    """Half of the cover at half of the opacity, shading 0.5 of a colour of 0.4 at tone 1: a quarter of 0.2 and three of 1."""
    strands = np.full((4, 4, 2), np.array([127.5, 128]).round(), np.uint8)
    values = np.tile(np.array([1, 1, 0.5, 0, 0.5], np.float32), (4, 1))
    depth, light = np.full((6, 9), 9, np.float32), np.ones((6, 9, 3), np.float32)
    depth[:, 5:] = 4
    colour = np.full(3, 0.4, np.float32)
    raster.veiled(SQUARE, values, TWO, -1, depth, strands, colour, colour, light)
    np.testing.assert_allclose(light[2, 3], 0.75 + 0.25 * 0.2, atol=2e-3)
    assert (light[:, 5:] == 1).all() and (light[0] == 1).all()
    again = light.copy()
    raster.veiled(SQUARE, values, TWO, 1, depth, strands, colour, colour, light)
    assert np.array_equal(light, again), "its back is turned away"
