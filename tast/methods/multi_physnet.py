"""MultiPhysNet of SUMS: a 3D encoder and decoder turn a clip into its pulse wave, and SpO2 is read off the wave.

Liu, Tang et al., "Summit Vitals: multi-camera and multi-signal biosensing at high altitudes", IEEE UIC 2024, pp. 284-291,
arXiv 2409.19223; the authors' code is thuhci/SUMS. One camera of two: without the net that fuses two waves.

    video 3 x T x 72 x 72, differences of frames
      -> conv (1,5,5) 16 -> max (1,2,2) -> conv 3, 32 -> conv 3, 64 -> max 2
      -> conv 3, 64, twice -> max 2 -> twice -> max (1,2,2) -> twice            64 x T/4 x 4 x 4
      -> transposed conv in time, twice: ELU                                    64 x T x 4 x 4
      -> mean over space -> conv 1                                              pulse, T
      -> conv 3, 16 -> conv 3, 32 -> mean of 4 spans -> dense 1 -> sigmoid      SpO2

Published: every layer, BatchNorm and ReLU after each convolution of the encoder, differences of frames (input `difference`),
72 x 72, batches of 16, 50 epochs, OneCycle up to 9e-3, gradients clipped at 1, and the loss of SpO2, squared error times
(100 - mean label of the batch)^2. 770,338 parameters; the authors' code makes 884,835, with a fusion that one camera never uses,
and TAST-Net's paper says nothing of the number.

Deviations:
- SpO2 from 50 to 100 % instead of 85 to 100: lower labels, which the data sets and the phantom have, could not be said.
- Clips of 120 frames in 4 s instead of 128 in 2.1 s (60 Hz), which overlap: clips last whole seconds here.
- The aligned face instead of the box of the first frame, blown up by half.
- The mean of four spans counts parts of a step as parts; where four divides T, it is the adaptive pooling of the authors.
- Where no pulse is recorded beside the video, SpO2 alone teaches it. Where one is, the loss of the pulse is the authors' (100
  times 1 - Pearson's r of each clip, added); frames without a pulse count nowhere, and the finger's delay stays in the wave.
- AdamW without decay, which is Adam.
The wave is one channel and differences hold no steady light: no ratio of red to another colour reaches the head, unless the
encoder writes it into the wave's shape. The preset `paper_light` shows the same network the light
itself.
Raw colours are what it sees: colour_axes is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tast.methods.method import FEW_PEOPLE, NO_AUGMENTATION, Method, Outputs, Reported, spo2_of
from tast.methods.networks.spans import mean_over_spans
from tast.vector_math import square_root

PULSE_WEIGHT = 100.0  # the authors', of the pulse beside SpO2
SMALL_POWER = 1e-12  # keeps r and its gradient finite where a wave is constant
TIME_STEPS = 4  # frames to one step where the encoder is deepest: two max poolings


@dataclass(frozen=True)
class MultiPhysNetConfig:
    """Every size of the network.

    frames, size_px, seconds: the clip's T, H = W, and S. widths: channels of the first, the second and all later convolutions.
    head_widths: of the convolutions on the wave; head_spans: over which their output is averaged. lowest_percent,
    highest_percent: what SpO2 can be.
    """

    frames: int
    size_px: int
    seconds: int
    widths: tuple[int, int, int]
    head_widths: tuple[int, int]
    head_spans: int
    lowest_percent: float
    highest_percent: float

    def __post_init__(self) -> None:
        if self.frames % TIME_STEPS or self.size_px < 16:
            raise ValueError(
                f"multi_physnet pools time by {TIME_STEPS} and space by 16: clips of {self.frames} frames x {self.size_px} px "
                f"must be a multiple of {TIME_STEPS} frames and at least 16 px"
            )


@dataclass(frozen=True)
class MultiPhysNetOptions:
    """The range of SpO2; the paper's is 85 to 100."""

    lowest_percent: float = 50.0
    highest_percent: float = 100.0

    def __post_init__(self) -> None:
        if not 0 <= self.lowest_percent < self.highest_percent:
            raise ValueError(f"{self.lowest_percent:g} to {self.highest_percent:g} is no range of SpO2")


