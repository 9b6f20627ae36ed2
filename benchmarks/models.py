"""TAST-Net's `paper` preset beside PhysNet, PhysFormer and ViViT: forward and backward on clips of 64x128x128, two at a time.

    python -m benchmarks.models [--peer PATH] [--repeats 5]

The peer is a checkout of ubicomplab/rPPG-Toolbox; without it, and for ViViT without the package transformers, those rows are left
out, and said so. CPU seconds of one thread, median; each model in a child process of its own, in training mode, with the settings
that its authors publish. Memory is what the first step adds to the process, over the clips of the batch. Arithmetic is counted by
torch's FlopCounterMode, and set against the machine's largest matrix product, measured in the same process before and after.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.results import Row, write_rows
from tast.models.tast_net import build
from tast.training.compute import use_channels_last

BATCH, FRAMES, SIZE_PX, SECONDS = 2, 64, 128, 4
GEMM = 2048  # side of the square matrices whose product tells the machine's peak
MODEL_FILES = Path("neural_methods/model")  # inside rPPG-Toolbox

OURS, PHYSNET, PHYSFORMER, VIVIT = "TAST-Net paper", "PhysNet", "PhysFormer", "HF VivitModel"


def tast_net(_: Path | None) -> nn.Module:
    net = build("paper", frames=FRAMES, size=SIZE_PX, seconds=SECONDS)
    use_channels_last(net)
    return net


def physnet(checkout: Path | None) -> nn.Module:
    model: nn.Module = _module(checkout, "PhysNet.py").PhysNet_padding_Encoder_Decoder_MAX(frames=FRAMES)
    return model


def physformer(checkout: Path | None) -> nn.Module:
    """With the sizes of the toolbox's own configuration; its forward wants the sharpness of its attention as well."""
    model: nn.Module = _module(checkout, "PhysFormer.py").ViT_ST_ST_Compact3_TDC_gra_sharp(
        image_size=(FRAMES, SIZE_PX, SIZE_PX), patches=(4, 4, 4), dim=96, ff_dim=144, num_heads=4, num_layers=12,
        dropout_rate=0.1, theta=0.7,
    )  # fmt: skip
    return _WithArgument(model, 2.0)


def vivit(_: Path | None) -> nn.Module:
    """Joint attention, 8 layers, about as many parameters as TAST-Net."""
    from transformers import VivitConfig, VivitModel  # type: ignore[import-not-found]

    config = VivitConfig(
        image_size=SIZE_PX, num_frames=FRAMES, tubelet_size=[8, 16, 16], hidden_size=192, num_hidden_layers=8,
        num_attention_heads=4, intermediate_size=384,
    )  # fmt: skip
    return _TimeFirst(VivitModel(config))


MODELS: dict[str, Callable[[Path | None], nn.Module]] = {OURS: tast_net, PHYSNET: physnet, PHYSFORMER: physformer, VIVIT: vivit}
OF_TOOLBOX = (PHYSNET, PHYSFORMER)


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


def _module(checkout: Path | None, file: str) -> ModuleType:
    assert checkout is not None
    spec = importlib.util.spec_from_file_location(f"peer_{Path(file).stem}", checkout / MODEL_FILES / file)
    if spec is None or spec.loader is None:
        raise ImportError(f"{checkout / MODEL_FILES / file}: not a Python module")
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


def measure(name: str, checkout: Path | None, repeats: int) -> Measured:
    """One model, in a child process."""
    torch.set_num_threads(1)
    torch.manual_seed(0)
    peak_before = gemm_flops_per_s()
    model = MODELS[name](checkout).train()
    video = torch.randn(BATCH, 3, FRAMES, SIZE_PX, SIZE_PX).contiguous(memory_format=torch.channels_last_3d)
    if name != OURS:
        video = video.contiguous()  # the layout that its authors give it
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak that loading came to
    before = _status_kib("VmRSS")
    step(model, video)
    memory_mib = (_status_kib("VmHWM") - before) / 1024 / BATCH
    with FlopCounterMode(display=False) as counter:
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


def in_child(name: str, checkout: Path | None, repeats: int) -> Measured:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as child:
        return child.submit(measure, name, checkout, repeats).result()


def rows_of(measured: dict[str, Measured]) -> list[Row]:
    ours, shape = measured[OURS], f"{FRAMES}x{SIZE_PX}x{SIZE_PX}, batch {BATCH}, one thread"
    rows = [
        Row(f"{OURS}: parameters", ours.parameters_m, "M"),
        Row(f"{OURS}: forward + backward, {shape}", ours.clips_per_s, "clips per CPU s"),
        Row(f"{OURS}: share of the machine's gemm peak", ours.peak_share, "1", must=0.65),
        Row(f"{OURS}: memory of a clip", ours.memory_mib, "MiB", better="lower"),
    ]
    bars = {PHYSFORMER: {"speed": (5.0, 7.0), "memory": (1 / 3, 1 / 6)}}
    for name, theirs in measured.items():
        if name == OURS:
            continue
        speed, memory = (bars.get(name, {}).get(what, (None, None)) for what in ("speed", "memory"))
        told = f"{name}, {theirs.parameters_m:.2f} M parameters: {theirs.clips_per_s:.3g}, {theirs.peak_share:.0%} of the peak"
        rows += [
            Row(f"clips per CPU s against {name}", ours.clips_per_s, "clips per CPU s", told,
                ours.clips_per_s / theirs.clips_per_s, "higher", *speed),
            Row(f"memory of a clip against {name}", ours.memory_mib, "MiB", f"{name}: {theirs.memory_mib:.0f}",
                ours.memory_mib / theirs.memory_mib, "lower", *memory),
        ]  # fmt: skip
    return rows


def chosen(peers: list[Path]) -> tuple[list[str], Path | None]:
    """The models that can be measured here, and the toolbox's checkout; says what is missing."""
    checkout = next((peer for peer in peers if (peer / MODEL_FILES).is_dir()), None)
    names = [OURS]
    if checkout is None:
        print(f"no checkout of rPPG-Toolbox given (--peer PATH, a folder with {MODEL_FILES}): without {' and '.join(OF_TOOLBOX)}")
    else:
        names += OF_TOOLBOX
    if importlib.util.find_spec("transformers") is None:
        print(f"transformers is not installed: without {VIVIT}")
    else:
        names.append(VIVIT)
    return names, checkout


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.models", description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--peer", type=Path, action="append", default=[])
    parser.add_argument("--repeats", type=int, default=5)
    arguments = parser.parse_args()
    names, checkout = chosen(arguments.peer)
    write_rows("models", rows_of({name: in_child(name, checkout, arguments.repeats) for name in names}))


if __name__ == "__main__":
    main()
