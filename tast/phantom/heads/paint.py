"""A person's face, hair line, eyes and clothes painted on the atlas: what melanin, blood and paint there are at every texel.

Nothing here knows light, camera or the colour of skin: skin is amounts of melanin and blood relative to the person's mean, all
else is sRGB colours that cover it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from tast.phantom.face import DELAY_TAPS_S, MAX_DELAY_S
from tast.phantom.heads import atlas as places
from tast.phantom.heads.atlas import (
    FACE_HEIGHT,
    HEIGHT,
    PULSE_TEXEL,
    WIDTH,
    at_angle,
    atlas,
    blob,
    both_sides,
    noise,
    smooth_outline,
    stroke,
)
from tast.phantom.heads.clothes import cloth_region, fabric, fabric_on_neck
from tast.phantom.heads.looks import Looks, Rgb
from tast.phantom.heads.morphable import morphable_head
from tast.records import FloatArray

Float32Array = npt.NDArray[np.float32]

# Relative perfusion of the face: centre on the mean head in cm, radius in cm, gain; regions as in tast.phantom.face.
PERFUSED_REGIONS = (
    ((0.0, 8.6, 10.0), 2.6, 0.30, False),  # forehead
    ((4.3, 0.6, 8.8), 1.9, 0.35, True),  # cheeks
    ((0.0, 2.0, 12.0), 1.2, -0.20, False),  # bridge of the nose
    ((0.0, -6.4, 10.6), 1.7, -0.25, False),  # chin
)
NECK_PERFUSION = 0.5
LIP_PERFUSION = 0.6
MOUTH_RGB: Rgb = (0.30, 0.13, 0.12)
SCLERA_RGB: Rgb = (0.70, 0.675, 0.645)
SOCKET_RGB: Rgb = (0.62, 0.36, 0.32)
TEETH_RGB: Rgb = (0.82, 0.78, 0.70)
IRIS_CM, PUPIL_SHARE = 0.66, 0.36  # radius on this model's eyeball, which is a quarter larger than a real one


@dataclass(frozen=True, eq=False)
class Painting:
    """The whole atlas of one person, (HEIGHT, WIDTH) each.

    melanin, blood: relative to the mean over the person's face. paint (..., 3): sRGB in 0..1, and cover: how much of the skin it
    hides. shade: share of the light that reaches the bottom of creases. gloss: surface reflection relative to plain skin's.
    perfusion (HEIGHT / 4, WIDTH / 4, taps): relative perfusion that arrives with each of face.DELAY_TAPS_S, 0 off the skin, its
    sum averaging 1 over the face.
    """

    melanin: Float32Array
    blood: Float32Array
    paint: Float32Array
    cover: Float32Array
    shade: Float32Array
    gloss: Float32Array
    perfusion: Float32Array


def painted(person: Looks) -> Painting:
    """The atlas of a person."""
    whole = np.ones((HEIGHT, WIDTH), np.float32)
    canvas = _Canvas(
        whole.copy(), whole.copy(), np.zeros((HEIGHT, WIDTH, 3), np.float32), np.zeros_like(whole), whole.copy(), whole.copy()
    )
    _skin(canvas, person)
    _lips(canvas, person)
    _age(canvas, person)
    _lids(canvas, person)
    if person.hair != "bald":
        _scalp(canvas, person)
    _brows(canvas, person)
    if person.beard != "none":
        _beard(canvas, person)
    bare = (1 - canvas.cover[:FACE_HEIGHT]) * atlas().face
    for amount in (canvas.melanin, canvas.blood):
        amount /= (amount[:FACE_HEIGHT] * bare).sum() / bare.sum()
    cloth = fabric(person)
    _dress(canvas, cloth_region(person), cloth)
    perfusion = _perfusion(person, 1 - canvas.cover[:FACE_HEIGHT])
    _patches(canvas, person, cloth)
    return Painting(canvas.melanin, canvas.blood, canvas.paint, canvas.cover, canvas.shade, canvas.gloss, perfusion)


@dataclass(frozen=True, eq=False)
class _Canvas:
    """What is being painted on; its arrays are written to."""

    melanin: Float32Array
    blood: Float32Array
    paint: Float32Array
    cover: Float32Array
    shade: Float32Array
    gloss: Float32Array

    def lay(self, colour: FloatArray | Rgb, cover: Float32Array) -> None:
        """A layer of paint over the face: colour (3,) or (FACE_HEIGHT, WIDTH, 3), cover (FACE_HEIGHT, WIDTH) in 0..1."""
        below, paint = self.cover[:FACE_HEIGHT], self.paint[:FACE_HEIGHT]
        total = cover + below * (1 - cover)
        share = np.divide(cover, total, out=np.zeros_like(cover), where=total > 1e-6)
        paint += share[..., None] * (np.asarray(colour, np.float32) - paint)
        below[:] = total

    def patch(self, corner: tuple[int, int], colour: Float32Array, gloss: float) -> None:
        """A patch (h, w, 3) that is all paint."""
        (x, y), (h, w) = corner, colour.shape[:2]
        self.paint[y : y + h, x : x + w] = colour
        self.cover[y : y + h, x : x + w] = 1
        self.gloss[y : y + h, x : x + w] = gloss


def _skin(canvas: _Canvas, person: Looks) -> None:
    """Uneven tone, freckles, moles, the blood of cheeks and nose, grease on forehead and nose."""
    rng = person.stream("skin")
    shape = (FACE_HEIGHT, WIDTH)
    melanin, blood, gloss = canvas.melanin[:FACE_HEIGHT], canvas.blood[:FACE_HEIGHT], canvas.gloss[:FACE_HEIGHT]
    uneven = (
        0.10 * noise(rng, shape, 60) + 0.07 * noise(rng, shape, 22) + 0.05 * noise(rng, shape, 7) + 0.03 * noise(rng, shape, 2)
    )
    uneven *= np.clip((atlas().position_cm[..., 1] + 13) / 4, 0.2, 1)  # the map is stretched over neck and shoulders
    melanin *= np.exp(person.unevenness * (1.1 - 0.1 * person.fitzpatrick) * uneven)  # the more melanin, the more it shows
    melanin *= 1 + 0.22 * both_sides((3.1, 2.2, 8.8), 0.8) + 0.10 * both_sides((3.2, 4.4, 9.0), 0.8)  # round the eyes
    melanin *= 1 + 0.12 * blob((0, 9.5, 9.5), 3.0) - 0.10 * both_sides((4.4, -0.5, 8.8), 1.6)
    freckles = _spots(
        rng, round(700 * person.freckles), (0.5, 1.5), both_sides((3.6, 1.4, 9.0), 2.4) + blob((0, 1.5, 12), 2.0) + 0.15
    )
    moles = _spots(rng, int(rng.integers(0, 7)), (1.2, 2.4), np.full(shape, 0.5, np.float32))
    melanin *= 1 + (0.9 if person.fitzpatrick <= 3 else 0.4) * freckles * rng.uniform(0.8, 1.2) + 3.0 * moles
    blood *= np.exp(person.unevenness * (0.12 * noise(rng, shape, 30) + 0.10 * noise(rng, shape, 9)))
    red = 0.75 * both_sides((4.4, 0.2, 8.7), 1.6) + 0.8 * blob((0, 0.3, 12.9), 1.1) + 0.35 * blob((0, -6.2, 10.8), 1.3)
    red += (
        0.9 * both_sides((8.6, 1.5, -1.0), 2.4) + 0.3 * both_sides((3.2, 4.2, 9.0), 0.7) + 0.25 * both_sides((3.0, 2.5, 9.0), 0.6)
    )
    blood *= 1 + (0.25 + 0.75 * person.redness) * red
    blood *= 1 - 0.15 * blob((0, 8.5, 10.0), 2.5)
    greasy = 0.9 * blob((0, 8.4, 10.2), 2.4) + 1.1 * blob((0, 1.2, 12.8), 1.0) + 0.4 * both_sides((4.2, 1.6, 9.0), 1.4)
    gloss *= (0.6 + 0.8 * person.shine) * (0.7 + greasy) * np.exp(0.15 * noise(rng, shape, 3) + 0.08 * noise(rng, shape, 1.5))
    canvas.shade[:FACE_HEIGHT] *= (
        1 - 0.012 * np.clip(noise(rng, shape, 2), -2, 2) - 0.012 * np.clip(noise(rng, shape, 1.3), -2, 2)
    )


def _spots(rng: np.random.Generator, count: int, radius_px: tuple[float, float], density: Float32Array) -> Float32Array:
    """(FACE_HEIGHT, WIDTH) spots in 0..1 on the face, more where `density` (0..1) is."""
    canvas = np.zeros((FACE_HEIGHT, WIDTH), np.uint8)
    for x, y, chance, size, strength in rng.random((4 * count, 5)):
        column, row = WIDTH * (0.27 + 0.46 * x), FACE_HEIGHT * (0.1 + 0.6 * y)
        if chance < density[int(row), int(column)]:
            radius = radius_px[0] + (radius_px[1] - radius_px[0]) * size**2
            centre = round(16 * column), round(16 * row)
            cv2.circle(canvas, centre, round(16 * radius), int(90 + 165 * strength), -1, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(canvas.astype(np.float32) / 255, (0, 0), 0.8)


def _lips(canvas: _Canvas, person: Looks) -> None:
    lips = atlas().lips
    rng = person.stream("lips")
    lines = noise(rng, (FACE_HEIGHT // 8, WIDTH), 3)
    lines = cv2.resize(lines, (WIDTH, FACE_HEIGHT), interpolation=cv2.INTER_LINEAR)
    canvas.blood[:FACE_HEIGHT] *= 1 + lips * (0.9 + 1.3 * person.full_lips)
    canvas.melanin[:FACE_HEIGHT] *= 1 - lips * (0.15 if person.fitzpatrick <= 4 else 0.35) * (0.6 + 0.4 * person.full_lips)
    canvas.shade[:FACE_HEIGHT] *= (1 - lips * (0.05 * np.clip(lines, -2, 2) + 0.10)) * (1 - 0.55 * atlas().mouth_line)
    canvas.gloss[:FACE_HEIGHT] *= 1 + lips * (0.3 + 0.9 * person.full_lips)


# Lines of an ageing face, (angle from the nose in degrees, height in cm) of the left side; each: points, width, depth
FOLDS = (
    (((8.5, 0.0), (12, -1.4), (15.5, -3.0), (17, -4.2)), 2.0, 0.17),  # from the nose to the corner of the mouth
    (((11, 2.2), (17, 1.5), (24, 1.9)), 2.5, 0.13),  # under the eye
    (((29, 3.7), (34, 4.2)), 1.0, 0.10),  # crow's feet
    (((29.5, 3.3), (35, 3.2)), 1.0, 0.10), (((29, 2.9), (34, 2.2)), 1.0, 0.10),
    (((1.8, 5.2), (2.4, 6.4)), 1.0, 0.10),  # between the brows
    (((14.5, -4.4), (15.5, -5.6)), 1.5, 0.09),
)  # fmt: skip


def _age(canvas: _Canvas, person: Looks) -> None:
    """Folds and wrinkles: faint in the young."""
    rng = person.stream("age")
    strength = 0.12 + 0.95 * person.age
    shade = canvas.shade[:FACE_HEIGHT]
    for points, width, depth in FOLDS:
        for side in (-1, 1):
            line = at_angle(tuple((side * angle + rng.normal(0, 0.3), height + rng.normal(0, 0.08)) for angle, height in points))
            shade *= 1 - strength * depth * stroke(line, width, 1.6) * 1.5
    for height in (7.5, 8.3, 9.1):
        middle = height + rng.normal(0, 0.15)
        line = at_angle(tuple((angle, middle + 0.15 * np.cos(angle / 9) + rng.normal(0, 0.04)) for angle in range(-24, 25, 4)))
        shade *= 1 - strength * 0.09 * stroke(line, 1.0, 1.3)


def _lids(canvas: _Canvas, person: Looks) -> None:
    """Lashes along the lids and the crease of the upper lid."""
    marks = places.texels_of_face(morphable_head().vertices_cm[morphable_head().landmarks68])
    dark = 0.75 if person.full_lips > 0.6 else 0.5
    for first in (36, 42):
        outline = smooth_outline(marks[first : first + 6])
        upper, lower = outline[:49], outline[48:]
        canvas.lay((0.06, 0.045, 0.04), dark * np.minimum(1.3 * stroke(upper - [0, 0.6], 2.0, 0.8), 1))
        canvas.lay((0.10, 0.07, 0.06), 0.45 * dark * stroke(np.add(lower, [0, 0.4]), 1.0, 0.8))
        crease = (upper - outline.mean(axis=0)) * [1.05, 1.0] + outline.mean(axis=0) - [0, 4.6]
        canvas.shade[:FACE_HEIGHT] *= 1 - 0.30 * stroke(crease[4:45], 1.0, 1.3)


def _brows(canvas: _Canvas, person: Looks) -> None:
    """Single hairs along the arch that landmarks 17-21 and 22-26 mark."""
    rng = person.stream("brows")
    marks = places.texels_of_face(morphable_head().vertices_cm[morphable_head().landmarks68])
    lift, thick = rng.normal(0, 1.0), (2.0 + 2.4 * person.brow_density) * rng.uniform(0.85, 1.2)
    hairs = np.zeros((FACE_HEIGHT, WIDTH), np.uint8)
    for points, out in ((marks[21:16:-1], -1), (marks[22:27], 1)):  # from the nose outwards
        middle = np.stack([np.interp(np.linspace(0, 4, 80), range(5), c) for c in points.T], axis=1)
        middle[:, 1] += 2.0 - lift
        for _ in range(round(420 * person.brow_density)):
            along = rng.beta(1.1, 1.25)
            half = thick * min(1.0, 0.55 + 4 * along) * (1.0 if along < 0.5 else 1 - 0.85 * (along - 0.5) / 0.5)
            centre = middle[int(along * 79)] + [rng.normal(0, 0.8), half * np.clip(0.55 * rng.standard_normal(), -1.3, 1.3)]
            angle = np.radians(72 - 95 * min(along, 0.75) / 0.75 + rng.normal(0, 10))
            reach = rng.uniform(3.5, 7.0) * np.array([out * np.cos(angle), -np.sin(angle)])
            ends = np.rint(16 * np.stack([centre, centre + reach])).astype(int)
            cv2.line(hairs, tuple(ends[0]), tuple(ends[1]), int(rng.uniform(120, 245)), 1, cv2.LINE_AA, 4)
    cover = hairs.astype(np.float32) / 255
    body = cv2.GaussianBlur(cover, (0, 0), 2.2)
    shade = 0.8 if person.fitzpatrick <= 3 else 0.6
    colour = np.array(person.hair_rgb) * shade * (0.62 if max(person.hair_rgb) > 0.4 else 0.75)
    canvas.lay(colour, np.clip(0.75 * person.brow_density * body + 0.7 * cv2.GaussianBlur(cover, (0, 0), 0.8), 0, 0.88))


def _scalp(canvas: _Canvas, person: Looks) -> None:
    """The skin below the hair, darkened by its roots; the whole coiffure where it is shaved."""
    rng = person.stream("scalp")
    scalp = hair_region(person)
    density = {"shaved": 0.55, "receding": 0.75, "crop": 0.9}.get(person.hair, 0.97)
    grain = np.clip(1 + 0.12 * noise(rng, scalp.shape, 1.5) + 0.10 * noise(rng, scalp.shape, 6), 0.3, 1.4)
    canvas.lay(np.array(person.hair_rgb) * 0.55, np.clip(density * scalp * grain, 0, 1))
    above = cv2.GaussianBlur(scalp, (0, 0), 7)
    if person.hair not in ("shaved", "receding"):
        canvas.shade[:FACE_HEIGHT] *= 1 - 0.30 * above * (1 - scalp)  # the hair's shadow on the forehead


def hair_region(person: Looks) -> Float32Array:
    """(FACE_HEIGHT, WIDTH) where the scalp bears hair, with an uneven border."""
    rng = person.stream("hairline")
    scalp = atlas().scalp
    if person.hair in ("receding", "bald"):
        height, angle = atlas().position_cm[..., 1], np.abs(np.arange(WIDTH) / WIDTH - 0.5)[None, :] * 360
        scalp = scalp * np.clip((angle - 62) / 14, 0, 1) * np.clip((10.6 - height) / 3.5, 0, 1)
    shifted = (
        scalp
        + 0.12 * noise(rng, scalp.shape, 14) * (4 * scalp * (1 - scalp))
        + 0.06 * noise(rng, scalp.shape, 3) * (4 * scalp * (1 - scalp))
    )
    return np.clip((shifted - 0.5 + rng.uniform(-0.1, 0.1)) * 1.1 + 0.5, 0, 1)


def _beard(canvas: _Canvas, person: Looks) -> None:
    """Hairs of a beard: dots where it is shaved, strokes where it grows."""
    rng = person.stream("beard")
    zone = beard_region(person)
    hairs = np.zeros((FACE_HEIGHT, WIDTH), np.uint8)
    rows, columns = np.nonzero(zone > 0.1)
    grown = person.beard != "stubble"
    reach = 5.0 if grown else 0.8
    for k, strength, bend in zip(
        rng.integers(0, len(rows), 16000 if grown else 9000), rng.random(16000), rng.normal(0, 1.6, 16000), strict=False
    ):
        if rng.random() < zone[rows[k], columns[k]]:
            start = (int(16 * columns[k]), int(16 * rows[k]))
            end = (start[0] + round(16 * bend * reach / 4), start[1] + round(16 * reach))
            cv2.line(hairs, start, end, int(70 + 150 * strength), 1, cv2.LINE_AA, 4)
    cover = cv2.GaussianBlur(hairs.astype(np.float32) / 255, (0, 0), 0.6)
    body = cv2.GaussianBlur(cover, (0, 0), 5) * zone
    density = (1.6 * zone + 0.6 * (cover - 0.5)) if grown else (0.28 * body + 0.42 * cover)
    tone = np.clip(0.35 + 0.75 * cover + 0.12 * noise(rng, zone.shape, 2.0), 0.2, 1.4)
    canvas.lay(
        np.array(person.hair_rgb) * 0.85 * tone[..., None],
        np.clip(1.25 * density, 0, 0.96 if grown else 0.55) * np.clip(2.5 * zone, 0, 1),
    )
    canvas.gloss[:FACE_HEIGHT] *= 1 - 0.8 * zone


def beard_region(person: Looks) -> Float32Array:
    """(FACE_HEIGHT, WIDTH) where the person's beard grows; nowhere without one."""
    shapes = atlas()
    regions = {
        "none": np.zeros_like(shapes.beard), "stubble": shapes.beard, "full": shapes.beard, "moustache": shapes.moustache,
        "goatee": np.maximum(shapes.moustache, shapes.chin_beard),
    }  # fmt: skip
    uneven = noise(person.stream("beard line"), shapes.beard.shape, 12)
    return np.clip(regions[person.beard] * (1 + 0.15 * uneven), 0, 1)