class MultiPhysNet(nn.Module):
    """Video (B, 3, T, H, W) -> SpO2 in percent (B, S), one value for all seconds of a clip.

    In training {"spo2": that, "pulse": wave (B, T), of any mean and scale}.
    """

    spans: Tensor

    def __init__(self, config: MultiPhysNetConfig) -> None:
        super().__init__()
        self.config = config
        first, second, width = config.widths
        self.encoder = nn.Sequential(
            _block(3, first, (1, 5, 5)), nn.MaxPool3d((1, 2, 2)),
            _block(first, second, 3), _block(second, width, 3), nn.MaxPool3d(2),
            _block(width, width, 3), _block(width, width, 3), nn.MaxPool3d(2),
            _block(width, width, 3), _block(width, width, 3), nn.MaxPool3d((1, 2, 2)),
            _block(width, width, 3), _block(width, width, 3),
        )  # fmt: skip
        self.decoder = nn.Sequential(_twice_as_long(width), _twice_as_long(width))
        self.wave = nn.Conv1d(width, 1, 1)
        inner, outer = config.head_widths
        self.head = nn.Sequential(
            nn.Conv1d(1, inner, 3, padding=1), nn.ReLU(inplace=True), nn.Conv1d(inner, outer, 3, padding=1), nn.ReLU(inplace=True)
        )
        self.register_buffer("spans", mean_over_spans(config.frames, config.head_spans), persistent=False)
        self.dense = nn.Linear(outer * config.head_spans, 1)

    def forward(self, video: Tensor) -> Outputs:
        features = self.decoder(self.encoder(video))
        wave = self.wave(features.mean(dim=(3, 4)))  # (B, 1, T)
        in_spans = self.head(wave) @ self.spans.T  # (B, C, 4)
        share = torch.sigmoid(self.dense(in_spans.flatten(1)))
        lowest, highest = self.config.lowest_percent, self.config.highest_percent
        spo2 = (lowest + (highest - lowest) * share).expand(-1, self.config.seconds)
        return {"spo2": spo2, "pulse": wave.squeeze(1)} if self.training else spo2


def _block(channels_in: int, channels_out: int, kernel: int | tuple[int, int, int]) -> nn.Sequential:
    # the convolution's bias is of no effect before BatchNorm, but it is counted among the published parameters
    return nn.Sequential(
        nn.Conv3d(channels_in, channels_out, kernel, padding="same"), nn.BatchNorm3d(channels_out), nn.ReLU(inplace=True)
    )


def _twice_as_long(channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.ConvTranspose3d(channels, channels, (4, 1, 1), (2, 1, 1), (1, 0, 0)), nn.BatchNorm3d(channels), nn.ELU(inplace=True)
    )


def spo2_loss(outputs: Outputs, target: Tensor) -> Tensor:
    """Squared error of the clips' means times (100 - mean of the labels)^2, so that low saturation weighs more; a scalar.

    target: (B, S) percent, NaN unknown. A clip without any label counts nowhere; a batch of such has a loss of 0.
    """
    predicted = spo2_of(outputs).float().mean(dim=1)
    known = torch.isfinite(target)
    label = torch.where(known, target, 0.0).sum(dim=1) / known.sum(dim=1).clamp(min=1)
    labelled = known.any(dim=1)
    clips = labelled.sum().clamp(min=1)
    error = torch.where(labelled, predicted - label.to(predicted), 0.0)
    return error.square().sum() / clips * (100 - label.sum() / clips) ** 2


