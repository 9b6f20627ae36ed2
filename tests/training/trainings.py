"""Trainings in processes of their own, for tests that kill one or run several as one."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import torch

from tast.clip_store import ClipStore
from tast.training.checkpoint import weights_digest
from tast.training.compute import fabric_for
from tast.training.loop import fit
from tests.training.tiny import SETTINGS, halves, scaling_of, tiny_net

FIRST_VAL = "s03"


def killed_after_epoch(store: Path, checkpoints: Path) -> None:
    """SIGKILL between two epochs."""
    train, val = halves(ClipStore(store), FIRST_VAL)

    def die(record: object) -> None:
        if record.epoch == 1:  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGKILL)

    fit(tiny_net(), train, val, SETTINGS, scaling=scaling_of(train), checkpoint_folder=checkpoints, on_epoch=die)


def ended_within_epoch(store: Path, checkpoints: Path) -> None:
    """SIGTERM in the second step of the third epoch: its first step has moved weights, averages and schedule."""
    train, val = halves(ClipStore(store), FIRST_VAL)
    net, steps = tiny_net(), 0

    def count(module: torch.nn.Module, inputs: object) -> None:
        nonlocal steps
        steps += module.training
        if steps == 2 * 2 + 2:  # two steps an epoch
            os.kill(os.getpid(), signal.SIGTERM)

    net.register_forward_pre_hook(count)
    fit(net, train, val, SETTINGS, scaling=scaling_of(train), checkpoint_folder=checkpoints)


def killed_while_writing(store: Path, checkpoints: Path) -> None:
    """SIGKILL with half of the third checkpoint written."""
    train, val = halves(ClipStore(store), FIRST_VAL)
    whole_write, writes = Path.write_bytes, 0

    def half_write(path: Path, content: bytes) -> int:
        nonlocal writes
        writes += 1
        if writes == 3:
            whole_write(path, content[: len(content) // 2])
            os.kill(os.getpid(), signal.SIGKILL)
        return whole_write(path, content)

    Path.write_bytes = half_write  # type: ignore[assignment]
    fit(tiny_net(), train, val, SETTINGS, scaling=scaling_of(train), checkpoint_folder=checkpoints)


def as_one_of_several(store: Path, folder: Path) -> None:
    """One of the processes of a node; each writes what it ends with to folder/rank.json. Dropout would be each process's own."""
    fabric = fabric_for(accelerator="cpu", precision="fp32", processes=int(os.environ["LOCAL_WORLD_SIZE"]))
    fabric.launch()
    train, val = halves(ClipStore(store), FIRST_VAL)
    net, output = tiny_net(dropout=0.0), []
    history = fit(
        net, train, val, replace(SETTINGS, batch_size=7), scaling=scaling_of(train), checkpoint_folder=folder / "run",
        on_epoch=output.append, fabric=fabric,
    )  # fmt: skip
    facts = {"epochs": [asdict(one) for one in history.epochs], "weights": weights_digest(net), "told": len(output)}
    (folder / f"{fabric.global_rank}.json").write_text(json.dumps(facts))
    if fabric.is_global_zero:
        torch.save(net.state_dict(), folder / "weights.pt")


def start(program: Callable[..., None], *arguments: Path, environment: Mapping[str, str] | None = None) -> BaseProcess:
    """A process forked from one that has done the imports, which take ten seconds."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    process = processes.Process(target=run, args=(program, arguments, dict(environment or {})))
    process.start()
    return process


def run(program: Callable[..., None], arguments: tuple[Path, ...], environment: dict[str, str]) -> None:
    os.environ.update(environment)
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    program(*arguments)


def exit_codes(*processes: BaseProcess) -> list[int | None]:
    for process in processes:
        process.join(timeout=200)
    return [process.exitcode for process in processes]
