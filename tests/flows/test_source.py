"""The stage source on the project's own params: every place outside of the project that download reads is told, and no other."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from flows import original
from flows.layout import METHOD, SOURCE, data_root
from flows.running import run
from flows.stages import source as stage
from tast.closure import ROOT, closure
from tast.errors import TastError
from tests.end_to_end.conftest import PROJECT, set_params


@pytest.fixture
def waves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of recorded waves, beside an empty project to work in."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    for name in ("params.yaml", "dvc.yaml"):
        shutil.copy(PROJECT / name, name)
    (tmp_path / "waves").mkdir()
    (tmp_path / "waves" / "100001.csv").write_text("R,G,B\n")
    return tmp_path / "waves"


def output(**values: object) -> dict:
    set_params(Path("params.yaml"), {key.replace("__", "."): value for key, value in values.items()})
    stage.main()
    content: dict = json.loads(SOURCE.read_text())
    return content


def test_waves_that_drive_the_phantom_are_a_source_and_a_change_in_them_tells(waves):
    recorded = {"download__phantom__driver": "recorded", "download__phantom__recorded_root": str(waves)}
    before = output(**recorded)
    assert before["phantom"]["kind"] == "files" and before["phantom"]["n_files"] == 1
    assert output() == before and str(waves) not in SOURCE.read_text()
    (waves / "100001.csv").write_text("R,G,B\n1,2,3\n")
    assert output()["phantom"]["digest"] != before["phantom"]["digest"]


def test_waves_that_drive_nothing_do_not_count(waves):
    simulated = {"download__phantom__driver": "simulated", "download__phantom__recorded_root": str(waves)}
    assert output(**simulated) == {"phantom": {"kind": "none"}}


def test_both_data_sets_are_told_and_the_phantoms_waves_only_where_there_is_one(waves):
    recorded = {"download__phantom__driver": "recorded", "download__phantom__recorded_root": "/no/such/folder"}
    both = output(dataset__name="pure", dataset__root=str(waves), dataset__second={"name": "oximetry_phone_cam"}, **recorded)
    assert {name: one["kind"] for name, one in both.items()} == {"pure": "files", "oximetry_phone_cam": "none"}


def test_waves_that_are_not_there_end_the_run_with_one_line(waves, capsys):
    with pytest.raises(SystemExit):
        run(lambda: output(download__phantom__driver="recorded", download__phantom__recorded_root="/no/such/folder"))
    assert "/no/such/folder: no such file or folder" in capsys.readouterr().err


def test_a_relative_root_is_found_from_the_copy_that_dvc_makes_for_an_experiment(tmp_path: Path) -> None:
    """`dvc exp run --temp` and --queue work on a clone below .dvc/tmp/exps, in which data/vipl is not."""
    project = tmp_path / "large/spo2"
    copy = project / ".dvc/tmp/exps/tmpx1/large/spo2"
    assert (original(project), original(copy)) == (project, project)
    assert data_root("data/vipl", project) == "data/vipl"
    assert data_root("data/vipl", copy) == str(project / "data/vipl")
    for root in ("/disk/vipl", "s3://bucket/vipl.zip"):
        assert data_root(root, copy) == data_root(root, project) == root


def test_what_is_compiled_for_an_experiment_is_kept_with_the_project_that_was_copied(tmp_path: Path) -> None:
    project = tmp_path / "project"
    copy = project / ".dvc/tmp/exps/tmpx1"
    for tree in (project, copy):
        for file in closure("flows"):
            (tree / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, tree / file)
        (tree / "dvc.yaml").touch()
    kept = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    said = [
        subprocess.run(
            [sys.executable, "-c", "import flows, os; print(os.environ.get('NUMBA_CACHE_DIR'))"], cwd=tree,
            env=kept | {"PYTHONPATH": str(tree)}, check=True, capture_output=True, text=True,
        ).stdout.strip()
        for tree in (project, copy)
    ]  # fmt: skip
    assert said == ["None", str(project / "tast/__pycache__")]  # beside the code where it is nobody's copy


def test_the_methods_code_is_told_and_an_unknown_method_is_one_line(waves):
    output()
    content = json.loads(METHOD.read_text())
    assert content["method"] == "tast_net"
    assert {"tast/methods/tast_net.py", "tast/methods/networks/vivit.py"} <= content["code"].keys()
    changed_ns = METHOD.stat().st_mtime_ns
    output()
    assert METHOD.stat().st_mtime_ns == changed_ns, "what says so already is left as it is"
    with pytest.raises(TastError, match=r"train\.method: method 'tasty' is unknown; one of .*tast_net"):
        output(train__method="tasty")
