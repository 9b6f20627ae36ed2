"""TAST-Net's `paper` preset beside PhysNet, PhysFormer and ViViT: forward and backward on clips of 64x128x128, two at a time.

    python -m benchmarks.models [--peer PATH ...] [--repeats 5]

A peer is a checkout of ubicomplab/rPPG-Toolbox or a folder into which transformers was installed, told apart by the files that
they hold; without one, its rows are left out, and said so. CPU seconds of one thread, median; each model in a child process of
its own, in training mode, with the settings that its authors publish, ViViT also at our number of parameters. Memory is what
the first step adds to the process, over the clips of the batch. Arithmetic is counted by torch's FlopCounterMode, and set
against the machine's largest matrix product, measured in the same process before and after.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode, sdpa_backward_flop_count, sdpa_flop_count

from benchmarks.results import Row, write_rows
from tast.crew.each import do_each_by
from tast.crew.local import local_crew
from tast.methods.tast_net import TastNetOptions, build
from tast.training.compute import use_channels_last

BATCH, FRAMES, SIZE_PX, SECONDS = 2, 64, 128, 4
GEMM = 2048  # side of the square matrices whose product tells the machine's peak
ATTENTION_ON_CPUS: dict[Any, Callable[..., int]] = {  # the fused attention, which torch's counter knows on GPUs only
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: lambda *shapes, **_: sdpa_flop_count(*shapes[:3]),
    torch.ops.aten._scaled_dot_product_flash_attention_for_cpu_backward: lambda *shapes, **_: sdpa_backward_flop_count(
        *shapes[:4]
    ),
}

OURS, PHYSNET, PHYSFORMER = "TAST-Net paper", "PhysNet", "PhysFormer"
VIVIT, VIVIT_OF_OUR_SIZE = "HF VivitModel", "HF VivitModel of our size"


@dataclass(frozen=True)
class Peer:
    """A public network: where it comes from, the file that tells a folder which holds it, and how it is built from there."""

    source: str
    file: Path
    build: Callable[[Path], nn.Module]


def tast_net() -> nn.Module:
    net = build(TastNetOptions(sizes="paper"), frames=FRAMES, size_px=SIZE_PX, seconds=SECONDS)
    use_channels_last(net)
    return net


def physnet(checkout: Path) -> nn.Module:
    model: nn.Module = _module(checkout / PHYSNET_FILE).PhysNet_padding_Encoder_Decoder_MAX(frames=FRAMES)
    return model


def physformer(checkout: Path) -> nn.Module:
    """With the sizes of the toolbox's own configuration; its forward wants the sharpness of its attention as well."""
    model: nn.Module = _module(checkout / PHYSFORMER_FILE).ViT_ST_ST_Compact3_TDC_gra_sharp(
        image_size=(FRAMES, SIZE_PX, SIZE_PX), patches=(4, 4, 4), dim=96, ff_dim=144, num_heads=4, num_layers=12,
        dropout_rate=0.1, theta=0.7,
    )  # fmt: skip
    return _WithArgument(model, 2.0)


def vivit(installation: Path, **sizes: Any) -> nn.Module:
    """Joint attention; what `sizes` leaves out is as transformers has it: tubelets of 2x16x16, 12 layers of width 768."""
    sys.path.append(str(installation))  # last, so that torch and numpy stay this project's
    from transformers import VivitConfig, VivitModel  # type: ignore[import-not-found]

    return _TimeFirst(VivitModel(VivitConfig(image_size=SIZE_PX, num_frames=FRAMES, **sizes)))


vivit_of_our_size = partial(
    vivit, tubelet_size=[8, 16, 16], hidden_size=192, num_hidden_layers=8, num_attention_heads=4, intermediate_size=384
)

PHYSNET_FILE, PHYSFORMER_FILE = Path("neural_methods/model/PhysNet.py"), Path("neural_methods/model/PhysFormer.py")
VIVIT_FILE = Path("transformers/models/vivit/modeling_vivit.py")
TOOLBOX, TRANSFORMERS = "a checkout of rPPG-Toolbox", "a folder with transformers installed"
PEERS: dict[str, Peer] = {
    PHYSNET: Peer(TOOLBOX, PHYSNET_FILE, physnet),
    PHYSFORMER: Peer(TOOLBOX, PHYSFORMER_FILE, physformer),
    VIVIT: Peer(TRANSFORMERS, VIVIT_FILE, vivit),
    VIVIT_OF_OUR_SIZE: Peer(TRANSFORMERS, VIVIT_FILE, vivit_of_our_size),
}


class _WithArgument(nn.Module):
    def __init__(self, model: nn.Module, argument: float) -> None:
        super().__init__()
        self.model, self.argument = model, argument

    def forward(self, video: Tensor) -> Any:
        return self.model(video, self.argument)


