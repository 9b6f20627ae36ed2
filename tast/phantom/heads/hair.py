"""A coiffure: layers of strands over the scalp, each a little further out and thinner, and locks that hang from it.

Fur drawn as shells (after Lengyel et al. 2001, Real-Time Fur over Arbitrary Surfaces; from memory). The strands are painted on
the disc of skull.py.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import cv2
import numpy as np
import numpy.typing as npt

from tast.phantom.heads.atlas import noise
from tast.phantom.heads.body import grid_triangles, head_shape
from tast.phantom.heads.hair_style import STYLES, Layer, Style
from tast.phantom.heads.locks import locks
from tast.phantom.heads.looks import Looks
from tast.phantom.heads.paint import hair_region
from tast.phantom.heads.raster import vertex_normals
from tast.phantom.heads.skull import CENTRE_CM, DISC_PX, Skull, facing_outwards, on_disc, sampled, skull

Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]

RINGS, SPOKES = 32, 88  # of the mesh over the scalp
BACK_CM = -6.0  # what lies further back is hidden by the head at any turn that occurs
LAYERS = (0.5, 0.78, 1.0)  # of the thickness


@dataclass(frozen=True, eq=False)
class Sheet:
    """What is drawn at once: triangles (m, 3) of a Coiffure; strands (h, w, 2): see raster.veiled."""

    triangles: IntArray
    strands: npt.NDArray[np.uint8]
    two_sided: bool


@dataclass(frozen=True, eq=False)
class Coiffure:
    """All layers together, as their vertices (N, ...), from the innermost to the outermost; normals (N, 3) at rest."""

    vertices_cm: Float32Array
    normals: Float32Array
    texels: Float32Array
    occlusion: Float32Array
    opacity: Float32Array
    hangs: Float32Array
    sheets: tuple[Sheet, ...]


def hair(person: Looks) -> Coiffure | None:
    """The person's hair; None on a bald head."""
    layers = [_pruned(layer) for layer in _layers(person)]
    if not layers:
        return None
    normals = []
    for layer in layers:
        normals.append(np.empty_like(layer.vertices_cm))
        vertex_normals(layer.vertices_cm, layer.triangles, normals[-1])
    first = np.cumsum([0, *(len(layer.vertices_cm) for layer in layers)])
    return Coiffure(
        vertices_cm=np.concatenate([layer.vertices_cm for layer in layers]),
        normals=np.concatenate(normals),
        texels=np.concatenate([layer.texels for layer in layers]),
        occlusion=np.concatenate([layer.occlusion for layer in layers]),
        opacity=np.concatenate([layer.opacity for layer in layers]),
        hangs=np.concatenate([layer.hangs for layer in layers]),
        sheets=tuple(
            Sheet((layer.triangles + start).astype(np.int32), _coded(layer), layer.two_sided)
            for layer, start in zip(layers, first, strict=False)
        ),
    )


def _coded(layer: Layer) -> npt.NDArray[np.uint8]:
    return np.rint(np.clip(np.dstack([255 * layer.cover, 128 * layer.tone]), 0, 255)).astype(np.uint8)


def _pruned(layer: Layer) -> Layer:
    """Without what is never seen: where no hair grows, and the back of the head."""
    seen = (layer.opacity[layer.triangles] > 0).any(axis=1)
    if not layer.two_sided and not layer.hangs.any():
        seen &= layer.vertices_cm[layer.triangles, 2].max(axis=1) > BACK_CM
    vertices, place = np.unique(layer.triangles[seen], return_inverse=True)
    return replace(
        layer,
        vertices_cm=layer.vertices_cm[vertices],
        triangles=place.reshape(-1, 3).astype(np.int32),
        texels=layer.texels[vertices],
        occlusion=layer.occlusion[vertices],
        opacity=layer.opacity[vertices],
        hangs=layer.hangs[vertices],
    )


