"""Frames of a person: the body moved, lit and painted before a wall, as linear raw light.

Light of a skin pixel = colour of the skin x shading x (1 - perfusion x absorption) + gloss. What colours are, the caller says:
how a lamp and a camera see skin with given melanin and blood, and how they see paint of a given sRGB colour.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tast.phantom.heads import atlas as places
from tast.phantom.heads import raster
from tast.phantom.heads.body import OPEN_SKY, Body, body, renumbered
from tast.phantom.heads.hair import Coiffure, hair
from tast.phantom.heads.lamp import Lamp
from tast.phantom.heads.looks import Looks
from tast.phantom.heads.manner import Manner
from tast.phantom.heads.morphable import FACE_CM, harmonics, morphable_head
from tast.phantom.heads.paint import Painting, painted
from tast.records import FloatArray

Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]
Skin = Callable[[Float32Array, Float32Array], Float32Array]  # melanin, blood (N,), the person's mean = 1 -> raw (N, 3)
Paint = Callable[[Float32Array], Float32Array]  # sRGB (..., 3) in 0..1 -> raw (..., 3)

FACE_DEPTH_CM = 7.0  # of the face before the origin
NECK_PIVOT_CM = np.array([0.0, -5.0, -1.5])
EYE_LEVEL = (0.50, 0.44)  # of the picture: where the middle between the eyes is, on average
BEHIND_LIDS_CM = 0.35  # how far an eyeball of the model withdraws behind closed lids, which would not cover its cornea
FINE_TEXELS = 1.1  # texels to a pixel: finer ones are averaged first
LONGEST_OUTLINE_PX = 1 << 16
BAND_TEXELS = 8  # high: what is drawn in one go along the texture


@dataclass(frozen=True)
class View:
    """Where the camera stands. face_height_px: hairline to chin of the mean head; distance_cm: to the middle of the head.

    place: of the point between the eyes, as a share of the picture's width and height.
    """

    width_px: int
    height_px: int
    face_height_px: float
    distance_cm: float = 80.0
    place: tuple[float, float] = EYE_LEVEL

    @property
    def focal_px(self) -> float:
        return self.face_height_px / FACE_CM * (self.distance_cm - FACE_DEPTH_CM)


class Film:
    """A person before a camera: `frame` draws one moment, `landmarks` says where the 68 points are in it.

    wall (H, W, 3): sRGB in 0..1. Everything that stays the same is made here, once (about a second).
    """

    def __init__(self, person: Looks, view: View, lamp: Lamp, skin: Skin, paint: Paint, wall: Float32Array) -> None:
        self._view, self._lamp = view, lamp
        whole = body(person)
        self._optics: _Optics = (view.focal_px, _middle_px(view, whole), view.distance_cm)
        painting = painted(person)
        texels_per_px = places.TEXELS_PER_CM * FACE_CM / view.face_height_px
        self._texture = _averaged(_texture(painting, skin, paint), texels_per_px / FINE_TEXELS)
        shrunk = np.divide(self._texture.shape[1::-1], (places.WIDTH, places.HEIGHT)).astype(np.float32)
        self._order = _along_texture(whole.texels * shrunk, whole.triangles)
        vertices = _as_met(whole.triangles[self._order], len(whole.texels))
        self._body = renumbered(whole, vertices)
        self._ordered = np.ascontiguousarray(self._body.triangles[self._order])
        self._expression = np.ascontiguousarray(_lids_that_close(whole)[:, vertices[: len(morphable_head().vertices_cm)]])
        self._landmarks = np.argsort(vertices)[morphable_head().landmarks68]
        self._white = paint(np.ones(3, np.float32)).astype(np.float32)
        self._wall = paint(wall).astype(np.float32)
        coiffure = hair(person)
        colour = paint(np.asarray(person.hair_rgb, np.float32)).astype(np.float32)
        self._hair = None if coiffure is None else _Hair(coiffure, colour, self._white)
        self._vertices = _Vertices(len(self._body.vertices_cm))
        self._moved = np.empty_like(self._body.vertices_cm)
        self._perfusion = _at_vertices(painting.perfusion, self._body.texels)
        self._sees = np.ascontiguousarray(self._body.visibility.T)
        self._values = np.empty((len(self._moved), 6), np.float32)
        self._values[:, :2] = (self._body.texels + 0.5) * shrunk - 0.5
        self._facing = np.zeros(len(self._body.triangles) + 1, np.bool_)
        self._outline = np.zeros((LONGEST_OUTLINE_PX, 2), np.int32), np.zeros((LONGEST_OUTLINE_PX, 3), np.float32)
        size = view.height_px, view.width_px
        self._depth, self._light = np.empty(size, np.float32), np.empty((*size, 3), np.float32)
        self._nearest = np.empty(size, np.int32)

    def frames(self, manner: Manner, absorption: Float32Array) -> Iterator[Float32Array]:
        """Each moment's light (H, W, 3) float32; absorption (T, taps, 3). The array is the same every time: use it or copy it."""
        for i in range(len(manner.times_s)):
            yield self.frame(manner, i, absorption[i])

    def frame(self, manner: Manner, i: int, absorption: Float32Array) -> Float32Array:
        """Moment i of `manner`; absorption (taps, 3): share of the light that blood takes at perfusion 1."""
        head, trunk = self._place(manner, i)
        lamp = _lit_from(self._lamp, head, float(manner.times_s[i]))
        shape, at = self._body, self._vertices
        raster.vertex_normals(at.placed_cm, shape.triangles, at.normals)
        self._join_seam()
        raster.lit(at.normals, at.placed_cm, self._sees, shape.occlusion, shape.sharpness, *lamp, at.shaded)
        raster.returned(at.shaded, self._perfusion, absorption.astype(np.float32), self._values)
        self._depth.fill(np.inf)
        np.copyto(self._light, self._wall)
        raster.shown(
            at.screen, self._values, self._ordered, self._order, self._texture, self._white, self._depth, self._nearest,
            self._light, self._facing,
        )  # fmt: skip
        raster.softened(at.screen, shape.triangles, self._facing, shape.edges, self._depth, self._light, *self._outline)
        if self._hair is not None:
            self._hair.lay(self._light, self._depth, self._optics, head, trunk, float(manner.breath_cm[i]), lamp)
        return self._light

    def landmarks(self, manner: Manner, i: int) -> FloatArray:
        """(68, 2) x, y in pixels of the Multi-PIE points at moment i."""
        self._place(manner, i)
        return self._vertices.screen[self._landmarks, :2].astype(np.float64)

    def _place(self, manner: Manner, i: int) -> tuple[Float32Array, Float32Array]:
        """Move the vertices to moment i -> how the head and the trunk moved, (3, 4) each."""
        shape, at = self._body, self._vertices
        weights = np.ascontiguousarray(manner.expression[i], dtype=np.float32)
        raster.deformed(shape.vertices_cm, self._expression, weights, self._moved)
        gaze = _rotation(manner.gaze_rad[i, 0], manner.gaze_rad[i, 1], 0.0).astype(np.float32)
        for eye in shape.eyes:
            back = np.array([0, 0, -BEHIND_LIDS_CM * manner.expression[i, eye.blink]], np.float32)
            raster.rolled(self._moved, eye.vertices, eye.centre_cm, gaze, back)
        turn, shift = _rotation(*manner.turn_rad[i]), manner.shift_cm[i]
        head = np.column_stack([turn, NECK_PIVOT_CM - turn @ NECK_PIVOT_CM + shift + manner.recoil_cm[i]]).astype(np.float32)
        trunk = np.column_stack([np.eye(3), shift]).astype(np.float32)
        raster.placed(self._moved, shape.follows, shape.rises, float(manner.breath_cm[i]), head, trunk, at.placed_cm)
        raster.projected(at.placed_cm, *self._optics, at.screen)
        return head, trunk

    def _join_seam(self) -> None:
        """Head and trunk are one surface: no edge in the light between them."""
        seam, normals = self._body.seam, self._vertices.normals
        mean = normals[seam].sum(axis=1)
        normals[seam] = (mean / np.linalg.norm(mean, axis=1, keepdims=True))[:, None]


