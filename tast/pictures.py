"""A decoded frame: RGB, or luma and chroma as a compressed video holds them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

RgbImage = npt.NDArray[np.uint8]
Plane = npt.NDArray[np.number]


@dataclass(frozen=True, eq=False)
class YuvPicture:
    """Luma and chroma, not yet RGB: bytes of RGB would round each whole step of chroma to a whole step of red, green and blue.

    luma: (H, W); chroma: Cb and Cr, each (H, W) or of half the height or width, rounded up; in the file's own steps. to_rgb:
    (3, 4), from luma, Cb, Cr and 1 to RGB from 0 to 255. neutral: what chroma is in grey. transfer, primaries: what that RGB is
    still coded in: names in TRANSFERS and in TO_PRIMARIES of tast.video.transfer.
    """

    luma: Plane
    chroma: tuple[Plane, Plane]
    to_rgb: npt.NDArray[np.float32]
    neutral: float = 128.0
    transfer: str = "sdr"
    primaries: str = "bt709"


Picture = RgbImage | YuvPicture
