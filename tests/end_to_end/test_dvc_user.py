"""What a user of DVC does after a run: experiments, comparisons, another clone. Real DVC, real git, a real local remote.

One finished workspace is copied and gone on with, in the order of these tests; only what an experiment changes is computed.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.end_to_end.conftest import Workspace, copied, own_environment

pytestmark = pytest.mark.end_to_end
RESTRICTED = ("data/raw", "data/audit", "data/clips", "reports/contact_sheets")  # faces, and what came under an agreement
SHARED = {"data/split.json", "models", "reports/learning_curve.csv", "reports/metrics.json", "reports/predictions.parquet",
          "reports/report.html", "reports/plots", "reports/plot_data", "reports/scores.json"}  # fmt: skip
QUEUE_S = 300
HEADLINE = ["rmse", "mae", "r", "skill", "coverage", "anchored_rmse"]  # columns of `dvc exp show`, in this order
DIAGRAMS = ("predictions", "agreement", "calibration")


def git(folder: Path, *arguments: str) -> str:
    who = ("-c", "user.name=t", "-c", "user.email=t@localhost")
    done = subprocess.run(["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"git {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def dvc(workspace: Workspace, *arguments: str, check: bool = True) -> str:
    done = workspace.run("-m", "dvc", *arguments, check=check)
    assert "Traceback" not in done.stderr
    return done.stdout


def changed_files(workspace: Workspace) -> list[str]:
    return sorted(line[3:] for line in git(workspace.folder, "status", "--porcelain", "--", ".").splitlines())


def as_committed(workspace: Workspace) -> None:
    git(workspace.folder, "checkout", "--quiet", "--", ".")
    dvc(workspace, "checkout", "--quiet")
    assert changed_files(workspace) == []


def commit(workspace: Workspace) -> None:
    git(workspace.folder, "add", "--all")
    git(workspace.folder, "commit", "--quiet", "--allow-empty", "--message", "finished")


@pytest.fixture(scope="module")
def user(finished: Workspace, tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """A copy of the finished workspace, committed as a user does after `make repro`."""
    workspace = copied(finished.folder, tmp_path_factory.mktemp("user") / "project")
    for name in ("user.name", "user.email"):  # DVC commits experiments
        git(workspace.folder, "config", name, "t@localhost")
    commit(workspace)
    assert json.loads(dvc(workspace, "status", "--json")) == {"source": ["always changed"]}
    return workspace


def start_queue(workspace: Workspace) -> None:
    """Two workers, which outlive the command and hold what it writes to: nothing that anybody reads to its end.

    DVC's worker ends where the queue is empty, but now and then one that had a task at that moment waits for ever.
    """
    subprocess.run(
        [sys.executable, "-m", "dvc", "queue", "start", "--jobs", "2"], cwd=workspace.folder, env=own_environment(), check=True,
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


def queue_is_busy(workspace: Workspace) -> bool:
    """Also where DVC cannot tell: it fails on a task's file that a worker is writing at that moment."""
    asked = workspace.run("-m", "dvc", "queue", "status", check=False)
    return asked.returncode != 0 or "Queued" in asked.stdout or "Running" in asked.stdout


def end_workers(workspace: Workspace) -> None:
    for file in workspace.path(".dvc/tmp/exps/celery").glob("dvc-exp-worker-*.pid"):
        with suppress(psutil.NoSuchProcess):
            psutil.Process(int(file.read_text())).kill()


@pytest.fixture(scope="module")
def experiments(user: Workspace) -> Iterator[dict[str, Any]]:
    """`dvc exp show --json` by name after one training in the workspace, one experiment in a copy and two from the queue."""
    dvc(user, "exp", "run", "--name", "seed", "--set-param", "train.seed=1")
    assert changed_files(user) == ["dvc.lock", "params.yaml"]
    as_committed(user)
    dvc(user, "exp", "run", "--temp", "--name", "copy", "--set-param", "evaluate.seed=1")
    for number in (2, 3):
        dvc(user, "exp", "run", "--queue", "--name", f"queued-{number}", "--set-param", f"evaluate.seed={number}")
    start_queue(user)
    deadline = time.monotonic() + QUEUE_S
    while time.monotonic() < deadline and queue_is_busy(user):
        time.sleep(2)
    assert dvc(user, "queue", "status").count("Success") == 2, dvc(user, "queue", "logs", "queued-2", check=False)
    assert changed_files(user) == []
    (baseline,) = (one for one in json.loads(dvc(user, "exp", "show", "--json")) if one["rev"] != "workspace")
    end_workers(user)
    yield {
        "HEAD": baseline["data"],
        **{one["revs"][0]["name"]: one["revs"][0]["data"] for one in baseline["experiments"]},
    }
    as_committed(user)


