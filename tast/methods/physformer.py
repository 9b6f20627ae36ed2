"""PhysFormer with a head for SpO2: a video transformer whose queries and keys look for what changes in time.

Yu et al., "PhysFormer: facial video-based physiological measurement with temporal difference transformer" (CVPR 2022),
arXiv 2111.12082; the authors' code is ZitongYu/PhysFormer. Made for pulse waves; nobody has published SpO2 of it.

    video 3 x T x 128 x 128
      -> conv (1,5,5) 24 -> conv 3, 48 -> conv 3, 96: each BatchNorm, ReLU, max (1,2,2)      96 x T x 16 x 16
      -> tubes of 4 x 4 x 4                                                                  96 x T/4 x 4 x 4
      -> 12 x [norm -> attention, softmax(QK'/2) V -> + ; norm -> feed forward 144 -> +]
      -> mean over space -> mean over each second -> norm -> dense 1

Published: all but the last line, and light from -1 to 1 ((x - 127.5) / 128), flips, shifts by less than 16 px, pace up to twice
and down to a half, batches of 4, Adam at 1e-4 with a decay of 5e-5, 25 epochs.

Deviations:
- In place of the head that makes a wave (two upsamplings, 41,953 parameters): the mean of each second's tokens, a norm and one
  dense layer (289). 7,339,201 parameters instead of 7,380,865.
- Trained on SpO2, by squared error and Pearson's r as TAST-Net, instead of a wave and its spectrum. All three groups of four
  blocks are one stack; the authors' grouping is of names only.
- Clips of 180 frames, 6 s at 30 Hz, instead of 160: clips last whole seconds, of whole tubes.
- The learning rate falls along a cosine (the authors': constant within 25 epochs); decay is AdamW's, and none of it on norms.
The three colours are raw: colour_axes is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from tast.methods.method import FEW_PEOPLE, NO_AUGMENTATION, Method
from tast.methods.networks.spans import mean_over_spans
from tast.methods.networks.temporal_difference import TemporalDifferenceConv3d

STEM_SHRINK = 8  # three max poolings by 2


@dataclass(frozen=True)
class PhysFormerConfig:
    """Every size of the network.

    frames, size_px, seconds: the clip's T, H = W, and S. width: of a token; the stem's stages have a quarter and a half of it
    first. feed_forward: width between. heads, blocks: of the transformer. tube_frames, tube_px: of the stem's output in one
    token. theta: see TemporalDifferenceConv3d. sharpness: that divides QK', whatever the heads' width.
    """

    frames: int
    size_px: int
    seconds: int
    width: int
    feed_forward: int
    heads: int
    blocks: int
    tube_frames: int
    tube_px: int
    theta: float
    sharpness: float
    dropout: float

    def __post_init__(self) -> None:
        if self.frames % self.tube_frames or self.size_px % (STEM_SHRINK * self.tube_px):
            raise ValueError(
                f"tubes of {self.tube_frames} frames x {STEM_SHRINK * self.tube_px} px of physformer do not divide clips of "
                f"{self.frames} frames x {self.size_px} px"
            )
        if self.width % self.heads or self.width % 4:
            raise ValueError(f"a width of {self.width} of physformer is not divided by {self.heads} heads, or by 4")


@dataclass(frozen=True)
class PhysFormerOptions:
    """See PhysFormerConfig; the defaults are the paper's."""

    width: int = 96
    feed_forward: int = 144
    heads: int = 4
    blocks: int = 12
    tube_px: int = 4
    theta: float = 0.7
    dropout: float = 0.1


class DifferenceAttention(nn.Module):
    """Attention among all tubes of a clip, queries and keys by temporal-difference convolutions: (B, C, T, H, W) -> the same."""

    def __init__(self, config: PhysFormerConfig) -> None:
        super().__init__()
        width = config.width
        self.heads, self.scale, self.dropout = config.heads, 1 / config.sharpness, config.dropout
        self.query = nn.Sequential(TemporalDifferenceConv3d(width, width, config.theta), nn.BatchNorm3d(width))
        self.key = nn.Sequential(TemporalDifferenceConv3d(width, width, config.theta), nn.BatchNorm3d(width))
        self.value = nn.Conv3d(width, width, 1, bias=False)
        self.out = nn.Linear(width, width)

    def forward(self, cells: Tensor) -> Tensor:
        q, k, v = (self._heads_of(part(cells)) for part in (self.query, self.key, self.value))
        # the function knows no modes: dropout left at its rate would act in evaluation too
        dropout = self.dropout if self.training else 0.0
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout, scale=self.scale)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2)).transpose(1, 2).unflatten(2, cells.shape[2:])
        return out

    def _heads_of(self, cells: Tensor) -> Tensor:
        """(B, C, T, H, W) -> (B, heads, T H W, C / heads)."""
        return cells.flatten(2).unflatten(1, (self.heads, -1)).transpose(2, 3)


class Block(nn.Module):
    """A transformer's block on tubes that keep their places: (B, C, T, H, W) -> the same."""

    def __init__(self, config: PhysFormerConfig) -> None:
        super().__init__()
        width, between = config.width, config.feed_forward
        self.norm_attention, self.norm_feed_forward = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = DifferenceAttention(config)
        self.feed_forward = nn.Sequential(
            nn.Conv3d(width, between, 1, bias=False), nn.BatchNorm3d(between), nn.ELU(inplace=True),
            nn.Conv3d(between, between, 3, padding=1, groups=between, bias=False), nn.BatchNorm3d(between), nn.ELU(inplace=True),
            nn.Conv3d(between, width, 1, bias=False), nn.BatchNorm3d(width),
        )  # fmt: skip
        self.drop = nn.Dropout(config.dropout)

    def forward(self, cells: Tensor) -> Tensor:
        cells = cells + self.drop(self.attention(_normed(self.norm_attention, cells)))
        return cells + self.drop(self.feed_forward(_normed(self.norm_feed_forward, cells)))