class _Vertices:
    """Working memory for n vertices: where they are in space and in the picture, their normals, shading and gloss."""

    def __init__(self, n: int) -> None:
        self.placed_cm, self.screen, self.normals = (np.empty((n, 3), np.float32) for _ in range(3))
        self.shaded = np.empty((2, n), np.float32)


class _Hair:
    """A coiffure that is laid over a frame."""

    def __init__(self, coiffure: Coiffure, colour: Float32Array, white: Float32Array) -> None:
        n = len(coiffure.vertices_cm)
        self._coiffure, self._colour, self._white = coiffure, colour, white
        self._follows = (1 - 0.8 * coiffure.hangs).astype(np.float32)
        self._rises = np.zeros((n, 3), np.float32)
        self._rises[:, 1] = 0.35 + 0.65 * coiffure.hangs
        # hair has no shadow of its own but its occlusion
        self._sees = (OPEN_SKY * coiffure.occlusion).astype(np.float32)[None]
        self._dull = np.full(n, -1, np.float32)
        self._vertices = _Vertices(n)
        self._outside, self._within = np.empty((n, 5), np.float32), np.empty((n, 5), np.float32)

    def lay(
        self, light: Float32Array, depth: Float32Array, optics: _Optics, head: Float32Array, trunk: Float32Array,
        breath_cm: float, lamp: _Lit,
    ) -> None:  # fmt: skip
        hairs, at = self._coiffure, self._vertices
        raster.placed(hairs.vertices_cm, self._follows, self._rises, breath_cm, head, trunk, at.placed_cm)
        raster.projected(at.placed_cm, *optics, at.screen)
        raster.turned(hairs.normals, head, at.normals)
        raster.lit(at.normals, at.placed_cm, self._sees, hairs.occlusion, self._dull, *lamp, at.shaded)
        raster.combed(at.placed_cm, at.normals, at.shaded, hairs.texels, hairs.opacity, optics[2], self._outside, self._within)
        for sheet in hairs.sheets:
            for inside, values in ((1, self._within), (-1, self._outside)) if sheet.two_sided else ((-1, self._outside),):
                raster.veiled(at.screen, values, sheet.triangles, inside, depth, sheet.strands, self._colour, self._white, light)


