"""The part of a frame that is amplified: weighted levels of its Laplacian pyramid, collapsed (Wu et al. 2012, section 3).

With G_0 the frame, G_l+1 = down(G_l) and the levels G_l - up(G_l+1), the weighted levels collapse to the sum over l of
c_l up^l(G_l) with c_0 = w_0 and c_l = w_l - w_l-1. Few of these terms differ from zero, none finer than the finest level that is
amplified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]
Float64Array = npt.NDArray[np.float64]
Image = npt.NDArray[Any]  # uint8 or float32

FINEST_WAVELENGTH_PX = 4.0  # of level 0, which holds wavelengths from 2 px to about 8 px; each next level's is twice that
LUMA = (0.299, 0.587, 0.114)  # NTSC's Y of RGB; its I and Q are what is left, and vanish where R = G = B


@dataclass(frozen=True)
class Amplification:
    """How much of what is added.

    alpha: factor on what passes the band. levels: band-pass levels of the Laplacian pyramid, finest first. residual: amplify its
    low-pass residual as well. skip_finest: so many of the finest levels stay as they are. cutoff_wavelength_px: lambda_c, below
    which a level's factor falls (equation 14); None: one factor for all. colour_space, chroma_attenuation: `yiq` multiplies I and
    Q by the attenuation.
    """

    alpha: float
    levels: int
    residual: bool
    skip_finest: int = 0
    cutoff_wavelength_px: float | None = None
    colour_space: str = "rgb"
    chroma_attenuation: float = 1.0


def level_weights(amplification: Amplification) -> tuple[float, ...]:
    """Factor of each level, finest first, the residual last, as a share of alpha.

    Equation 14, (1 + alpha) delta < lambda / 8, with delta = lambda_c / (8 (1 + alpha)), bounds a level of wavelength lambda to
    (1 + alpha) lambda / lambda_c - 1. Its wavelength is taken as 2^level FINEST_WAVELENGTH_PX, our choice.
    """
    weights = [_weight(amplification, level) for level in range(amplification.levels + 1)]
    if not amplification.residual:
        weights[-1] = 0.0
    weights[: amplification.skip_finest] = [0.0] * amplification.skip_finest
    return tuple(weights)


def _weight(amplification: Amplification, level: int) -> float:
    alpha, cutoff_px = amplification.alpha, amplification.cutoff_wavelength_px
    if cutoff_px is None or alpha == 0:
        return 1.0
    bound = (1 + alpha) * FINEST_WAVELENGTH_PX * 2**level / cutoff_px - 1
    return float(np.clip(bound / alpha, 0, 1))


def gaussian_terms(weights: Sequence[float]) -> tuple[float, ...]:
    """Weights of the Laplacian levels -> the factors c_l of the Gaussian levels, trailing zeros left out."""
    terms = list(np.diff(weights, prepend=0.0))
    while terms and terms[-1] == 0:
        terms.pop()
    return tuple(map(float, terms))


def base_level(terms: Sequence[float]) -> int:
    """The finest Gaussian level with a factor: nothing finer needs to be filtered. 0 where nothing is amplified at all."""
    return next((level for level, factor in enumerate(terms) if factor), 0)


def amplified_part(frame: Image, terms: Sequence[float]) -> Float32Array:
    """(H, W, 3) frame -> sum of c_l up^(l - base)(G_l), (H / 2^base, W / 2^base, 3) float32; raise it by `raised`."""
    gaussian = [frame.astype(np.float32, copy=False)]
    if not terms:
        return np.zeros_like(gaussian[0])
    for _ in terms[1:]:
        gaussian.append(cv2.pyrDown(gaussian[-1]))
    part = _scaled(gaussian[-1], terms[-1])
    for level in range(len(terms) - 2, base_level(terms) - 1, -1):
        part = cv2.pyrUp(part, dstsize=gaussian[level].shape[1::-1])
        if terms[level]:
            part = cv2.scaleAdd(gaussian[level], terms[level], part)
    return part


def _scaled(image: Float32Array, factor: float) -> Float32Array:
    return image if factor == 1 else image * np.float32(factor)


def raised(
    part: Float32Array, base: int, height: int, width: int, *, rows: slice | None = None, out: Float32Array | None = None
) -> Float32Array:
    """A part of level `base`, `base` times up to (height, width, 3), into `out`; or some of its rows, from what they need."""
    sizes = [(height, width)]
    for _ in range(base):
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    spans = [(0, height) if rows is None else (rows.start, rows.stop)]
    for size in sizes[1:]:  # a row comes from the coarser one in its place and that one's two neighbours
        spans.append((max(spans[-1][0] // 2 - 1, 0), min((spans[-1][1] + 1) // 2 + 1, size[0])))
    piece = part[slice(*spans[-1])]
    for level in range(base - 1, -1, -1):
        first = 2 * spans[level + 1][0]
        last = min(2 * spans[level + 1][1], sizes[level][0])
        size = sizes[level][1], last - first
        piece = cv2.pyrUp(piece, dst=out if level == 0 else None, dstsize=size)[spans[level][0] - first : spans[level][1] - first]
    return piece


def _rgb(_: float) -> Float64Array | None:
    return None


def _yiq(chroma_attenuation: float) -> Float64Array | None:
    return chroma_attenuation * np.eye(3) + (1 - chroma_attenuation) * np.outer(np.ones(3), LUMA)


COLOUR_SPACES = {"rgb": _rgb, "yiq": _yiq}


def colour_matrix(amplification: Amplification) -> Float64Array | None:
    """(3, 3) on RGB columns: into the colour space, attenuate chroma, and back; None where nothing changes.

    Grey is the eigenvector that stays, so in YIQ it is attenuation * RGB + (1 - attenuation) * Y (1, 1, 1).
    """
    return COLOUR_SPACES[amplification.colour_space](amplification.chroma_attenuation)