def pulse_loss(outputs: Outputs, wave: Tensor) -> Tensor:
    """100 times 1 - r between the network's wave and the recorded one (B, T), NaN unknown, a mean over the clips; a scalar.

    A clip of whose frames fewer than half have a pulse counts nowhere; a batch of such has a loss of 0.
    """
    if isinstance(outputs, Tensor):
        raise ValueError("the network gives no wave: it does in training alone")
    known = torch.isfinite(wave)
    enough = known.float().mean(dim=1) >= 0.5
    drawn, recorded = (_centred(values, known) for values in (outputs["pulse"].float(), torch.where(known, wave, 0.0)))
    size = square_root(drawn.square().sum(dim=1) * recorded.square().sum(dim=1) + SMALL_POWER)
    r = (drawn * recorded).sum(dim=1) / size
    return PULSE_WEIGHT * torch.where(enough, 1 - r, 0.0).sum() / enough.sum().clamp(min=1)


def _centred(values: Tensor, known: Tensor) -> Tensor:
    """Rows less their mean over what is known; 0 elsewhere."""
    mean = (values * known).sum(dim=1, keepdim=True) / known.sum(dim=1, keepdim=True).clamp(min=1)
    return torch.where(known, values - mean, 0.0)


def build(
    options: MultiPhysNetOptions = MultiPhysNetOptions(), *, frames: int, size_px: int, seconds: int,
    colour_axes: Sequence[Sequence[float]] | None = None,
) -> MultiPhysNet:  # fmt: skip
    """See Builder; colour_axes is ignored."""
    return MultiPhysNet(
        MultiPhysNetConfig(
            frames=frames, size_px=size_px, seconds=seconds, widths=(16, 32, 64), head_widths=(16, 32), head_spans=4,
            lowest_percent=options.lowest_percent, highest_percent=options.highest_percent,
        )
    )  # fmt: skip


def restore(config: dict[str, Any]) -> MultiPhysNet:
    """The network that `asdict(net.config)` (through JSON) describes, with new weights."""
    first, second, width = config["widths"]
    inner, outer = config["head_widths"]
    return MultiPhysNet(MultiPhysNetConfig(**config | {"widths": (first, second, width), "head_widths": (inner, outer)}))


PAPER: Mapping[str, Any] = {
    "train.options": {},
    "train.input": "difference", "train.whiten_colour": False, "train.frame_size_px": 72, "preprocess.magnify.alpha": 0,
    "preprocess.clips.size_px": 72, "preprocess.clips.fps_hz": 30, "preprocess.clips.length_s": 4, "preprocess.clips.hop_s": 1,
    "train.epochs": 50, "train.patience": 50, "train.batch_size": 16, "train.sampler": "shuffled",
    "train.learning_rate": 0.009, "train.schedule": "one_cycle", "train.warm_up": 0.3, "train.weight_decay": 0.0,
    "train.gradient_clip": 1.0, "train.ema_epochs": 0.0, "train.augmentation": NO_AUGMENTATION,
}  # fmt: skip
SMALL: Mapping[str, Any] = {
    **PAPER, **FEW_PEOPLE,
    "train.frame_size_px": 16, "preprocess.clips.size_px": 64, "preprocess.clips.fps_hz": 15, "preprocess.clips.length_s": 8,
    "train.epochs": 20, "train.patience": 20, "train.batch_size": 16,
}  # fmt: skip
LOCKED: Mapping[str, Any] = {**FEW_PEOPLE, "train.epochs": 20, "train.schedule": "one_cycle", "train.warm_up": 0.3}

METHOD = Method(
    name="multi_physnet",
    paper="Liu, Tang et al., IEEE UIC 2024, pp. 284-291, arXiv 2409.19223",
    options=MultiPhysNetOptions,
    build=build,
    restore=restore,
    presets={"small": SMALL, "paper": PAPER, "locked": LOCKED, "paper_light": {**PAPER, "train.input": "light"}},
    unit="percent",
    target="clip",
    loss=spo2_loss,
    pulse_loss=pulse_loss,
    reported=Reported(
        source="the row MultiPhysNet of tables 1 and 2 of TAST-Net's paper, ms per frame on hardware that is not known",
        ms_per_frame=0.153,
        scores={("pure", "rmse"): 0.91, ("pure", "mae"): 0.72, ("pure", "r"): 0.86},
    ),
)  # fmt: skip
