"""The part of a frame that is amplified: weighted levels of its Laplacian pyramid, collapsed (Wu et al. 2012, section 3).

With G_0 the frame, G_l+1 = down(G_l) and the levels G_l - up(G_l+1), the weighted levels collapse to the sum over l of
c_l up^l(G_l) with c_0 = w_0 and c_l = w_l - w_l-1. Few of these terms differ from zero, none finer than the finest level that is
amplified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
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


class Collapse:
    """`amplified_part` of frames of one size, one after the other, in arrays made once: the kernel takes longer to give new ones.

    height, width: of the frames. terms: the factors c_l.
    """

    def __init__(self, height: int, width: int, terms: Sequence[float]) -> None:
        self._terms, self._base = terms, base_level(terms)
        sizes = level_sizes(height, width, max(len(terms) - 1, 0))
        self._gaussian = [np.empty((*size, 3), dtype=np.float32) for size in sizes]
        self._raised = [np.empty_like(level) for level in self._gaussian]

    def part(self, frame: Image, out: Float32Array | None = None) -> Float32Array:
        """(height, width, 3) uint8 or float32 -> sum of c_l up^(l - base)(G_l), into `out` or an array of its own."""
        out = np.empty_like(self._gaussian[self._base]) if out is None else out
        if not self._terms:
            out[:] = 0
            return out
        gaussian = self._levels(frame)
        coarsest = len(gaussian) - 1
        part = np.multiply(gaussian[-1], np.float32(self._terms[-1]), out=self._target(coarsest, out))
        for level in range(coarsest - 1, self._base - 1, -1):
            target = self._target(level, out)
            part = cv2.pyrUp(part, dst=target, dstsize=target.shape[1::-1])
            if self._terms[level]:
                part = cv2.scaleAdd(gaussian[level], self._terms[level], part, dst=target)
        return out

    def _levels(self, frame: Image) -> list[Float32Array]:
        np.copyto(self._gaussian[0], frame)
        for finer, coarser in pairwise(self._gaussian):
            cv2.pyrDown(finer, dst=coarser)
        return self._gaussian

    def _target(self, level: int, out: Float32Array) -> Float32Array:
        return out if level == self._base else self._raised[level]


def amplified_part(frame: Image, terms: Sequence[float]) -> Float32Array:
    """(H, W, 3) frame -> sum of c_l up^(l - base)(G_l), (H / 2^base, W / 2^base, 3) float32; raise it by `raised`."""
    return Collapse(frame.shape[0], frame.shape[1], terms).part(frame)


def level_sizes(height: int, width: int, levels: int) -> list[tuple[int, int]]:
    """(height, width) of a frame and of so many coarser levels, as pyrDown makes them."""
    sizes = [(height, width)]
    for _ in range(levels):
        sizes.append(((sizes[-1][0] + 1) // 2, (sizes[-1][1] + 1) // 2))
    return sizes


def raised(
    part: Float32Array, base: int, height: int, width: int, *, rows: slice | None = None, out: Float32Array | None = None
) -> Float32Array:
    """A part of level `base`, `base` times up to (height, width, 3), into `out`; or some of its rows, from what they need."""
    sizes = level_sizes(height, width, base)
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