def _normed(norm: nn.LayerNorm, cells: Tensor) -> Tensor:
    """A norm over the channels of (B, C, T, H, W)."""
    normed: Tensor = norm(cells.movedim(1, -1)).movedim(-1, 1)
    return normed


class PhysFormer(nn.Module):
    """Video (B, 3, T, H, W), light over 255 less a half -> standardised SpO2 (B, S), one value per second."""

    pool_seconds: Tensor

    def __init__(self, config: PhysFormerConfig) -> None:
        super().__init__()
        self.config = config
        quarter, half, width = config.width // 4, config.width // 2, config.width
        tube = (config.tube_frames, config.tube_px, config.tube_px)
        self.stem = nn.Sequential(_stem_stage(3, quarter, (1, 5, 5)), _stem_stage(quarter, half, 3), _stem_stage(half, width, 3))
        self.embed = nn.Conv3d(width, width, tube, tube)
        self.blocks = nn.Sequential(*(Block(config) for _ in range(config.blocks)))
        steps = config.frames // config.tube_frames
        self.register_buffer("pool_seconds", mean_over_spans(steps, config.seconds), persistent=False)
        self.norm, self.head = nn.LayerNorm(width), nn.Linear(width, 1)

    def forward(self, video: Tensor) -> Tensor:
        light = video * (255 / 128)  # the published scale, (x - 127.5) / 128
        cells = self.blocks(self.embed(self.stem(light)))
        steps = cells.mean(dim=(3, 4)).transpose(1, 2)  # (B, T', C)
        out: Tensor = self.head(self.norm(self.pool_seconds @ steps)).squeeze(-1)
        return out


def _stem_stage(channels_in: int, channels_out: int, kernel: int | tuple[int, int, int]) -> nn.Sequential:
    # the convolution's bias is of no effect before BatchNorm, but it is counted among the published parameters
    return nn.Sequential(
        nn.Conv3d(channels_in, channels_out, kernel, padding="same"), nn.BatchNorm3d(channels_out), nn.ReLU(inplace=True),
        nn.MaxPool3d((1, 2, 2)),
    )  # fmt: skip


def build(
    options: PhysFormerOptions = PhysFormerOptions(), *, frames: int, size_px: int, seconds: int,
    colour_axes: Sequence[Sequence[float]] | None = None,
) -> PhysFormer:  # fmt: skip
    """See Builder; colour_axes is ignored."""
    return PhysFormer(
        PhysFormerConfig(
            frames=frames, size_px=size_px, seconds=seconds, width=options.width, feed_forward=options.feed_forward,
            heads=options.heads, blocks=options.blocks, tube_frames=4, tube_px=options.tube_px, theta=options.theta,
            sharpness=2.0, dropout=options.dropout,
        )
    )  # fmt: skip


def restore(config: dict[str, Any]) -> PhysFormer:
    """The network that `asdict(net.config)` (through JSON) describes, with new weights."""
    return PhysFormer(PhysFormerConfig(**config))


PAPER: Mapping[str, Any] = {
    "train.options": {},
    "train.input": "light", "train.whiten_colour": False, "train.frame_size_px": 128, "preprocess.magnify.alpha": 0,
    "preprocess.clips.size_px": 128, "preprocess.clips.fps_hz": 30, "preprocess.clips.length_s": 6, "preprocess.clips.hop_s": 1,
    "train.epochs": 25, "train.patience": 25, "train.batch_size": 4, "train.sampler": "shuffled",
    "train.learning_rate": 0.0001, "train.schedule": "cosine", "train.warm_up": 0.05, "train.weight_decay": 5e-05,
    "train.gradient_clip": 1.0, "train.ema_epochs": 0.0, "train.mse_weight": 1.0, "train.pearson_weight": 0.3,
    "train.augmentation": {**NO_AUGMENTATION, "stretch": 1.0, "flip": 0.5, "shift_cells": 15},
}  # fmt: skip
SMALL: Mapping[str, Any] = {
    **PAPER, **FEW_PEOPLE,
    "train.options": {"width": 48, "feed_forward": 72, "blocks": 6, "tube_px": 2},
    "train.frame_size_px": 32, "preprocess.clips.size_px": 64, "preprocess.clips.fps_hz": 15, "preprocess.clips.length_s": 8,
    "train.epochs": 20, "train.patience": 20, "train.batch_size": 16, "train.learning_rate": 0.001,
}  # fmt: skip
LOCKED: Mapping[str, Any] = {
    **FEW_PEOPLE, "train.options": {"width": 48, "feed_forward": 72, "blocks": 6, "tube_px": 1}, "train.epochs": 20,
    "train.pearson_weight": 0.3,
}  # fmt: skip

METHOD = Method(
    name="physformer",
    paper="Yu, Shen, Shi, Zhao, Torr, Zhao, CVPR 2022, arXiv 2111.12082",
    options=PhysFormerOptions,
    build=build,
    restore=restore,
    presets={"small": SMALL, "paper": PAPER, "locked": LOCKED},
)  # fmt: skip
