"""MMFM: a network rebuilds the red and blue of a face and reads SpO2 off their ratio, and says it outright too; both are fused.

Hu, Wu, Wang, Xing, An, Shi, "Contactless blood oxygen estimation from face videos: a multi-model fusion method based on deep
learning", Biomedical Signal Processing and Control 2023, 81: 104487, doi 10.1016/j.bspc.2022.104487.

    light -> map: T frames x 24 cells of the face -> RCA: residual blocks 32, 64, 128, 128, each with coordinate attention
    RCA -> CCM: generator of red and blue maps -> ratio of ratios -> A - B * ratio      \\
    RCA -> NBM: mean -> 128 -> 128 -> SpO2                                               > w * CCM + (1 - w) * NBM
    RCA -> nuisance: mean -> 128 -> 128 -> pulse rate, in training alone: SpO2 must not lean on the features that tell it

Published (the abstract alone could be read; there is no public code): the feature network RCA of residual blocks and coordinate
attention; the CCM, whose image generator rebuilds the red and the blue signal that SpO2 is computed from; the NBM, whose loss of
two parts is to suppress other signals of the body; their fusion. Parameters: 737,831, where TAST-Net's paper has 0.74 M. Every
size, the loss and the form of the fusion are ours.

Deviations and choices:
- The map is made inside forward: 4 x 6 cells by averages over areas of lit pixels, each cell and channel over its own mean in
  the clip. It is not z-scored, so that AC over DC stays. Less 1 and in percent: see tast.methods.networks.light.
- Cells without any of the face are 0 in the map and count neither in the generator's means nor in its loss.
- The generator says how far its red and blue are from their mean in percent of it, and softplus keeps both positive. So it starts
  with a pulse as faint as a face's. Upsampling repeats cells; interpolation's backward pass on a GPU adds in no fixed order.
- The ratio is (SD / mean) of red over that of blue, of the means over the face's cells, with STILL_PERCENT under both, so that
  a still face has a ratio of 1. A and B start at 100 and 5 percent of SpO2 and are learned.
- The data know no heart rate: the nuisance head's target is the strongest frequency of the clip's own green light between
  RATES_HZ, found in training inside forward without gradient (a fixed matrix of sines, the same bits on every run). A clip that
  is still has none and teaches the head nothing.
- Loss: L1 of CCM, NBM and their fusion, 0.1 x L1 of the rebuilt red and blue against the face's own (in percent), 0.01 x the
  cosine between what the NBM and the nuisance head have in their hidden layers, 0.1 x L1 of the pulse rate in Hz.
- SpO2 in percent throughout, one value for the clip, which every second of it gets; the NBM starts at START_PERCENT.
- Adam with the learning rate on a cosine (a constant one cannot be said in params.yaml), its gradient clipped.
- colour_axes are not used: the ratio is one of red and blue themselves.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from tast.methods.method import FEW_PEOPLE, Method, Outputs, Reported, spo2_of
from tast.methods.networks.coordinate_attention import CoordinateAttention
from tast.methods.networks.light import NO_LIGHT, lit_light, percent_of_mean
from tast.methods.networks.spans import mean_over_spans
from tast.vector_math import square_root

RED, GREEN, BLUE = 0, 1, 2
STILL_PERCENT = 0.01  # of a colour's mean: below, its deviation is the rounding of a still picture
RATES_HZ = (0.7, 3.0)  # 42 to 180 a minute
START_PERCENT = 97.0  # what people at rest have
A_PERCENT, B_PERCENT = 100.0, 5.0
MAP_WEIGHT, COSINE_WEIGHT, RATE_WEIGHT = 0.1, 0.01, 0.1


@dataclass(frozen=True)
class MmfmConfig:
    """Every size of MMFM.

    frames, size_px, seconds: the clip's T, H = W, and S, the values asked for. rows, columns: of the cells that the face is cut
    into. widths: channels of the first convolution and of its residual block, then of the blocks that follow. strides: of the
    blocks. generator: channels of the generator, which doubles its picture after each. hidden: of the NBM and the nuisance head.
    reduction, smallest: of coordinate attention. course: as in MmfmOptions.
    """

    frames: int
    size_px: int
    seconds: int
    rows: int
    columns: int
    widths: tuple[int, ...]
    strides: tuple[int, ...]
    generator: tuple[int, ...]
    hidden: int
    reduction: int = 32
    smallest: int = 8
    course: str = "percent"

    def __post_init__(self) -> None:
        if len(self.widths) != len(self.strides):
            raise ValueError(f"{len(self.widths)} widths of MMFM's blocks, but {len(self.strides)} strides")
        if math.prod(self.strides) != 2 ** len(self.generator):
            raise ValueError(f"strides {self.strides} of MMFM's blocks are not undone by doubling {len(self.generator)} times")
        if self.size_px < max(self.rows, self.columns):
            raise ValueError(f"a frame of {self.size_px} px cannot be cut into {self.rows} x {self.columns} cells")


@dataclass(frozen=True)
class MmfmOptions:
    """rows, columns: of the cells that the face is cut into. course: `percent` of each cell's own mean, of light; `as_given`:
    the cells of an input that is a pulse already (normalised, pulse_locked), whose unit then stands for one percent."""

    rows: int = 4
    columns: int = 6
    course: str = "percent"

    def __post_init__(self) -> None:
        if self.course not in COURSES:
            raise ValueError(f"course {self.course!r} of mmfm is unknown; one of {', '.join(COURSES)}")
        if min(self.rows, self.columns) < 1:
            raise ValueError(f"mmfm needs at least one row and one column of cells, not {self.rows} x {self.columns}")


class Mmfm(nn.Module):
    """Video of the input `light` (B, 3, T, H, W) -> SpO2 in percent (B, S), the clip's one value at each second.

    In training: that as `spo2`, CCM's and NBM's as `of_colour` and `of_network` (B, S), and of each clip (B,) `map_error` in
    percent of the light, `cosine`, and `rate_error` in Hz, 0 where the clip is still.
    """

    rows: Tensor
    columns: Tensor
    sines: Tensor
    rates_hz: Tensor

    def __init__(self, config: MmfmConfig) -> None:
        super().__init__()
        self.config = config
        self.register_buffer("rows", mean_over_spans(config.size_px, config.rows), persistent=False)
        self.register_buffer("columns", mean_over_spans(config.size_px, config.columns), persistent=False)
        self._prepare_rates(config)
        self.features = nn.Sequential(*_features(config))
        self.generator = nn.Sequential(*_generator(config))
        self.ccm_a, self.ccm_b = nn.Parameter(torch.tensor(A_PERCENT)), nn.Parameter(torch.tensor(B_PERCENT))
        self.nbm, self.nuisance = Regression(config.widths[-1], config.hidden), Regression(config.widths[-1], config.hidden)
        self.balance = nn.Parameter(torch.tensor(0.0))  # of CCM and NBM, through a sigmoid

    def _prepare_rates(self, config: MmfmConfig) -> None:
        """A wave of every whole number of beats a minute between RATES_HZ, under a Hann window: sines and cosines (2, F, T)."""
        lowest, highest = (round(60 * rate) for rate in RATES_HZ)
        rates_hz = torch.arange(lowest, highest + 1, dtype=torch.float64) / 60
        times_s = torch.arange(config.frames, dtype=torch.float64) * (config.seconds / config.frames)
        phase = 2 * math.pi * rates_hz[:, None] * times_s
        window = torch.hann_window(config.frames, periodic=False, dtype=torch.float64)
        waves = window * torch.stack((phase.sin(), phase.cos()))
        self.register_buffer("sines", waves.to(torch.float32), persistent=False)
        self.register_buffer("rates_hz", rates_hz.to(torch.float32), persistent=False)

    def forward(self, video: Tensor) -> Outputs:
        course, seen = COURSES[self.config.course](video, self.cells)
        share = seen / seen.sum(dim=1, keepdim=True).clamp(min=1)  # of each cell in a mean over the face

        features = self.features(course)
        maps = positive(self.generator(features)[:, :, : course.shape[2], : course.shape[3]])  # red, blue (B, 2, T, N)
        of_colour = self.ccm_a - self.ccm_b * ratio_of_ratios(over_face(maps, share))
        whole = features.mean(dim=(2, 3))
        above_start, leant_on = self.nbm(whole)
        of_network = START_PERCENT + above_start
        weight = torch.sigmoid(self.balance)
        spo2 = self._at_each_second(weight * of_colour + (1 - weight) * of_network)
        if not self.training:
            return spo2

        rate_hz, tells_rate = self.nuisance(whole)
        own_hz, moves = self.own_rate_hz(over_face(course, share)[:, GREEN])
        rebuilt = (100 * (maps - 1) - course[:, [RED, BLUE]]).abs()
        return {
            "spo2": spo2,
            "of_colour": self._at_each_second(of_colour),
            "of_network": self._at_each_second(of_network),
            "map_error": over_face(rebuilt, share).mean(dim=(1, 2)),
            "cosine": F.cosine_similarity(leant_on, tells_rate, dim=1).abs(),
            "rate_error": torch.where(moves, (rate_hz - own_hz).abs(), 0.0),
        }

    def cells(self, light: Tensor) -> Tensor:
        """Light of a face (B, 3, T, H, W) -> its means over areas (B, 3, T, rows * columns), row by row; 0 outside the face."""
        by_rows = torch.stack([(light * part[:, None]).sum(dim=-2) for part in self.rows], dim=-2)  # (B, 3, T, rows, W)
        return torch.stack([(by_rows * part).sum(dim=-1) for part in self.columns], dim=-1).flatten(3)

    @torch.no_grad()
    def own_rate_hz(self, wave: Tensor) -> tuple[Tensor, Tensor]:
        """Waves (B, T) in percent -> the frequency in RATES_HZ where each is strongest (B,), and whether it moves at all (B,)."""
        power = (self.sines @ wave.T).square().sum(dim=0)  # (F, B)
        moves = square_root(wave.square().mean(dim=1)) > STILL_PERCENT
        return self.rates_hz[power.argmax(dim=0)], moves

    def _at_each_second(self, values: Tensor) -> Tensor:
        return values[:, None].expand(-1, self.config.seconds)


def _percent(video: Tensor, cells_of: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """Light (B, 3, T, H, W) -> percent of each cell's mean (B, 3, T, N), and 1 where a cell has any of the face (B, N)."""
    cells = cells_of(lit_light(video))
    course = percent_of_mean(cells, dim=2)
    return course, (cells.mean(dim=(1, 2)) > NO_LIGHT).to(course.dtype)


