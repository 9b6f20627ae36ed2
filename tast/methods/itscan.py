"""ITSCAN: of two branches that look at single frames, one sees motion in time, the other where on the face to believe it.

"Innovative approaches in imaging photoplethysmography for remote blood oxygen monitoring", Scientific Reports 2024, 14:19144,
doi 10.1038/s41598-024-70192-1. Public of it are the abstract and the opening of the methods: temporal shift, features in space
and time in the motion branch, coordinate attention in the appearance branch, an estimator of one value per second, a new
combination of usual losses, VIPL-HR's first camera at 25 frames per second; and 22.48 M parameters from TAST-Net's table. Layers,
sizes and the loss are not. The skeleton here is the network that it builds on,

Liu, Fromm, Patel, McDuff, "Multi-task temporal shift attention networks for on-device contactless vitals measurement" (TS-CAN,
NeurIPS 2020), with coordinate attention before each of its masks, and a first dense layer wide enough for 22.48 M at 128 x 128.

    motion       differences of frames -> [shift, conv 3, 32, tanh] x 2 -> x mask -> mean 2
                                       -> [shift, conv 3, 64, tanh] x 2 -> x mask -> mean 2 -> flatten -> 388 tanh -> 1
                                                                    ^                  ^
    appearance   standardised frames -> [conv 3, 32, tanh] x 2 -> CA | -> mean 2 -> [conv 3, 64, tanh] x 2 -> CA
    SpO2 of a second is the mean over its frames

Our choices, besides: shifts stay within a second; the hidden width 388 (22,483,355 parameters); the loss, mean absolute error
and half of 1 - r; AdamW, OneCycle; clips of 10 s. The network takes `light`, and makes differences and standardised frames of it
itself, in units of the whole clip.
Deviations from TS-CAN as public: no adaptive pooling in the attention; differences are 0 where it is dark, outside the face.
Raw colours are what it sees: colour_axes is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from tast.methods.method import FEW_PEOPLE, NO_AUGMENTATION, Method, Outputs, Reported, spo2_of
from tast.methods.networks.coordinate_attention import CoordinateAttention
from tast.methods.networks.spans import mean_over_spans
from tast.methods.networks.temporal_shift import temporal_shift
from tast.vector_math import square_root, tanh

DARK_LEVEL = 1 / 255  # of the light's range: below is outside the face
SMALLEST_DEVIATION = 1e-6  # of a clip that does not move
DIFFERENCES = "differences"
MOTIONS = (DIFFERENCES, "as_given")
VARIANCE_FLOOR = 1e-6  # of standardised labels, whose variance is 1: r and its gradient stay finite where one side is constant


@dataclass(frozen=True)
class ItscanConfig:
    """Every size of the network.

    frames, size_px, seconds: the clip's T, H = W, and S. segment_frames: within which channels are shifted. shift_parts: 3, of
    the channels, from after, from before, and unmoved. widths: channels of the two stages. reduction, smallest: of coordinate
    attention. hidden: width of the first dense layer. pool_dropout: after each stage; hidden_dropout: before the last layer.
    motion: as in ItscanOptions.
    """

    frames: int
    size_px: int
    seconds: int
    segment_frames: int
    shift_parts: int
    widths: tuple[int, int]
    reduction: int
    smallest: int
    hidden: int
    pool_dropout: float
    hidden_dropout: float
    motion: str = DIFFERENCES

    def __post_init__(self) -> None:
        if self.frames % self.segment_frames:
            raise ValueError(f"segments of {self.segment_frames} frames of itscan do not divide clips of {self.frames}")
        if self.side_px < 1:
            raise ValueError(f"itscan needs frames of at least 10 px, not {self.size_px}")

    @property
    def side_px(self) -> int:
        """Of a frame after both stages, each of which loses a border and halves."""
        return ((self.size_px - 2) // 2 - 2) // 2


@dataclass(frozen=True)
class ItscanOptions:
    """width: channels of the first stage, of the second twice as many. hidden: width of the first dense layer. motion: what its
    branch sees, `differences` of frames of light; `as_given`: an input that is a pulse already (normalised, pulse_locked).
    segment_frames: within which channels are shifted; None: those of a second.
    """

    width: int = 32
    hidden: int = 388
    motion: str = DIFFERENCES
    segment_frames: int | None = None

    def __post_init__(self) -> None:
        if self.motion not in MOTIONS:
            raise ValueError(f"motion {self.motion!r} of itscan is unknown; one of {', '.join(MOTIONS)}")


class Stage(nn.Module):
    """Two convolutions of each branch, and the mask of the appearance on the motion: both (N, C, H, W) -> (N, C', H', W').

    H' = (H - 2) // 2, and so is W'.
    """

    def __init__(self, channels_in: int, channels_out: int, config: ItscanConfig) -> None:
        super().__init__()
        self.segment_frames, self.shift_parts = config.segment_frames, config.shift_parts
        self.motion_1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.motion_2 = nn.Conv2d(channels_out, channels_out, 3)
        self.appearance_1 = nn.Conv2d(channels_in, channels_out, 3, padding=1)
        self.appearance_2 = nn.Conv2d(channels_out, channels_out, 3)
        self.attention = CoordinateAttention(channels_out, config.reduction, config.smallest)
        self.mask = nn.Conv2d(channels_out, 1, 1)
        self.pool = nn.AvgPool2d(2)
        self.drop_motion, self.drop_appearance = nn.Dropout(config.pool_dropout), nn.Dropout(config.pool_dropout)

    def forward(self, motion: Tensor, appearance: Tensor) -> tuple[Tensor, Tensor]:
        motion = tanh(self.motion_1(self._shifted(motion)))
        motion = tanh(self.motion_2(self._shifted(motion)))
        appearance = tanh(self.appearance_2(tanh(self.appearance_1(appearance))))
        appearance = self.attention(appearance)
        mask = torch.sigmoid(self.mask(appearance))
        mask = 0.5 * mask / mask.mean(dim=(2, 3), keepdim=True)  # 1/2 on average over each frame
        return self.drop_motion(self.pool(motion * mask)), self.drop_appearance(self.pool(appearance))

    def _shifted(self, frames: Tensor) -> Tensor:
        return temporal_shift(frames, self.segment_frames, self.shift_parts)


class Itscan(nn.Module):
    """Video (B, 3, T, H, W), light over 255 less a half -> standardised SpO2 (B, S), one value per second."""

    pool_seconds: Tensor

    def __init__(self, config: ItscanConfig) -> None:
        super().__init__()
        self.config = config
        first, second = config.widths
        self.stages = nn.ModuleList((Stage(3, first, config), Stage(first, second, config)))
        self.hidden = nn.Linear(second * config.side_px**2, config.hidden)
        self.drop = nn.Dropout(config.hidden_dropout)
        self.out = nn.Linear(config.hidden, 1)
        self.register_buffer("pool_seconds", mean_over_spans(config.frames, config.seconds), persistent=False)

    def forward(self, video: Tensor) -> Tensor:
        light = video + 0.5
        motion = differences(light) if self.config.motion == DIFFERENCES else video
        motion = motion.transpose(1, 2).flatten(0, 1)  # (B, 3, T, H, W) -> (B T, 3, H, W)
        appearance = standardised(light).transpose(1, 2).flatten(0, 1)
        for stage in self.stages:
            motion, appearance = stage(motion, appearance)
        of_frames = self.out(self.drop(tanh(self.hidden(motion.flatten(1)))))
        seconds: Tensor = self.pool_seconds @ of_frames.unflatten(0, (-1, self.config.frames))  # (B, S, 1)
        return seconds.squeeze(-1)


def differences(light: Tensor) -> Tensor:
    """Light (B, 3, T, H, W), 0 to 1 -> change over the light of both frames, in units of the clip's own; of the last frame 0."""
    after, before = light[:, :, 1:], light[:, :, :-1]
    both = after + before
    lit = both > 2 * DARK_LEVEL
    change = torch.where(lit, (after - before) / torch.where(lit, both, 1.0), 0.0)
    change = torch.cat((change, torch.zeros_like(light[:, :, :1])), dim=2)
    return change / _deviation(change)


def standardised(light: Tensor) -> Tensor:
    """Light (B, 3, T, H, W) -> the same with a mean of 0 and a deviation of 1 over each clip, all channels together."""
    return (light - light.mean(dim=(1, 2, 3, 4), keepdim=True)) / _deviation(light)


def _deviation(clips: Tensor) -> Tensor:
    return clips.std(dim=(1, 2, 3, 4), keepdim=True, correction=0).clamp(min=SMALLEST_DEVIATION)


def mae_and_pearson(outputs: Outputs, target: Tensor) -> Tensor:
    """Mean absolute error and half of 1 - r over all labelled seconds of a batch; a scalar.

    target: (B, S), NaN unknown. Without any label the loss is 0.
    """
    predicted = spo2_of(outputs)
    known = torch.isfinite(target)
    target = torch.where(known, target, 0.0).to(predicted)
    count = known.sum().clamp(min=1)
    error = torch.where(known, predicted - target, 0.0).abs().sum() / count
    x = torch.where(known, predicted - (predicted * known).sum() / count, 0.0)
    y = torch.where(known, target - target.sum() / count, 0.0)
    variances = (x.square().sum() / count + VARIANCE_FLOOR) * (y.square().sum() / count + VARIANCE_FLOOR)
    r = (x * y).sum() / count / square_root(variances)
    return error + 0.5 * (1 - r) * known.any()


def build(
    options: ItscanOptions = ItscanOptions(), *, frames: int, size_px: int, seconds: int,
    colour_axes: Sequence[Sequence[float]] | None = None,
) -> Itscan:  # fmt: skip
    """See Builder; colour_axes is ignored."""
    return Itscan(
        ItscanConfig(
            frames=frames, size_px=size_px, seconds=seconds, motion=options.motion,
            segment_frames=options.segment_frames or frames // seconds, shift_parts=3,
            widths=(options.width, 2 * options.width), reduction=32, smallest=8, hidden=options.hidden,
            pool_dropout=0.25, hidden_dropout=0.5,
        )
    )  # fmt: skip


def restore(config: dict[str, Any]) -> Itscan:
    """The network that `asdict(net.config)` (through JSON) describes, with new weights."""
    first, second = config["widths"]
    return Itscan(ItscanConfig(**config | {"widths": (first, second)}))


PAPER: Mapping[str, Any] = {
    "train.options": {},
    "train.input": "light", "train.whiten_colour": False, "train.frame_size_px": 128, "preprocess.magnify.alpha": 0,
    "preprocess.clips.size_px": 128, "preprocess.clips.fps_hz": 25, "preprocess.clips.length_s": 10, "preprocess.clips.hop_s": 1,
    "train.epochs": 30, "train.patience": 30, "train.batch_size": 4, "train.sampler": "shuffled",
    "train.learning_rate": 0.001, "train.schedule": "one_cycle", "train.warm_up": 0.3, "train.weight_decay": 0.01,
    "train.gradient_clip": 1.0, "train.ema_epochs": 0.0, "train.augmentation": NO_AUGMENTATION,
}  # fmt: skip
SMALL: Mapping[str, Any] = {
    **PAPER, **FEW_PEOPLE,
    "train.options": {"width": 16, "hidden": 128, "motion": DIFFERENCES},
    "train.frame_size_px": 16, "preprocess.clips.size_px": 64, "preprocess.clips.fps_hz": 15, "preprocess.clips.length_s": 8,
    "train.epochs": 20, "train.patience": 20, "train.batch_size": 16,
}  # fmt: skip
LOCKED: Mapping[str, Any] = {
    **FEW_PEOPLE, "train.options": {"width": 16, "hidden": 128, "motion": "as_given"},
    "train.epochs": 20, "train.schedule": "one_cycle", "train.warm_up": 0.3,
}  # fmt: skip

METHOD = Method(
    name="itscan",
    paper="ITSCAN, Sci. Rep. 2024, 14:19144, doi 10.1038/s41598-024-70192-1",
    options=ItscanOptions,
    build=build,
    restore=restore,
    presets={"small": SMALL, "paper": PAPER, "locked": LOCKED},
    loss=mae_and_pearson,
    reported=Reported(
        source="the row ITSCAN of tables 1 and 2 of TAST-Net's paper, ms per frame on hardware that is not known; "
        "ITSCAN's own paper has RMSE 1.19 and MAE 1.10 on VIPL-HR",
        parameters=22_480_000,
        ms_per_frame=0.194,
        scores={
            ("pure", "rmse"): 1.72, ("pure", "mae"): 1.36, ("pure", "r"): 0.73,
            ("vipl_hr", "rmse"): 1.14, ("vipl_hr", "mae"): 0.72, ("vipl_hr", "r"): 0.70,
        },
    ),
)  # fmt: skip
