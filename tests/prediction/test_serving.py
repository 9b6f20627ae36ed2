"""A published model as a service: loaded by MLflow in this process, and asked over HTTP at a real `mlflow models serve`."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import uvicorn
from mlflow.tracking import MlflowClient
from typer.testing import CliRunner

from tast.cli.main import app
from tast.digests import OWN, content_digest
from tast.prediction.anchoring import KeptAnchor, write_anchor
from tast.prediction.profiles import CameraProfile, read_profile, write_profile
from tast.saved_model import load_model, weights_digest
from tast.tracking import serving
from tast.tracking.projection import publish
from tast.tracking.registry import set_champion
from tast.training.interval import PredictionInterval
from tast.video.coding import Coding
from tast.video.write_coded import write_coded
from tests.datasets.layouts import write_container
from tests.prediction.conftest import table_in, write_film
from tests.tracking.conftest import Store, make_publication, store_in

START_S = 240


@pytest.fixture(scope="module")
def store(empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Store:
    return store_in(tmp_path_factory.mktemp("store"), empty_database)


@pytest.fixture(scope="module")
def run_id(store: Store, saved: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Of the published network; published twice, as the pipeline may."""
    model, _ = load_model(saved)
    publication = replace(
        make_publication(tmp_path_factory.mktemp("made")), model=model, model_folder=saved,
        input_example=np.zeros((2, 3, 60, 16, 16), np.float32),
    )  # fmt: skip
    publish(publication, **store.where)
    set_champion("tast-net", "1", tracking_uri=store.tracking_uri)
    return publish(publication, **store.where).run_id


@pytest.fixture(scope="module")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_film(tmp_path_factory.mktemp("film") / "anna.avi", 5.0)


@pytest.fixture(scope="module")
def folder(store: Store, run_id: str) -> Path:
    """Where MLflow keeps the service."""
    client = MlflowClient(store.tracking_uri)
    run = client.get_run(run_id)
    (logged,) = client.search_logged_models([run.info.experiment_id], "name = 'video_model'")
    assert (logged.source_run_id, str(logged.status)) == (run_id, "READY")
    return Path(logged.artifact_location)


