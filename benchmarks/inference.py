"""Milliseconds per frame of a trained network, 1 and 16 clips at a time: torch as it is, what `tast export` writes, ONNX Runtime.

    python -m benchmarks.inference [--repeats 9]

Two networks: the one of params.yaml on its clip, which is the table's (docs/results.md), and TAST-Net `paper` on clips of
64x128x128. CPU seconds of one thread, medians, in a process of its own for each instruction set; runtimes take turns, so that a
busy spell of the machine falls on all. Ratios are to torch as it is: eager, float32, contiguous. Each runtime's output is
compared with torch's before it is timed. bf16 is measured with the processor's own instructions, where it has it; torch.compile
where there is a compiler for it. ONNX Runtime's kernels take the widest vectors that the processor has, whatever we choose.

On a GPU, where torch sees one, seconds by the clock, and a bar: at most .077 ms per frame, the quickest of the paper's tables.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from benchmarks.children import answer, ask, asked
from benchmarks.results import Row, write_rows
from benchmarks.training_step import PAPER_CLIP, compiler_is_there, train_params
from tast import instruction_set

MODULE = "benchmarks.inference"
NETWORKS = ("default", "paper")
BATCHES = (1, 16)
EAGER, LAST, COMPILED, BF16, PT2, ONNX = "eager", "channels last", "torch.compile", "bf16", "pt2", "ONNX Runtime"
MUST_MS = 0.077  # of a GPU: MMFM's in the paper's tables
APART = {BF16: 0.1}  # of standardised SpO2, whose deviation is 1: bf16 has three digits
MOST_APART = 1e-3

Runtime = Callable[[Any], Any]  # video (B, 3, T, H, W) -> standardised SpO2 (B, S)


def measure(request: dict[str, Any]) -> dict[str, Any]:
    """clip: its shape; ms: batch -> runtime -> milliseconds per frame."""
    import torch

    from flows.fitting import new_network
    from tast.params import load_params

    network, device = request["network"], torch.device(request["accelerator"])
    clips, params = load_params().preprocess.clips, train_params(network, "cpu")
    frames = PAPER_CLIP[0] if network == "paper" else round(clips.fps_hz * clips.length_s)
    size_px = params.frame_size_px
    torch.set_num_threads(1)
    torch.manual_seed(0)
    model = new_network(params, frames=frames, seconds=round(frames / clips.fps_hz))
    with torch.no_grad():
        model(torch.randn(4, 3, frames, size_px, size_px))  # in training mode: moves BatchNorm's statistics
    model.eval()
    found: dict[str, Any] = {"clip": f"{frames}x{size_px}x{size_px}", "ms": {}}
    with tempfile.TemporaryDirectory() as folder, torch.no_grad():
        runtimes = {
            name: RUNTIMES[name](model, Path(folder), frames, size_px, device)
            for name in request["runtimes"]
        }  # fmt: skip
        for batch in BATCHES:
            video = torch.randn(batch, 3, frames, size_px, size_px, device=device)
            expected = runtimes[EAGER](video)
            for name, run in runtimes.items():  # compiles, too
                apart = (run(video).float() - expected).abs().max().item()
                if not apart <= APART.get(name, MOST_APART):
                    raise RuntimeError(f"{network}, {batch} clips: {name} is {apart:.2g} from eager torch")
            taken: dict[str, list[float]] = {name: [] for name in runtimes}
            for _ in range(request["repeats"]):
                for name, run in runtimes.items():
                    taken[name].append(_seconds(run, video))
            found["ms"][str(batch)] = {
                name: 1e3 * statistics.median(seconds) / (batch * frames) for name, seconds in taken.items()
            }  # fmt: skip
    return found


def _seconds(run: Runtime, video: Any) -> float:
    import torch

    if not video.is_cuda:
        started = time.process_time()
        run(video)
        return time.process_time() - started
    torch.cuda.synchronize()
    started = time.perf_counter()
    run(video)
    torch.cuda.synchronize()
    return time.perf_counter() - started


def _eager(model: Any, folder: Path, frames: int, size_px: int, device: Any) -> Runtime:
    import copy

    own: Runtime = copy.deepcopy(model).to(device)
    return own


def _channels_last(model: Any, folder: Path, frames: int, size_px: int, device: Any) -> Runtime:
    """Weights and clips; that the clips are laid out anew is counted."""
    import copy

    import torch

    from tast.training.compute import use_channels_last

    own = copy.deepcopy(model).to(device)
    use_channels_last(own)
    return lambda video: own(video.contiguous(memory_format=torch.channels_last_3d))


def _compiled(model: Any, folder: Path, frames: int, size_px: int, device: Any) -> Runtime:
    import torch

    run: Runtime = torch.compile(_channels_last(model, folder, frames, size_px, device))
    return run


def _bf16(model: Any, folder: Path, frames: int, size_px: int, device: Any) -> Runtime:
    import torch

    plain = _channels_last(model, folder, frames, size_px, device)

    def run(video: Any) -> Any:
        with torch.autocast(device.type, torch.bfloat16):
            return plain(video)

    return run


def _pt2(model: Any, folder: Path, frames: int, size_px: int, device: Any) -> Runtime:
    """The file, read again by torch alone, as docs/training.md says."""
    import torch
    from torch.export.passes import move_to_device_pass

    from tast.export import exported
    from tast.pt2 import drop_examples

    path = folder / "model.pt2"
    torch.export.save(exported(model, frames=frames, size_px=size_px), path)
    drop_examples(path)
    run: Runtime = move_to_device_pass(torch.export.load(path), device).module()
    return run


def _onnx(model: Any, folder: Path, frames: int, size_px: int, device: Any) -> Runtime:
    import onnxruntime  # type: ignore[import-untyped]
    import torch

    from tast.export import INPUT_NAME, OUTPUT_NAME, onnx_of

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    provider = "CUDAExecutionProvider" if device.type == "cuda" else "CPUExecutionProvider"
    session = onnxruntime.InferenceSession(
        onnx_of(model, frames=frames, size_px=size_px).SerializeToString(), options, providers=[provider]
    )  # fmt: skip
    return lambda video: torch.from_numpy(session.run([OUTPUT_NAME], {INPUT_NAME: video.cpu().numpy()})[0]).to(device)


RUNTIMES = {EAGER: _eager, LAST: _channels_last, COMPILED: _compiled, BF16: _bf16, PT2: _pt2, ONNX: _onnx}


def runtimes_here(accelerator: str) -> dict[str, list[str]]:
    """Instruction set -> what can be measured with it on this machine; says what cannot."""
    import torch

    from tast.training.compute import BF16_OF_CPUS, gpu_has_bf16

    own = instruction_set.wanted()
    compiled = [COMPILED] if compiler_is_there(accelerator) else []
    found = {own: [EAGER, LAST, *compiled, PT2, *([ONNX] if _onnx_is_there(accelerator) else [])]}
    if accelerator == "cuda":
        has_bf16, where = gpu_has_bf16(), own
    else:
        has_bf16, where = any(torch.cpu.get_capabilities().get(name) for name in BF16_OF_CPUS), instruction_set.NATIVE
    if has_bf16:
        found[where] = [*found.get(where, [EAGER, LAST]), BF16]
    else:
        print("without bf16: this machine would compute it by emulation")
    return found


def _onnx_is_there(accelerator: str) -> bool:
    missing = [name for name in ("onnx", "onnxscript", "onnxruntime") if find_spec(name) is None]
    if not missing and accelerator == "cuda":
        import onnxruntime

        gpu = "CUDAExecutionProvider" in onnxruntime.get_available_providers()
        missing = [] if gpu else ["onnxruntime-gpu"]
    if missing:
        print(f"without ONNX Runtime: {', '.join(missing)} is not installed")
    return not missing


def rows_of(network: str, where: str, measured: dict[str, Any], *, must_ms: float | None = None) -> list[Row]:
    """ms per frame of each runtime, beside eager torch's; must_ms: of eager torch, at each batch."""
    rows = []
    for batch, ms in measured["ms"].items():
        title = f"{network}, {measured['clip']}, {where}, batch {batch}"
        rows.append(Row(f"{title}: {EAGER}", ms[EAGER], "ms per frame", better="lower", must=must_ms))
        rows += [
            Row(f"{title}: {name}", value, "ms per frame", f"{EAGER}: {ms[EAGER]:.3g}", value / ms[EAGER], "lower")
            for name, value in ms.items() if name != EAGER
        ]  # fmt: skip
    return rows


def compare(repeats: int) -> list[Row]:
    import torch

    accelerator, rows = "cuda" if torch.cuda.is_available() else "cpu", []
    here = runtimes_here(accelerator)
    for network in NETWORKS:
        for chosen, runtimes in here.items():
            request = {"network": network, "accelerator": accelerator, "runtimes": runtimes, "repeats": repeats}
            measured = ask(MODULE, chosen, request)
            if accelerator == "cuda":
                rows += rows_of(network, torch.cuda.get_device_name(), measured, must_ms=MUST_MS)
            else:
                rows += rows_of(network, chosen, measured)
    return rows


def main() -> None:
    if asked():
        answer(measure)
        return
    parser = argparse.ArgumentParser(
        prog=f"python -m {MODULE}", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=9)
    write_rows("inference", compare(parser.parse_args().repeats))


if __name__ == "__main__":
    main()
