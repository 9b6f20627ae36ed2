"""Hair that hangs from the sides and the back of the head: over the ears, behind the neck, before the shoulders."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from tast.phantom.heads.atlas import noise
from tast.phantom.heads.body import grid_triangles
from tast.phantom.heads.hair_style import Layer, Style
from tast.phantom.heads.looks import Looks
from tast.phantom.heads.skull import Skull, disc_of, facing_outwards
from tast.records import FloatArray

Float32Array = npt.NDArray[np.float32]

ROWS, COLUMNS = 22, 64  # of a sheet's mesh, from above down and round the head
HEIGHT_PX, WIDTH_PX = 384, 512  # of its strands
TOP_CM = 7.6
INNER, OUTER = 0.72, 1.0  # the sheets, as shares of the thickness; the inner one is dense, and seen from its inside as well


def locks(person: Looks, style: Style, shape: Skull) -> list[Layer]:
    """The sheets from the inner to the outer one. Raises ValueError for a style whose hair does not hang."""
    if style.length_cm is None:
        raise ValueError(f"hair {person.hair!r} has no length_cm; expected a style whose hair hangs")
    rng = person.stream("locks")
    swing = noise(rng, (8, 64), 1.0)
    down = np.linspace(0, 1, ROWS)
    columns, rows = np.meshgrid(np.linspace(1, WIDTH_PX - 3, COLUMNS), np.linspace(1, HEIGHT_PX - 3, ROWS))
    back = np.clip(-np.cos(_turn(style, style.length_cm)), 0, 1)
    layers = []
    for share in (INNER, OUTER):
        points = np.array([_row(style, shape, swing, s, share) for s in down])
        strands = _strands(rng, style)
        shade = (0.45 + 0.5 * share) * (1 - 0.55 * back[None, :]) * (1 - 0.25 * down[:, None])
        triangles = grid_triangles(ROWS, COLUMNS, closed=False)
        flat = points.reshape(-1, 3)
        axis = flat[triangles[:, 0]] * [0, 1, 0]
        layers.append(
            Layer(
                vertices_cm=flat.astype(np.float32),
                triangles=facing_outwards(flat, triangles, axis),
                texels=np.stack([columns, rows], axis=-1).reshape(-1, 2).astype(np.float32),
                cover=_cover(strands, dense=share == INNER),
                tone=np.clip(0.95 + 0.20 * strands, 0.35, 1.8).astype(np.float32),
                occlusion=shade.ravel().astype(np.float32),
                opacity=np.repeat(np.clip(down / 0.12, 0, 1), COLUMNS).astype(np.float32),
                hangs=np.clip((-8 - flat[:, 1]) / 9, 0, 1).astype(np.float32),
                two_sided=share == INNER,
            )
        )
    return layers


def _turn(style: Style, y: float) -> FloatArray:
    """(COLUMNS,) angle of each lock from the nose at height y, in radians: away from the cheeks further down."""
    opening = np.radians(style.opening_deg + 26 * np.clip((6 - y) / 9, 0, 1))
    return np.linspace(opening, 2 * np.pi - opening, COLUMNS)


def _row(style: Style, shape: Skull, swing: Float32Array, s: float, share: float) -> FloatArray:
    """(COLUMNS, 3) one row of a sheet; s: 0 above to 1 at the tips."""
    assert style.length_cm is not None
    y = TOP_CM + (style.length_cm - TOP_CM) * s
    turn = _turn(style, y)
    directions = np.stack([np.sin(turn), np.full_like(turn, 0.28), np.cos(turn)], axis=1)
    position, normal = shape.at(disc_of(directions / np.linalg.norm(directions, axis=1, keepdims=True)))
    flat = normal * [1, 0, 1]
    flat /= np.linalg.norm(flat, axis=1, keepdims=True)
    frontal = np.clip((np.cos(turn) + 0.35) / 0.8, 0, 1)
    from_nose_deg = np.abs((np.degrees(turn) + 180) % 360 - 180)
    out = style.thick_cm * (0.3 + 0.7 * share) * (0.6 + 0.4 * np.sin(np.pi * min(1.0, 1.15 * s))) * (1 - 0.4 * frontal)
    out = out + 1.9 * np.exp(-(((from_nose_deg - 92) / 26) ** 2) - ((y - 0.5) / 4.5) ** 2)  # over the ears
    bend = np.interp(np.linspace(0, 63, COLUMNS), np.arange(64), swing[int(s * 6.9)])
    narrow = 1 - (0.20 if style.length_cm > -10 else 0.04) * np.clip((1 - y) / 11, 0, 1) * (1 - 0.5 * style.curl)
    x, _, z = ((position + out[:, None] * flat) * [narrow, 1, 0.9 * narrow + 0.1]).T
    bent = (0.16 + 0.3 * style.curl) * s * bend
    z = z - frontal * 2.2 * np.clip((4 - y) / 9, 0, 1)  # back along the jaw
    before = np.clip((np.cos(turn) + 0.45) / 0.5, 0, 1)
    z = z + before * (1.0 * np.clip(-9.0 - y, 0, None) + 0.8 * s)  # before the chest, or down the back
    z = z - (1 - before) * 0.3 * np.clip(-9.5 - y, 0, None)
    return np.column_stack([x + bent * flat[:, 0], np.full_like(x, y), z + bent * flat[:, 2]])


def _strands(rng: np.random.Generator, style: Style) -> Float32Array:
    """(HEIGHT_PX, WIDTH_PX) height of the strands, about 0 with unit variance."""
    shape, size = (HEIGHT_PX, WIDTH_PX), (WIDTH_PX, HEIGHT_PX)
    wide, fine = (cv2.resize(noise(rng, grid, 1.0), size, interpolation=cv2.INTER_CUBIC) for grid in ((10, 256), (16, 1024)))
    wave = (6 * style.curl + 1.2) * np.sin(np.linspace(0, 2 * np.pi * (1.2 + 5 * style.curl), HEIGHT_PX))
    at_x = np.clip(np.arange(WIDTH_PX) + wave[:, None] + 3 * noise(rng, shape, 60), 0, WIDTH_PX - 1).astype(np.float32)
    at_y = np.tile(np.arange(HEIGHT_PX, dtype=np.float32)[:, None], (1, WIDTH_PX))
    strands = cv2.remap(0.5 * wide + 0.7 * fine, at_x, at_y, cv2.INTER_LINEAR)
    if style.curl > 0.5:
        strands = 0.4 * strands + 0.7 * np.sin(2.0 * noise(rng, shape, 11)) + 0.2 * noise(rng, shape, 2)
    return strands.astype(np.float32)


def _cover(strands: Float32Array, *, dense: bool) -> Float32Array:
    """(HEIGHT_PX, WIDTH_PX) what the strands hide; ragged at the foremost locks and at the tips."""
    column, row = np.arange(WIDTH_PX)[None, :] / WIDTH_PX, np.arange(HEIGHT_PX)[:, None] / HEIGHT_PX
    edge = np.minimum(column, 1 - column) / 0.05 + 0.35 * strands
    tips = (1 - row) / 0.12 + 0.45 * strands
    cover = np.clip(1.5 + 0.2 * strands if dense else 0.55 + 0.45 * strands, 0, 1)
    return np.ascontiguousarray(cover * np.clip(edge, 0, 1) * np.clip(tips, 0, 1), dtype=np.float32)
