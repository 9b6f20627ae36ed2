"""The photograph that the phantom's faces are made of, and what its pixels show: skin, eyes, mouth, hair, clothes.

NASA's portrait of Eileen Collins (public domain), shipped by scikit-image. Its 8-bit values are taken as linear reflectance: the
picture's own tone curve belongs to the texture, so that everything after it (light, blood, camera) is linear and exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import cv2
import numpy as np
import skimage.data

from tast.phantom import outlines
from tast.records import FloatArray

SUPERSAMPLING = 4
EDGE_PX = 0.8  # sigma of the soft border between regions, as the photograph's own sharpness


@dataclass(frozen=True, eq=False)
class Photograph:
    """rgb (512, 512, 3) in 0..255 with the background replaced by the nearest person's colours; regions (512, 512) in 0..1.

    person: head and shoulders. skin: face, ears, neck, what melanin darkens; lips, eyes and teeth less. perfused: skin with a
    pulse, without eyes, brows, lips and hair. hair, brows, clothes: what is dyed.
    """

    rgb: FloatArray
    person: FloatArray
    skin: FloatArray
    perfused: FloatArray
    hair: FloatArray
    brows: FloatArray
    clothes: FloatArray


@cache
def photograph() -> Photograph:
    """The photograph and its regions; made once per process, never to be written to."""
    rgb = skimage.data.astronaut().astype(np.float32)
    person = region(outlines.PERSON)
    eyes = np.maximum(region(outlines.LEFT_EYE), region(outlines.RIGHT_EYE))
    brows = np.maximum(region(outlines.LEFT_BROW), region(outlines.RIGHT_BROW))
    mouth, teeth = region(outlines.MOUTH), region(outlines.TEETH)
    bare = np.maximum.reduce([region(outline, grow_px=1.2) for outline in outlines.BARE_SKIN])
    pigmented = np.maximum.reduce([region(outline, grow_px=2.5) for outline in outlines.BARE_SKIN])  # and what shines through
    rows = np.arange(len(rgb), dtype=np.float32)[:, None]
    above_collar = np.clip((outlines.COLLAR_Y - rows) / 2, 0, 1)
    return Photograph(
        rgb=_spread(rgb, region(outlines.PERSON, grow_px=-3.5)),
        person=person,
        skin=pigmented * (1 - 0.5 * eyes) * (1 - 0.5 * teeth) * (1 - 0.35 * mouth),
        perfused=np.maximum(region(outlines.FACE, grow_px=-1.5), 0.5 * region(outlines.NECK))
        * (1 - _grown(eyes)) * (1 - _grown(brows)) * (1 - _grown(mouth)),
        hair=person * (1 - bare) * above_collar,
        brows=0.8 * brows,
        clothes=person * (1 - pigmented) * (1 - above_collar),
    )  # fmt: skip


def region(outline: tuple[tuple[float, float], ...], grow_px: float = 0.0) -> FloatArray:
    """(512, 512) coverage in 0..1 of the closed outline (x, y), grown by grow_px, with a soft border."""
    size = 512 * SUPERSAMPLING
    canvas = np.zeros((size, size), np.uint8)
    points = np.rint((np.asarray(outline) + 0.5) * SUPERSAMPLING).astype(np.int32)
    cv2.fillPoly(canvas, [points], 255)
    radius = round(abs(grow_px) * SUPERSAMPLING)
    if radius:
        disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * radius + 1, 2 * radius + 1))
        canvas = cv2.dilate(canvas, disc) if grow_px > 0 else cv2.erode(canvas, disc)
    coverage = cv2.resize(canvas, (512, 512), interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    return cv2.GaussianBlur(coverage, (0, 0), EDGE_PX)


def _grown(coverage: FloatArray) -> FloatArray:
    """A region with a wider, softer border, so that the pulse fades out before the feature begins."""
    return np.clip(2 * cv2.GaussianBlur(cv2.dilate(coverage, np.ones((3, 3), np.uint8)), (0, 0), 1.5), 0, 1)


def _spread(rgb: FloatArray, inside: FloatArray) -> FloatArray:
    """Colours outside `inside` replaced by those of the nearest inside, so that no old background shines through the border."""
    result, weight = rgb * inside[..., None], inside.copy()
    for sigma_px in (1.5, 3.0, 6.0, 12.0):
        near = cv2.GaussianBlur(rgb * inside[..., None], (0, 0), sigma_px)
        share = cv2.GaussianBlur(inside, (0, 0), sigma_px)
        missing = (1 - weight) * np.clip(share / 0.05, 0, 1)
        result += missing[..., None] * near / np.maximum(share, 1e-6)[..., None]
        weight += missing
    return result + (1 - weight)[..., None] * rgb[inside > 0.5].mean(axis=0)
