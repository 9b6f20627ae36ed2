"""TAST-Net: a 3D CNN and a ViViT look at the same face clip, are fused, and give SpO2 for every second of it.

Qi, Gao, Guan, Li, Journal of Northeastern University (Natural Science) 2026, 47(1): 42-51. The paper publishes the branches and
the size (3.24 M parameters), not the layers; the sizes below are our choice. The output is in standardised units (label mean 0,
deviation 1), so the last layer is linear and never saturates; the range of physiology is applied where units become percent.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from tast.methods.method import FEW_PEOPLE, Method, Reported
from tast.methods.networks.fusion import FUSIONS
from tast.methods.networks.residual3d import Cnn3d, Cnn3dConfig
from tast.methods.networks.spans import mean_over_spans
from tast.methods.networks.vivit import ENCODERS, Vivit, VivitConfig


@dataclass(frozen=True)
class TastNetConfig:
    """Every size of TAST-Net.

    frames, size_px, seconds: the clip's T, H = W, and S, the values asked for. cnn, vivit: the branches; None switches one off.
    fusion: `concat`, `gated` or `cross_attention`. width: of the fused features. heads: of the fusion's attention. trend_order:
    of the polynomial in time that the seconds' features follow, see `trend`.
    """

    frames: int
    size_px: int
    seconds: int
    cnn: Cnn3dConfig | None
    vivit: VivitConfig | None
    fusion: str
    width: int
    heads: int
    dropout: float
    trend_order: int

    def __post_init__(self) -> None:
        if self.trend_order < 0:
            raise ValueError(f"trend_order {self.trend_order} of TAST-Net is below 0")
        if self.cnn is None and self.vivit is None:
            raise ValueError("TAST-Net needs at least one of its branches, cnn and vivit")
        if self.fusion not in FUSIONS:
            raise ValueError(f"fusion {self.fusion!r} is unknown; one of {', '.join(FUSIONS)}")


@dataclass(frozen=True)
class TastNetOptions:
    """What can be chosen of TAST-Net: a key of SIZES, a key of BRANCHES, and what is taken instead of the sizes' own."""

    sizes: str = "small"
    branches: str = "both"
    fusion: str | None = None
    attention: str | None = None
    trend_order: int | None = None

    def __post_init__(self) -> None:
        checked: dict[str, Collection[str]] = {"sizes": SIZES, "branches": BRANCHES, "fusion": FUSIONS, "attention": ENCODERS}
        for name, known in checked.items():
            value = getattr(self, name)
            if value not in known and not (value is None and name in ("fusion", "attention")):
                raise ValueError(f"{name} {value!r} of tast_net is unknown; one of {', '.join(known)}")


