"""A method of somebody else's package: the very text of docs/methods.md, installed into a folder of its own, and trained."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end.conftest import PROJECT

TRAIN = """
import sys
from pathlib import Path
import torch
from flows.fitting import fit_model
from tast.clip_store import ClipStore
from tast.methods import code_of_method, known_methods
from tast.params import changed, load_params
from tast.saved_model import load_model, save_model
from tast.training.compute import compute_reproducibly
from tast.training.dataset import ClipDataset
from tests.training.synthetic import write_store

folder = Path(sys.argv[1])
assert "spo2_mean" in known_methods(), known_methods()
store = write_store(folder / "clips", seed=0, subjects=6, clips=2)
ids = store.clip_ids
train, val = (ClipDataset(store, part, kind="normalised", frame_size_px=8) for part in (ids[:8], ids[8:]))
params = changed(load_params(), {
    "train.method": "spo2_mean", "train.options": {}, "train.input": "normalised", "train.frame_size_px": 8, "train.epochs": 2,
})
compute_reproducibly(0, 1)
model, history, card = fit_model(params.train, store, train, val, folder / "checkpoints")
save_model(folder / "model", model, card)
again, same = load_model(folder / "model")
assert same == card and card.model_name == "spo2_mean"
with torch.no_grad():
    assert torch.equal(model(val[[0]].video), again(val[[0]].video))
print(len(history.epochs), sorted(code_of_method("spo2_mean")))
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder into which pip has installed the package of docs/methods.md."""
    folder = tmp_path_factory.mktemp("own")
    text = (PROJECT / "docs" / "methods.md").read_text()
    for name in ("spo2_mean/__init__.py", "pyproject.toml"):
        found = re.search(rf"^    # {re.escape(name)}\n((?:    .*\n|\n)+)", text, re.MULTILINE)
        assert found, name
        file = folder / "package" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        lines = [line.removeprefix("    ") for line in found[1].splitlines()]
        upto = next((n for n, line in enumerate(lines) if line.startswith("# ")), len(lines))
        file.write_text("\n".join(lines[:upto]) + "\n")
    command = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--target"]
    done = subprocess.run([*command, str(folder / "site"), str(folder / "package")], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder / "site"


def test_it_is_found_listed_trained_saved_and_loaded(site: Path, tmp_path: Path) -> None:
    path = os.pathsep.join([str(site), str(PROJECT)])
    done = subprocess.run(
        [sys.executable, "-c", TRAIN, str(tmp_path)], env=os.environ | {"PYTHONPATH": path}, cwd=PROJECT, capture_output=True,
        text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split(maxsplit=1) == ["2", "['spo2_mean/__init__.py']\n"]
    listed = subprocess.run(
        [sys.executable, "-m", "tast", "methods"], env=os.environ | {"PYTHONPATH": path}, cwd=PROJECT, capture_output=True,
        text=True, check=True,
    ).stdout  # fmt: skip
    assert any(line.split()[:1] == ["spo2_mean"] for line in listed.splitlines())