def _dress(canvas: _Canvas, region: Float32Array, cloth: Float32Array) -> None:
    """Clothes over neck and shoulders, with a seam along their border."""
    seam = cv2.GaussianBlur(np.clip(1 - np.abs(region - 0.5) * 2, 0, 1), (0, 0), 2.0)
    canvas.lay(fabric_on_neck(cloth), region)
    canvas.shade[:FACE_HEIGHT] = (canvas.shade[:FACE_HEIGHT] * (1 - region) + region) * (1 - 0.35 * seam)
    canvas.gloss[:FACE_HEIGHT] *= 1 - region


def _perfusion(person: Looks, bare: Float32Array) -> Float32Array:
    """(HEIGHT / 4, WIDTH / 4, taps); bare (FACE_HEIGHT, WIDTH): the share of each texel that shows skin."""
    rng = person.stream("perfusion")
    gain = np.ones((FACE_HEIGHT, WIDTH), np.float32)
    for centre, radius_cm, strength, mirrored in PERFUSED_REGIONS:
        gain += strength * (both_sides(centre, radius_cm) if mirrored else blob(centre, radius_cm))
    gain = np.maximum(gain * (1 + 0.12 * noise(rng, gain.shape, 36)), 0.2)
    height = atlas().position_cm[..., 1]
    gain *= NECK_PERFUSION + (1 - NECK_PERFUSION) * np.clip((height + 10) / 3, 0, 1)
    hidden = cv2.dilate(1 - bare, np.ones((5, 5), np.uint8))  # the pulse fades out before a feature begins
    skin = np.clip(1 - 1.5 * cv2.GaussianBlur(hidden, (0, 0), 2), 0, 1) * (1 - atlas().eyes)
    gain *= skin * (1 - (1 - LIP_PERFUSION) * atlas().lips)
    gain *= (skin * atlas().face).sum() / (gain * atlas().face).sum()
    rise = np.clip((height + 9) / 19, 0, 1)  # from the neck up to the forehead
    delay_s = MAX_DELAY_S * np.clip(0.15 + 0.7 * rise + 0.15 * noise(rng, gain.shape, 45), 0, 1)
    position = np.clip(delay_s / (DELAY_TAPS_S[1] - DELAY_TAPS_S[0]), 0, len(DELAY_TAPS_S) - 1)
    weights = np.maximum(1 - np.abs(position[..., None] - np.arange(len(DELAY_TAPS_S))), 0)
    fine = (gain[..., None] * weights).astype(np.float32)
    coarse = np.zeros((HEIGHT // PULSE_TEXEL, WIDTH // PULSE_TEXEL, len(DELAY_TAPS_S)), np.float32)
    size = WIDTH // PULSE_TEXEL, FACE_HEIGHT // PULSE_TEXEL
    coarse[: size[1]] = cv2.resize(fine, size, interpolation=cv2.INTER_AREA)
    return coarse


def _patches(canvas: _Canvas, person: Looks, cloth: Float32Array) -> None:
    """Eyeballs, the inside of the mouth, sockets, teeth, glasses and clothes."""
    rng = person.stream("patches")
    canvas.patch(places.EYE_PATCH, _eye(person, rng), gloss=1.0)
    share = np.linspace(0.15, 1, places.MOUTH_PX, dtype=np.float32)[None, :, None]
    canvas.patch(places.MOUTH_PATCH, np.tile(share * np.array(MOUTH_RGB, np.float32), (places.MOUTH_PX, 1, 1)), gloss=0.3)
    skin_tone = np.array(SOCKET_RGB, np.float32) * (1.05 - 0.1 * person.fitzpatrick)
    canvas.patch(places.SOCKET_PATCH, np.tile(skin_tone, (places.SOCKET_PX, places.SOCKET_PX, 1)), gloss=0.5)
    canvas.patch(places.TEETH_PATCH, _teeth(), gloss=1.0)
    rgb = np.array(person.glasses_rgb, np.float32)
    canvas.patch(places.GLASSES_PATCH, np.tile(rgb, (*places.GLASSES_PX[::-1], 1)), gloss=2.0)
    canvas.patch(places.CLOTHES_PATCH, cloth, gloss=0.0)


def _eye(person: Looks, rng: np.random.Generator) -> Float32Array:
    """(EYE_PX, EYE_PX, 3): white of the eye, iris with its rays and dark rim, pupil."""
    size = places.EYE_PX
    y, x = (np.mgrid[:size, :size].astype(np.float32) + 0.5) / size * 2 - 1
    radius_cm = np.hypot(x, y) * places.EYE_SPAN * 1.54
    angle = np.arctan2(y, x)
    rays = sum(rng.uniform(0.3, 1) * np.sin(n * angle + rng.uniform(0, 6.3)) for n in (7, 13, 19, 29, 41)) / 3
    inner = np.clip((radius_cm / IRIS_CM - PUPIL_SHARE) / (1 - PUPIL_SHARE), 0, 1)
    iris = np.array(person.eye_rgb)[None, None] * (1.18 - 0.35 * inner + 0.16 * rays)[..., None]
    iris *= (1 - 0.65 * np.clip((inner - 0.72) / 0.28, 0, 1) ** 1.5)[..., None]
    white = (
        np.array(SCLERA_RGB) * (1 - 0.10 * person.age)
        - np.array([0.02, 0.10, 0.12]) * np.clip(radius_cm / 1.4 - 0.45, 0, 1)[..., None]
    )
    edge = np.clip((IRIS_CM - radius_cm) / 0.05 + 0.5, 0, 1)[..., None]
    pupil = np.clip((PUPIL_SHARE * IRIS_CM - radius_cm) / 0.03 + 0.5, 0, 1)[..., None]
    colour = white + edge * (iris - white)
    return np.clip(colour + pupil * (0.015 - colour), 0, 1).astype(np.float32)


def _teeth() -> Float32Array:
    width, height = places.TEETH_PX
    gaps = np.abs(np.sin(np.linspace(-4 * np.pi, 4 * np.pi, width)))[None, :, None] ** 0.25
    return (np.array(TEETH_RGB) * (0.55 + 0.45 * gaps) * np.ones((height, 1, 1))).astype(np.float32)
