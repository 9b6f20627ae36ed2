"""A training killed in the middle and edited: the next one does not go on from its checkpoint."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tests.end_to_end.conftest import PROJECT

TRAIN = """
import logging, os, signal, sys
from pathlib import Path
import torch
torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
from tast.training.checkpoint import weights_digest
from tast.training.loop import fit
from tests.training.synthetic import write_store
from tests.training.tiny import SETTINGS, halves, scaling_of, tiny_net
logging.basicConfig(level=logging.INFO)
folder, killed_after = Path(sys.argv[1]), int(sys.argv[2])
train, val = halves(write_store(folder / "clips", seed=0, subjects=3, clips=4), "s02")
def die(record):
    print("epoch", record.epoch, flush=True)
    if record.epoch == killed_after:
        os.kill(os.getpid(), signal.SIGKILL)
net = tiny_net()
fit(net, train, val, SETTINGS, scaling=scaling_of(train), checkpoint_folder=folder / "run", on_epoch=die)
print(weights_digest(net))
"""


def train(tree: Path, folder: Path, *, killed_after: int = -1) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", TRAIN, str(folder), str(killed_after)]
    return subprocess.run(
        command, cwd=tree, env=os.environ | {"PYTHONPATH": str(tree)}, capture_output=True, text=True, timeout=200, check=False
    )  # fmt: skip


def test_a_killed_training_goes_on_across_no_edit_of_its_loss(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for folder in ("tast", "tests/training"):
        shutil.copytree(PROJECT / folder, tree / folder, ignore=shutil.ignore_patterns("__pycache__"))
    (tree / "tests/__init__.py").touch()
    assert train(tree, tmp_path / "a", killed_after=1).returncode == -signal.SIGKILL
    shutil.copytree(tmp_path / "a", tmp_path / "b")
    same = train(tree, tmp_path / "a")
    assert same.stdout.startswith("epoch 2\nepoch 3\n"), same.stderr
    loss = tree / "tast/training/loss.py"
    loss.write_text(loss.read_text().replace("mse_weight *", "2 * mse_weight *"))
    assert "2 * mse_weight *" in loss.read_text()
    edited = train(tree, tmp_path / "b")
    assert edited.stdout.startswith("epoch 0\nepoch 1\nepoch 2\n"), edited.stderr
    assert "checkpoint.pt belongs to a run with other code: training starts anew" in edited.stderr
    assert edited.stdout.splitlines()[-1] == train(tree, tmp_path / "c").stdout.splitlines()[-1]
