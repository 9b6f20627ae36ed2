"""The compiled loops against pictures and numbers known by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tast.phantom.heads import raster

Array = npt.NDArray[np.generic]
SQUARE = np.array([[2, 1, 5], [6, 1, 5], [2, 4, 5], [6, 4, 5]], np.float32)  # x, y, depth
TWO = np.array([[0, 1, 2], [1, 3, 2]], np.int32)  # clockwise, y down


def drawn(
    screen: npt.NDArray[np.float32], values: npt.NDArray[np.float32], triangles: npt.NDArray[np.int32], size: tuple[int, int]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    depth, picture = np.full(size, np.inf, np.float32), np.zeros((*size, values.shape[1]), np.float32)
    raster.drawn(screen, values, triangles, depth, picture)
    return depth, picture


def shown(
    values: npt.NDArray[np.float32], triangles: npt.NDArray[np.int32], texture: npt.NDArray[np.float32],
    light: npt.NDArray[np.float32], white: float, order: Sequence[int],
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]]:  # fmt: skip
    """Draws triangles of SQUARE into light (H, W, 3) -> the depth, and which triangles are front faces."""
    depth, nearest = np.full(light.shape[:2], np.inf, np.float32), np.zeros(light.shape[:2], np.int32)
    facing = np.ones(len(triangles) + 1, np.bool_)
    whites, numbers = np.full(3, white, np.float32), np.array(order, np.int32)
    raster.shown(SQUARE, values, triangles[numbers], numbers, texture, whites, depth, nearest, light, facing)
    return depth, facing


def test_a_square_covers_its_pixels_and_carries_its_values_linearly() -> None:
    values = np.stack([10 * SQUARE[:, 0], SQUARE[:, 1]], axis=1)
    depth, picture = drawn(SQUARE, values, TWO, (6, 9))
    inside = np.zeros((6, 9), bool)
    inside[1:5, 2:7] = True
    assert np.array_equal(np.isfinite(depth), inside)
    y, x = np.nonzero(inside)
    np.testing.assert_allclose(picture[inside], np.stack([10 * x, y], axis=1), atol=1e-4)


def test_back_faces_are_not_drawn_and_what_is_nearer_hides_the_rest() -> None:
    depth, _ = drawn(SQUARE, SQUARE, np.ascontiguousarray(TWO[:, ::-1]), (6, 9))
    assert not np.isfinite(depth).any()
    near = SQUARE + np.array([2, 0, -1], np.float32)
    both = np.concatenate([near, SQUARE])
    depth, _ = drawn(both, both, np.concatenate([TWO, TWO + 4]).astype(np.int32), (6, 9))
    np.testing.assert_allclose(depth[2, 2:9], [5, 5, 4, 4, 4, 4, 4], rtol=1e-6)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.floats(-0.4, 0.4), st.floats(-0.4, 0.4)), min_size=81, max_size=81))
@example([(0.0, 1e-25 if k == 40 else 0.0) for k in range(81)])  # a side that is all but level
def test_neighbours_leave_no_gap(shifts: list[tuple[float, float]]) -> None:
    """A grid of 9 x 9 vertices, 1.7 pixels apart, each shifted: all pixels between its outer vertices are covered."""
    y, x = np.mgrid[:9, :9].astype(np.float32).reshape(2, -1) * 1.7
    moved = np.stack([x, y], axis=1) + np.array(shifts, np.float32)
    screen = np.column_stack([moved, np.ones(81)]).astype(np.float32)
    corner = (np.arange(8)[:, None] * 9 + np.arange(8)).ravel()
    triangles = np.concatenate([[corner, corner + 1, corner + 9], [corner + 1, corner + 10, corner + 9]], axis=1).T
    depth, _ = drawn(screen, screen, np.ascontiguousarray(triangles, dtype=np.int32), (14, 14))
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
    depth, picture = drawn(corners, np.ones((4, 1), np.float32), triangles, (24, 24))
    facing = np.array([True, True, False])
    light = np.repeat(picture, 3, axis=2)
    place, blend = np.zeros((999, 2), np.int32), np.zeros((999, 3), np.float32)
    raster.softened(corners, triangles, facing, edges, depth, light, place, blend)
    across = light.sum(axis=1 if upright else 0)
    np.testing.assert_allclose(across, border + 0.5, atol=1e-4)


def test_light_is_colour_times_what_returns_plus_gloss() -> None:
    """0.8 x (1 - 0.5 x 0.2) of red returns, nothing lost of green, 0.8 x (1 - 0.5 x 0.1 - 0.1 x 0.5) of blue."""
    shaded, perfusion = np.array([[0.8] * 4, [0.3] * 4], np.float32), np.tile(np.array([0.5, 0.1], np.float32), (4, 1))
    absorption = np.array([[0.2, 0, 0.1], [0, 0, 0.5]], np.float32)
    values = np.full((4, 6), 3, np.float32)
    raster.returned(shaded, perfusion, absorption, values)
    returns = np.array([0.72, 0.8, 0.72])
    np.testing.assert_allclose(values, np.tile([3, 3, *returns, 0.3], (4, 1)), rtol=1e-6)
    texture, light = np.full((8, 8, 4), np.array([0.5, 0.4, 0.3, 0.2]), np.float32), np.full((6, 9, 3), 0.7, np.float32)
    depth, facing = shown(values, np.concatenate([TWO, TWO[:, ::-1]]), texture, light, 0.9, range(4))
    np.testing.assert_allclose(light[1:5, 2:7], np.tile([0.5, 0.4, 0.3] * returns + 0.3 * 0.2 * 0.9, (4, 5, 1)), rtol=1e-5)
    assert (light[0] == np.float32(0.7)).all() and np.array_equal(np.isfinite(depth), light[..., 0] != np.float32(0.7))
    assert facing.tolist() == [True, True, False, False, True]


def test_a_texel_is_seen_where_the_values_put_it() -> None:
    """A texture that grows by 1 with each column and by 10 with each row, seen half a texel to the right and a quarter below."""
    row, column = np.mgrid[:8, :16].astype(np.float32)
    texture = np.stack([column, 10 * row, column + 10 * row, np.zeros_like(row)], axis=-1)
    values = np.ones((4, 6), np.float32)
    values[:, :2] = SQUARE[:, :2] + [0.5, 0.25]
    light = np.zeros((6, 9, 3), np.float32)
    shown(values, TWO, texture, light, 1.0, range(2))
    np.testing.assert_allclose(light[3, 5], [5.5, 32.5, 38], rtol=1e-5)


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (2, 0, 3, 1)])
def test_of_surfaces_in_one_place_the_first_is_seen_in_whatever_order_they_are_drawn(order: Sequence[int]) -> None:
    """The square twice; the second one's triangles have their corners' values in another order, so that their light differs."""
    values = np.ones((4, 6), np.float32)
    values[:, 2] = [1, 2, 3, 4]
    twice = np.concatenate([TWO, [[0, 3, 2], [0, 1, 3]]]).astype(np.int32)
    alone, light = np.zeros((6, 9, 3), np.float32), np.zeros((6, 9, 3), np.float32)
    shown(values, TWO, np.ones((4, 4, 4), np.float32), alone, 0.0, (0, 1))
    shown(values, twice, np.ones((4, 4, 4), np.float32), light, 0.0, order)
    assert alone[2, 3, 0] != alone[2, 4, 0] and np.array_equal(light, alone)


def test_light_on_a_vertex_is_that_of_the_lamp_it_faces() -> None:
    """Facing the lamp, open to it: 0.4 x 1.2 / 1.2 from everywhere + 0.6; turned away 0.4 x 0.8 / 1.2; in a full shadow 0.4.

    Gloss of skin that mirrors the lamp: 0.6 x 0.08 + 0.4 x 0.012; of what is wet 0.6 x 1.63.
    """
    normals = np.array([[0, 0, 1], [0, 0, -1], [0, 0, 1], [0, 0, 1]], np.float32)
    placed, sharpness = np.array([[0, 0, 0], [0, 0, 0], [9, 0, 0], [0, 0, 0]], np.float32), np.array([0, 0, 0, 1], np.float32)
    shaded, towards = np.empty((2, 4), np.float32), np.array([0, 0, 1], np.float32)
    shadow = np.array([1, 0, 4, 5, 1], np.float32)
    whole = np.ones((1, 4), np.float32)
    raster.lit(normals, placed, whole, whole[0], sharpness, np.ones(16, np.float32), towards, 0.4, shadow, shaded)
    np.testing.assert_allclose(shaded[0], [1, 0.4 * 0.8 / 1.2, 0.4, 1], rtol=1e-5)
    np.testing.assert_allclose(shaded[1], [0.6 * 0.08 + 0.0048, 0.0048, 0.0048, 0.6 * 1.63], rtol=1e-4, atol=1e-9)


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
