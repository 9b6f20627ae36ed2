"""What a method is: how its network is built and restored, what it is trained on and by which loss, and what its paper reports.

A paper's file below tast/methods/ ends with METHOD = Method(...). A package of somebody else's names its own in the entry-point
group `tast.methods` (docs/methods.md).
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal, Protocol

from torch import Tensor, nn

from tast.methods import entry_of

Outputs = Tensor | Mapping[str, Tensor]  # of a network in training: SpO2 (B, S), or that as "spo2" beside what its loss asks for
Loss = Callable[[Outputs, Tensor], Tensor]  # of outputs and target (B, S) in the method's unit, NaN unknown -> a scalar


class Builder(Protocol):
    """A new network for clips of `frames` x `size_px` x `size_px` px that last `seconds`, with the options of its method.

    Its forward takes video (B, 3, T, H, W) and gives Outputs; in evaluation mode SpO2 (B, S) alone. Its `config` is a dataclass
    with every size of it. colour_axes: (3, 3), fixed, from the video's channels to what the network sees of them; None: the
    channels themselves. Weights come from torch's current random state.
    """

    def __call__(
        self, options: Any, *, frames: int, size_px: int, seconds: int, colour_axes: Sequence[Sequence[float]] | None
    ) -> nn.Module: ...


NO_AUGMENTATION: Mapping[str, Any] = {
    "stretch": 0.0, "flip": 0.0, "shift_cells": 0, "drop_fraction": 0.0, "noise": 0.0, "shift_frames": 0, "brightness": 0.0,
}  # fmt: skip
FEW_PEOPLE: Mapping[str, Any] = {  # against learning them by heart: what this project trains with, where a paper says nothing
    "train.weight_decay": 0.1, "train.ema_epochs": 1.0,
    "train.augmentation": {**NO_AUGMENTATION, "stretch": 0.3, "flip": 0.5, "shift_cells": 1, "drop_fraction": 0.3},
}  # fmt: skip
PLAIN: Mapping[str, Any] = {  # what a preset leaves unsaid: a preset is whole, so that nothing of the one before it stays behind
    "preprocess.clips.size_px": 64, "preprocess.clips.fps_hz": 15, "preprocess.clips.length_s": 8, "preprocess.clips.hop_s": 1,
    "preprocess.magnify.alpha": 120,
    "train.options": {}, "train.input": "pulse_locked", "train.whiten_colour": False, "train.frame_size_px": 16,
    "train.epochs": 40, "train.patience": 20, "train.batch_size": 16, "train.sampler": "shuffled", "train.learning_rate": 0.001,
    "train.schedule": "cosine", "train.warm_up": 0.05, "train.weight_decay": 0.0, "train.gradient_clip": 1.0,
    "train.ema_epochs": 0.0, "train.mse_weight": 1.0, "train.pearson_weight": 0.0,
    "train.augmentation": NO_AUGMENTATION,
}  # fmt: skip


@dataclass(frozen=True)
class Reported:
    """What a paper reports of itself, or the paper of TAST-Net of it: printed beside ours, asserted nowhere.

    scores: (data set, score) -> value, scores being rmse, mae, r. source: where the figures stand.
    """

    source: str
    parameters: int | None = None
    ms_per_frame: float | None = None
    scores: Mapping[tuple[str, str], float] = field(default_factory=dict)


@dataclass(frozen=True)
class Method:
    """One method with a network.

    name: of its file. paper: its citation. options: a frozen dataclass of its own knobs, each with a default; `train.options` of
    params.yaml is checked against it. build: see Builder. restore: from `config` as a dict (through JSON) to a network of the
    same sizes. presets: name -> what params.yaml has for it, at dotted keys: its clips, input, options and recipe, where they
    are not PLAIN. unit: of its output: `standardised` by the training labels, or `percent`. target: `second` where each second
    of a clip has a value of its own, `clip` where all have the clip's. loss: of its own; None: train.mse_weight and
    train.pearson_weight. pulse_loss: of its outputs and the recorded pulse wave (B, T), NaN unknown; added in training where the
    data set has such a wave. reported: see Reported.
    """

    name: str
    paper: str
    options: type
    build: Builder
    restore: Callable[[dict[str, Any]], nn.Module]
    presets: Mapping[str, Mapping[str, Any]]
    unit: Literal["standardised", "percent"] = "standardised"
    target: Literal["second", "clip"] = "second"
    loss: Loss | None = None
    pulse_loss: Loss | None = None
    reported: Reported | None = None

    def __post_init__(self) -> None:
        for name, preset in self.presets.items():
            if unknown := sorted(preset.keys() - PLAIN.keys()):
                raise ValueError(f"preset {name} of {self.name} says {', '.join(unknown)}; expected keys of PLAIN")
        object.__setattr__(self, "presets", {name: {**PLAIN, **preset} for name, preset in self.presets.items()})

    def options_of(self, values: Mapping[str, Any]) -> Any:
        """The options with these values. Raises ValueError that names what is known."""
        known = [one.name for one in fields(self.options)]
        for key in values:
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1)
                meant = f", did you mean {near[0]}?" if near else ""
                raise ValueError(f"train.options.{key} is no option of {self.name}{meant} It has {', '.join(known) or 'none'}")
        return self.options(**values)


def spo2_of(outputs: Outputs) -> Tensor:
    """The SpO2 (B, S) among a network's outputs."""
    return outputs if isinstance(outputs, Tensor) else outputs["spo2"]


def method_named(name: str) -> Method:
    """The method of a file below tast/methods/, or of another package's entry point. Raises ValueError naming the known ones."""
    place = entry_of(name)
    made: Method = getattr(importlib.import_module(place.module), place.attr)
    return made