def _layers(person: Looks) -> tuple[Layer, ...]:
    if person.hair == "bald":
        return ()
    style = STYLES[person.hair]
    shape = skull(head_shape(person))
    layers = _cap(person, style, shape)
    if style.length_cm is not None:
        layers = [*locks(person, style, shape), *layers]
    if style.bun:
        layers = [*_bun(person), *layers]
    return tuple(layers)


def _cap(person: Looks, style: Style, skull: Skull) -> list[Layer]:
    """Layers over the scalp."""
    rng = person.stream("hair")
    ring = np.linspace(0, 1, RINGS)[:, None] ** 0.8
    turn = np.linspace(0, 2 * np.pi, SPOKES + 1)[None, :-1]
    disc = np.stack([ring * np.sin(turn), ring * np.cos(turn)], axis=-1).reshape(-1, 2) * 0.8
    position, normal = skull.at(disc)
    region = on_disc(hair_region(person))
    deep = cv2.GaussianBlur(region, (0, 0), 14)
    bears, inner = (sampled(field, disc) for field in (region, np.clip(deep * 1.9 - 0.75, 0, 1)))
    waves = sampled(noise(rng, (DISC_PX, DISC_PX), 70), disc) * 0.16 + sampled(noise(rng, (DISC_PX, DISC_PX), 24), disc) * (
        0.05 + 0.14 * style.curl
    )
    high = np.clip((position[:, 1] - 3) / 8, 0, 1)
    front = np.clip((position[:, 2] - 1) / 6, 0, 1) * high
    side = 0.45 + 0.55 * high if style.length_cm is None and style.curl < 0.5 else 0.75 + 0.25 * high
    thick = np.clip(style.thick_cm * side + style.lift_cm * front, 0, None) * inner * np.clip(1 + waves, 0.4, 1.6)
    if style.parting_cm is not None:
        groove = np.exp(-(((position[:, 0] - style.parting_cm) / 0.7) ** 2)) * np.clip((position[:, 2] + 3) / 4, 0, 1) * high
        thick *= 1 - 0.55 * groove
    strands, tone = _strands(rng, style, person)
    triangles = facing_outwards(position, grid_triangles(RINGS, SPOKES, closed=True), CENTRE_CM)
    texels = ((disc + 1) * DISC_PX / 2 - 0.5).astype(np.float32)
    layers = []
    for share in LAYERS if style.thick_cm > 0.3 else LAYERS[:2]:
        density = 1.2 - 0.45 * share**2
        threshold = 0.10 + (0.40 + 0.12 * style.curl) * share**2
        cover = np.clip((strands - threshold) * 4.5 + 0.5, 0, 1) * np.clip(
            (region - 0.30 * share + (strands - 0.5) * 0.5) * 1.6, 0, 1
        )
        layers.append(
            Layer(
                vertices_cm=(position + (thick * share)[:, None] * normal + 0.02 * normal).astype(np.float32),
                triangles=triangles,
                texels=texels,
                cover=np.ascontiguousarray(np.clip(cover * min(1.0, density + 0.1), 0, 1), dtype=np.float32),
                tone=tone,
                occlusion=(0.35 + 0.65 * share * (0.55 + 0.45 * high)).astype(np.float32),
                opacity=np.clip(bears * 6, 0, 1).astype(np.float32),
                hangs=np.zeros(len(position), np.float32),
                two_sided=False,
            )
        )  # fmt: skip
    return layers


