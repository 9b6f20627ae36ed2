"""The temporal-difference convolution: a convolution in space and time that is told what changes more than what stays.

Yu et al., "Searching multi-rate and multi-modal temporal enhanced networks for gesture recognition" (2020), which
Yu et al., "PhysFormer" (CVPR 2022), section 3.2, takes its queries and keys from.
"""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn


class TemporalDifferenceConv3d(nn.Module):
    """Convolution 3x3x3 without bias, less `theta` of what its first and last instant say of the cell in the middle.

    (B, C_in, T, H, W) -> (B, C_out, T, H, W). Published as two convolutions, the second with a 1x1x1 kernel: the first and the
    last slice of the kernel, summed over space. It falls on the middle cell only, so that one convolution whose middle weight is
    less by as much is the same. theta 0: an ordinary convolution.
    """

    def __init__(self, channels_in: int, channels_out: int, theta: float) -> None:
        super().__init__()
        self.theta = theta
        self.conv = nn.Conv3d(channels_in, channels_out, 3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        weight = self.conv.weight
        beside = weight[:, :, 0].sum(dim=(2, 3)) + weight[:, :, 2].sum(dim=(2, 3))  # (C_out, C_in)
        middle = F.pad(beside[:, :, None, None, None], (1,) * 6)
        return F.conv3d(x, weight - self.theta * middle, padding=1)
