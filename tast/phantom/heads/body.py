"""A person as vertices and triangles: the morphable head with the person's shape, teeth, glasses, and a dressed trunk."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import pairwise

import cv2
import numpy as np
import numpy.typing as npt

from tast.phantom.heads import atlas as places
from tast.phantom.heads.atlas import atlas, eyeball
from tast.phantom.heads.clothes import cloth_region, cloth_texels
from tast.phantom.heads.looks import Looks
from tast.phantom.heads.morphable import HARMONICS, morphable_head
from tast.phantom.heads.paint import beard_region
from tast.phantom.heads.raster import deformed, vertex_normals
from tast.records import FloatArray

Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

BEARD_CM = {"full": 0.45, "goatee": 0.4, "moustache": 0.25}  # how far the hairs stand off
CLOTH_CM = 0.3
HEAD_RISES, TRUNK_RISES = np.array([0, 0.35, 0.1]), np.array([0, 1, 0.6])  # with a breath of 1 cm
OPEN_SKY = 2 * np.sqrt(np.pi)  # the first spherical harmonic of 1
HALF_HIDDEN = 0.5  # what sees less of the sky lies in shadow of the lamp as well
SOCKET_LIGHT, MOUTH_LIGHT = 0.4, 0.15  # least share of the sky: the corners of the eyes shine through, a mouth opens
TRUNK_RINGS = ((17.5, 8.5, 9.0, -18.6), (21.0, 10.5, 10.5, -24.0), (22.0, 12.0, 11.0, -33.0), (22.0, 12.5, 11.0, -70.0))


@dataclass(frozen=True, eq=False)
class Eye:
    """vertices: of the eyeball; centre_cm (3,); blink: the number of the expression that closes it."""

    vertices: IntArray
    centre_cm: Float32Array
    blink: int


@dataclass(frozen=True, eq=False)
class Body:
    """vertices_cm (N, 3) at rest; the first ones are the morphable head's, in its order, which expressions move.

    triangles (M, 3); edges (E, 4): two vertices and the triangles on both sides, -1: none. texels (N, 2) in the atlas.
    follows (N,): how much of the head's turn a vertex follows; rises (N, 3): how it moves with a breath of 1 cm.
    visibility (N, HARMONICS), occlusion (N,): see MorphableHead. sharpness (N,): 1 wet or polished, 0 skin.
    seam (S, 2): vertices of head and trunk in the same place.
    """

    vertices_cm: Float32Array
    triangles: IntArray
    edges: IntArray
    texels: Float32Array
    follows: Float32Array
    rises: Float32Array
    visibility: Float32Array
    occlusion: Float32Array
    sharpness: Float32Array
    eyes: tuple[Eye, ...]
    seam: IntArray


@dataclass(frozen=True, eq=False)
class _Part:
    """One piece of a body: vertices_cm, texels, follows, visibility, occlusion and sharpness as in Body, its own triangles."""

    vertices_cm: FloatArray
    triangles: IntArray
    texels: FloatArray
    follows: FloatArray
    visibility: FloatArray
    occlusion: FloatArray
    sharpness: FloatArray


def _piece(
    vertices_cm: FloatArray, triangles: IntArray, texels: FloatArray, *, follows: float, light: float, sharpness: float,
    visibility: FloatArray | None = None,
) -> _Part:  # fmt: skip
    """A part that is the same all over. light: share of the sky that reaches it, and without visibility of the lamp as well."""
    count = len(vertices_cm)
    if visibility is None:
        visibility = np.zeros((count, HARMONICS))
        visibility[:, 0] = OPEN_SKY * (light if light < HALF_HIDDEN else 1.0)
    return _Part(
        vertices_cm, triangles, texels, np.full(count, follows), visibility, np.full(count, light), np.full(count, sharpness)
    )


def head_shape(person: Looks) -> Float32Array:
    """(N, 3) the person's head at rest without beard and clothes, in cm."""
    head = morphable_head()
    shape = np.empty_like(head.vertices_cm)
    deformed(head.vertices_cm, head.identity, np.asarray(person.identity, np.float32), shape)
    return shape


