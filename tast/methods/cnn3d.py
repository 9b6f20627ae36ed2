"""The 3D CNN of Stogiannopoulos et al.: two convolutions over a whole clip, each pooled by three, and three dense layers.

Stogiannopoulos, Cheimariotis, Mitianoudis, "A study of machine learning regression techniques for non-contact SpO2 estimation
from infrared motion-magnified facial video", Information 2023, 14(6):301, doi 10.3390/info14060301, section 5.2; the authors'
code is TomStog/Infrared-SpO2. Most likely the "3D-CNN" of TAST-Net's table: that has 13.33 M parameters, and so has this network
on the 300 x 64 x 128 input of its authors, if its convolutions keep their size (in the authors' code they do not: 7.70 M).

    video 3 x 300 x 128 x 128 -> mean of row pairs, 64 x 128
      -> conv 5, 16, ReLU -> max 3 -> dropout -> conv 5, 32, ReLU -> max 3 -> dropout      32 x 33 x 7 x 14
      -> flatten -> 128 ReLU -> 128 ReLU -> 1, for the whole clip

Published: layers, kernels, He's initialisation, magnified frames (alpha 120, 0.4 to 4 Hz, level 4) over 255, squared error, Adam
at 1e-3, batches of 5, 100 epochs, the weights of the best validation.

Deviations:
- Three channels where the authors had one of near infrared: 13,333,281 parameters instead of 13,329,281.
- The whole face instead of a strip of the forehead, square, its rows averaged in pairs: half as high as wide, as the strip.
- Labels standardised instead of over 100. The last layer is linear: the same networks can be had, from another start.
- Validation on other people, where the authors shuffled clips and chose the weights on the test part; frames in their order,
  where the authors' loader mixes up time and space.
- The learning rate falls along a cosine, and gradients are clipped, as in this project.
Raw colours are what it sees: colour_axes is ignored.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

from tast.methods.method import FEW_PEOPLE, NO_AUGMENTATION, Method, Reported


@dataclass(frozen=True)
class Cnn3dNetConfig:
    """Every size of the network.

    frames, size_px, seconds: the clip's T, H = W, and S. pair_rows: rows are averaged in pairs. channels: of the convolutions;
    kernel: their side. pool: side and stride of the max pooling after each. hidden: widths of the dense layers but the last.
    gain: as in Cnn3dNetOptions.
    """

    frames: int
    size_px: int
    seconds: int
    pair_rows: bool
    channels: tuple[int, ...]
    kernel: int
    pool: int
    hidden: tuple[int, ...]
    dropout: float
    gain: float = 1.0

    def __post_init__(self) -> None:
        if self.pair_rows and self.size_px % 2:
            raise ValueError(f"cnn3d averages rows in pairs: a frame_size_px of {self.size_px} is odd")
        if not all(self.grid):
            raise ValueError(
                f"nothing is left of clips of {self.frames} frames x {self.size_px} px that cnn3d pools "
                f"{len(self.channels)} times by {self.pool}"
            )

    @property
    def grid(self) -> tuple[int, int, int]:
        """T, H and W after all pooling."""
        shrink = self.pool ** len(self.channels)
        rows = self.size_px // 2 if self.pair_rows else self.size_px
        return self.frames // shrink, rows // shrink, self.size_px // shrink


@dataclass(frozen=True)
class Cnn3dNetOptions:
    """pair_rows: rows are averaged in pairs, so that the network sees twice as many columns as rows. dropout: after pooling.

    gain: of the input, which should be about one: nothing in the network norms it. Light is; a pulse in units of its own is more.
    """

    pair_rows: bool = True
    dropout: float = 0.5
    gain: float = 1.0


class Cnn3dNet(nn.Module):
    """Video (B, 3, T, H, W), light over 255 less a half -> standardised SpO2 (B, S), one value for all seconds of a clip."""

    def __init__(self, config: Cnn3dNetConfig) -> None:
        super().__init__()
        self.config = config
        layers: list[nn.Module] = []
        before = 3
        for channels in config.channels:
            layers += [nn.Conv3d(before, channels, config.kernel, padding=config.kernel // 2), nn.ReLU(inplace=True)]
            layers += [nn.MaxPool3d(config.pool), nn.Dropout(config.dropout)]
            before = channels
        layers.append(nn.Flatten())
        steps, rows, columns = config.grid
        before *= steps * rows * columns
        for width in config.hidden:
            layers += [nn.Linear(before, width), nn.ReLU(inplace=True)]
            before = width
        self.layers = nn.Sequential(*layers, nn.Linear(before, 1))
        self.apply(_initialise)

    def forward(self, video: Tensor) -> Tensor:
        light = self.config.gain * video + 0.5
        if self.config.pair_rows:
            light = light.unflatten(3, (-1, 2)).mean(dim=4)
        out: Tensor = self.layers(light)
        return out.expand(-1, self.config.seconds)


def _initialise(module: nn.Module) -> None:
    """As Keras's HeUniform; biases start at 0."""
    if isinstance(module, nn.Conv3d | nn.Linear):
        nn.init.kaiming_uniform_(module.weight, nonlinearity="relu")
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def build(
    options: Cnn3dNetOptions = Cnn3dNetOptions(), *, frames: int, size_px: int, seconds: int,
    colour_axes: Sequence[Sequence[float]] | None = None,
) -> Cnn3dNet:  # fmt: skip
    """See Builder; colour_axes is ignored."""
    return Cnn3dNet(
        Cnn3dNetConfig(
            frames=frames, size_px=size_px, seconds=seconds, pair_rows=options.pair_rows, channels=(16, 32), kernel=5, pool=3,
            hidden=(128, 128), dropout=options.dropout, gain=options.gain,
        )
    )  # fmt: skip


