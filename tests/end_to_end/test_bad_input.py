"""Bad input, through the real stages: one clear line that names file and reason, exit code 1, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.datasets.layouts import write_png, write_pure_session
from tests.end_to_end.conftest import Workspace, clone

pytestmark = pytest.mark.end_to_end


@pytest.fixture
def workspace(tmp_path: Path, api_url: str) -> Workspace:
    return Workspace(clone(tmp_path / "tree").folder, api_url)


def fails_with_one_line(workspace: Workspace, stage: str) -> str:
    """Run a stage that must fail; its one line of error."""
    done = workspace.run("-m", f"flows.stages.{stage}", check=False)
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 1, done.stderr
    assert len(lines) == 1, done.stderr
    assert "Traceback" not in done.stderr
    left = {p.name for p in workspace.path("data").glob(".*.part")} if workspace.path("data").is_dir() else set()
    assert left == set()
    return lines[0]


def point_at(workspace: Workspace, root: Path) -> None:
    workspace.set(dataset__name="pure", dataset__root=str(root), download__accept_licence=True)


def test_an_empty_folder(workspace: Workspace, tmp_path: Path) -> None:
    root = tmp_path / "PURE"
    root.mkdir()
    point_at(workspace, root)
    line = fails_with_one_line(workspace, "download")
    assert str(root) in line
    assert "empty" in line
    assert not workspace.path("data/raw").exists()


def test_an_unknown_key_in_params(workspace: Workspace) -> None:
    text = workspace.path("params.yaml").read_text()
    workspace.path("params.yaml").write_text(text.replace("  patience:", "  patiense:"))
    line = fails_with_one_line(workspace, "train")
    assert "unknown key 'train.patiense' (did you mean 'patience'?)" in line
    assert not workspace.path("models").exists()


def damage_png(session: Path) -> str:
    image = sorted((session / session.name).glob("Image*.png"))[2]
    image.write_bytes(image.read_bytes()[:-30])
    return image.name


def damage_json(session: Path) -> str:
    content = (session / f"{session.name}.json").read_text()
    (session / f"{session.name}.json").write_text(content[: len(content) // 2])
    return f"{session.name}.json"


def hide_the_face(session: Path) -> str:
    for image in (session / session.name).glob("Image*.png"):
        write_png(image, np.full((120, 160, 3), 90, dtype=np.uint8))
    return "no face"


@pytest.mark.parametrize("damage", [damage_png, damage_json, hide_the_face])
def test_a_video_that_cannot_be_used(damage: object, workspace: Workspace, tmp_path: Path) -> None:
    root = tmp_path / "PURE"
    write_pure_session(root, "01-01")
    named = damage(root / "01-01")  # type: ignore[operator]
    point_at(workspace, root)
    workspace.run("-m", "flows.stages.download")
    line = fails_with_one_line(workspace, "preprocess")
    assert "01-01" in line
    assert named in line
    assert not workspace.path("data/clips").exists()
