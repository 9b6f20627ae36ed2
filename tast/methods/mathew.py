"""Mathew et al.: three small networks on the colour trace of the skin, which differ in when they mix the colours.

Mathew, Tian, Wu, Wong, "Remote blood oxygen estimation from videos using neural networks", IEEE J. Biomed. Health Inform. 2023,
arXiv 2107.05087: the first CNN for SpO2 from a video without contact, of a hand. A ratio of ratios first extracts each colour's
pulse and then combines the colours; which order a network had better take is what the three structures ask:

    mix_first    light -> trace -> mix 3-16-8 -> [conv 5, halve] 8-16-32-64                      -> mean -> 64-1
    mix_last     light -> trace -> [conv 5 of each colour alone, halve] 3-24-48-96               -> mean -> 96-32-1
    interleaved  light -> trace -> [mix, conv 5 of each channel alone, halve] 3-8-16-16-32-32-64 -> mean -> 64-1

Published, as far as the paper could be read: the spatial mean of the skin's red, green and blue as input, the three orders of
mixing colours and extracting features in time, and that they learn from RGB alone. Every width, kernel and number is ours, since
neither its tables nor code are public. Parameters: 13,817, 13,025 and 2,097; the paper's own counts are not known.

Deviations and choices:
- A face, not a hand: the mean over the face's lit pixels, taken inside forward.
- Each channel over its own mean in the clip, less 1, in percent: the same as x / mean to a convolution with a bias, but of order
  one and with 0, what the convolutions pad with, as its mean.
- One value for the clip, which every second of it gets. Clips of 10 s at 30 frames a second.
- Loss: RMSE in standardised units. Adam with the learning rate on a cosine (a constant one cannot be said in params.yaml), its
  gradient clipped, early stopping on held-out people.
- colour_axes are not used: the network learns its own mixtures of the colours, which is its point.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from tast.methods.method import FEW_PEOPLE, Method, Outputs, spo2_of
from tast.methods.networks.light import lit_light, percent_of_mean
from tast.vector_math import square_root

COLOURS = 3
RMSE_FLOOR = 1e-6  # of standardised labels: keeps the root's gradient finite where nothing is wrong


@dataclass(frozen=True)
class Structure:
    """Widths of one order of mixing and extracting.

    mixes: channels after each mixture. extracts: channels after each convolution in time, which has a mixture of its own before
    it where `interleaved`; else all mixtures come first. apart: the colours, or after a mixture its channels, are kept apart by
    the convolutions. hidden: width of a layer between the mean over time and the value; None for none.
    """

    mixes: tuple[int, ...]
    extracts: tuple[int, ...]
    interleaved: bool
    apart: bool
    hidden: int | None


STRUCTURES: dict[str, Structure] = {
    "mix_first": Structure((16, 8), (16, 32, 64), interleaved=False, apart=False, hidden=None),
    "mix_last": Structure((), (24, 48, 96), interleaved=False, apart=True, hidden=32),
    "interleaved": Structure((8, 16, 32), (16, 32, 64), interleaved=True, apart=True, hidden=None),
}


@dataclass(frozen=True)
class MathewConfig:
    """Every size. frames, size_px, seconds: the clip's T, H = W, and S, the values asked for. trace: as in MathewOptions.

    kernel: frames of a convolution.
    """

    frames: int
    size_px: int
    seconds: int
    structure: Structure
    trace: str
    kernel: int = 5

    def __post_init__(self) -> None:
        halvings = len(self.structure.extracts)
        if self.frames < 2**halvings:
            raise ValueError(f"{self.frames} frames cannot be halved {halvings} times")


@dataclass(frozen=True)
class MathewOptions:
    """structure: a key of STRUCTURES. trace: `percent` of the clip's mean, of light; `as_given`: the mean of an input that is a
    pulse already (normalised, pulse_locked)."""

    structure: str = "mix_first"
    trace: str = "percent"

    def __post_init__(self) -> None:
        if self.trace not in TRACES:
            raise ValueError(f"trace {self.trace!r} of mathew is unknown; one of {', '.join(TRACES)}")
        if self.structure not in STRUCTURES:
            raise ValueError(f"structure {self.structure!r} of mathew is unknown; one of {', '.join(STRUCTURES)}")


class Mathew(nn.Module):
    """Video (B, 3, T, H, W), of light or of a pulse as config.trace says, -> standardised SpO2 (B, S), one value for all."""

    def __init__(self, config: MathewConfig) -> None:
        super().__init__()
        self.config = config
        self.features = nn.Sequential(*_features(config.structure, config.kernel))
        widths = [width for width in (config.structure.extracts[-1], config.structure.hidden) if width is not None]
        hidden = [layer for pair in pairwise(widths) for layer in (nn.Linear(*pair), nn.ReLU())]
        self.head = nn.Sequential(*hidden, nn.Linear(widths[-1], 1))

    def forward(self, video: Tensor) -> Tensor:
        trace = TRACES[self.config.trace](video)
        value: Tensor = self.head(self.features(trace).mean(dim=2))
        return value.expand(-1, self.config.seconds)


def _percent(video: Tensor) -> Tensor:
    """Light (B, 3, T, H, W) -> percent of each channel's mean (B, 3, T)."""
    return percent_of_mean(lit_light(video).mean(dim=(3, 4)), dim=2)


