"""The 3D CNN branch: local physiological features of a face clip, by residual convolutions over space and time.

He et al., "Delving deep into rectifiers" (2015), the initialisation; He et al., "Deep residual learning" (2016), section 3, the
blocks. Our choices where the paper publishes none: a linear patch stem, since skin must be averaged before anything bends it
(one pixel's pulse drowns in noise), and BatchNorm, since per-clip norms (InstanceNorm) destroy the ratio between colours that
carries SpO2.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Cnn3dConfig:
    """Sizes of the branch; one entry of each tuple per stage.

    patch_px: side of the square that the stem turns into one cell. widths: channels. blocks: residual blocks. spatial_strides,
    temporal_strides: of a stage's first block; the product of the latter must leave the pulse (up to 4 Hz) visible.
    """

    patch_px: int
    widths: tuple[int, ...]
    blocks: tuple[int, ...]
    spatial_strides: tuple[int, ...]
    temporal_strides: tuple[int, ...]

    def __post_init__(self) -> None:
        sizes = {len(self.widths), len(self.blocks), len(self.spatial_strides), len(self.temporal_strides)}
        if len(sizes) != 1:
            raise ValueError("widths, blocks, spatial_strides and temporal_strides of the CNN need one entry per stage each")


class ResidualBlock(nn.Module):
    """Two 3x3x3 convolutions and a shortcut: (B, C_in, T, H, W) -> (B, C_out, T', H', W')."""

    def __init__(self, channels_in: int, channels_out: int, temporal_stride: int, spatial_stride: int) -> None:
        super().__init__()
        stride = (temporal_stride, spatial_stride, spatial_stride)
        self.body = nn.Sequential(
            nn.Conv3d(channels_in, channels_out, 3, stride, padding=1, bias=False),
            nn.BatchNorm3d(channels_out),
            nn.ReLU(inplace=True),
            nn.Conv3d(channels_out, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm3d(channels_out),
        )
        same_shape = channels_in == channels_out and stride == (1, 1, 1)
        self.shortcut = nn.Identity() if same_shape else _projection(channels_in, channels_out, stride)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


def _projection(channels_in: int, channels_out: int, stride: tuple[int, int, int]) -> nn.Sequential:
    return nn.Sequential(nn.Conv3d(channels_in, channels_out, 1, stride, bias=False), nn.BatchNorm3d(channels_out))


class Cnn3d(nn.Module):
    """Video (B, 3, T, H, W) -> features (B, T', C), averaged over the face; C = `features`, T' = T over the temporal strides."""

    def __init__(self, config: Cnn3dConfig) -> None:
        super().__init__()
        patch = (1, config.patch_px, config.patch_px)
        self.stem = nn.Sequential(nn.Conv3d(3, config.widths[0], patch, patch, bias=False), nn.BatchNorm3d(config.widths[0]))
        self.stages = nn.Sequential(*_stages(config))
        self.features = config.widths[-1]
        self.apply(_initialise)

    def forward(self, video: Tensor) -> Tensor:
        features: Tensor = self.stages(self.stem(video))
        return features.mean(dim=(3, 4)).transpose(1, 2)


def _stages(config: Cnn3dConfig) -> list[nn.Module]:
    stages: list[nn.Module] = []
    strides = zip(config.blocks, config.temporal_strides, config.spatial_strides, strict=True)
    for (before, width), (blocks, temporal, spatial) in zip(pairwise((config.widths[0], *config.widths)), strides, strict=True):
        stages.append(ResidualBlock(before, width, temporal, spatial))
        stages.extend(ResidualBlock(width, width, 1, 1) for _ in range(blocks - 1))
    return stages


def _initialise(module: nn.Module) -> None:
    if isinstance(module, nn.Conv3d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
