"""What the pipeline's tasks leave on Prefect's page, read back from a real Prefect server."""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from prefect import flow, task
from prefect.client.orchestration import get_client
from prefect.client.schemas.actions import WorkPoolCreate
from prefect.settings import PREFECT_API_URL, temporary_settings
from prefect.variables import Variable

from flows import PROJECT, main_job, promote, scheduled
from flows.artifacts import LEFT_BY, MOST_ROWS
from flows.prefect_flows import settle
from flows.serve import has_pool
from flows.servers import guarded, prefect_server
from flows.watching import Watch
from tast.clip_store import ClipRow, Defect, Reject, write_tables
from tast.csv_tables import write_csv
from tast.datasets.splits import Split
from tast.errors import TastError
from tast.evaluation.contest import Rules
from tast.tracking.registry import Comparison

PNG = b"\x89PNG not looked into"
SCORES = {
    "rmse": 1.87543, "mae": 1.5, "pearson_r": 0.93, "r_within_recordings": 0.88, "skill": 0.6241,
}  # fmt: skip
TREND = {"R within recordings": 0.88}
METRICS = {
    "protocol": "subject_independent",
    "test": SCORES | {"n_subjects": 1, "n_seconds": 8},
    "constant": {"rmse": 4.99, "mae": 4.36, "pearson_r": None, "skill": 0.0},
}
STAGE = """
import logging, sys, time, pathlib
from flows.progress import progress
from flows.running import run
from tast.errors import TastError

def preprocess():
    with progress("preprocess", 4) as advance:
        advance(1, "1 rejected")
        while not pathlib.Path(sys.argv[1]).exists():
            time.sleep(0.05)
        advance(3, "1 rejected")
    logging.getLogger("tast.preprocessing").warning("rejected video7: no face found")
    raise TastError("too many videos rejected")

run(preprocess)
"""


def clip_of(name: str, dataset: str = "phantom") -> ClipRow:
    return ClipRow(name, dataset, name.rstrip("2"), name, "steady", f"{name}.npy", 0, 4, 0.0, 2.0, 1.0, (97.0, 98.0))