def test_every_experiment_shows_its_params_and_metrics(experiments: dict[str, Any]) -> None:
    assert set(experiments) == {"HEAD", "seed", "copy", "queued-2", "queued-3"}
    rmse = {}
    for name, one in experiments.items():
        files = {**one["metrics"], **one["params"], **one["outs"]}
        assert not any("error" in content for content in files.values()), name
        ((file, figures),) = one["metrics"].items()
        assert (file, list(figures["data"])) == ("reports/metrics.json", HEADLINE[:-1])  # too short for an anchor
        rmse[name] = figures["data"]["rmse"]
    seeds = {name: one["params"]["params.yaml"]["data"]["train"]["seed"] for name, one in experiments.items()}
    assert seeds == {"HEAD": 0, "seed": 1, "copy": 0, "queued-2": 0, "queued-3": 0}
    assert rmse["seed"] != rmse["HEAD"]
    assert rmse["copy"] == rmse["queued-2"] == rmse["queued-3"] == rmse["HEAD"]  # other draws of the bootstrap alone


def test_an_experiment_stands_beside_the_commit_that_it_came_from(user: Workspace, experiments: dict[str, Any]) -> None:
    found = json.loads(user.run("-m", "tast", "compare", "HEAD", "seed", "--json").stdout)
    scored = [experiments[name]["metrics"]["reports/metrics.json"]["data"] for name in ("HEAD", "seed")]
    assert [found["measures"]["rmse"][side] for side in "ab"] == pytest.approx([one["rmse"] for one in scored], abs=2e-6)
    assert [found["measures"]["r"][side] for side in "ab"] == pytest.approx([one["r"] for one in scored], abs=2e-6)
    assert found["parameters"] == {"train.seed": {"a": "0", "b": "1"}} and found["code"] == []
    assert changed_files(user) == []


def test_an_experiment_is_applied_compared_and_given_back(user: Workspace, experiments: dict[str, Any]) -> None:
    dvc(user, "exp", "apply", "seed")
    assert changed_files(user) == ["dvc.lock", "params.yaml"]
    assert json.loads(dvc(user, "status", "--json")) == {"source": ["always changed"]}
    difference = json.loads(dvc(user, "metrics", "diff", "HEAD", "--json"))["reports/metrics.json"]["rmse"]
    metrics = json.loads(user.path("reports/metrics.json").read_text())
    assert difference["new"] == metrics["rmse"] != difference["old"]
    assert difference["old"] == experiments["HEAD"]["metrics"]["reports/metrics.json"]["data"]["rmse"]
    dvc(user, "plots", "diff", "HEAD")
    page = user.path("dvc_plots/index.html").read_text()
    assert "train_loss" in page and "bland_altman" in page and "contact_sheets" not in page
    drawn = json.loads(dvc(user, "plots", "diff", "HEAD", "--json"))
    assert drawn.get("errors", []) == []
    for name in ("loss", "validation RMSE", *(f"reports/plot_data/{one}.json" for one in DIAGRAMS)):
        (found,) = drawn["data"][name]
        diagram = json.loads(found["content"]) if isinstance(found["content"], str) else found["content"]
        assert {point["rev"] for point in diagram["data"]["values"]} == {"HEAD", "workspace"}, name
        assert "<DVC_METRIC" not in json.dumps(diagram), name
    assert changed_files(user) == ["dvc.lock", "params.yaml"]
    as_committed(user)


