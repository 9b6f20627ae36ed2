"""Coordinate attention: each channel weighed by where along either axis of a picture it speaks.

Hou, Zhou, Feng, "Coordinate attention for efficient mobile network design" (CVPR 2021), section 3.2. Its two directions are
plain means here, and not adaptive pooling, whose backward pass on a GPU adds in no fixed order.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class CoordinateAttention(nn.Module):
    """Features (B, C, H, W) times weights in (0, 1) of each channel's row and column -> (B, C, H, W).

    channels: C. reduction: of the channels in between, of which there are at least `smallest`.
    """

    def __init__(self, channels: int, reduction: int = 32, smallest: int = 8) -> None:
        super().__init__()
        between = max(smallest, channels // reduction)
        # one and the same for both axes, so that either is squeezed in knowledge of what a row and a column have in common
        self.squeeze = nn.Sequential(nn.Conv2d(channels, between, 1), nn.BatchNorm2d(between), nn.Hardswish())
        self.of_rows, self.of_columns = nn.Conv2d(between, channels, 1), nn.Conv2d(between, channels, 1)

    def forward(self, features: Tensor) -> Tensor:
        height, width = features.shape[2:]
        rows = features.mean(dim=3, keepdim=True)
        columns = features.mean(dim=2, keepdim=True).transpose(2, 3)
        squeezed = self.squeeze(torch.cat((rows, columns), dim=2))  # (B, C', H + W, 1)
        rows, columns = squeezed.split((height, width), dim=2)
        return features * torch.sigmoid(self.of_rows(rows)) * torch.sigmoid(self.of_columns(columns.transpose(2, 3)))
