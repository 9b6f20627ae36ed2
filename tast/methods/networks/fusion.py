"""How the features of the two branches become one: concatenated, gated, or by attention of each to the other.

The paper fuses its branches without saying how; these are the customary ways, and which is best is measured.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tast.methods.networks.vivit import Attention


class ConcatFusion(nn.Module):
    """Two sequences (B, N, D) side by side, mixed linearly -> (B, N, D)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.mix = nn.Linear(2 * width, width)

    def forward(self, local: Tensor, whole: Tensor) -> Tensor:
        mixed: Tensor = self.mix(torch.cat((local, whole), dim=-1))
        return mixed


class GatedFusion(nn.Module):
    """A convex mixture of two sequences (B, N, D), weighed per feature by what both say -> (B, N, D)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.gate = nn.Linear(2 * width, width)

    def forward(self, local: Tensor, whole: Tensor) -> Tensor:
        gate = torch.sigmoid(self.gate(torch.cat((local, whole), dim=-1)))
        return gate * local + (1 - gate) * whole


class CrossAttentionFusion(nn.Module):
    """Each sequence (B, N, D) asks the other, then both are mixed linearly -> (B, N, D)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.norm_local, self.norm_whole = nn.LayerNorm(width), nn.LayerNorm(width)
        self.local_asks, self.whole_asks = Attention(width, heads, dropout), Attention(width, heads, dropout)
        self.mix = nn.Linear(2 * width, width)

    def forward(self, local: Tensor, whole: Tensor) -> Tensor:
        a, b = self.norm_local(local), self.norm_whole(whole)
        both = torch.cat((local + self.local_asks(a, b), whole + self.whole_asks(b, a)), dim=-1)
        mixed: Tensor = self.mix(both)
        return mixed


FUSIONS: dict[str, type[nn.Module]] = {"concat": ConcatFusion, "gated": GatedFusion, "cross_attention": CrossAttentionFusion}
