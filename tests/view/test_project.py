"""What the page tells of a folder: what is there, what is damaged and what mends it, and what is nothing yet."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from contextlib import closing, nullcontext
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from starlette.requests import Request
from typer.testing import CliRunner

from tast.cli.main import app
from tast.prediction.limits import Limits
from tast.view.experiments import experiments_of
from tast.view.page import commands, render
from tast.view.project import FRAMES_IN_STRIP, read_project, scores_of, strip_of
from tast.view.server import View, other_servers
from tests.terminal import environment, in_pipe
from tests.view.conftest import FPS_HZ, PROJECT, SIZE_PX, WRONG_BY, make_project

LIVE = {"max_mb": 5.0, "model": "m", "no_model": "", "servers": []}
NAME = "<b>name</b>"


def test_recordings_with_what_became_of_each(project: Path) -> None:
    found = read_project(project)
    assert found.problems == () and [one.subject_id for one in found.recordings] == ["s10", "s1", "s2"]  # tested ones first
    tested, first, _ = found.recordings
    assert (tested.role, first.role, tested.n_clips, tested.has_sheet, first.has_sheet) == ("test", "training", 5, True, False)
    assert tested.true_percent.tolist() == [95.0 - second for second in range(8)] == first.true_percent.tolist()
    assert tested.rmse == pytest.approx(WRONG_BY) and np.isnan(first.rmse)
    assert first.defects == ("3 frames are missing",) and found.rejects[0][0] == "s4-01"
    assert found.pages == {"report": "The report of the last run"}
    assert scores_of(found.scores)[0] == ("RMSE (points of SpO₂)", "3.00", "constant predictor: 6.41")


def test_all_scores_are_told_where_they_lie_beside_the_headlines(project: Path) -> None:
    (project / "reports/metrics.json").rename(project / "reports/scores.json")
    (project / "reports/metrics.json").write_text('{"rmse": 3.0}')
    assert scores_of(read_project(project).scores)[0][1] == "3.00"


def test_a_strip_is_frames_of_the_recording_from_first_to_last(project: Path) -> None:
    recording = read_project(project).recordings[1]
    strip = strip_of(project, recording)
    stored = np.load(project / "data/clips/s1.npy")
    assert strip.shape == (SIZE_PX, FRAMES_IN_STRIP * SIZE_PX, 3) and strip.dtype == np.uint8
    for column, frame in ((0, stored[0]), (-1, stored[round(8 * FPS_HZ) - 1])):
        piece = strip[:, :SIZE_PX] if column == 0 else strip[:, -SIZE_PX:]
        assert (piece == np.clip(np.rint(frame.astype(np.float32)), 0, 255)).all()


@pytest.mark.parametrize(
    ("file", "mends"),
    [
        ("reports/predictions.parquet", "dvc checkout reports/predictions.parquet"),
        ("reports/metrics.json", "dvc checkout reports/metrics.json"),
        ("data/split.json", "dvc checkout data/split.json"),
        ("data/clips/manifest.parquet", "dvc checkout data/clips"),
    ],
)
def test_a_damaged_file_is_one_line_that_says_what_mends_it_and_the_rest_is_shown(project: Path, file: str, mends: str) -> None:
    (project / file).write_bytes(b"{ half")
    found = read_project(project)
    (problem,) = found.problems
    assert file.rpartition("/")[2] in problem and f"`{mends}`" in problem and "\n" not in problem
    assert len(found.recordings) == (0 if "clips" in file else 3)
    assert f"<code>{mends}</code>" in render(found) and mends in render(found, live=LIVE)


def test_an_empty_folder_and_one_that_has_only_begun_say_what_to_do_next(tmp_path: Path) -> None:
    assert "<code>tast init FOLDER</code>: a new project" in render(read_project(tmp_path), live=LIVE)
    begun = tmp_path / "begun"
    begun.mkdir()
    assert CliRunner().invoke(app, ["init", str(begun / "study")]).exit_code == 0
    page = render(read_project(begun / "study"), live=LIVE)
    assert "<code>dvc repro</code>: everything, from the data set to the report" in page and "Cannot be read" not in page
    audited = begun / "study" / "data" / "audit"
    audited.mkdir(parents=True)
    row = {"record_id": "r1", "subject_id": "p", "seconds": 20.0, "rate_hz": 25.0, "spo2_min": 90.0, "spo2_max": 97.0}
    (audited / "audit.json").write_text(json.dumps({"recordings": [row]}))
    page = render(read_project(begun / "study"), live=LIVE)
    assert "Recordings, not yet preprocessed" in page and ">r1</th><td>p</td><td>20.0</td>" in page


def test_names_are_text_and_one_file_stands_alone(tmp_path: Path) -> None:
    folder = make_project(tmp_path, record=f"{NAME}-{{}}")
    done = CliRunner().invoke(app, ["view", str(folder), "--out", str(tmp_path / "page.html")])
    assert done.exit_code == 0, done.output
    page = (tmp_path / "page.html").read_text()
    assert NAME not in page and "&lt;b&gt;name&lt;/b&gt;-s10" in page and "<script" not in page
    assert commands("<i>in `tast`") == "&lt;i&gt;in <code>tast</code>"
    assert page.count("data:image/png;base64,") == 3 and 'src="/' not in page and 'href="/' not in page


def test_a_recording_that_is_called_as_a_file_elsewhere_has_no_sheet(tmp_path: Path) -> None:
    """A picture lies where that name would lead, one folder too high."""
    folder = make_project(tmp_path, record="../{}")
    (folder / "reports/s10.png").write_bytes(b"of somebody else")
    assert [one.has_sheet for one in read_project(folder).recordings] == [False, False, False]


def test_pages_of_mlflow_and_prefect_are_linked_where_they_answer(project: Path) -> None:
    health = ThreadingHTTPServer(("127.0.0.1", 0), Healthy)
    threading.Thread(target=health.serve_forever, daemon=True).start()
    port = str(health.server_port)
    view = partial(View, project, nullcontext, "models/tast_net", Limits(), project)
    with closing(health.socket):
        here = other_servers({"MLFLOW_PORT": port, "PREFECT_PORT": "9"})
        page = view(servers=here).page(Request({"type": "http", "query_string": b"", "headers": []})).body.decode()
        health.shutdown()
    assert f'<a href="http://127.0.0.1:{port}" rel="noreferrer">MLflow’s page</a>' in page and "Prefect’s page" not in page
    assert "<code>make ui</code> starts both" in page
    team = other_servers({"MLFLOW_TRACKING_URI": "https://runs.example.org/", "PREFECT_API_URL": "https://flows.example.org/api"})
    assert team == {"MLflow": ("https://runs.example.org", ""), "Prefect": ("https://flows.example.org", "")}  # asked by nobody


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


def test_without_the_pipelines_packages_one_line_says_how_to_install_them(project: Path) -> None:
    code = (
        "import sys; sys.modules['starlette'] = sys.modules['uvicorn'] = None; sys.argv = ['tast', 'view', *sys.argv[1:]]; "
        "from tast.cli.main import main; main()"
    )
    env = environment(PYTHONPATH=str(PROJECT))
    refused = in_pipe([sys.executable, "-c", code, "--port", "0"], project, env)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert refused.stderr.count("\n") == 1 and "pip install 'tast[pipeline]'" in refused.stderr
    written = in_pipe([sys.executable, "-c", code, "--out", "page.html"], project, env)
    assert written.returncode == 0 and (project / "page.html").is_file(), written.stderr


def test_experiments_of_dvc_by_name_with_what_they_changed_and_their_scores(tmp_path: Path) -> None:
    """References as `dvc exp run` leaves them; its own bookkeeping, which lies beside them, is none."""
    assert experiments_of(tmp_path) == ([], 0)

    def git(*arguments: str) -> str:
        who = ["-c", "user.name=a", "-c", "user.email=a@example.org"]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
        command = ["git", *who, *arguments]
        return subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True, text=True).stdout.strip()

    def commit(seed: int, md5: str) -> str:
        (tmp_path / "params.yaml").write_text(f"train: {{seed: {seed}, epochs: 3}}\n")
        outs = f"[{{path: reports/metrics.json, md5: {md5}}}]"
        (tmp_path / "dvc.lock").write_text(f"schema: '2.0'\nstages:\n  evaluate: {{outs: {outs}}}\n")
        git("add", "params.yaml", "dvc.lock")
        git("commit", "--quiet", "-m", "one")
        return git("rev-parse", "HEAD")

    git("init", "--quiet", "--initial-branch=main")
    base = commit(0, "a" * 32)
    first = commit(7, "b" * 32)
    git("update-ref", f"refs/exps/{base[:2]}/{base[2:]}/calm-fox", first)
    git("update-ref", "refs/exps/exec/EXEC_BASELINE", base)
    cached = tmp_path / ".dvc/cache/files/md5/bb"
    cached.mkdir(parents=True)
    (cached / ("b" * 30)).write_text(json.dumps({"test": {"rmse": 2.5}, "constant": {"rmse": 6.0}}))
    (one,), n_experiments = experiments_of(tmp_path)
    assert (n_experiments, one.name, one.changed, one.rmse, one.constant_rmse) == (1, "calm-fox", ("train.seed=7",), 2.5, 6.0)
    second = commit(8, "c" * 32)  # of another machine: its scores are in no cache here
    git("update-ref", f"refs/exps/{base[:2]}/{base[2:]}/far-owl", second)
    assert {(found.name, found.rmse) for found in experiments_of(tmp_path)[0]} == {("calm-fox", 2.5), ("far-owl", None)}
    page = render(read_project(tmp_path), experiments=([one], 1))
    assert '<th scope="row">calm-fox</th><td><code>train.seed=7</code> </td><td>2.50</td>' in page
