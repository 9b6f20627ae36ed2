"""The ViViT branch: dependencies across the whole face and the whole clip, by attention between tubelets.

Arnab et al., "ViViT: a video vision transformer" (ICCV 2021): tubelet embedding (section 3.2), joint attention (model 1) and
the factorised encoder (model 2). Deviation: tokens are averaged instead of a class token being read, since SpO2 is wanted for
every second.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn


@dataclass(frozen=True)
class VivitConfig:
    """Sizes of the branch.

    tubelet_frames, patch_px: a tubelet's extent in time and space; they divide the clip's. attention: `factorised` or `joint`.
    spatial_layers, temporal_layers: depths of the two encoders; `joint` has one encoder as deep as both together.
    """

    tubelet_frames: int
    patch_px: int
    width: int
    heads: int
    mlp_ratio: float
    spatial_layers: int
    temporal_layers: int
    attention: str
    dropout: float

    def __post_init__(self) -> None:
        if self.attention not in ENCODERS:
            raise ValueError(f"attention {self.attention!r} is unknown; one of {', '.join(ENCODERS)}")
        if self.width % self.heads:
            raise ValueError(f"{self.heads} heads do not divide a width of {self.width}")


class Attention(nn.Module):
    """Multi-head attention of queries (B, N, D) over a context (B, M, D) -> (B, N, D); dropout acts in training only."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(width, 2 * width)
        self.out = nn.Linear(width, width)

    def forward(self, queries: Tensor, context: Tensor) -> Tensor:
        q = self._split_heads(self.query(queries))
        k, v = (self._split_heads(part) for part in self.key_value(context).chunk(2, dim=-1))
        # the function knows no modes: dropout left at its rate would act in evaluation too
        mixed = F.scaled_dot_product_attention(q, k, v, dropout_p=self.dropout if self.training else 0.0)
        out: Tensor = self.out(mixed.transpose(1, 2).flatten(2))
        return out

    def _split_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.heads, -1)).transpose(1, 2)


class EncoderLayer(nn.Module):
    """Pre-norm transformer layer: tokens (B, N, D) -> (B, N, D)."""

    def __init__(self, width: int, heads: int, mlp_ratio: float, dropout: float) -> None:
        super().__init__()
        hidden = int(width * mlp_ratio)
        self.norm_attention, self.norm_mlp = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = Attention(width, heads, dropout)
        self.mlp = nn.Sequential(nn.Linear(width, hidden), nn.GELU(), nn.Dropout(dropout), nn.Linear(hidden, width))
        self.drop = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        normed = self.norm_attention(tokens)
        tokens = tokens + self.drop(self.attention(normed, normed))
        return tokens + self.drop(self.mlp(self.norm_mlp(tokens)))


def encoder(config: VivitConfig, layers: int) -> nn.Sequential:
    """`layers` transformer layers and a closing norm: tokens (B, N, D) -> (B, N, D)."""
    stack = [EncoderLayer(config.width, config.heads, config.mlp_ratio, config.dropout) for _ in range(layers)]
    return nn.Sequential(*stack, nn.LayerNorm(config.width))


class FactorisedEncoder(nn.Module):
    """Attention within each instant, then across instants (ViViT's model 2): tokens (B, N, P, D) -> (B, N, D)."""

    def __init__(self, config: VivitConfig) -> None:
        super().__init__()
        self.spatial = encoder(config, config.spatial_layers)
        self.temporal = encoder(config, config.temporal_layers)

    def forward(self, tokens: Tensor) -> Tensor:
        instants = tokens.shape[1]
        places = self.spatial(tokens.flatten(0, 1)).mean(dim=1)
        out: Tensor = self.temporal(places.unflatten(0, (-1, instants)))
        return out


class JointEncoder(nn.Module):
    """Attention among all tubelets at once (ViViT's model 1): tokens (B, N, P, D) -> (B, N, D)."""

    def __init__(self, config: VivitConfig) -> None:
        super().__init__()
        self.layers = encoder(config, config.spatial_layers + config.temporal_layers)

    def forward(self, tokens: Tensor) -> Tensor:
        instants = tokens.shape[1]
        out: Tensor = self.layers(tokens.flatten(1, 2)).unflatten(1, (instants, -1))
        return out.mean(dim=2)


ENCODERS: dict[str, type[nn.Module]] = {"factorised": FactorisedEncoder, "joint": JointEncoder}


class Vivit(nn.Module):
    """Video (B, 3, T, H, W) of the configured size -> features (B, N, D): one token per tubelet's duration."""

    def __init__(self, config: VivitConfig, *, frames: int, size_px: int) -> None:
        super().__init__()
        if frames % config.tubelet_frames or size_px % config.patch_px:
            tubelet_size, clip_size = f"{config.tubelet_frames} frames x {config.patch_px} px", f"{frames} frames x {size_px} px"
            raise ValueError(f"tubelets of {tubelet_size} do not divide clips of {clip_size}")
        tubelet = (config.tubelet_frames, config.patch_px, config.patch_px)
        self.embed = nn.Conv3d(3, config.width, tubelet, tubelet)
        self.instants, places = frames // config.tubelet_frames, (size_px // config.patch_px) ** 2
        self.where = _position((1, 1, places, config.width))
        self.when = _position((1, self.instants, 1, config.width))
        self.drop = nn.Dropout(config.dropout)
        self.encoder = ENCODERS[config.attention](config)
        self.features = config.width

    def forward(self, video: Tensor) -> Tensor:
        tokens = self.embed(video).flatten(3).permute(0, 2, 3, 1)  # (B, D, N, H', W') -> (B, N, P, D)
        out: Tensor = self.encoder(self.drop(tokens + self.where + self.when))
        return out


def _position(shape: tuple[int, ...]) -> nn.Parameter:
    return nn.Parameter(nn.init.trunc_normal_(torch.empty(shape), std=0.02))