def _strands(rng: np.random.Generator, style: Style, person: Looks) -> tuple[Float32Array, Float32Array]:
    """(DISC_PX, DISC_PX) height of the strands in 0..1, and their lightness about 1."""
    y, x = (np.mgrid[:DISC_PX, :DISC_PX].astype(np.float32) + 0.5) / DISC_PX * 2 - 1
    if style.curl > 0.5:
        size = 7 + 6 * rng.random()
        curls = noise(rng, (DISC_PX, DISC_PX), size) + 0.5 * noise(rng, (DISC_PX, DISC_PX), size / 2)
        fine = noise(rng, (DISC_PX, DISC_PX), 1.6)
        rings = np.sin(2.2 * curls)
        height = 0.62 + 0.22 * rings + 0.10 * fine
        return np.clip(height, 0, 1).astype(np.float32), np.clip(0.9 + 0.35 * rings + 0.12 * fine, 0.3, 1.9).astype(np.float32)
    if style.parting_cm is not None:  # combed to both sides of a line from the forehead to the crown
        start = x - style.parting_cm / 18
        along = np.where(y > 0, y, y * 2.2)
        across, forward = np.sign(start) * np.sqrt(np.abs(start) + 0.02), along - 0.55 * np.abs(start)
        course, reach = forward + 0.03 * np.sign(start), across
    else:  # from the forehead back, round the crown
        course, reach = np.arctan2(x, y + 0.9) * 1.1, np.hypot(x, y + 0.9)
    warp = 0.020 * noise(rng, x.shape, 90) + 0.006 * noise(rng, x.shape, 25)
    sheet = noise(rng, (24, 2048), 1.0)
    coarse = noise(rng, (12, 512), 1.0)
    tufts = noise(rng, (8, 128), 1.0)
    values = []
    for field in (sheet, coarse, tufts):
        at_x = (((course + warp) * 0.32 + 0.5) % 1.0 * (field.shape[1] - 2)).astype(np.float32)
        at_y = ((reach * 0.4 + 0.5) % 1.0 * (field.shape[0] - 2)).astype(np.float32)
        values.append(cv2.remap(field, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101))
    fine, middle, wide = values
    grain = 0.5 * noise(rng, x.shape, 1.2)
    short = person.hair in ("crop", "receding", "shaved")
    mix = (0.5 * fine + 0.3 * middle + 0.9 * grain) if short else (0.8 * fine + 0.5 * middle + 0.2 * grain)
    height = 0.5 + 0.22 * mix
    tone = 1 + 0.16 * mix + 0.10 * wide
    return np.clip(height, 0, 1).astype(np.float32), np.clip(tone, 0.35, 1.8).astype(np.float32)


def _bun(person: Looks) -> list[Layer]:
    """A knot on top of the head, where it is seen from the front."""
    rng = person.stream("bun")
    top = head_shape(person)[:, 1].max()
    radius, centre = rng.uniform(2.4, 3.3), np.array([0.0, top + rng.uniform(0.3, 1.6), -3.0])
    polar, turn = np.meshgrid(np.linspace(0.02, np.pi - 0.02, 20), np.linspace(0, 2 * np.pi, 41)[:-1], indexing="ij")
    ball = np.stack([np.sin(polar) * np.sin(turn), np.cos(polar) * 0.85, np.sin(polar) * np.cos(turn)], axis=-1)
    texels = np.stack([1 + 126 * (1 + np.sin(turn)), 1 + 253 * polar / np.pi], axis=-1)
    layers = []
    for share in (0.8, 0.92, 1.0):
        points = centre + radius * share * ball
        strands = cv2.resize(noise(rng, (90, 10), 1.0), (256, 256), interpolation=cv2.INTER_CUBIC)
        strands += 0.5 * noise(rng, (256, 256), 2)
        triangles = grid_triangles(polar.shape[0], polar.shape[1], closed=True)
        cover = np.clip(1.2 - 1.0 * (share - 0.8) / 0.2 + 0.4 * strands, 0, 1)
        layers.append(
            Layer(
                vertices_cm=points.reshape(-1, 3).astype(np.float32), triangles=triangles,
                texels=texels.reshape(-1, 2).astype(np.float32),
                cover=cover.astype(np.float32), tone=np.clip(0.95 + 0.22 * strands, 0.35, 1.8).astype(np.float32),
                occlusion=(0.4 + 0.5 * share * np.cos(polar / 2)).ravel().astype(np.float32),
                opacity=np.ones(polar.size, np.float32), hangs=np.zeros(polar.size, np.float32), two_sided=False,
            )
        )  # fmt: skip
    return layers
