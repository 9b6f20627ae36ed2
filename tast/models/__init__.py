"""The networks: each takes video (B, 3, T, H, W) and gives standardised SpO2 (B, S). They know torch only."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from torch import nn

from tast.models import tast_net


class Builder(Protocol):
    """A new network of a preset for clips of `frames` x `size` x `size` px that last `seconds`; None: as the preset has it.

    colour_axes: (3, 3), fixed, from the video's channels to what the network sees of them; None: the channels themselves.
    """

    def __call__(
        self, preset: str, *, frames: int, size: int, seconds: int, branches: str = ..., fusion: str | None = ...,
        attention: str | None = ..., trend_order: int | None = ..., colour_axes: Sequence[Sequence[float]] | None = ...,
    ) -> nn.Module: ...  # fmt: skip


MODELS: dict[str, Builder] = {"tast_net": tast_net.build}

# from the config that a saved model carries (its dataclass as a dict, through JSON) to a network of the same sizes
RESTORERS: dict[str, Callable[[dict[str, Any]], nn.Module]] = {"tast_net": tast_net.restore}
