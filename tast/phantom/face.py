"""One subject's head and shoulders as a texture: the photograph reshaped, recoloured, with the map of its blood supply.

Face coordinates are the photograph's pixels: one hundred from hairline to chin, whatever the subject and the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from tast.phantom import outlines
from tast.phantom.head import smoothstep
from tast.phantom.photograph import Photograph, photograph
from tast.phantom.subject import Subject
from tast.phantom.tissue import FITZPATRICK_MELANOSOMES, melanin_transmittance
from tast.records import FloatArray

PHOTOGRAPH_MELANOSOMES = FITZPATRICK_MELANOSOMES[1]  # the photographed skin is of type II
SURFACE_REFLECTION = 44.0  # of 255
HAIR_HEIGHT = 0.72  # the coiffure above the hairline is lowered to this share, so that it fits into the picture

# The pulse wave spreads over the face within MAX_DELAY_S; delays between the taps are interpolated.
MAX_DELAY_S = 0.03
DELAY_TAPS_S = np.linspace(0, MAX_DELAY_S, 4)

# Perfusion relative to the mean of the face: centre (x, y), radius, gain of a Gaussian region.
PERFUSED_REGIONS = (
    ((225, 88), 22, 0.30),  # forehead
    ((200, 122), 14, 0.35),  # cheeks
    ((252, 122), 14, 0.35),
    ((225, 118), 9, -0.20),  # bridge of the nose
    ((225, 168), 14, -0.25),  # chin
)


@dataclass(frozen=True, eq=False)
class FaceTexture:
    """What is seen of a subject under white light of unit strength, before any motion.

    rgba (h, w, 4): reflectance in 0..255 times coverage, and coverage in 0..1; texels of texel_size face units from `origin`.
    perfusion (h2, w2, taps): relative perfusion that arrives with each of DELAY_TAPS_S, 0 off the skin, its sum averaging 1 over
    the skin; texels of perfusion_texel_size. skin_rgb: mean reflectance of perfused skin.
    """

    rgba: FloatArray
    texel_size: float
    perfusion: FloatArray
    perfusion_texel_size: float
    origin: tuple[float, float]
    skin_rgb: FloatArray


def face_texture(person: Subject, texel_size: float) -> FaceTexture:
    """The texture of a subject; texel_size in face units (the smaller the finer)."""
    photo = photograph()
    origin, size = (30.0, -5.0), (390.0, 285.0)
    at_x, at_y = _photograph_coordinates(person, origin, size, texel_size)
    coarse_x, coarse_y = _photograph_coordinates(person, origin, size, 4 * texel_size)
    rgb = _sample(_recoloured(photo, person), at_x, at_y)
    coverage = np.clip(_sample(photo.person, at_x, at_y), 0, 1)
    skin = np.clip(_sample(photo.perfused, coarse_x, coarse_y), 0, 1)
    perfusion = _sample(_perfusion(person), coarse_x, coarse_y) * skin
    perfusion *= skin.sum() / perfusion.sum()
    return FaceTexture(
        rgba=np.ascontiguousarray(np.dstack([rgb * coverage[..., None], coverage])),
        texel_size=texel_size,
        perfusion=perfusion[..., None] * _tap_weights(_sample(_delay_s(person), coarse_x, coarse_y)),
        perfusion_texel_size=4 * texel_size,
        origin=origin,
        skin_rgb=(_sample(_recoloured(photo, person), coarse_x, coarse_y) * skin[..., None]).sum(axis=(0, 1)) / skin.sum(),
    )


def _sample(image: FloatArray, at_x: FloatArray, at_y: FloatArray) -> FloatArray:
    return cv2.remap(image, at_x, at_y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def _photograph_coordinates(
    person: Subject, origin: tuple[float, float], size: tuple[float, float], texel_size: float
) -> tuple[FloatArray, FloatArray]:
    """Where in the photograph each texel's colour lies, (h, w) each: the subject's own proportions."""
    rng = person.stream("shape")
    x = origin[0] + texel_size * np.arange(round(size[0] / texel_size))[None, :]
    y = origin[1] + texel_size * np.arange(round(size[1] / texel_size))[:, None]
    breadth, jaw = rng.uniform(0.94, 1.06), rng.uniform(-0.06, 0.06)
    from_middle = x - outlines.MIDDLE_X
    at_x = outlines.MIDDLE_X + from_middle * (breadth + jaw * smoothstep(y, 120, 175) * (1 - smoothstep(y, 185, 215)))
    at_y = np.where(y < outlines.HAIRLINE_Y, outlines.HAIRLINE_Y + (y - outlines.HAIRLINE_Y) / HAIR_HEIGHT, y) + 0 * x
    for centre in ((202, 100), (247, 102), (225, 125), (224, 147), (225, 172), (192, 140), (258, 140)):
        shift_x, shift_y = rng.normal(0, 1.6, 2)
        bump = np.exp(-((x - centre[0]) ** 2 + (y - centre[1]) ** 2) / (2 * 17.0**2))
        at_x, at_y = at_x + shift_x * bump, at_y + shift_y * bump
    if person.mirrored:
        at_x = 2 * outlines.MIDDLE_X - at_x
    return at_x.astype(np.float32), at_y.astype(np.float32)


def _recoloured(photo: Photograph, person: Subject) -> FloatArray:
    """(512, 512, 3): melanin in the skin, a colour for hair and clothes, and skin that is not quite even.

    Where melanin takes light, the white reflection of the surface remains and counts more. It is given the pulse of the skin
    below it (in life it has none, which biases dark skin): the ratio of ratios must not depend on colour here.
    """
    rgb = photo.rgb.astype(np.float64)
    rng = person.stream("mottling")
    mottling = 1 + 0.025 * smooth_field(rng, photo.person.shape, 7.0) + 0.012 * smooth_field(rng, photo.person.shape, 1.2)
    tint = melanin_transmittance(person.melanosomes) / melanin_transmittance(PHOTOGRAPH_MELANOSOMES)
    skin = (rgb * tint + SURFACE_REFLECTION * np.maximum(1 - tint, 0)) * mottling[..., None]
    dyes = ((photo.hair, person.hair_rgb), (photo.brows, person.hair_rgb), (photo.clothes, person.clothes_rgb))
    layers = [(photo.skin, skin), *((region, _dyed(rgb, region, colour)) for region, colour in dyes)]
    for region, colour in layers:
        rgb += region[..., None] * (colour - rgb)
    return np.clip(rgb, 0, 255).astype(np.float32)


def _dyed(rgb: FloatArray, region: FloatArray, mean_rgb: tuple[float, float, float]) -> FloatArray:
    """(h, w, 3): the picture's lightness in shades of one colour, which is the mean over the region."""
    lightness = rgb.mean(axis=2)
    relative = np.minimum(lightness / np.average(lightness, weights=region), 2.0)
    return relative[..., None] * np.asarray(mean_rgb)


