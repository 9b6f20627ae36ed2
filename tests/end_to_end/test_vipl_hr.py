"""VIPL-HR's layout with the published defects, from a folder on disk to a registered model; then a second data set beside it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from tests.end_to_end.conftest import Workspace, clone

pytestmark = pytest.mark.end_to_end

SUBJECTS = 8  # one for each kind of defect
SECONDS = 8


@pytest.fixture(scope="module")
def finished_vipl(tmp_path_factory: pytest.TempPathFactory, api_url: str) -> Workspace:
    folder = tmp_path_factory.mktemp("vipl")
    workspace = Workspace(clone(folder / "tree").folder, api_url)
    root = folder / "VIPL-HR"
    workspace.set(runner__workers=2)
    workspace.set(download__phantom__fps_hz=30, download__phantom__scenarios="all")  # each of the cameras has a share of the rate
    sizes = ("--subjects", str(SUBJECTS), "--seconds", str(SECONDS))
    workspace.run("-m", "tast", "phantom", str(root), "--layout", "vipl_hr", *sizes, "--defects")
    workspace.set(
        dataset__name="vipl_hr", dataset__root=str(root), download__accept_licence=True, split__protocol="official", split__fold=1
    )
    workspace.run("-m", "flows.pipeline")
    return workspace


def table(workspace: Workspace, name: str) -> dict[str, list[str]]:
    """record_id -> what a table of data/clips says of it."""
    rows = pd.read_csv(workspace.path(f"data/clips/{name}"))
    return rows.groupby("record_id")[rows.columns[1]].agg(list).to_dict()


def test_a_model_is_registered_on_the_official_folds(finished_vipl: Workspace) -> None:
    metrics = json.loads(finished_vipl.path("reports/scores.json").read_text())
    assert metrics["protocol"] == "official"
    predictions = pd.read_parquet(finished_vipl.path("reports/predictions.parquet"))
    assert set(predictions["subject_id"]) == {"p2", "p7"}  # the second fold's: 2, 7, 12, ...
    script = (
        "from flows.store import tracking_uri; import mlflow; mlflow.set_tracking_uri(tracking_uri());"
        "print(mlflow.MlflowClient().get_model_version_by_alias('tast-net', 'challenger').version)"
    )
    assert finished_vipl.run("-c", script).stdout.splitlines()[-1] == "1"


def test_every_defect_is_mended_or_named(finished_vipl: Workspace) -> None:
    used = set(pd.read_parquet(finished_vipl.path("data/clips/manifest.parquet"))["record_id"])
    defects, rejects = table(finished_vipl, "defects.csv"), table(finished_vipl, "rejects.csv")
    assert {name for name in used if name.startswith("p2_")} == {"p2_v2_source2", "p2_v2_source3"}  # source 1 is missing
    assert defects["p3_v3_source1"][0].startswith("time.txt has ")
    assert rejects == {"p4_v4_source3": [rejects["p4_v4_source3"][0]]}
    assert "time stamps for" in rejects["p4_v4_source3"][0]
    assert f"3 of {SECONDS} SpO2 readings masked" in defects["p5_v5_source1"]
    assert any("damaged after frame" in defect for defect in defects["p7_v7_source1"])  # and its good part is used
    assert {"p8_v8_source2", "p8_v8-2_source2"} <= used  # a retake
    for phone in (name for name in used if name.endswith("source2")):
        assert any("estimated" in defect for defect in defects[phone]), phone
    assert not any("source4" in name for name in used)


def test_the_audit_counts_what_lies_there(finished_vipl: Workspace) -> None:
    facts = json.loads(finished_vipl.path("data/audit/audit.json").read_text())
    assert facts["counts"]["subjects"] == SUBJECTS
    assert facts["counts"]["rejects"] == 1
    assert facts["published"]["listed_missing"] == ["p2_v2_source1"]
    assert facts["published"]["beyond_list"] == ["p8_v8-2_source2"]


def test_one_data_set_trains_and_the_other_tests(finished_vipl: Workspace) -> None:
    workspace = finished_vipl
    workspace.set(dataset__second={"name": "phantom"}, split__protocol="cross_dataset", split__fold=0)
    workspace.set(download__phantom__subjects=3, download__phantom__fps_hz=20)
    workspace.run("-m", "dvc", "repro", "--quiet", "split")
    clips = pd.read_parquet(workspace.path("data/clips/manifest.parquet")).set_index("clip_id")
    parts = json.loads(workspace.path("data/split.json").read_text())
    assert set(clips.loc[parts["test"], "dataset"]) == {"phantom"}  # the first by name
    assert set(clips.loc[parts["train"] + parts["val"], "dataset"]) == {"vipl_hr"}
    assert set(clips["fps_hz"]) == {15.0}
    assert (Path(workspace.path("data/audit")) / "phantom" / "audit.html").is_file()