class TastNet(nn.Module):
    """Video (B, 3, T, H, W) -> standardised SpO2 (B, S), one value per second."""

    colour_axes: Tensor
    pool_cnn: Tensor
    pool_seconds: Tensor

    def __init__(self, config: TastNetConfig, colour_axes: Sequence[Sequence[float]] | None = None) -> None:
        """colour_axes: (3, 3), fixed, from the video's channels to what the branches see of them; None: the channels."""
        super().__init__()
        self.config = config
        axes = torch.eye(3) if colour_axes is None else torch.tensor(colour_axes, dtype=torch.float32)
        self.register_buffer("colour_axes", axes)
        self.cnn = None if config.cnn is None else Cnn3d(config.cnn)
        self.vivit = None if config.vivit is None else Vivit(config.vivit, frames=config.frames, size_px=config.size_px)
        branches = [branch for branch in (self.cnn, self.vivit) if branch is not None]
        self.project = nn.ModuleList(_projection(int(branch.features), config.width) for branch in branches)
        both = len(branches) == 2
        self.fuse = FUSIONS[config.fusion](config.width, config.heads, config.dropout) if both else nn.Identity()
        self.norm, self.drop = nn.LayerNorm(config.width), nn.Dropout(config.dropout)
        self.head = nn.Linear(2 * config.width, 1)
        self._prepare_pooling(config)

    def _prepare_pooling(self, config: TastNetConfig) -> None:
        """Fixed matrices, not adaptive pooling: that is not deterministic on a GPU and uneven where lengths do not divide."""
        cnn_steps = config.frames
        for stride in config.cnn.temporal_strides if config.cnn else ():
            cnn_steps = -(-cnn_steps // stride)
        steps = self.vivit.instants if self.vivit else cnn_steps
        self.register_buffer("pool_cnn", mean_over_spans(cnn_steps, steps), persistent=False)
        pool_seconds = trend(config.seconds, config.trend_order) @ mean_over_spans(steps, config.seconds)
        self.register_buffer("pool_seconds", pool_seconds, persistent=False)

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """torch's hook: models saved before there were axes saw the channels themselves."""
        state_dict.setdefault(f"{prefix}colour_axes", torch.eye(3))
        super()._load_from_state_dict(state_dict, prefix, *rest)

    def forward(self, video: Tensor) -> Tensor:
        video = nn.functional.conv3d(video, self.colour_axes.reshape(3, 3, 1, 1, 1))
        views = []
        if self.cnn is not None:
            views.append(self.pool_cnn @ self.cnn(video))
        if self.vivit is not None:
            views.append(self.vivit(video))
        fused = self.norm(self.fuse(*(project(view) for project, view in zip(self.project, views, strict=True))))
        seconds = self.pool_seconds @ fused  # (B, N, D) -> (B, S, D)
        clip = seconds.mean(dim=1, keepdim=True).expand_as(seconds)  # SpO2 moves slowly: the whole clip bears on each second
        out: Tensor = self.head(self.drop(torch.cat((seconds, clip), dim=-1))).squeeze(-1)
        return out


def _projection(features: int, width: int) -> nn.Sequential:
    return nn.Sequential(nn.Linear(features, width), nn.LayerNorm(width))


def trend(seconds: int, order: int) -> Tensor:
    """Matrix (seconds, seconds) that puts in place of a course in time the polynomial of `order` nearest to it (least squares).

    SpO2 moves slowly: within a clip it is hardly more than a level and a slope. One second holds about one beat, too few for a
    ratio of channels; so every second bears on the trend, and each is read off it. order >= seconds - 1 changes nothing.
    """
    times = torch.linspace(-1, 1, seconds, dtype=torch.float64)
    powers = torch.stack([times**power for power in range(min(order + 1, seconds))], dim=1)
    basis = torch.linalg.qr(powers).Q
    return (basis @ basis.T).to(torch.float32)


SIZES: dict[str, TastNetConfig] = {
    "small": TastNetConfig(
        frames=120, size_px=16, seconds=8, fusion="concat", width=32, heads=2, dropout=0.2, trend_order=1,
        cnn=Cnn3dConfig(patch_px=4, widths=(16, 32), blocks=(1, 1), spatial_strides=(1, 2), temporal_strides=(1, 2)),
        vivit=VivitConfig(tubelet_frames=8, patch_px=4, width=32, heads=2, mlp_ratio=2.0, spatial_layers=1, temporal_layers=1,
                          attention="factorised", dropout=0.2),
    ),
    "paper": TastNetConfig(
        frames=120, size_px=128, seconds=8, fusion="cross_attention", width=128, heads=4, dropout=0.3, trend_order=1,
        cnn=Cnn3dConfig(patch_px=8, widths=(32, 64, 112), blocks=(1, 1, 2),
                        spatial_strides=(1, 2, 2), temporal_strides=(1, 2, 1)),
        vivit=VivitConfig(tubelet_frames=8, patch_px=16, width=128, heads=4, mlp_ratio=2.0, spatial_layers=3, temporal_layers=3,
                          attention="factorised", dropout=0.3),
    ),
}  # fmt: skip


BRANCHES: dict[str, tuple[str, ...]] = {"both": ("cnn", "vivit"), "cnn": ("cnn",), "vivit": ("vivit",)}


def build(
    options: TastNetOptions = TastNetOptions(), *, frames: int, size_px: int, seconds: int,
    colour_axes: Sequence[Sequence[float]] | None = None,
) -> TastNet:  # fmt: skip
    """A new TAST-Net for clips of `frames` x `size_px` x `size_px` px that last `seconds`; colour_axes: see TastNet.

    Tubelets keep about half a second, as a length that divides the clip. Weights come from torch's current random state.
    """
    base, kept = SIZES[options.sizes], BRANCHES[options.branches]
    vivit = base.vivit and replace(
        base.vivit,
        tubelet_frames=nearest_divisor(frames, frames / seconds / 2),
        attention=options.attention or base.vivit.attention,
    )
    return TastNet(
        replace(
            base, frames=frames, size_px=size_px, seconds=seconds, fusion=options.fusion or base.fusion,
            trend_order=base.trend_order if options.trend_order is None else options.trend_order,
            cnn=base.cnn if "cnn" in kept else None, vivit=vivit if "vivit" in kept else None,
        ),
        colour_axes,
    )  # fmt: skip


def nearest_divisor(number: int, wanted: float) -> int:
    """The divisor of `number` nearest to `wanted`; the larger one of two as near."""
    return min((d for d in range(1, number + 1) if number % d == 0), key=lambda d: (abs(d - wanted), -d))


def restore(config: dict[str, Any]) -> TastNet:
    """The TAST-Net that `asdict(net.config)` (through JSON) describes, with new weights."""
    values = dict(config)
    if values["cnn"] is not None:
        values["cnn"] = _restore_cnn(values["cnn"])
    if values["vivit"] is not None:
        values["vivit"] = VivitConfig(**values["vivit"])
    return TastNet(TastNetConfig(**values))


def _restore_cnn(config: dict[str, Any]) -> Cnn3dConfig:
    per_stage = {key: tuple(value) for key, value in config.items() if key != "patch_px"}
    return Cnn3dConfig(patch_px=config["patch_px"], **per_stage)


RECIPE: Mapping[str, Any] = {  # ours: the paper publishes none
    **FEW_PEOPLE, "train.learning_rate": 0.003, "train.pearson_weight": 0.3,
}  # fmt: skip

METHOD = Method(
    name="tast_net",
    paper="Qi, Gao, Guan, Li, J. Northeastern Univ. (Nat. Sci.) 2026, 47(1): 42-51, doi 10.12068/j.issn.1005-3026.2026.20250067",
    options=TastNetOptions,
    build=build,
    restore=restore,
    presets={
        "small": {**RECIPE, "train.options": {"sizes": "small"}, "train.whiten_colour": True},
        "paper": {
            **RECIPE, "train.options": {"sizes": "paper"}, "train.input": "magnified", "train.frame_size_px": 128,
            "preprocess.clips.size_px": 128,
        },
    },
    reported=Reported(
        source="table 1 and 2 of the paper; ms per frame: between MMFM's and MultiPhysNet's, on hardware that is not known",
        parameters=3_240_000,
        scores={
            ("pure", "rmse"): 0.53, ("pure", "mae"): 0.37, ("pure", "r"): 0.96,
            ("vipl_hr", "rmse"): 0.84, ("vipl_hr", "mae"): 0.57, ("vipl_hr", "r"): 0.82,
        },
    ),
)  # fmt: skip