def body(person: Looks) -> Body:
    """The person's body."""
    head = morphable_head()
    vertices = head_shape(person)
    eyes = _eyes(vertices)
    dressed = _dressed(person, vertices)
    border = _border(head.triangles[head.of_part("skin")[head.triangles].all(axis=1)])
    parts = [_head(dressed, eyes), _teeth(vertices), _trunk(dressed, border)]
    if person.glasses != "none":
        parts.append(_glasses(person, vertices, [eye.centre_cm for eye in eyes]))
    first = np.cumsum([0, *(len(part.vertices_cm) for part in parts)])
    triangles = np.concatenate([part.triangles + start for part, start in zip(parts, first, strict=False)]).astype(np.int32)

    def joined(field: str) -> Float32Array:
        return np.concatenate([getattr(part, field) for part in parts]).astype(np.float32)

    follows = joined("follows")
    return Body(
        vertices_cm=joined("vertices_cm"),
        triangles=triangles,
        edges=_edges(triangles),
        texels=joined("texels"),
        follows=follows,
        rises=((1 - follows)[:, None] * TRUNK_RISES + follows[:, None] * HEAD_RISES).astype(np.float32),
        visibility=joined("visibility"),
        occlusion=joined("occlusion"),
        sharpness=joined("sharpness"),
        eyes=eyes,
        seam=np.stack([border, first[2] + np.arange(len(border))], axis=1).astype(np.int32),
    )


def renumbered(whole: Body, vertices: IntArray) -> Body:
    """The same body with its vertices in another order: vertices (N,), their numbers so far."""
    place = np.argsort(vertices).astype(np.int32)
    of_vertices = ("vertices_cm", "texels", "follows", "rises", "visibility", "occlusion", "sharpness")
    return replace(
        whole,
        **{field: getattr(whole, field)[vertices] for field in of_vertices},
        triangles=place[whole.triangles],
        edges=np.column_stack([place[whole.edges[:, :2]], whole.edges[:, 2:]]),
        eyes=tuple(replace(eye, vertices=place[eye.vertices]) for eye in whole.eyes),
        seam=place[whole.seam],
    )


def _eyes(vertices: Float32Array) -> tuple[Eye, ...]:
    head = morphable_head()
    eyes = []
    for name, blink in (("eye_left", "eyeBlink_L"), ("eye_right", "eyeBlink_R")):
        numbers = np.flatnonzero(head.of_part(name)).astype(np.int32)
        centre = eyeball(vertices[numbers])[0].astype(np.float32)
        eyes.append(Eye(numbers, centre, head.expression_names.index(blink)))
    return tuple(eyes)


def _dressed(person: Looks, vertices: Float32Array) -> Float32Array:
    """(N, 3) the head with what a beard and clothes add to it."""
    head = morphable_head()
    normals = np.empty_like(vertices)
    vertex_normals(vertices, head.triangles, normals)
    beard = _at(cv2.GaussianBlur(beard_region(person), (0, 0), 8)) * BEARD_CM.get(person.beard, 0.0)
    cloth = _at(cv2.GaussianBlur(cloth_region(person), (0, 0), 3.0)) * CLOTH_CM
    return vertices + np.where(head.of_part("skin"), beard + cloth, 0)[:, None] * normals


def _head(vertices: Float32Array, eyes: tuple[Eye, ...]) -> _Part:
    """The morphable head itself; down the neck it follows the head's turn less and less."""
    head = morphable_head()
    along_neck = head.vertices_cm[:, 1] + 0.4 * (head.vertices_cm[:, 2] - 2)
    share = np.clip((along_neck + 15.0) / 8.5, 0, 1)
    sharpness = np.zeros(len(vertices))
    for eye in eyes:
        sharpness[eye.vertices] = 1
    least = SOCKET_LIGHT * head.of_part("socket") + MOUTH_LIGHT * head.of_part("mouth")
    occlusion = np.maximum(head.occlusion, least)
    follows = share * share * (3 - 2 * share)
    return _Part(vertices, head.triangles, atlas().texels, follows, head.visibility, occlusion, sharpness)


def _at(region: Float32Array) -> Float32Array:
    """Values (N,) of a map of the face at the vertices of the head."""
    at_x, at_y = atlas().texels.T
    return cv2.remap(region, at_x[:, None], at_y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT)[:, 0]


