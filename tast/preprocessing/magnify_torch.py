"""Eulerian magnification on a torch device: the pyramid and the filter as products of matrices, for GPUs.

The one file of preprocessing that knows torch. Pyramid, colour space and filter are linear: `down` and `up` of each side, and the
filter over the video's length, are matrices that are made once with the very functions of the CPU's path.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import torch

from tast.preprocessing.band_pass import Band, band_pass, check_band
from tast.preprocessing.low_pass import down_matrix, up_matrix
from tast.preprocessing.pyramid import Amplification, colour_matrix, gaussian_terms, level_weights

CHUNK = 64  # frames of which the pyramid is held at once


def magnify_tensor(frames: torch.Tensor, fps_hz: float, amplification: Amplification, band: Band) -> torch.Tensor:
    """(T, H, W, 3) RGB frames of any type, on a uniform grid of fps_hz and on any device -> magnified, float32, on that device.

    As `magnify_frames` to float32, within 1e-4 of the largest change. The whole video is on the device, twice as float32.
    Raises ValueError where the filter is not known or the rate cannot carry the band.
    """
    check_band(fps_hz, band)
    device = frames.device
    terms = [amplification.alpha * factor for factor in gaussian_terms(level_weights(amplification))]
    varying = torch.cat([_amplified_parts(chunk.float(), terms) for chunk in frames.split(CHUNK)])
    mixing = colour_matrix(amplification)
    if mixing is not None:
        varying = varying @ torch.as_tensor(mixing.T, dtype=torch.float32, device=device)
    matrix = torch.as_tensor(_filter_matrix(len(frames), fps_hz, band), device=device)
    varying -= varying[:1].clone() if band.settled or band.filter != "iir" else 0  # does not pass, and would cost digits
    passed = (matrix @ varying.flatten(1)).view_as(varying)
    return passed.add_(frames)


def _amplified_parts(frames: torch.Tensor, terms: Sequence[float]) -> torch.Tensor:
    """(T, H, W, 3): the sum of c_l up^l(down^l(frame)), each by a matrix on either side of the picture."""
    height, width = frames.shape[1:3]
    parts = torch.zeros_like(frames)
    for level, factor in enumerate(terms):
        if factor and level == 0:
            parts += factor * frames
        elif factor:
            rows, columns = (_blur(side, level, frames.device) for side in (height, width))
            parts += factor * torch.einsum("yh,thwc,xw->tyxc", rows, frames, columns)
    return parts


def _blur(side: int, level: int, device: torch.device) -> torch.Tensor:
    """(side, side): `level` times down and up again along one side."""
    return torch.as_tensor(up_matrix(side, level) @ down_matrix(side, level), dtype=torch.float32, device=device)


@lru_cache(maxsize=4)
def _filter_matrix(n_samples: int, fps_hz: float, band: Band) -> npt.NDArray[np.float32]:
    """(T, T): what passes of each unit impulse."""
    if band.filter == "iir":  # its start depends on the first sample, which has been taken away where it matters
        band = Band(band.low_hz, band.high_hz, band.filter, band.order, settled=False)
    return band_pass(np.eye(n_samples, dtype=np.float32), fps_hz, band)