def test_reports_that_were_deleted_come_back(user: Workspace) -> None:
    before = {path: path.read_bytes() for path in user.path("reports").rglob("*") if path.is_file()}
    shutil.rmtree(user.path("reports"))
    dvc(user, "checkout")
    assert {path: path.read_bytes() for path in user.path("reports").rglob("*") if path.is_file()} == before


def test_a_tagged_model_is_had_by_its_name_in_any_folder(user: Workspace, tmp_path: Path) -> None:
    """A registry of git tags: a version, and the stage that points at one. What comes is the model, weights and card."""
    head = git(user.folder, "rev-parse", "HEAD").strip()
    for tag in ("tast-net@v1.0.0", "tast-net#prod#1"):
        git(user.folder, "tag", "--annotate", tag, "--message", tag, head)
    own = {file.name: file.read_bytes() for file in user.path("models/tast_net").iterdir()}
    for number, asked in enumerate((["--rev", "v1.0.0"], ["--stage", "prod"])):
        target = tmp_path / str(number)
        elsewhere = Workspace(tmp_path)
        dvc(elsewhere, "artifacts", "get", str(user.folder), "tast-net", *asked, "--out", str(target))
        assert {file.name: file.read_bytes() for file in target.iterdir()} == own


def test_a_data_set_of_another_repository_is_imported(finished: Workspace, tmp_path: Path) -> None:
    """docs/storage.md: the place of a data set is what `dvc import` brought; its commit is on record."""
    sets, here = Workspace(tmp_path / "sets"), copied(finished.folder, tmp_path / "project")
    shutil.copytree(here.path("data/raw/phantom"), sets.path("study"))
    git(sets.folder, "init", "--quiet")
    dvc(sets, "init", "--quiet")
    dvc(sets, "add", "--quiet", "study")
    git(sets.folder, "add", "--all")
    git(sets.folder, "commit", "--quiet", "--message", "study")
    dvc(here, "import", "--quiet", str(sets.folder), "study", "--out", "study")
    here.set(dataset__name="csv", dataset__root="study")
    here.run("-m", "flows.stages.source")
    found = json.loads(here.path("data/source.json").read_text())["csv"]
    assert found["n_files"] == sum(file.is_file() for file in sets.path("study").rglob("*")) > 0
    assert git(sets.folder, "rev-parse", "HEAD").strip() in here.path("study.dvc").read_text()


def test_a_second_clone_pulls_all_that_may_leave_and_nothing_else(user: Workspace, api_url: str, tmp_path: Path) -> None:
    remote, second = tmp_path / "remote", Workspace(tmp_path / "second", api_url)
    dvc(user, "remote", "add", "--local", "--default", "disk", str(remote))
    dvc(user, "push", "--all-commits")
    at_remote = {path.read_bytes() for path in remote.rglob("*") if path.is_file()}
    for name in RESTRICTED:
        for file in (one for one in user.path(name).rglob("*") if one.is_file() and one.stat().st_size > 100):
            assert file.read_bytes() not in at_remote, file
    git(tmp_path, "clone", "--quiet", str(user.folder), str(second.folder))
    said = second.run("-m", "flows.pipeline", "--dry-run").stdout
    assert said.count("would run") == 5 and "changed outs: data/raw" in said
    dvc(second, "remote", "add", "--local", "--default", "disk", str(remote))
    dvc(second, "pull", "--allow-missing")
    assert {name for name in SHARED if second.path(name).exists()} == SHARED
    assert not any(second.path(name).exists() for name in RESTRICTED)
    assert changed_files(second) == []
    assert second.path("reports/metrics.json").read_bytes() == user.path("reports/metrics.json").read_bytes()
    assert "coverage" in dvc(second, "metrics", "show", "--md")
    refused = second.run("-m", "flows.publish", check=False)
    assert refused.returncode == 1 and "Traceback" not in refused.stderr
    assert refused.stderr.splitlines()[-1].startswith("error: data/clips")


def test_publishing_without_a_file_is_one_line(user: Workspace) -> None:
    """In one process, since MLflow takes seconds to import; the exit code is looked at in the second clone."""
    names = ["reports/metrics.json", "reports/learning_curve.csv", "models/tast_net/model.json", "data/split.json", "dvc.lock"]
    output = user.run("-c", WITHOUT, *names).stdout.splitlines()
    assert len(output) == len(names)
    for name, line in zip(names, output, strict=True):
        assert name in line or name.split("/")[0] in line, line