def grid_triangles(rows: int, columns: int, closed: bool) -> IntArray:
    """(M, 3) two triangles for each square of a grid of vertices in rows; closed: its last column joins the first.

    Clockwise as drawn where rows go down and columns to the right.
    """
    row, column = (part.ravel() for part in np.mgrid[: rows - 1, : columns - (not closed)])
    right = (column + 1) % columns
    a, b, c, d = (r * columns + k for r, k in ((row, column), (row, right), (row + 1, column), (row + 1, right)))
    return np.concatenate([np.stack([a, b, c], axis=1), np.stack([b, d, c], axis=1)]).astype(np.int32)


def _edges(triangles: IntArray) -> IntArray:
    """(E, 4) see Body."""
    sides = np.sort(np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]]), axis=1)
    owner = np.tile(np.arange(len(triangles)), 3)
    order = np.lexsort((owner, sides[:, 1], sides[:, 0]))
    sides, owner = sides[order], owner[order]
    same = np.append((sides[1:] == sides[:-1]).all(axis=1), False)
    starts = np.append(True, ~same[:-1])
    second = np.where(same[starts], np.append(owner[1:], -1)[starts], -1)
    return np.column_stack([sides[starts], owner[starts], second]).astype(np.int32)


def _teeth(vertices: Float32Array) -> _Part:
    """An arch of upper teeth behind the lips."""
    marks = vertices[morphable_head().landmarks68]
    lip, corners = marks[62], marks[[60, 64]]
    half = 0.8 * (corners[1, 0] - corners[0, 0]) / 2
    x = np.linspace(-half, half, 13)
    rows = [np.column_stack([x, np.full(13, lip[1] + up), lip[2] - 0.75 - 0.42 * x**2]) for up in (0.9, -0.42)]
    patch = (
        np.array(places.TEETH_PATCH)
        + 1
        + np.stack(np.meshgrid(np.linspace(0, 1, 13), [0, 1]), axis=-1).reshape(-1, 2) * (np.array(places.TEETH_PX) - 2)
    )
    triangles = grid_triangles(2, 13, closed=False)
    return _piece(np.concatenate(rows), triangles, patch, follows=1.0, light=0.35, sharpness=0.0)


def _trunk(vertices: Float32Array, border: IntArray) -> _Part:
    """Shoulders and chest: rings that go on from the border where the head's mesh ends."""
    head = morphable_head()
    ring = vertices[border].astype(float)
    angle = np.arctan2(ring[:, 0], ring[:, 2] + 2)
    rings, middle = [ring], np.array([0.0, 0.0, -2.0])
    for half_width, front, back, height in TRUNK_RINGS:
        depth = np.where(np.abs(angle) < np.pi / 2, front, back)
        power = 0.75
        x = half_width * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power
        z = depth * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
        drop = np.full_like(x, height) - (2.5 * np.cos(angle) ** 2 if height > -20 else 0)
        rings.append(np.column_stack([x, drop, z]) + middle)
    smooth = []
    for a, b in pairwise(rings):
        smooth += [
            a + (b - a) * share + np.array([0, 0.9 * np.sin(np.pi * share), 0]) * (a is rings[0])
            for share in (0, 0.25, 0.5, 0.75)
        ]
    every = np.array([*smooth, rings[-1]])
    rows, columns = every.shape[:2]
    texels = cloth_texels(every)
    misfit = cloth_texels(head.vertices_cm[border]) - texels[0]  # the head's cloth is painted on the mean head
    texels = (texels + misfit * np.clip(1 - np.arange(rows) / 6, 0, 1)[:, None, None]).reshape(-1, 2) + np.array(
        places.CLOTHES_PATCH
    )
    triangles = grid_triangles(rows, columns, closed=True)
    visibility = np.tile(head.visibility[border], (rows, 1))
    return _piece(every.reshape(-1, 3), triangles, texels, follows=0.0, light=0.9, sharpness=-1.0, visibility=visibility)


def _border(triangles: IntArray) -> IntArray:
    """The vertices where the mesh ends below, in order round the body: from the front to its left (the right in the picture)."""
    edges = _edges(triangles)
    alone = edges[edges[:, 3] < 0][:, :2]
    low = alone[(morphable_head().vertices_cm[alone][:, :, 1] < -12).all(axis=1)]
    numbers = np.unique(low)
    points = morphable_head().vertices_cm[numbers]
    return numbers[np.argsort(np.arctan2(points[:, 0], points[:, 2] + 2))].astype(np.int32)