def _as_given(video: Tensor) -> Tensor:
    """A pulse (B, 3, T, H, W) -> its mean over the picture (B, 3, T)."""
    return video.mean(dim=(3, 4))


TRACES = {"percent": _percent, "as_given": _as_given}


def _features(structure: Structure, kernel: int) -> list[nn.Module]:
    """The layers from the trace (B, 3, T) to features (B, C, T')."""
    mixes = [("mix", width) for width in structure.mixes]
    extracts = [("extract", width) for width in structure.extracts]
    in_turn = [step for pair in zip(mixes, extracts, strict=True) for step in pair] if structure.interleaved else mixes + extracts
    layers: list[nn.Module] = []
    before = COLOURS
    for step, width in in_turn:
        if step == "mix":
            layers.extend((nn.Conv1d(before, width, 1), nn.ReLU()))
        else:
            groups = (before if structure.interleaved else COLOURS) if structure.apart else 1
            convolution = nn.Conv1d(before, width, kernel, padding=kernel // 2, groups=groups)
            layers.extend((convolution, nn.ReLU(), nn.MaxPool1d(2)))
        before = width
    return layers


def rmse(outputs: Outputs, target: Tensor) -> Tensor:
    """Root of the mean squared error over all labelled seconds, in the unit of the target (B, S); 0 without any label."""
    known = torch.isfinite(target)
    error = torch.where(known, spo2_of(outputs) - torch.where(known, target, 0.0), 0.0)
    mean_square = error.square().sum() / known.sum().clamp(min=1)
    return square_root(mean_square + RMSE_FLOOR**2) * known.any()


def build(
    options: MathewOptions = MathewOptions(), *, frames: int, size_px: int, seconds: int,
    colour_axes: Sequence[Sequence[float]] | None = None,
) -> Mathew:  # fmt: skip
    """A new network of one of the three structures; colour_axes are not used."""
    return Mathew(MathewConfig(frames, size_px, seconds, STRUCTURES[options.structure], options.trace))


def restore(config: dict[str, Any]) -> Mathew:
    """The network that `asdict(net.config)` (through JSON) describes, with new weights."""
    sizes: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in config["structure"].items()
    }
    return Mathew(MathewConfig(**{**config, "structure": Structure(**sizes)}))


RECIPE: Mapping[str, Any] = {
    "train.input": "light", "train.whiten_colour": False, "train.frame_size_px": 16, "preprocess.magnify.alpha": 0,
    "preprocess.clips.size_px": 64, "preprocess.clips.fps_hz": 30, "preprocess.clips.length_s": 10, "preprocess.clips.hop_s": 1,
    "train.epochs": 100, "train.patience": 20, "train.batch_size": 64, "train.sampler": "shuffled",
    "train.learning_rate": 0.001, "train.schedule": "cosine", "train.warm_up": 0.05, "train.weight_decay": 0.0,
    "train.gradient_clip": 1.0, "train.ema_epochs": 0.0,
}  # fmt: skip
SMALL: Mapping[str, Any] = {
    **RECIPE, **FEW_PEOPLE,
    "preprocess.clips.fps_hz": 15, "preprocess.clips.length_s": 8, "train.batch_size": 16, "train.learning_rate": 0.003,
}  # fmt: skip
LOCKED: Mapping[str, Any] = {  # of the three the one with the least error on held-out people of the development phantom
    "train.options": {"structure": "mix_first", "trace": "as_given"},
    "train.epochs": 100, "train.learning_rate": 0.003,
}  # fmt: skip

METHOD = Method(
    name="mathew",
    paper="Mathew, Tian, Wu, Wong, IEEE J. Biomed. Health Inform. 2023, arXiv 2107.05087",
    options=MathewOptions,
    build=build,
    restore=restore,
    presets={
        **{name: {"train.options": {"structure": name}, **SMALL} for name in STRUCTURES},
        "paper": {"train.options": {"structure": "mix_first"}, **RECIPE},  # its model 1; which one it recommends is not known
        "locked": LOCKED,
    },
    target="clip",
    loss=rmse,
)
