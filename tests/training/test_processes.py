"""Two processes that share every batch train as one: same losses, same weights, one writer."""

from __future__ import annotations

import json
import socket
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import nn

from tast.clip_store import ClipStore
from tast.training.checkpoint import CHECKPOINT
from tast.training.compute import SyncedBatchNorm, for_processes
from tast.training.loop import fit
from tast.training.settings import History
from tests.training.synthetic import write_store
from tests.training.tiny import SETTINGS, halves, scaling_of, tiny_net
from tests.training.trainings import FIRST_VAL, as_one_of_several, exit_codes, start

TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    """Four subjects of 5 clips, of which 15 train: in batches of 7, whose halves are 3 and 4 clips (or 2 and 3)."""
    return write_store(tmp_path_factory.mktemp("clips"), seed=0, subjects=4, clips=5)


@pytest.fixture(scope="module")
def two(store: ClipStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("two")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    processes = [start(as_one_of_several, store.folder, folder, environment=as_by_torchrun(rank, port)) for rank in (0, 1)]
    assert exit_codes(*processes) == [0, 0]
    return folder


def as_by_torchrun(rank: int, port: str) -> dict[str, str]:
    sizes = {"WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2", "GROUP_RANK": "0"}
    place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "TORCHELASTIC_RUN_ID": "test"}
    return {"RANK": str(rank), "LOCAL_RANK": str(rank), **sizes, **place}


@pytest.fixture(scope="module")
def one(store: ClipStore, tmp_path_factory: pytest.TempPathFactory) -> tuple[nn.Module, History]:
    train, val = halves(store, FIRST_VAL)
    net = tiny_net(dropout=0.0)
    folder = tmp_path_factory.mktemp("one")
    return net, fit(net, train, val, replace(SETTINGS, batch_size=7), scaling=scaling_of(train), checkpoint_folder=folder)


def test_same_loss_curve_as_one_process(two: Path, one: tuple[nn.Module, History]) -> None:
    shared = json.loads((two / "0.json").read_text())["epochs"]
    assert len(shared) == len(one[1].epochs) == 4
    for ours, theirs in zip(shared, one[1].epochs, strict=True):
        for name in ("train_loss", "val_loss", "val_rmse_percent", "learning_rate"):
            assert ours[name] == pytest.approx(getattr(theirs, name), abs=TOLERANCE), (ours["epoch"], name)


def test_same_weights_as_one_process_and_the_same_in_both(two: Path, one: tuple[nn.Module, History]) -> None:
    first, second = (json.loads((two / f"{rank}.json").read_text()) for rank in (0, 1))
    assert first["weights"] == second["weights"]
    assert first["epochs"] == second["epochs"]
    shared = torch.load(two / "weights.pt", weights_only=True)
    for name, tensor in one[0].state_dict().items():
        torch.testing.assert_close(shared[name], tensor, atol=1e-3, rtol=0, msg=lambda text, name=name: f"{name}: {text}")


def test_the_first_process_alone_writes_and_tells(two: Path) -> None:
    assert [json.loads((two / f"{rank}.json").read_text())["told"] for rank in (0, 1)] == [4, 0]
    assert [path.name for path in (two / "run").iterdir()] == [CHECKPOINT]


def test_one_process_trains_the_very_model_that_it_is_given() -> None:
    class Alone:
        world_size = 1

    net = tiny_net()
    assert for_processes(net, Alone()) is net  # type: ignore[arg-type]


def test_synced_batch_norm_evaluates_as_batch_norm() -> None:
    plain, synced = nn.BatchNorm3d(3), SyncedBatchNorm(3)
    x = torch.randn(4, 3, 2, 5, 5, generator=torch.Generator().manual_seed(0))
    plain(x)
    synced.load_state_dict(plain.state_dict())
    assert torch.equal(synced.eval()(x), plain.eval()(x))
