"""How a recording is coded: codec and rate, chroma, range, matrix, bit depth, and how often. Plain values; PyAV is not needed.

Rates are in bits per pixel, so that a small picture is coded as badly as a large one of its kind. Of the published sets (size and
frame rate as published): VIPL-HR's Motion JPEG .7 (4.1 Mbit/s in crops of 440 x 450 px at 30 Hz), MCD-rPPG's MPEG-4 Part 2 .12 to
.39; the others are assumed from what cameras are set to: webcams' H.264 .1 to .5, phones' H.264 and HEVC .15 to .6.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tast.errors import TastError


@dataclass(frozen=True)
class Coding:
    """name: of its kind, in CODINGS. codec: a name in tast.video.coded.CODECS. bits_per_pixel: the rate, None: lossless.

    bits: 8 or 10 of each sample. whole_chroma: chroma of each pixel (4:4:4), else of four together (4:2:0). full_range: luma of
    0..255, else 16..235. matrix: bt601 or bt709. before: the rate of a first coding, which is decoded and coded again.
    """

    name: str
    codec: str
    bits_per_pixel: float | None
    bits: int = 8
    whole_chroma: bool = False
    full_range: bool = False
    matrix: str = "bt709"
    before: float | None = None


@dataclass(frozen=True)
class _Kind:
    """What codings of a kind are drawn from; rates in bits per pixel evenly in the logarithm, None: lossless."""

    codec: str
    rate: tuple[float, float] | None
    bits: tuple[int, ...] = (8,)
    whole_chroma: bool = False
    full_range: bool = False
    matrices: tuple[str, ...] = ("bt709", "bt601")
    before: tuple[float, float] | None = None


_KINDS = {
    "lossless": _Kind("h264", None, bits=(8, 10), whole_chroma=True),
    "h264_high": _Kind("h264", (1.5, 4.0), bits=(8, 10)),
    "mjpeg": _Kind("mjpeg", (0.6, 2.0), full_range=True, matrices=("bt601",)),
    "mpeg4": _Kind("mpeg4", (0.12, 0.39), matrices=("bt601",)),
    "h264_webcam": _Kind("h264", (0.1, 0.5)),
    "h264_phone": _Kind("h264", (0.25, 1.0), bits=(8,)),
    "hevc_phone": _Kind("hevc", (0.15, 0.6), bits=(8, 10), matrices=("bt709",)),
    "vp9": _Kind("vp9", (0.1, 0.6)),
    "h264_twice": _Kind("h264", (0.15, 1.0), before=(0.25, 1.0)),
}
CODINGS = tuple(_KINDS)


def draw_coding(rng: np.random.Generator, pool: Sequence[str] = CODINGS, *, bits: int = 8) -> Coding:
    """A random coding of one of the kinds in `pool`; a camera of 10 bits keeps them where the kind can.

    Raises TastError for a kind that is not in CODINGS.
    """
    unknown = [name for name in pool if name not in _KINDS]
    if unknown or not pool:
        raise TastError(f"phantom codings {', '.join(unknown) or '(none)'}; expected some of {', '.join(CODINGS)}")
    name = pool[int(rng.integers(len(pool)))]
    kind = _KINDS[name]
    first, second = rng.random(2)
    return Coding(
        name=name,
        codec=kind.codec,
        bits_per_pixel=_between(kind.rate, first),
        bits=bits if bits in kind.bits else 8,
        whole_chroma=kind.whole_chroma,
        full_range=kind.full_range,
        matrix=kind.matrices[int(rng.integers(len(kind.matrices)))],
        before=_between(kind.before, second),
    )


def _between(rates: tuple[float, float] | None, share: float) -> float | None:
    return None if rates is None else float(rates[0] * (rates[1] / rates[0]) ** share)