_Optics = tuple[float, Float32Array, float]  # focal length in px, middle of the picture in px (2,), distance in cm
_Lit = tuple[Float32Array, Float32Array, float, Float32Array]  # the lamp as raster.lit takes it


def _lit_from(lamp: Lamp, head: Float32Array, time_s: float) -> _Lit:
    """The lamp at one moment, for a head that was moved by head (3, 4)."""
    towards = np.asarray(lamp.towards)
    seen_from_head = harmonics((head[:, :3].T @ towards)[None])[0].astype(np.float32)
    return seen_from_head, towards.astype(np.float32), lamp.ambient, lamp.shadow_at(time_s)


def _middle_px(view: View, shape: Body) -> Float32Array:
    """(2,) where the origin is seen, so that the eyes are at the view's place."""
    x, y, z = shape.vertices_cm[morphable_head().landmarks68[36:48]].mean(axis=0).astype(float)
    scale = view.focal_px / (view.distance_cm - z)
    return np.array([view.place[0] * view.width_px - scale * x, view.place[1] * view.height_px + scale * y], np.float32)


def _rotation(yaw_rad: float, pitch_rad: float, roll_rad: float) -> FloatArray:
    """(3, 3): roll, then pitch, then yaw. Positive: to the right of the picture, down, clockwise in the picture."""
    (cy, sy), (cp, sp), (cr, sr) = ((np.cos(a), np.sin(a)) for a in (yaw_rad, pitch_rad, -roll_rad))
    yaw = np.array([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]])
    pitch = np.array([[1, 0, 0], [0, cp, -sp], [0, sp, cp]])
    roll = np.array([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]])
    return yaw @ pitch @ roll


def _lids_that_close(shape: Body) -> Float32Array:
    """(21, N, 3) the head's expressions, with blinks that just close the person's eyes."""
    head = morphable_head()
    offsets = head.expression.copy()
    for name, upper, lower in (("eyeBlink_R", (37, 38), (41, 40)), ("eyeBlink_L", (43, 44), (47, 46))):
        number = head.expression_names.index(name)
        above, below = head.landmarks68[list(upper)], head.landmarks68[list(lower)]
        gap = (shape.vertices_cm[above] - shape.vertices_cm[below])[:, 1].mean()
        closed = (offsets[number, below] - offsets[number, above])[:, 1].mean()
        offsets[number] *= np.clip(gap / closed, 0.8, 1.7)
    return offsets


def _texture(painting: Painting, skin: Skin, paint: Paint) -> Float32Array:
    """(HEIGHT, WIDTH, 4): raw light of the evenly lit surface, and its gloss."""
    rows = places.FACE_HEIGHT
    texture = np.empty((places.HEIGHT, places.WIDTH, 4), np.float32)
    texture[..., :3] = paint(painting.paint)
    bare = skin(painting.melanin[:rows].ravel(), painting.blood[:rows].ravel()).reshape(rows, -1, 3)
    texture[:rows, :, :3] += (1 - painting.cover[:rows, :, None]) * (bare - texture[:rows, :, :3])
    texture[..., :3] *= painting.shade[..., None]
    texture[..., 3] = painting.gloss
    return texture


def _along_texture(texels: Float32Array, triangles: IntArray) -> IntArray:
    """(M,) the numbers of the triangles (M, 3) band by band of the texture, which does not fit into the processor's caches: what
    lies together is read from memory once.

    texels (N, 2): column and row of each vertex.
    """
    column, row = texels[triangles].mean(axis=1).T
    return np.lexsort((column, row // BAND_TEXELS)).astype(np.int32)


def _as_met(triangles: IntArray, count: int) -> IntArray:
    """(count,) the numbers of the vertices as the triangles come to them, those of the morphable head before all others.

    So the vertices of one triangle after the other are read from memory together as well.
    """
    met, first = np.unique(triangles, return_index=True)
    when = np.full(count, triangles.size)
    when[met] = first
    return np.lexsort((when, np.arange(count) >= len(morphable_head().vertices_cm))).astype(np.int32)


def _at_vertices(perfusion: Float32Array, texels: Float32Array) -> Float32Array:
    """(N, taps) of the maps of blood at the vertices' texels (N, 2): vertices are about as close as the maps' texels."""
    at_x, at_y = ((texels + 0.5) / places.PULSE_TEXEL - 0.5).T[..., None]
    return cv2.remap(perfusion, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)[:, 0]


def _averaged(texture: Float32Array, shrink: float) -> Float32Array:
    """So many times smaller, if at all: what is finer than the picture fills the processor's caches and flickers."""
    size = round(texture.shape[1] / max(1, shrink)), round(texture.shape[0] / max(1, shrink))
    return np.ascontiguousarray(cv2.resize(texture, size, interpolation=cv2.INTER_AREA))
