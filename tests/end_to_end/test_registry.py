"""The registry from the command line, on a workspace whose pipeline has run."""

from __future__ import annotations

import json

import pytest

from tests.end_to_end.conftest import Workspace

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(1200)]


def test_compare_tells_its_evidence_and_changes_nothing(finished: Workspace) -> None:
    told = json.loads(finished.run("-m", "tast.cli", "compare", "--json").stdout)
    assert (told["challenger"], told["champion"], told["promotes"]) == ("1", "1", False)
    scored = json.loads(finished.path("reports/metrics.json").read_text())["test"]["rmse"]
    assert told["evidence"]["challenger_rmse"] == pytest.approx(scored, abs=1e-5)
    assert told["sentence"].startswith("Version 1 is the champion already")


def test_rollback_with_nothing_before_says_so(finished: Workspace) -> None:
    done = finished.run("-m", "tast.cli", "rollback", "--reason", "a test", check=False)
    assert done.returncode == 1
    assert done.stderr.strip().endswith("version 1 of tast-net replaced no other: there is nothing to go back to")


def test_publishing_twice_makes_one_run(finished: Workspace) -> None:
    finished.run("-m", "flows.publish")  # the pipeline did before
    script = (
        "from flows.publish import tracking_uri; import mlflow; mlflow.set_tracking_uri(tracking_uri());"
        "print(len(mlflow.search_runs(search_all_experiments=True)))"
    )
    assert finished.run("-c", script).stdout.splitlines()[-1] == "1"