def _perfusion(person: Subject) -> FloatArray:
    """(512, 512) relative perfusion, regions and the subject's own unevenness."""
    y, x = np.mgrid[0:512, 0:512].astype(np.float32)
    gain = np.ones((512, 512), np.float32)
    for (centre_x, centre_y), radius, strength in PERFUSED_REGIONS:
        gain += strength * np.exp(-((x - centre_x) ** 2 + (y - centre_y) ** 2) / (2 * radius**2))
    return np.maximum(gain * (1 + 0.12 * smooth_field(person.stream("perfusion"), gain.shape, 12.0)), 0.2).astype(np.float32)


def _delay_s(person: Subject) -> FloatArray:
    """(512, 512) arrival of the pulse: from the neck up to the forehead, with the subject's own unevenness."""
    height = (outlines.CHIN_Y + 10 - np.arange(512, dtype=np.float32)) / (outlines.FACE_HEIGHT + 10)
    uneven = 0.15 * smooth_field(person.stream("delay"), (512, 512), 15.0)
    return (MAX_DELAY_S * np.clip(0.15 + 0.7 * height[:, None] + uneven, 0, 1)).astype(np.float32)


def _tap_weights(delay_s: FloatArray) -> FloatArray:
    """(..., taps) weights of a linear interpolation between DELAY_TAPS_S."""
    position = np.clip(delay_s / (DELAY_TAPS_S[1] - DELAY_TAPS_S[0]), 0, len(DELAY_TAPS_S) - 1)
    return np.maximum(1 - np.abs(position[..., None] - np.arange(len(DELAY_TAPS_S))), 0).astype(np.float32)


def smooth_field(rng: np.random.Generator, shape: tuple[int, ...], sigma_px: float) -> FloatArray:
    """Gaussian noise of unit variance (h, w), correlated over sigma_px."""
    noise = cv2.GaussianBlur(rng.standard_normal(shape).astype(np.float32), (0, 0), sigma_px)
    return noise / noise.std()