def _as_given(video: Tensor, cells_of: Callable[[Tensor], Tensor]) -> tuple[Tensor, Tensor]:
    """A pulse (B, 3, T, H, W) -> its means over cells (B, 3, T, N), and 1 where anything moves (B, N)."""
    cells = cells_of(video)
    return cells, (cells.square().mean(dim=(1, 2)) > 0).to(cells.dtype)


COURSES = {"percent": _percent, "as_given": _as_given}


def positive(percent: Tensor) -> Tensor:
    """What the generator says, about 0 -> light over its mean, about 1 and always above 0; near 1 its slope is 0.63."""
    return F.softplus(percent.float() / 100 + math.log(math.e - 1))  # bfloat16 about 1 knows no pulse


def over_face(maps: Tensor, share: Tensor) -> Tensor:
    """Maps (B, C, T, N) -> their mean over cells (B, C, T), each cell with its share (B, N)."""
    return (maps * share[:, None, None]).sum(dim=3)


def ratio_of_ratios(waves: Tensor) -> Tensor:
    """Light of red and blue (B, 2, T) -> AC over DC of the one over that of the other (B,)."""
    percent = percent_of_mean(
        waves, dim=2
    )  # and not the share: of what is added, ONNX's optimiser drops 1e-8 and less as nothing
    ac_over_dc = square_root(percent.square().mean(dim=2) + STILL_PERCENT**2)
    return ac_over_dc[:, 0] / ac_over_dc[:, 1]


