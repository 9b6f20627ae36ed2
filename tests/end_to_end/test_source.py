"""Files at dataset.root lie outside of DVC's sight: the source stage makes `dvc repro` see that they changed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from tests.datasets.layouts import write_pure_session
from tests.end_to_end.conftest import Workspace, clone

pytestmark = pytest.mark.end_to_end


def keep_stages(workspace: Workspace, *names: str) -> None:
    yaml = YAML()
    pipeline = yaml.load(workspace.path("dvc.yaml"))
    pipeline["stages"] = {name: pipeline["stages"][name] for name in names}
    del pipeline["plots"]
    yaml.dump(pipeline, workspace.path("dvc.yaml"))


def test_dvc_repro_sees_a_change_at_the_root_and_only_then_downloads(tmp_path: Path, api_url: str) -> None:
    workspace = Workspace(clone(tmp_path / "tree").folder, api_url)
    keep_stages(workspace, "source", "download")
    root = tmp_path / "PURE"
    write_pure_session(root, "01-01", n_images=3)
    workspace.set(dataset__name="pure", dataset__root=str(root), download__accept_licence=True)
    workspace.run("-m", "dvc", "repro", "--quiet")
    assert "Stage 'download' didn't change, skipping" in workspace.run("-m", "dvc", "repro").stdout
    workspace.run("-m", "dvc", "status", "--quiet", "download")
    write_pure_session(root, "02-01", n_images=3)
    assert "Running stage 'download'" in workspace.run("-m", "dvc", "repro", "download").stdout
    assert {path.name for path in workspace.path("data/raw/pure").iterdir()} == {"01-01", "02-01"}
    assert json.loads(workspace.path("data/audit/audit.json").read_text())["counts"]["recordings"] == 2
    assert str(root) not in workspace.path("data/source.json").read_text()