def _tube(line: FloatArray, radius: float, closed: bool, flat: float = 1.0) -> tuple[FloatArray, IntArray]:
    """A tube about a line (n, 3): vertices and triangles; flat: its depth over its height."""
    ahead = np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0)
    if not closed:
        ahead[0], ahead[-1] = line[1] - line[0], line[-1] - line[-2]
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    depth = np.array([0.0, 0.0, 1.0]) - ahead * ahead[:, 2:]
    weak = np.linalg.norm(depth, axis=1) < 0.3
    depth[weak] = np.array([1.0, 0.0, 0.0]) - ahead[weak] * ahead[weak][:, :1]
    depth /= np.linalg.norm(depth, axis=1, keepdims=True)
    side = np.cross(ahead, depth)
    turns = np.linspace(0, 2 * np.pi, 7)[:-1]
    rings = line[:, None] + radius * (
        np.cos(turns)[None, :, None] * side[:, None] + flat * np.sin(turns)[None, :, None] * depth[:, None]
    )
    n, m = rings.shape[:2]
    triangles = grid_triangles(n + closed, m, closed=True) % (n * m)
    normals = np.empty((n * m, 3), np.float32)
    vertex_normals(rings.reshape(-1, 3).astype(np.float32), triangles, normals)
    outwards = (normals.reshape(n, m, 3) * (rings - line[:, None])).sum() > 0
    return rings.reshape(-1, 3), triangles if outwards else triangles[:, ::-1]


def _glasses(person: Looks, vertices: Float32Array, eyes: list[Float32Array]) -> _Part:
    """Two rims, a bridge and temples to the ears."""
    rng = person.stream("glasses")
    front = max(float(vertices[morphable_head().landmarks68[28]][2]) + 0.1, float(eyes[0][2]) + 2.6)
    radius = {"thin": 0.07, "thick": 0.17, "round": 0.10}[person.glasses]
    power = {"thin": 0.62, "thick": 0.55, "round": 1.0}[person.glasses]
    high = {"thin": 1.75, "thick": 1.95, "round": 2.15}[person.glasses] * rng.uniform(0.95, 1.05)
    wide = {"thin": 2.6, "thick": 2.65, "round": 2.3}[person.glasses] * rng.uniform(0.97, 1.05)
    angle = np.linspace(0, 2 * np.pi, 41)[:-1]
    lines: list[tuple[FloatArray, bool]] = []
    hinges = []
    for centre in eyes:
        x = centre[0] * 1.03 + wide * np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** power
        y = centre[1] - 0.35 + high * np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** power
        lines.append((np.column_stack([x, y, front - 0.035 * x**2]), True))
        out = np.sign(centre[0])
        hinge = np.array([centre[0] * 1.03 + out * wide, centre[1] + 0.4, 0])
        hinge[2] = front - 0.035 * hinge[0] ** 2
        hinges.append((out, hinge))
    inner = abs(eyes[0][0]) * 1.03 - wide
    x = np.linspace(-inner, inner, 9)
    lines.append(
        (
            np.column_stack([x, eyes[0][1] + 0.35 + 0.25 * (1 - (x / inner) ** 2), front + 0.15 * (1 - (x / inner) ** 2)]),
            False,
        )
    )
    head = morphable_head()
    skin = vertices[head.of_part("skin")]
    for out, hinge in hinges:
        level = skin[(np.abs(skin[:, 1] - hinge[1]) < 0.8) & (np.abs(skin[:, 2] - 2) < 1.5)]
        end_x = out * (np.abs(level[:, 0]).max() + 0.1) if len(level) else hinge[0]
        share = np.linspace(0, 1, 8)[:, None]
        lines.append((hinge + share * (np.array([end_x, hinge[1] - 0.2, -1.0]) - hinge), False))
    pieces = [_tube(line, radius, closed) for line, closed in lines]
    starts = np.cumsum([0, *(len(points) for points, _ in pieces)])
    points = np.concatenate([points for points, _ in pieces])
    triangles = np.concatenate([corners + start for (_, corners), start in zip(pieces, starts, strict=False)])
    texels = np.tile(np.array(places.GLASSES_PATCH) + 20.0, (len(points), 1))
    return _piece(points, triangles.astype(np.int32), texels, follows=1.0, light=0.9, sharpness=0.5)
