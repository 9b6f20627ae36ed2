"""Nothing that is loaded runs code: a pickle where weights, a checkpoint or a registered model should lie is refused unopened."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from mlflow.exceptions import MlflowException

import flows
from tast.digests import OWN, content_digest
from tast.errors import BadInput
from tast.saved_model import CARD, WEIGHTS, load_model
from tast.tracking.serving import PythonModel, mlflow
from tast.training.checkpoint import CHECKPOINT, load_checkpoint
from tests.prediction import conftest as prediction

saved = prediction.saved  # a whole model of nobody's training


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        return os.mkdir, (str(self.trace),)


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    path = tmp_path / "ran"
    pickle.loads(pickle.dumps(Payload(path)))
    assert path.is_dir()  # the payload works
    path.rmdir()
    return path


def test_a_pickle_in_place_of_the_weights(saved: Path, tmp_path: Path, trace: Path) -> None:
    """Even where the card has its digest."""
    folder = tmp_path / "model"
    folder.mkdir()
    torch.save({"weights": Payload(trace)}, folder / WEIGHTS)
    card = json.loads((saved / CARD).read_text())
    card["weights_sha256"] = hashlib.sha256((folder / WEIGHTS).read_bytes()).hexdigest()
    (folder / CARD).write_text(json.dumps(card | {OWN: content_digest(card)}))
    with pytest.raises(BadInput, match=r"model\.safetensors"):
        load_model(folder)
    assert not trace.exists()


def test_a_pickle_beside_the_weights_is_not_touched(saved: Path, tmp_path: Path, trace: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for name in (WEIGHTS, CARD):
        (folder / name).write_bytes((saved / name).read_bytes())
    for name in ("model.pt", "model.pkl", "pytorch_model.bin"):
        torch.save(Payload(trace), folder / name)
    model, _ = load_model(folder)
    assert not model.training and not trace.exists()


def test_a_pickle_in_a_checkpoint(tmp_path: Path, trace: Path) -> None:
    """Without a digest it is damaged; with one it is refused all the same."""
    path = tmp_path / CHECKPOINT
    torch.save({"facts": "{}", "epochs": [], "best": Payload(trace)}, path)
    assert load_checkpoint(tmp_path, facts={}) is None
    path.write_bytes(path.read_bytes() + hashlib.sha256(path.read_bytes()).digest())
    with pytest.raises(pickle.UnpicklingError):
        load_checkpoint(tmp_path, facts={})
    assert not trace.exists()


def test_a_registered_model_that_is_a_pickle(tmp_path: Path, trace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the environment that flows settle, MLflow refuses it."""

    class Innocent(PythonModel):
        def predict(self, context, model_input, params=None):
            return model_input

    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "true")
    mlflow.pyfunc.save_model(str(tmp_path / "model"), python_model=Innocent(), pip_requirements=[])
    (tmp_path / "model" / "python_model.pkl").write_bytes(pickle.dumps(Payload(trace)))
    monkeypatch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", flows._DEFAULTS["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"])
    with pytest.raises(MlflowException, match=r"[Pp]ickle"):
        mlflow.pyfunc.load_model(str(tmp_path / "model"))
    assert not trace.exists()


def test_dvc_unpickles_nothing_that_others_can_write() -> None:
    """Its default, /var/tmp/dvc, is made for everybody to write, and the values of its caches are pickles."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("DVC_")}
    script = "import flows; from dvc.dirs import site_cache_dir; print(site_cache_dir())"
    made = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    folder = Path(made.stdout.strip())
    assert folder == flows.STATE / "dvc" and folder.stat().st_mode & 0o077 == 0


def test_flows_forbid_pickles() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("MLFLOW_")}
    script = "import flows, os; print(os.environ['MLFLOW_ALLOW_PICKLE_DESERIALIZATION'])"
    made = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "false"