class _TimeFirst(nn.Module):
    """(B, C, T, H, W) -> a model that wants (B, T, C, H, W)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, video: Tensor) -> Any:
        return self.model(video.transpose(1, 2).contiguous()).last_hidden_state


def _module(file: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"peer_{file.stem}", file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{file}: not a Python module")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@dataclass(frozen=True)
class Measured:
    """parameters in millions; clips per CPU second; memory of a clip in MiB; share of the machine's peak arithmetic."""

    parameters_m: float
    clips_per_s: float
    memory_mib: float
    peak_share: float


def measure(name: str, folder: Path | None, repeats: int) -> Measured:
    """Ours, or the peer that `folder` holds; in a child process."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    peak_before = gemm_flops_per_s()
    model = (tast_net() if folder is None else PEERS[name].build(folder)).train()
    video = torch.randn(BATCH, 3, FRAMES, SIZE_PX, SIZE_PX).contiguous(memory_format=torch.channels_last_3d)
    if name != OURS:
        video = video.contiguous()  # the layout that its authors give it
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak that loading came to
    before = _status_kib("VmRSS")
    step(model, video)
    memory_mib = (_status_kib("VmHWM") - before) / 1024 / BATCH
    with FlopCounterMode(display=False, custom_mapping=ATTENTION_ON_CPUS) as counter:
        step(model, video)
    seconds = statistics.median(cpu_seconds(lambda: step(model, video), repeats))
    peak = max(peak_before, gemm_flops_per_s())
    parameters = sum(parameter.numel() for parameter in model.parameters())
    return Measured(parameters / 1e6, BATCH / seconds, memory_mib, counter.get_total_flops() / seconds / peak)


def step(model: nn.Module, video: Tensor) -> None:
    """Forward and backward, without an optimiser."""
    out = model(video)
    first = out[0] if isinstance(out, tuple) else out
    first.square().mean().backward()
    model.zero_grad(set_to_none=True)


def cpu_seconds(work: Callable[[], object], repeats: int) -> list[float]:
    seconds = []
    for _ in range(repeats):
        started = time.process_time()
        work()
        seconds.append(time.process_time() - started)
    return seconds


def gemm_flops_per_s() -> float:
    left, right = torch.randn(GEMM, GEMM), torch.randn(GEMM, GEMM)
    torch.mm(left, right)
    return 2 * GEMM**3 / min(cpu_seconds(lambda: torch.mm(left, right), 7))


def _status_kib(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(f"{field}:"))


def in_child(name: str, folder: Path | None, repeats: int) -> Measured:
    with local_crew(workers=1) as child:
        return do_each_by(child, partial(measure, name, folder), [repeats])[0]


def rows_of(measured: dict[str, Measured]) -> list[Row]:
    ours, shape = measured[OURS], f"{FRAMES}x{SIZE_PX}x{SIZE_PX}, batch {BATCH}, one thread"
    rows = [
        Row(f"{OURS}: parameters", ours.parameters_m, "M"),
        Row(f"{OURS}: forward + backward, {shape}", ours.clips_per_s, "clips per CPU s"),
        Row(f"{OURS}: share of the machine's gemm peak", ours.peak_share, "1", must=0.65),
        Row(f"{OURS}: memory of a clip", ours.memory_mib, "MiB", better="lower"),
    ]
    bars = {PHYSFORMER: {"speed": (7.0, None), "memory": (1 / 3, 1 / 6)}}
    for name, theirs in measured.items():
        if name == OURS:
            continue
        speed, memory = (bars.get(name, {}).get(what, (None, None)) for what in ("speed", "memory"))
        peer = f"{name}, {theirs.parameters_m:.2f} M parameters: {theirs.clips_per_s:.3g}, {theirs.peak_share:.0%} of the peak"
        rows += [
            Row(f"clips per CPU s against {name}", ours.clips_per_s, "clips per CPU s", peer,
                ours.clips_per_s / theirs.clips_per_s, "higher", *speed),
            Row(f"memory of a clip against {name}", ours.memory_mib, "MiB", f"{name}: {theirs.memory_mib:.0f}",
                ours.memory_mib / theirs.memory_mib, "lower", *memory),
        ]  # fmt: skip
    return rows


def found(folders: list[Path]) -> dict[str, Path]:
    """The peers that can be measured here, each with the folder that holds it; says which are missing."""
    places: dict[str, Path] = {}
    for name, peer in PEERS.items():
        holding = next((folder for folder in folders if (folder / peer.file).is_file()), None)
        if holding is None:
            print(f"without {name}: {peer.source} was not given (--peer PATH, a folder with {peer.file})")
        else:
            places[name] = holding
    return places


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.models", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--peer", type=Path, action="append", default=[], metavar="PATH")
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    places: dict[str, Path | None] = {OURS: None, **found(arguments.peer)}
    write_rows("models", rows_of({name: in_child(name, folder, arguments.repeats) for name, folder in places.items()}))


if __name__ == "__main__":
    main()