class Regression(nn.Module):
    """Features (B, D) -> a value (B,), and what the hidden layer has of them (B, D')."""

    def __init__(self, features: int, hidden: int) -> None:
        super().__init__()
        self.hidden, self.out = nn.Linear(features, hidden), nn.Linear(hidden, 1)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        hidden = torch.relu(self.hidden(features))
        return self.out(hidden).squeeze(1).float(), hidden  # under autocast: what is added to it would be rounded to bfloat16


class ResidualBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut (He et al. 2016): (B, C_in, H, W) -> (B, C_out, H', W')."""

    def __init__(self, channels_in: int, channels_out: int, stride: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels_out, channels_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(channels_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if (channels_in, stride) != (channels_out, 1):
            projection = nn.Conv2d(channels_in, channels_out, 1, stride, bias=False)
            self.shortcut = nn.Sequential(projection, nn.BatchNorm2d(channels_out))

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.body(x) + self.shortcut(x))


class Doubled(nn.Module):
    """Each cell of (B, C, H, W) four times, as a square -> (B, C, 2 H, 2 W)."""

    def forward(self, x: Tensor) -> Tensor:
        return x[:, :, :, None, :, None].expand(-1, -1, -1, 2, -1, 2).flatten(4, 5).flatten(2, 3)


def _features(config: MmfmConfig) -> list[nn.Module]:
    """RCA: the map (B, 3, T, N) -> features (B, D, T', N')."""
    first = config.widths[0]
    layers = [nn.Conv2d(3, first, 3, padding=1, bias=False), nn.BatchNorm2d(first), nn.ReLU(inplace=True)]
    for (before, width), stride in zip(pairwise((first, *config.widths)), config.strides, strict=True):
        layers.append(ResidualBlock(before, width, stride))
        layers.append(CoordinateAttention(width, config.reduction, config.smallest))
    return layers


def _generator(config: MmfmConfig) -> list[nn.Module]:
    """Features (B, D, T', N') -> how far red and blue are from their mean, in percent (B, 2, T, N), or a little larger."""
    layers: list[nn.Module] = []
    for before, width in pairwise((config.widths[-1], *config.generator)):
        layers.extend((nn.Conv2d(before, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU(inplace=True), Doubled()))
    return [*layers, nn.Conv2d(config.generator[-1], 2, 1)]


def loss(outputs: Outputs, target: Tensor) -> Tensor:
    """L1 of SpO2 in percent (B, S) over all labelled seconds, and in training of both models and what else they are to learn."""
    known = torch.isfinite(target)
    target = torch.where(known, target, 0.0)

    def l1(spo2: Tensor) -> Tensor:
        return torch.where(known, (spo2 - target).abs(), 0.0).sum() / known.sum().clamp(min=1)

    total = l1(spo2_of(outputs))
    if isinstance(outputs, Tensor):
        return total
    total = total + l1(outputs["of_colour"]) + l1(outputs["of_network"])
    beside = MAP_WEIGHT * outputs["map_error"] + COSINE_WEIGHT * outputs["cosine"] + RATE_WEIGHT * outputs["rate_error"]
    return total + beside.mean()


def build(
    options: MmfmOptions = MmfmOptions(), *, frames: int, size_px: int, seconds: int,
    colour_axes: Sequence[Sequence[float]] | None = None,
) -> Mmfm:  # fmt: skip
    """A new MMFM for clips of `frames` x `size_px` x `size_px` px that last `seconds`; colour_axes are not used."""
    return Mmfm(
        MmfmConfig(
            frames=frames, size_px=size_px, seconds=seconds, rows=options.rows, columns=options.columns,
            course=options.course, widths=(32, 64, 128, 128), strides=(1, 2, 2, 1), generator=(64, 32), hidden=128,
        )
    )  # fmt: skip


def restore(config: dict[str, Any]) -> Mmfm:
    """The MMFM that `asdict(net.config)` (through JSON) describes, with new weights."""
    sizes: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in config.items()}
    return Mmfm(MmfmConfig(**sizes))


RECIPE: Mapping[str, Any] = {
    "train.options": {"rows": 4, "columns": 6, "course": "percent"},
    "train.input": "light", "train.whiten_colour": False, "train.frame_size_px": 48, "preprocess.magnify.alpha": 0,
    "preprocess.clips.size_px": 96, "preprocess.clips.fps_hz": 30, "preprocess.clips.length_s": 10, "preprocess.clips.hop_s": 1,
    "train.epochs": 60, "train.patience": 20, "train.batch_size": 32, "train.sampler": "shuffled",
    "train.learning_rate": 0.001, "train.schedule": "cosine", "train.warm_up": 0.05, "train.weight_decay": 0.0,
    "train.gradient_clip": 1.0, "train.ema_epochs": 0.0,
}  # fmt: skip

SMALL: Mapping[str, Any] = {
    **RECIPE, **FEW_PEOPLE, "train.frame_size_px": 24,
    "preprocess.clips.size_px": 64, "preprocess.clips.fps_hz": 15, "preprocess.clips.length_s": 8,
    "train.epochs": 20, "train.batch_size": 16, "train.learning_rate": 0.003,
}  # fmt: skip
LOCKED: Mapping[str, Any] = {
    **FEW_PEOPLE, "train.options": {"rows": 4, "columns": 6, "course": "as_given"},
    "train.epochs": 20, "train.learning_rate": 0.003,
}  # fmt: skip

METHOD = Method(
    name="mmfm",
    paper="Hu, Wu, Wang, Xing, An, Shi, Biomed. Signal Process. Control 2023, 81: 104487, doi 10.1016/j.bspc.2022.104487",
    options=MmfmOptions,
    build=build,
    restore=restore,
    presets={"small": SMALL, "paper": RECIPE, "locked": LOCKED},
    unit="percent",
    target="clip",
    loss=loss,
    reported=Reported(
        source="the paper of TAST-Net, tables 1 and 2; its own abstract says MAE below 2 on PURE and VIPL-HR",
        parameters=740_000,
        ms_per_frame=0.077,
        scores={("vipl_hr", "rmse"): 1.16, ("vipl_hr", "mae"): 0.87, ("vipl_hr", "r"): 0.59},
    ),
)  # fmt: skip
