"""The table of methods as stages of DVC: what is asked for is trained once, and another method trains its own models only."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import pandas as pd
import pytest

from tests.end_to_end.conftest import Workspace

pytestmark = pytest.mark.end_to_end
FIRST, SECOND = "mathew/mix_last", "mathew/mix_first"
METHOD, EPOCHS = "tast/methods/mathew.py", b'"train.epochs": 100, "train.patience": 20,'  # of both presets


@pytest.fixture
def workspace(finished: Workspace) -> Iterator[Workspace]:
    """The finished one, where a preset's hundred epochs are three; as before afterwards."""
    before = {name: finished.path(name).read_bytes() for name in ("params.yaml", "dvc.lock", METHOD)}
    assert before[METHOD].count(EPOCHS) == 1
    finished.path(METHOD).write_bytes(before[METHOD].replace(EPOCHS, b'"train.epochs": 3, "train.patience": 3,'))
    yield finished
    for name, content in before.items():
        finished.path(name).write_bytes(content)


def out_of_date(workspace: Workspace) -> set[str]:
    """Stages of the table that `dvc status` finds changed or never run."""
    status = json.loads(workspace.run("-m", "dvc", "status", "--json").stdout)
    return {name for name in status if name.startswith(("trial@", "table@"))}


def test_it_is_tracked_and_one_method_more_trains_one_model(workspace: Workspace) -> None:
    made = workspace.run("-m", "benchmarks.table", "--methods", FIRST, "--seeds", "1", "--folds", "1")
    assert "params.yaml: table.protocols: [] -> ['subject_independent']" in made.stdout
    folder = workspace.path("reports/table/subject_independent")
    table = pd.read_csv(folder / "table.csv")
    assert {FIRST, "constant", "chrominance_angle"} <= set(table["method"])
    trial = pd.read_parquet(workspace.path(f"data/trials/subject_independent/{FIRST}/0-0/predictions.parquet"))
    assert set(zip(trial["method"], trial["seed"], trial["fold"], strict=True)) == {(FIRST, 0, 0)}
    expected = ((trial["predicted_percent"] - trial["true_percent"]) ** 2).mean() ** 0.5
    assert table.set_index("method").at[FIRST, "rmse"] == pytest.approx(expected, abs=1e-4)
    assert out_of_date(workspace) == set()

    workspace.set(train__epochs=4)  # of the pipeline's own training: no row of the table rests on it
    workspace.run("-m", "flows.stages.source")
    assert out_of_date(workspace) == set()
    workspace.set(train__epochs=3, table__methods=[FIRST, SECOND])
    workspace.run("-m", "flows.stages.source")
    assert out_of_date(workspace) == {f"trial@subject_independent-{SECOND}-0-0", "table@subject_independent"}
    dry = workspace.run("-m", "flows.pipeline", "--dry-run").stdout
    assert re.search(rf"trial@subject_independent-{FIRST}-0-0 +up to date", dry)
    assert re.search(rf"trial@subject_independent-{SECOND}-0-0 +would run \(dvc.lock knows no run of it\)", dry)

    said = workspace.run("-m", "dvc", "repro", "table@subject_independent").stdout
    assert [line for line in said.splitlines() if line.startswith("Running stage 'trial@")] == [
        f"Running stage 'trial@subject_independent-{SECOND}-0-0':"
    ]
    assert set(pd.read_csv(folder / "table.csv")["method"]) == {*table["method"], SECOND}