@pytest.fixture(scope="module")
def ask(
    store: Store, run_id: str, film: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., tuple[int, Any]]]:
    """ask(request) -> status and answer of a real server, started in a folder that has nothing to do with the project."""
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "-m", "models:/tast-net@champion", "--env-manager", "local"]
    environment = os.environ | {"MLFLOW_TRACKING_URI": store.tracking_uri, "MLFLOW_DISABLE_TELEMETRY": "true"}
    environment["SERVING_MODEL_CONFIG"] = json.dumps({"max_s": 200, "video_root": str(film.parent)})
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    with (elsewhere / "log").open("wb") as log:
        server = subprocess.Popen(
            [*command, "-p", str(port)], cwd=elsewhere, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    try:
        await_ping(server, f"http://127.0.0.1:{port}/ping", elsewhere / "log")
        yield lambda request: post(f"http://127.0.0.1:{port}/invocations", request)
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(30)


def await_ping(server: subprocess.Popen, url: str, log: Path) -> None:
    for _ in range(START_S):
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except OSError:
            if server.poll() is not None:
                break
            time.sleep(1)
    raise AssertionError(f"no service: {log.read_text()}")


def post(url: str, request: dict[str, Any]) -> tuple[int, Any]:
    asked = urllib.request.Request(url, json.dumps(request).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(asked, timeout=120) as answer:
            return answer.status, json.loads(answer.read(), parse_constant=refuse_constant)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def refuse_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


def sent(content: bytes) -> dict[str, Any]:
    return {"dataframe_records": [{"video": base64.b64encode(content).decode()}]}


def test_the_service_is_logged_once_and_holds_the_saved_model(folder, saved):
    files = {path.name for path in folder.rglob("*") if path.is_file()}
    assert {"MLmodel", "video_model.py", "model.json", "model.safetensors", "requirements.txt"} <= files
    assert not any(path.suffix == ".pkl" for path in folder.rglob("*"))
    (weights,) = folder.rglob("model.safetensors")
    assert weights.read_bytes() == (saved / "model.safetensors").read_bytes()


def test_a_video_is_read_over_http_from_bytes_and_from_a_path(ask, film):
    status, answer = ask(sent(film.read_bytes()))
    assert status == 200, answer
    rows = answer["predictions"]
    assert len(rows) == 5
    assert rows[0]["video"] == "video-0" and 50 <= rows[0]["spo2_percent"] <= 100
    assert rows[0]["lower_percent"] < rows[0]["spo2_percent"] < rows[0]["upper_percent"] and rows[0]["coverage"] == 0.9
    assert min(row["quality"] for row in rows) > 0.5
    status, again = ask({"dataframe_records": [{"path": str(film)}]})
    assert status == 200, again
    assert [row["spo2_percent"] for row in again["predictions"]] == [row["spo2_percent"] for row in rows]
    assert again["predictions"][0]["video"] == "anna"


def test_a_video_is_anchored_by_its_row(ask, film):
    one = {"video": base64.b64encode(film.read_bytes()).decode()}
    status, answer = ask({"dataframe_records": [one | {"anchor": "0=95.5+-0.5"}]})
    assert status == 200, answer
    rows = answer["predictions"]
    assert sum(row["spo2_percent"] for row in rows) / len(rows) == pytest.approx(95.5, abs=0.01)
    assert rows[0]["anchored_by_percent"] is not None and rows[0]["coverage"] is None  # a card of before: no such interval
    status, answer = ask({"dataframe_records": [one | {"anchor": "97%"}]})
    assert status == 400 and "an anchor of '97%'" in answer


@pytest.fixture(scope="module")
def webcam(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A profile of a camera, for the served model."""
    path = tmp_path_factory.mktemp("kept") / "webcam.json"
    interval = PredictionInterval(0.9, 2.5, 3, 90)
    write_profile(path, CameraProfile(0.5, 45.0, interval, None, 80.0, 98.0, "", 3), weights_digest(saved))
    return path


def test_a_video_is_read_by_its_rows_profile_as_on_the_command_line(ask, store, film, webcam, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.tracking_uri)
    asked = ["predict", str(film), "--model", "models:/tast-net@champion", "--out", str(tmp_path), "--profile", str(webcam)]
    result = CliRunner().invoke(app, asked)
    assert result.exit_code == 0, result.output
    table = table_in(tmp_path / "anna.csv")
    sent_rows = [{"path": str(film), "profile": webcam.read_text()}, {"path": str(film)}]
    status, answer = ask({"dataframe_records": sent_rows})
    assert status == 200, answer
    answered = pd.DataFrame(answer["predictions"]).astype({"anchored_by_percent": float, "trend": float})
    first, second = answered[:5], answered[5:].reset_index(drop=True)
    pd.testing.assert_frame_equal(first, table, check_dtype=False, atol=0.011)  # 2 decimals
    assert set(first["calibrated_by"]) == {"profile"} and set(second["calibrated_by"]) == {""}
    assert (first["upper_percent"] - first["lower_percent"]).tolist() == pytest.approx([5.0] * 5, abs=0.011)
    assert np.ptp(first["spo2_percent"]) == pytest.approx(0.5 * np.ptp(second["spo2_percent"]), abs=0.011)


def test_a_video_is_anchored_by_what_was_kept_of_another(ask, film, saved, webcam, tmp_path):
    by_profile = KeptAnchor("monday", -3.0, 1.0, of_profile=read_profile(webcam, weights_digest(saved)).fingerprint)
    write_anchor(tmp_path / "anna.json", by_profile, weights_digest(saved))
    sent_anchor = {"path": str(film), "anchor": (tmp_path / "anna.json").read_text()}
    status, answer = ask({"dataframe_records": [sent_anchor | {"profile": webcam.read_text()}]})
    assert status == 200, answer
    assert {(row["calibrated_by"], row["anchored_by_percent"]) for row in answer["predictions"]} == {("profile+anchor", 3.0)}
    status, text = ask({"dataframe_records": [sent_anchor]})
    assert status == 400 and "row 0: the anchor of monday was kept with a profile" in text


def stamped(content: dict) -> str:
    """With the digest that a file of these values would have."""
    return json.dumps(content | {OWN: content_digest(content)})


def test_a_profile_that_is_none_is_a_clear_400_before_any_video_is_read(ask, film, webcam):
    content, here = json.loads(webcam.read_text()), {"path": str(film)}
    profiles = {
        "row 1: `profile`: not a profile (Invalid JSON": str(webcam),  # a path of this machine is no more than a text
        "row 1: `profile`: a profile of another model": stamped(content | {"weights_sha256": "b" * 64}),
        "row 1: `profile`: not a profile (gain: Input should be a finite number)": stamped(content | {"gain": float("nan")}),
        "row 1: `profile`: more than 64 KiB": webcam.read_text() + " " * 2**16,
    }
    for expected, text in profiles.items():
        status, answer = ask({"dataframe_records": [here, here | {"profile": text}]})
        line = json.loads(answer)["message"].rpartition("Error: ")[2]  # before it, MLflow shows the request
        assert status == 400 and line.startswith(expected) and "\n" not in line, answer
    for name, value in (("profile", content), ("anchor", [97])):
        status, answer = ask({"dataframe_records": [here | {name: value}]})
        assert status == 400 and f"row 0: `{name}`: {type(value).__name__}" in answer and "expected text" in answer
    trend = {"dataframe_records": [here | {"profile": webcam.read_text()}], "params": {"uncalibrated": True}}
    status, answer = ask(trend)
    assert status == 400 and "row 0: uncalibrated: a profile gives percentages; expected one of the two" in answer


def test_the_registered_model_reads_the_same_on_the_command_line(ask, store, film, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store.tracking_uri)
    result = CliRunner().invoke(app, ["predict", str(film), "--model", "models:/tast-net@challenger", "--out", str(tmp_path)])
    assert result.exit_code == 0, result.output
    table = table_in(tmp_path / "anna.csv")
    _, answer = ask({"dataframe_records": [{"path": str(film)}]})
    answered = pd.DataFrame(answer["predictions"]).astype({"anchored_by_percent": float, "trend": float})
    pd.testing.assert_frame_equal(answered, table, check_dtype=False, atol=0.011)  # 2 decimals
    assert list(table.columns) == serving.OUTPUTS.input_names()


def test_what_cannot_be_read_is_a_clear_400(ask, film, tmp_path):
    black = ((k / 25, np.zeros((16, 16, 3), np.uint8)) for k in range(10_001))
    long = write_coded(tmp_path / "long", black, Coding("mjpeg", ".avi", quality=31, rate_hz=25.0))
    large = tmp_path / "large.mp4"
    plain = np.full((8192, 8192, 3), 90, np.uint8)
    write_container(large, [plain], codec="libx264", pixel_format="yuv420p", options={"preset": "ultrafast"})
    too_large = b"RIFF\x00\x00\x00\x00AVI " + bytes(65 * 2**20)
    cases = {
        "65.0 MiB are too large; expected at most 64 MiB": sent(too_large),
        "no video that is known by its first bytes": sent(b"hello"),
        "400.0 s are too long; expected at most 200 s": sent(long.read_bytes()),
        "cannot be opened": sent(film.read_bytes()[:40]),
        "no such video": {"dataframe_records": [{"path": "none.avi"}]},
        "8192 x 8192 pixels are too many; expected at most 9437184": sent(large.read_bytes()),
        "9 rows are too many: expected at most 8": {"dataframe_records": 9 * [{"path": "anna.avi"}]},
        "no row": {"dataframe_records": [{}]},
        "row 0: expected either": {"dataframe_records": [sent(b"hello")["dataframe_records"][0] | {"path": str(film)}]},
        "is below 1.00": {**sent(film.read_bytes()), "params": {"min_quality": 1.0}},
    }
    for expected, request in cases.items():
        status, text = ask(request)
        assert status == 400 and expected in text, (expected, status, text[:500])
    assert ask(sent(film.read_bytes()))[0] == 200


def test_a_client_learns_nothing_of_what_lies_outside_of_the_root(ask, film, tmp_path):
    """Sound video, text, folder, nothing at all: one answer. A playlist inside the root that names the video is none either."""
    outside = write_film(tmp_path / "other.avi", 5.0)
    playlist = film.with_name("list.mp4")
    playlist.write_text(f"#EXTM3U\n#EXTINF:5,\n{outside}\n#EXT-X-ENDLIST\n")
    answers = [ask({"dataframe_records": [{"path": str(path)}]}) for path in (outside, "/etc/passwd", "/", tmp_path / "none.avi")]
    assert {status for status, _ in answers} == {400}
    reasons = {json.loads(text)["message"].rpartition(": ")[2] for _, text in answers}
    assert reasons == {"no such video; expected a video, or a folder of PURE's images, in this service's folder of videos"}
    status, text = ask({"dataframe_records": [{"path": "list.mp4"}]})
    assert status == 400 and "list: no video that is known by its first bytes" in text, text


@contextmanager
def serving_within(folder: Path, limits: dict[str, Any]) -> Iterator[str]:
    """MLflow's web application over the service under those limits, on a port of its own, in this process; yields its address."""
    with warnings.catch_warnings():  # importing it first, one gets MLflow's warnings of itself
        warnings.simplefilter("ignore", UserWarning)
        from mlflow.pyfunc import load_model as load_service
        from mlflow.pyfunc import scoring_server
    application = scoring_server.init(load_service(str(folder), model_config=limits))
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/invocations"
        finally:
            server.should_exit = True
            thread.join()


@pytest.mark.parametrize(
    ("limit", "status", "said"),
    [
        ({}, 400, "`path`: this service reads no files of its machine; expected `video`"),
        ({"timeout_s": 0.1}, 504, "not done within 0.1 s; send a shorter or smaller video"),
        ({"max_mb": 0.01}, 400, "MiB are too large; expected at most 0.01 MiB"),
        ({"max_s": 3}, 400, "5.0 s are too long; expected at most 3 s"),
        ({"max_frames": 100}, 400, "more than 100 frames"),
    ],
)
def test_limits_are_the_models_config(folder, film, limit, status, said):
    with serving_within(folder, limit | ({"video_root": str(film.parent)} if limit else {})) as address:
        found, text = post(address, {"dataframe_records": [{"path": str(film)}]})
    assert found == status
    assert said in json.loads(text)["message"]


def test_who_comes_while_too_many_wait_gets_a_429(folder, film):
    """Of mlflow's own server, which lets everybody in; what is computed meanwhile is read as ever."""
    request = sent(film.read_bytes())
    with serving_within(folder, {"max_waiting": 0}) as address, ThreadPoolExecutor(4) as clients:
        answers = list(clients.map(lambda _: post(address, request), range(4)))
    assert {status for status, _ in answers} == {200, 429}, answers
    for status, answer in answers:
        if status == 429:
            said = json.loads(answer)
            assert said["error_code"] == "RESOURCE_EXHAUSTED" and "try again later" in said["message"]
        else:
            assert len(answer["predictions"]) == 5
