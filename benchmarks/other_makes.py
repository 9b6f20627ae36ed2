"""Whether a training's bytes are those of another maker's processor: steps of the default network, here and in an emulator.

    apt-get install qemu-user; python -m benchmarks.other_makes [--cpu Haswell] [--steps 3]

Each step is of a batch and with the settings of params.yaml, on two threads: forward, loss, backward, clipped gradients,
optimiser, moving average. An emulator computes every instruction as it is defined, approximations (rsqrtps) exactly, and shows
libraries the make, features and caches of the processor that it is told to be. Minutes a step. Exits with 1 where the bytes
differ.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

from tast import instruction_set
from tast.errors import TastError

CHILD = "--child"


def steps(count: int) -> None:
    """Print the digests of gradients and weights after each step; this process must not have imported numpy yet."""
    instruction_set.choose(instruction_set.AVX2)
    import hashlib

    import torch
    from torch import Tensor

    from flows.fitting import fabric_of, new_network, settings_of
    from tast.params import load_params
    from tast.training.compute import compute_reproducibly
    from tast.training.loop import prepare
    from tast.training.loss import spo2_loss

    def digest(tensors: list[Tensor]) -> str:
        return hashlib.sha256(b"".join(one.contiguous().numpy().tobytes() for one in tensors)).hexdigest()[:16]

    params = load_params()
    clips, settings = params.preprocess.clips, settings_of(params.train)
    compute_reproducibly(params.train.seed, 2)
    frames, side = int(clips.length_s * clips.fps_hz), params.train.frame_size_px
    network = new_network(params.train, frames=frames, seconds=int(clips.length_s), colour_axes=torch.eye(3).tolist())
    parts = prepare(network, count * settings.batch_size, settings, fabric := fabric_of(params.train))
    parts.wrapped.train()
    for number in range(count):
        video = torch.randn(settings.batch_size, 3, frames, side, side)
        outputs = parts.wrapped(video)
        value = spo2_loss(
            outputs, torch.randn(outputs.shape), mse_weight=settings.mse_weight, pearson_weight=settings.pearson_weight
        )
        fabric.backward(value)
        fabric.clip_gradients(parts.wrapped, parts.wrapped_optimiser, max_norm=settings.gradient_clip)
        weights = [one for one in parts.model.parameters() if one.grad is not None]
        gradients = digest([one.grad for one in weights if one.grad is not None])
        parts.wrapped_optimiser.step()
        parts.wrapped_optimiser.zero_grad()
        parts.averaged.update_parameters(parts.model)
        moved, kept = (digest([one.detach() for one in some]) for some in (weights, list(parts.averaged.parameters())))
        print(f"step {number}: gradients {gradients}, weights {moved}, kept {kept}", flush=True)


def started(emulator: list[str], count: int) -> list[str]:
    """What `steps` prints in a process of its own, by an emulator where one is given."""
    python = str(Path(sys.executable).resolve()) if emulator else sys.executable
    paths = [str(Path.cwd()), sysconfig.get_path("purelib")]  # the resolved interpreter knows of no environment
    done = subprocess.run(
        [*emulator, python, "-m", "benchmarks.other_makes", CHILD, str(count)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(paths)}, stdout=subprocess.PIPE, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        raise TastError(f"{' '.join(emulator) or python}: exit {done.returncode}; expected {count} steps")
    return [line for line in done.stdout.splitlines() if line.startswith("step ")]


def main() -> int:
    if sys.argv[1:2] == [CHILD]:
        steps(int(sys.argv[2]))
        return 0
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.other_makes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--cpu", default="Haswell", help="one of `qemu-x86_64 -cpu help`; Haswell by default")
    parser.add_argument("--steps", type=int, default=3)
    asked = parser.parse_args()
    if not (emulator := shutil.which("qemu-x86_64")):
        parser.error("qemu-x86_64 is not there; expected it from Debian's package qemu-user, or another's of that name")
    here, there = started([], asked.steps), started([emulator, "-cpu", asked.cpu], asked.steps)
    for own, other in zip(here, there, strict=True):
        print(f"{own}: {'the same' if own == other else f'differs, {asked.cpu} has {other}'}")
    return int(here != there)


if __name__ == "__main__":
    sys.exit(main())