@pytest.fixture(scope="module")
def server(prefect_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Prefect server, and this process as its client."""
    home = tmp_path_factory.mktemp("prefect_home")
    shutil.copy(prefect_database, home)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PREFECT_HOME", str(home))
        with prefect_server() as address, temporary_settings({PREFECT_API_URL: f"{address}/api"}):
            yield f"{address}/api"
            settle()


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the stages leave, for four people of one clip each, two of them called b: many more videos rejected, one mended."""
    monkeypatch.chdir(tmp_path)
    clips = Path("data/clips")
    clips.mkdir(parents=True)
    rejects = [Reject(f"video{number:03d}", "no face found") for number in range(MOST_ROWS + 5)]
    write_tables(
        clips, [clip_of("a"), clip_of("b"), clip_of("b2", "other"), clip_of("c")], rejects, [Defect("a", "rate estimated")], {}
    )
    Split("subject_independent", ("a",), ("b", "b2"), ("c",)).to_json(Path("data/split.json"))
    curve = {"epoch": [0, 1, 2], "train_loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 2.0, 2.5], "val_rmse_percent": [4.0, 2.0, 1.5]}
    Path("reports/plots").mkdir(parents=True)
    write_csv(Path("reports/learning_curve.csv"), pd.DataFrame(curve))
    Path("reports/scores.json").write_text(json.dumps(METRICS))
    for name in ("bland_altman", "learning_curve"):
        Path(f"reports/plots/{name}.png").write_bytes(PNG)
    return tmp_path


def post(url: str, body: dict[str, Any]) -> Any:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def artifacts(api_url: str) -> dict[str, dict[str, Any]]:
    found = {one["key"]: one for one in post(f"{api_url}/artifacts/filter", {})}
    return {key: one | {"data": json.loads(one["data"])} if one["type"] == "table" else one for key, one in found.items()}


def test_each_stage_leaves_what_it_made(server: str, workspace: Path) -> None:
    @task
    def leave(stage: str) -> None:
        LEFT_BY[stage]()

    @flow
    def leave_all() -> None:
        for stage in LEFT_BY:
            leave(stage)

    leave_all()
    found = artifacts(server)
    assert all(one["task_run_id"] and one["flow_run_id"] for one in found.values())

    rejected = found["rejected-videos"]
    assert rejected["description"] == "205 of 209 videos rejected; the first 200 (`data/clips/rejects.csv`)"
    assert rejected["data"][0] == {"record_id": "video000", "reason": "no face found"} and len(rejected["data"]) == MOST_ROWS
    assert found["defects"]["data"] == [{"record_id": "a", "defect": "rate estimated"}]
    assert [row["clips"] for row in found["split"]["data"]] == [1, 2, 1]
    curve = found["epochs"]
    assert curve["description"].startswith("Best epoch 2 of 3: validation RMSE 2.00 %")
    assert [row["epoch"] for row in curve["data"]] == [1, 2, 3]
    assert found["scores"]["data"] == [
        {"method": "TAST-Net", "RMSE (% SpO2)": 1.875, "MAE (% SpO2)": 1.5, "R": 0.93, **TREND, "skill": 0.624},
        {
            "method": "constant predictor",
            "RMSE (% SpO2)": 4.99,
            "MAE (% SpO2)": 4.36,
            "R": None,
            **dict.fromkeys(TREND),
            "skill": 0,
        },
    ]
    assert found["scores"]["description"].startswith("Test set: 1 people, 8 seconds of recordings (subject independent)")
    assert [(row["people"], row["videos"]) for row in found["split"]["data"]] == [(1, 1), (2, 2), (1, 1)]
    assert (
        found["report"]["data"].startswith("[report.html](file:///")
        and "(`reports/report.html`)" in found["report"]["description"]
    )
    for name in ("bland-altman", "learning-curve"):
        kind, _, data = found[name]["data"].partition(",")
        assert (found[name]["type"], kind, base64.b64decode(data)) == ("image", "data:image/png;base64", PNG)


def test_a_stage_shows_how_far_it_is_and_its_lines_on_the_task_that_runs_it(server: str, tmp_path: Path) -> None:
    go = tmp_path / "go"

    @task
    def watch() -> int:
        watch_of = Watch("preprocess", tmp_path)
        with guarded([sys.executable, "-c", STAGE, str(go)], env=os.environ | watch_of.asking) as process:
            return watch_of.follow(process)

    @flow
    def pipeline() -> int:
        return watch()

    with ThreadPoolExecutor(1) as thread:
        watching = thread.submit(copy_context().run, pipeline)  # with the settings that name the server
        try:
            first = until(lambda: shown(server, 25))
        finally:
            go.touch()
        assert first["description"] == "preprocess: 1 of 4, 1 rejected"
        assert watching.result(300) == 1
    last = until(lambda: shown(server, 100))
    assert (last["id"], last["description"]) == (first["id"], "preprocess: 4 of 4, 1 rejected")

    def lines() -> list[str]:
        logs = post(f"{server}/logs/filter", {"logs": {"task_run_id": {"any_": [first["task_run_id"]]}}})
        output = [line["message"] for line in logs if line["name"] not in ("prefect.task_runs", "flows.progress")]
        return output if len(output) == 2 else []

    assert until(lines) == ["rejected video7: no face found", "too many videos rejected"]


FAILS = """
from flows.running import run
from tast.errors import BadInput, Unavailable

def body():
    raise {error}

run(body)
"""


@pytest.mark.parametrize(("error", "passing"), [("Unavailable('no answer')", True), ("BadInput('a', 'b', 'c')", False)])
def test_a_stage_tells_whether_another_try_may_help(server: str, tmp_path: Path, error: str, passing: bool) -> None:
    @flow
    def watch() -> tuple[int, bool]:
        watch_of = Watch("download", tmp_path)
        with guarded([sys.executable, "-c", FAILS.format(error=error)], env=os.environ | watch_of.asking) as process:
            return watch_of.follow(process), watch_of.passing

    assert watch() == (1, passing)


@pytest.mark.parametrize(("ends", "tries"), [([(1, True), (0, False)], 2), ([(1, False)], 1)])
def test_a_stage_is_tried_again_for_what_may_pass_alone(
    server: str, workspace: Path, monkeypatch: pytest.MonkeyPatch, ends: list[tuple[int, bool]], tries: int
) -> None:
    left = list(ends)
    monkeypatch.setattr("flows.main_job._in_own_group", lambda command, name: left.pop(0))
    monkeypatch.setattr("flows.main_job.keep_lock", lambda: None)
    quick = main_job.run_stage.with_options(retry_delay_seconds=0)

    @flow
    def one() -> str:
        return str(quick("download", return_state=True).name)

    assert one() == ("Completed" if tries == 2 else "Failed")
    assert left == []
    (run,) = post(f"{server}/task_runs/filter", {"sort": "END_TIME_DESC", "limit": 1})
    assert (run["name"], run["tags"], run["run_count"]) == ("download", ["dvc"], tries)


def test_a_scheduled_run_is_named_ends_in_time_and_pushes_as_the_team_set_it(
    server: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[object] = []
    monkeypatch.setattr(scheduled, "held", lambda: False)
    monkeypatch.setattr(scheduled, "nothing_changed", lambda: False)
    monkeypatch.setattr(scheduled, "reproduce", lambda patience_s, until: done.append(until))
    monkeypatch.setattr(scheduled, "_run", lambda *arguments, may_pass: done.append(arguments))
    scheduled.pipeline(until="publish")
    Variable.set("tast_push", True, overwrite=True)
    scheduled.pipeline()
    assert done == ["publish", "promote", ("dvc", "push")]
    monkeypatch.setattr(scheduled, "reproduce", lambda patience_s, until: works_for(60))
    late = scheduled.pipeline.with_options(timeout_seconds=0.5)(return_state=True)
    assert late.name == "TimedOut"
    runs = post(f"{server}/flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 3})
    assert all(re.fullmatch(r"by hand 20\d\d-\d\d-\d\d \d\d:\d\d", run["name"]) for run in runs)


def test_a_work_pool_of_the_team_stays_as_it_is(server: str) -> None:
    with get_client(sync_client=True) as client:
        assert not has_pool(client, "ours")
        client.create_work_pool(WorkPoolCreate(name="ours", type="process", description="of the ward", concurrency_limit=2))
        assert has_pool(client, "ours")
        client.create_work_pool(WorkPoolCreate(name="boxes", type="docker"))
        with pytest.raises(TastError, match=r"'boxes' is of type docker; expected process: name another one as TAST_POOL"):
            has_pool(client, "boxes")


def test_a_new_champion_is_an_event(server: str, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What an automation hears (docs/team.md)."""
    shutil.copy(PROJECT / "params.yaml", workspace)
    better = Comparison(
        "tast-net",
        "2",
        "1",
        Rules(2, 0.0, 0.9, 1.0, 100, 0),
        "subject_independent",
        "d",
        "better",
        None,
        "Version 2 replaces version 1.",
    )
    monkeypatch.setattr(promote, "compare_now", lambda *_: better)
    monkeypatch.setattr(promote, "give_title", lambda *_, **__: None)
    promote.promote()
    settle()
    (run,) = post(f"{server}/flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 1})
    assert run["name"] == "phantom, tast_net, seed 0, fold 0"
    heard = {"filter": {"event": {"name": ["tast.champion.changed"]}}}
    (event,) = until(lambda: post(f"{server}/events/filter", heard)["events"])
    assert event["resource"]["prefect.resource.id"] == "tast.model.tast-net"
    assert event["payload"] == {"champion": "2", "replaced": "1", "why": "Version 2 replaces version 1."}


def works_for(seconds: float) -> None:
    """In small steps: where another holds the alarm clock, as pytest-timeout does, Prefect ends a flow between two steps."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.05)


def shown(api_url: str, percent: float) -> dict[str, Any] | None:
    found = artifacts(api_url).get("progress-preprocess")
    return found if found and float(found["data"]) == percent else None


def until(ask: Callable[[], Any], patience_s: float = 300) -> Any:
    deadline = time.monotonic() + patience_s
    while time.monotonic() < deadline:
        if answer := ask():
            return answer
        time.sleep(0.2)
    raise AssertionError(f"nothing within {patience_s} s")