WITHOUT = """
import sys
from pathlib import Path
from flows.publish import publication
from tast.errors import TastError

for name in map(Path, sys.argv[1:]):
    content = name.read_bytes()
    name.unlink()
    try:
        publication()
    except TastError as error:
        print(error)
    finally:
        name.write_bytes(content)
"""


def test_a_worktree_with_the_same_cache_has_everything(user: Workspace, tmp_path: Path) -> None:
    tree = Workspace(tmp_path / "tree")
    git(user.folder, "worktree", "add", "--quiet", str(tree.folder), "HEAD")
    try:
        dvc(tree, "cache", "dir", "--local", str(user.path(".dvc/cache")))
        dvc(tree, "checkout", "--quiet")
        assert tree.run("-m", "flows.pipeline", "--dry-run").stdout.count("up to date") == 5
        assert json.loads(dvc(tree, "metrics", "diff", "HEAD", "--json")) == {}
        assert tree.path("data/clips/manifest.parquet").read_bytes() == user.path("data/clips/manifest.parquet").read_bytes()
        assert changed_files(tree) == []
    finally:
        git(user.folder, "worktree", "remove", "--force", str(tree.folder))


def test_in_a_sub_folder_of_a_larger_repository_all_is_the_projects(user: Workspace, api_url: str, tmp_path: Path) -> None:
    """Experiments in copies of the repository, a run's commit, and whether the code was as committed: of the sub-folder alone."""
    large, project = tmp_path / "large", Workspace(tmp_path / "large/science/spo2", api_url)
    shutil.copytree(
        user.folder, project.folder, ignore=shutil.ignore_patterns(".git", "exps", "__pycache__", "mlflow", "published")
    )
    git(tmp_path, "init", "--quiet", str(large))
    for name in ("user.name", "user.email"):
        git(large, "config", name, "t@localhost")
    (large / "notes.md").write_text("of others")
    commit(project)
    assert git(large, "ls-files", "--error-unmatch", "notes.md", "science/spo2/dvc.lock")
    (large / "notes.md").write_text("being written")
    assert project.run("-m", "flows.pipeline", "--dry-run").stdout.count("up to date") == 5
    dvc(project, "exp", "run", "--temp", "--name", "copy", "--set-param", "evaluate.seed=1")
    (_, baseline) = json.loads(dvc(project, "exp", "show", "--json"))
    (copy,) = baseline["experiments"]
    assert "error" not in copy["revs"][0]["data"]["metrics"]["reports/metrics.json"]
    assert changed_files(project) == []
    project.run("-m", "flows.publish")
    assert project.path(".tast/mlflow/mlflow.db").is_file()
    tags = json.loads(project.run("-c", TAGS).stdout.splitlines()[-1])
    assert git(large, "rev-parse", "HEAD").strip() in tags.values()
    assert [value for name, value in tags.items() if "dirty" in name] == ["false"]


TAGS = """
import json
from mlflow import MlflowClient
from flows.store import tracking_uri

client = MlflowClient(tracking_uri())
(version,) = client.search_model_versions("name = 'tast-net'")
print(json.dumps({k: v.lower() for k, v in client.get_run(version.run_id).data.tags.items()}))
"""


def test_a_dry_run_says_what_and_why_and_runs_nothing(user: Workspace) -> None:
    before = user.path("dvc.lock").read_bytes()
    for name, stages in {
        "tast/ratio_of_ratios.py": {"evaluate"},
        "tast/datasets/pure.py": {"download", "preprocess", "split"},
    }.items():
        with user.path(name).open("a") as file:
            file.write("# a remark\n")
        said = user.run("-m", "flows.pipeline", "--dry-run").stdout
        own = {line.split()[0] for line in said.splitlines() if f"changed deps: {name}" in line}
        assert own == stages
        git(user.folder, "checkout", "--quiet", "--", name)
    assert user.path("dvc.lock").read_bytes() == before
