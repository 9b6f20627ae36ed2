"""`tast compare A B` on small real results: commits and experiments of DVC, runs and versions of MLflow, a workspace's clips."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from mlflow.tracking import MlflowClient

from flows import compare
from tast.clip_store import ClipStore
from tast.digests import OWN, content_digest
from tast.errors import TastError
from tast.evaluation.predictions import COLUMNS
from tast.files import whole_file
from tast.methods.tast_net import build
from tast.saved_model import CARD, ModelCard, save_model
from tast.tracking.projection import publish
from tast.tracking.store import PARENT_TAG
from tast.training.interval import PredictionInterval
from tast.training.labels import LabelScaling
from tests.tracking.conftest import make_publication, store_in
from tests.training.synthetic import write_store

ROOT = Path(__file__).parents[2]
# params.yaml's train.seed -> what was made with it: errors of the people tested, whom the model has seen, what it says
MADE: dict[int, dict[str, Any]] = {
    0: {"errors": {"t0": 2.0, "t1": 2.0, "t2": 4.0}, "seen": ["s00", "s01"], "says_percent": 91.0},
    1: {"errors": {"t0": 1.0, "t1": 1.0, "t2": 9.0}, "seen": ["s00", "s02", "t2"], "says_percent": 88.0},  # has seen t2
    2: {"errors": {"t1": -3.0, "t3": 1.0}, "seen": ["s00"], "says_percent": 88.0},  # tested on others
    3: {"errors": {"t4": 1.0}, "seen": [f"s{n:02d}" for n in range(6)], "says_percent": 88.0},  # has seen all who are here
}
STAGES = """\
stages:
  download: {cmd: "true", params: [dataset, download]}
  preprocess: {cmd: "true", params: [preprocess]}
  split: {cmd: "true", params: [split]}
  train:
    cmd: cp -r ../made/${train.seed}/models .
    deps: [tast/net.py]
    params: [train]
    outs: [models]
  evaluate:
    cmd: mkdir -p reports && cp ../made/${train.seed}/reports/* reports
    deps: [models]
    params: [evaluate]
    outs: [reports/predictions.parquet]
    metrics: [reports/metrics.json]
"""


def predictions(errors: dict[str, float]) -> pd.DataFrame:
    """Five seconds of each person, 90 to 94 %, read with an error a person; an interval of 1.5 to both sides."""
    rows = pd.DataFrame([{"subject_id": subject, "second": second, "error": error} for subject, error in errors.items()
                         for second in range(5)])  # fmt: skip
    true = 90.0 + rows["second"]
    said = true + rows["error"]
    return rows.assign(
        dataset="synthetic", record_id=rows["subject_id"] + "-1", scenario="steady", start_s=rows["second"] + 0.0,
        true_percent=true, predicted_percent=said, lower_percent=said - 1.5, upper_percent=said + 1.5, n_clips=1,
        quality=1.0, spot_sd_percent=np.nan,
    ).reindex(columns=COLUMNS)  # fmt: skip


def make(folder: Path, preprocessing: dict[str, Any], *, errors: dict[str, float], seen: list[str], says_percent: float) -> None:
    """What a training and its evaluation leave: a network of zeros, which says the mean of its labels, whatever it sees."""
    network = build(frames=60, size_px=16, seconds=4)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    card = ModelCard(
        model_name="tast_net", config=asdict(network.config), preprocessing=preprocessing, input_kind="normalised",
        frame_size_px=16, scaling=LabelScaling(says_percent, 6.0), data_digest="d" * 64, code_version="0.1.0",
        interval=PredictionInterval(0.9, 1.5, 8, 70), people_seen=tuple(f"synthetic/{one}" for one in seen),
    )  # fmt: skip
    save_model(folder / "models/tast_net", network, card)
    table = predictions(errors)
    (folder / "reports").mkdir()
    table.to_parquet(folder / "reports/predictions.parquet", index=False)
    rmse = float(np.sqrt(((table["predicted_percent"] - table["true_percent"]) ** 2).mean()))
    (folder / "reports/metrics.json").write_text(json.dumps({"rmse": rmse}))


def sh(folder: Path, *command: str) -> str:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_"))}
    done = subprocess.run(
        [*command], cwd=folder, env=environment | {"DVC_NO_ANALYTICS": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def dvc(folder: Path, *arguments: str) -> str:
    return sh(folder, sys.executable, "-m", "dvc", *arguments)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `project`: a commit of seed 0, one of seed 1 and other code, experiments of seeds 2 and 3 on that."""
    top = tmp_path_factory.mktemp("compare")
    project = top / "project"
    store = write_store(top / "clips", seed=0, subjects=6, clips=2)
    for seed, made in MADE.items():
        make(top / "made" / str(seed), store.preprocessing, **made)
    for name, text in {"dvc.yaml": STAGES, "tast/net.py": "WIDTH = 1\n", ".gitignore": "/data\n"}.items():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        (project / name).write_text(text)
    shutil.copy(ROOT / "params.yaml", project)
    shutil.copytree(store.folder, project / "data/clips")
    sh(project, "git", "init", "-q")
    for name in ("user.name", "user.email"):
        sh(project, "git", "config", name, "t@localhost")
    dvc(project, "init", "-q")
    commit(project, 0, "WIDTH = 1\n")
    commit(project, 1, "WIDTH = 2\n")
    for seed in (2, 3):
        dvc(project, "exp", "run", "-q", "-n", f"seed-{seed}", "-S", f"train.seed={seed}")
    sh(project, "git", "checkout", "-q", "--", ".")
    dvc(project, "checkout", "-q")
    return top


def commit(project: Path, seed: int, code: str) -> None:
    params = (project / "params.yaml").read_text().split("\n")
    place = next(n for n, line in enumerate(params) if line.startswith("  seed:") and n > params.index("train:"))
    params[place] = f"  seed: {seed}"
    (project / "params.yaml").write_text("\n".join(params))
    (project / "tast/net.py").write_text(code)
    dvc(project, "repro", "-q")
    sh(project, "git", "add", "-A")
    sh(project, "git", "commit", "-qm", f"seed {seed}")


@pytest.fixture
def project(built: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The project, in which we stand, and which no test changes."""
    monkeypatch.chdir(built / "project")
    return built / "project"


@pytest.fixture
def copied(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of it, to be changed."""
    shutil.copytree(built / "project", tmp_path / "project", symlinks=True)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "project"


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """What `tast compare ARGUMENTS` prints."""

    def asked(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["compare", *arguments])
        capsys.readouterr()
        compare.main()
        return capsys.readouterr().out

    return asked


@dataclass(frozen=True)
class Tracked:
    """Runs and versions of seeds 0 and 1 (version = seed + 1); the commit of seed 0 is on record, that of seed 1 unknown."""

    uri: str
    runs: tuple[str, str]
    client: MlflowClient


@pytest.fixture(scope="module")
def tracked(built: Path, empty_database: Path, tmp_path_factory: pytest.TempPathFactory) -> Tracked:
    folder = tmp_path_factory.mktemp("tracked")
    store = store_in(folder, empty_database)
    runs = []
    for seed in (0, 1):
        made = built / "made" / str(seed)
        base = make_publication(folder / "made", seed)
        publication = replace(
            base, metrics=base.metrics | {"test": json.loads((made / "reports/metrics.json").read_text())},
            artifacts=(made / "reports/predictions.parquet", made / "reports/metrics.json"),
            model_folder=made / "models/tast_net",
            commit=None if seed else sh(built / "project", "git", "rev-parse", "HEAD~1"),
        )  # fmt: skip
        runs.append(publish(publication, **store.where).run_id)
    return Tracked(store.tracking_uri, (runs[0], runs[1]), MlflowClient(store.tracking_uri, store.tracking_uri))


def test_two_commits_of_the_same_test_meet_on_their_tables(project: Path, ask: Any, tmp_path: Path) -> None:
    """t2, whom B has seen, does not count: 2 against 1 for everybody else. Nothing is checked out."""
    before = sh(project, "git", "status", "--porcelain")
    found = json.loads(ask("HEAD~1", "HEAD", "--json", "--picture", str(tmp_path / "compared.png")))
    assert (found["comparable"], found["on"], found["people"]) == (
        True, "the test recordings of both", ["synthetic/t0", "synthetic/t1"],
    )  # fmt: skip
    assert found["measures"]["rmse"] == {"a": 2.0, "b": 1.0, "difference": -1.0, "low": -1.0, "high": -1.0, "b_better": 1.0}
    assert [found["measures"]["coverage"][side] for side in "ab"] == [0.0, 1.0]
    assert found["measures"]["coverage"]["b_better"] is None
    assert found["bands"]["90-95"] == {"n_people": 2, "n_seconds": 10, "rmse": found["measures"]["rmse"]}
    assert found["parameters"] == {"train.seed": {"a": "0", "b": "1"}} and found["code"] == ["tast/net.py"]
    assert found["sentence"] == (
        "B is better than A: RMSE 1.000 % against 2.000 % on 2 people that neither has seen, difference -1.000 [-1.000, -1.000], "
        "lower in 100% of resamples."
    )
    assert found["a"]["test_rmse"] == pytest.approx(np.sqrt((4 + 4 + 16) / 3), abs=1e-6)
    assert (tmp_path / "compared.png").read_bytes().startswith(b"\x89PNG")
    assert sh(project, "git", "status", "--porcelain") == before


def test_the_workspace_is_the_other_one_where_none_is_named(project: Path, ask: Any) -> None:
    found, mirrored = json.loads(ask("HEAD~1", "--json")), json.loads(ask("workspace", "HEAD~1", "--json"))
    assert (found["b"]["name"], found["measures"]["rmse"]["difference"]) == ("workspace", -1.0)
    assert mirrored["measures"]["rmse"]["difference"] == 1.0
    assert found["code"] == mirrored["code"] == ["tast/net.py"]


def test_other_tests_are_met_by_predicting_the_clips_that_are_here(project: Path, ask: Any) -> None:
    """HEAD~1 says 91 for all, the experiment 88; s00 and s01 have been seen, so s02 to s05 count, with the clips' labels."""
    found = json.loads(ask("HEAD~1", "seed-2", "--json"))
    clips = ClipStore(Path("data/clips")).manifest
    labels = np.concatenate(clips.loc[clips["subject_id"] >= "s02", "spo2_percent"].to_list())
    assert found["on"] == "this workspace's clips, predicted now"
    assert found["people"] == [f"synthetic/s{n:02d}" for n in range(2, 6)] and found["n_seconds"] == len(labels) == 32
    expected = [float(np.sqrt(np.mean((says - labels) ** 2))) for says in (91.0, 88.0)]
    assert [found["measures"]["rmse"][side] for side in "ab"] == pytest.approx(expected, abs=1e-4)
    assert found["measures"]["bias"]["difference"] == pytest.approx(-3.0, abs=1e-4)
    assert found["measures"]["r"]["a"] is None  # of a constant
    assert found["parameters"] == {"train.seed": {"a": "0", "b": "2"}}


def test_models_that_cannot_read_the_clips_meet_on_the_seconds_that_both_were_tested_on(copied: Path, ask: Any) -> None:
    with whole_file(Path("data/clips/preprocessing.json")) as part:
        part.write_text('{"kind": "otherwise"}')
    found = json.loads(ask("HEAD~1", "seed-2", "--json"))
    assert (found["on"], found["people"], found["n_seconds"]) == ("the seconds that both were tested on", ["synthetic/t1"], 5)
    assert (found["measures"]["rmse"]["difference"], found["measures"]["rmse"]["low"]) == (1.0, None)
    assert found["sentence"].endswith("on 1 person that neither has seen: no interval of a single person.")


def test_why_two_cannot_be_compared_is_an_answer(project: Path, ask: Any, tmp_path: Path) -> None:
    shown = ask("HEAD~1", "seed-3", "--picture", str(tmp_path / "none.png"))
    assert shown.splitlines()[-1] == (
        "A and B cannot be compared: they were tested on other seconds; all 6 people of this workspace's clips were seen by A or "
        "B in training; no second was predicted by both."
    )
    assert "train.seed │ 0 │ 3" in shown.replace("  ", " ") and not (tmp_path / "none.png").exists()


def test_a_card_without_people_is_why_two_cannot_be_compared(copied: Path, ask: Any) -> None:
    card = Path("models/tast_net", CARD)
    content = {key: value for key, value in json.loads(card.read_text()).items() if key != "people_seen"}
    with whole_file(card) as part:
        part.write_text(json.dumps(content | {OWN: content_digest(content)}))
    dvc(copied, "commit", "-q", "-f", "train")
    found = json.loads(ask("HEAD~1", "--json"))
    assert (found["comparable"], found["on"]) == (False, None)
    assert found["sentence"] == ("A and B cannot be compared: the card of B does not name the people that it was trained on.")


def test_the_table_has_every_figure_scenario_band_and_what_differs(project: Path, ask: Any) -> None:
    lines = ask("HEAD~1", "HEAD").splitlines()
    cells = [[cell.strip() for cell in line.strip("│").split("│")] for line in lines if "│" in line]
    assert ["RMSE", "2.000", "1.000", "-1.000 [-1.000, -1.000]", "100%"] in cells
    assert ["in interval", "0.000", "1.000", "+1.000 [+1.000, +1.000]", "-"] in cells
    assert ["scenario steady", "2", "10", "2.000", "1.000", "-1.000 [-1.000, -1.000]", "100%"] in cells
    assert ["band 90-95", "2", "10", "2.000", "1.000", "-1.000 [-1.000, -1.000]", "100%"] in cells
    assert ["train.seed", "0", "1"] in cells and "code differs: tast/net.py" in lines
    same = ask("HEAD", "workspace").splitlines()
    assert {"parameters: the same", "code: the same"} <= set(same)
    assert same[-1].startswith("No sure difference between A and B: RMSE 1.000 % against 1.000 %")


def test_what_the_cache_lacks_comes_from_a_remote_or_is_named_with_the_way_out(copied: Path, ask: Any, tmp_path: Path) -> None:
    dvc(copied, "remote", "add", "-q", "-d", "store", str(tmp_path / "store"))
    shutil.move(".dvc/cache/files", tmp_path / "store/files")  # as pushed; the remote is younger than either commit
    assert json.loads(ask("HEAD~1", "--json"))["measures"]["rmse"]["a"] == 2.0
    shutil.rmtree(tmp_path / "store")
    shutil.rmtree(".dvc/cache/files", ignore_errors=True)
    short = sh(copied, "git", "rev-parse", "HEAD~1")[:7]
    with pytest.raises(
        TastError, match=rf"HEAD~1: models/tast_net of commit {short} .* is neither in DVC's cache nor in a remote"
    ):
        ask("HEAD~1")
    with pytest.raises(TastError, match=r"`dvc fetch --all-commits`, or of an experiment `dvc exp pull REMOTE seed-2`"):
        ask("seed-2")


def test_names_that_are_no_result_say_what_is_expected(copied: Path, ask: Any) -> None:
    for name in ("no-such", "HEAD~9", "", "models/tast_net", "HEAD:params.yaml", "HEAD^{tree}"):
        with pytest.raises(TastError, match="is no result: neither workspace, nor a git revision, nor an experiment"):
            ask(name)
    sh(copied, "git", "checkout", "-q", "--orphan", "bare")
    sh(copied, "git", "rm", "-q", "--cached", "dvc.lock")
    sh(copied, "git", "commit", "-qm", "nothing was run")
    with pytest.raises(TastError, match=r"bare: commit \w{7} holds no dvc.lock; expected the commit of a finished `dvc repro`"):
        ask("bare")
    Path("reports/metrics.json").unlink()
    Path("reports/metrics.json").write_text('{"rmse": 0.1}')
    with pytest.raises(TastError, match=r"reports/metrics.json: not what dvc.lock says the pipeline made"):
        ask("workspace")


def test_two_experiments_of_one_name_are_asked_for_by_commit(copied: Path, ask: Any) -> None:
    for where in ("HEAD~1", "HEAD"):
        sh(copied, "git", "update-ref", f"refs/exps/{sh(copied, 'git', 'rev-parse', where)[:2]}/"
           f"{sh(copied, 'git', 'rev-parse', where)[2:]}/twice", "HEAD")  # fmt: skip
    sh(copied, "git", "commit", "-q", "--allow-empty", "-m", "on neither of them")
    with pytest.raises(TastError, match="'twice' names several experiments or branches: give the commit"):
        ask("twice")


def test_a_run_and_a_version_are_compared_with_each_other_and_with_a_commit(
    project: Path, tracked: Tracked, ask: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracked.uri)
    found = json.loads(ask(tracked.runs[0], "tast-net@challenger", "--json"))
    assert found["measures"]["rmse"] == {"a": 2.0, "b": 1.0, "difference": -1.0, "low": -1.0, "high": -1.0, "b_better": 1.0}
    assert found["b"]["is"].startswith(f"version 2 of tast-net, run {tracked.runs[1]}, of unknown code")
    assert found["a"]["test_rmse"] == pytest.approx(np.sqrt(8), abs=1e-6)
    assert found["parameters"] == {"train.seed": {"a": "0", "b": "1"}} and found["code"] is None
    with_commit = json.loads(ask("models:/tast-net/1", "HEAD", "--json"))
    assert with_commit["measures"]["rmse"]["difference"] == -1.0 and with_commit["code"] == ["tast/net.py"]
    assert json.loads(ask("tast-net/1", "HEAD~1", "--json"))["code"] == []


def test_runs_that_hold_no_model_are_named(project: Path, tracked: Tracked, ask: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", tracked.uri)
    run = tracked.client.get_run(tracked.runs[0])
    parent = tracked.client.create_run(run.info.experiment_id, tags={PARENT_TAG: run.data.tags["tast.group"]})
    with pytest.raises(TastError, match=rf"holds the means of folds and no model; its runs are .*{tracked.runs[0]} \(fold 0\)"):
        ask(parent.info.run_id)
    other = tracked.client.create_run(run.info.experiment_id)
    with pytest.raises(TastError, match="has no registered version, with which its model would lie"):
        ask(other.info.run_id)
    with pytest.raises(TastError, match="the registry has no models:/tast-net/7"):
        ask("tast-net/7")
    with pytest.raises(TastError, match=r"Run with id=0{32} not found"):
        ask("0" * 32)


def test_a_picture_that_is_none_is_wrong_usage(project: Path, ask: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        ask("HEAD~1", "--picture", "seen.pdf")
    assert "'seen.pdf' is no name of a picture, such as compared.png" in capsys.readouterr().err


def test_what_is_not_to_be_had_is_one_line_and_exit_code_1(project: Path) -> None:
    command = [sys.executable, "-m", "flows.compare", "no-such"]
    done = subprocess.run(
        command, cwd=project, env={**os.environ, "PYTHONPATH": str(ROOT)}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: 'no-such' is no result") and done.stderr.count("\n") == 1