def restore(config: dict[str, Any]) -> Cnn3dNet:
    """The network that `asdict(net.config)` (through JSON) describes, with new weights."""
    return Cnn3dNet(Cnn3dNetConfig(**config | {key: tuple(config[key]) for key in ("channels", "hidden")}))


PAPER: Mapping[str, Any] = {
    "train.options": {},
    "train.input": "magnified", "train.whiten_colour": False, "train.frame_size_px": 128, "preprocess.magnify.alpha": 120,
    "preprocess.clips.size_px": 128, "preprocess.clips.fps_hz": 30, "preprocess.clips.length_s": 10, "preprocess.clips.hop_s": 1,
    "train.epochs": 100, "train.patience": 100, "train.batch_size": 5, "train.sampler": "shuffled",
    "train.learning_rate": 0.001, "train.schedule": "cosine", "train.warm_up": 0.05, "train.weight_decay": 0.0,
    "train.gradient_clip": 1.0, "train.ema_epochs": 0.0, "train.mse_weight": 1.0, "train.pearson_weight": 0.0,
    "train.augmentation": NO_AUGMENTATION,
}  # fmt: skip
SMALL: Mapping[str, Any] = {
    **PAPER, **FEW_PEOPLE,
    "train.frame_size_px": 36, "preprocess.clips.size_px": 64, "preprocess.clips.fps_hz": 15, "preprocess.clips.length_s": 8,
    "train.epochs": 20, "train.patience": 20, "train.batch_size": 16,
}  # fmt: skip
LOCKED: Mapping[str, Any] = {  # it leaves the mean of the labels after some 20 epochs only
    **FEW_PEOPLE, "train.options": {"pair_rows": False, "dropout": 0.1, "gain": 0.3}, "train.frame_size_px": 9,
    "train.epochs": 80, "train.patience": 80, "train.weight_decay": 0.01, "train.ema_epochs": 0.0, "train.pearson_weight": 0.3,
}  # fmt: skip

METHOD = Method(
    name="cnn3d",
    paper="Stogiannopoulos, Cheimariotis, Mitianoudis, Information 2023, 14(6):301, doi 10.3390/info14060301",
    options=Cnn3dNetOptions,
    build=build,
    restore=restore,
    presets={"small": SMALL, "paper": PAPER, "locked": LOCKED},
    target="clip",
    reported=Reported(
        source="the row 3D-CNN of tables 1 and 2 of TAST-Net's paper, 1.182 ms per frame on hardware that is not known",
        parameters=13_330_000,
        ms_per_frame=1.182,
        scores={
            ("pure", "rmse"): 6.13, ("pure", "mae"): 5.89, ("pure", "r"): 0.25,
            ("vipl_hr", "rmse"): 2.62, ("vipl_hr", "mae"): 2.42, ("vipl_hr", "r"): 0.63,
        },
    ),
)  # fmt: skip
