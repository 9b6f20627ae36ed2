"""The temporal shift: convolutions of single frames see the frames beside theirs, at no cost.

Lin, Gan, Han, "TSM: temporal shift module for efficient video understanding" (ICCV 2019), section 3, both directions.
"""

from __future__ import annotations

import torch
from torch import Tensor


def temporal_shift(frames: Tensor, segment_frames: int, parts: int) -> Tensor:
    """Frames (N, C, H, W), segments of `segment_frames` in order -> the same, some channels of each from the frames beside it.

    The first C // parts channels come from the frame after, as many from the one before, the others stay. Beyond either end of a
    segment there is nothing: 0. N is a multiple of segment_frames.
    """
    fold = frames.shape[1] // parts
    segments = frames.unflatten(0, (-1, segment_frames))  # (N', T, C, H, W)
    after, before, same = segments[:, :, :fold], segments[:, :, fold : 2 * fold], segments[:, :, 2 * fold :]
    nothing = torch.zeros_like(after[:, :1])
    after, before = torch.cat((after[:, 1:], nothing), dim=1), torch.cat((nothing, before[:, :-1]), dim=1)
    return torch.cat((after, before, same), dim=2).flatten(0, 1)
