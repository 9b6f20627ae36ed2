"""What git says of a project folder, against real repositories: clones, worktrees, folders of larger ones, and none at all."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from tast.code_version import CodeVersion, code_at, code_version, is_commit

FILES = {
    "dvc.yaml": "stages: {}\n", "dvc.lock": "schema: '2.0'\n", "params.yaml": "train: {seed: 0, root: null}\n",
    "tast/net.py": "x = 1\n", ".gitignore": "/models/\n/ignored.py\n",
}  # fmt: skip
USED = {"tast/net.py": hashlib.md5(b"x = 1\n").hexdigest()}
PARAMS = {"train.seed": 0, "train.root": None}


def git(folder: Path, *arguments: str) -> str:
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@localhost", *arguments]
    return subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


def write(folder: Path) -> Path:
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


def committed(folder: Path) -> str:
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "tree")
    return git(folder, "rev-parse", "HEAD")


@pytest.fixture(params=["clone", "worktree", "sub-folder"])
def project(request, tmp_path) -> tuple[Path, str]:
    """The project's folder and its commit."""
    folder = write(tmp_path / "top" / "sub" / "project" if request.param == "sub-folder" else tmp_path / "top")
    commit = committed(tmp_path / "top")
    if request.param == "worktree":
        git(folder, "worktree", "add", "-q", "--detach", str(tmp_path / "worktree"))
        (folder / "tast/net.py").write_text("another's change")
        folder = tmp_path / "worktree"
    return folder, commit


def asked(folder: Path) -> CodeVersion:
    return code_version(folder, used=USED, used_params=PARAMS)


def test_a_clean_tree_its_run_record_and_ignored_outputs(project):
    folder, commit = project
    (folder / "models").mkdir()
    (folder / "models/model.json").write_text("{}")
    (folder / "dvc.lock").write_text("stages: {}\n")
    assert asked(folder) == CodeVersion(commit, ())
    assert asked(folder).dirty is False


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("tast/net.py", "x = 2\n"), ("tast/new.py", ""), ("params.yaml", "train: {seed: 1}\n"), ("dvc.yaml", ""),
        ("other folder/new.py", ""), ("requirements.lock", "torch\n"),
    ],
)  # fmt: skip
def test_a_change_of_the_tree_is_named(project, name, text):
    folder, commit = project
    git(folder, "config", "status.showUntrackedFiles", "no")  # whoever looks at large folders has this
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(text)
    assert asked(folder) == CodeVersion(commit, (name,)) and asked(folder).dirty is True
    git(folder, "add", "-A")
    assert asked(folder) == CodeVersion(commit, (name,))


def test_a_lost_and_a_renamed_file_are_named(project):
    folder, _ = project
    (folder / "dvc.yaml").unlink()
    git(folder, "mv", "tast/net.py", "tast/network.py")
    assert asked(folder).differing == ("dvc.yaml", "tast/net.py", "tast/network.py")


def test_what_a_run_used_and_the_commit_has_not_is_named_though_the_tree_is_clean(project):
    """Run with a change that was taken back afterwards, or that git overlooks or ignores."""
    folder, commit = project
    other = USED | {"tast/net.py": hashlib.md5(b"x = 2\n").hexdigest(), "ignored.py": "0" * 32}
    assert code_version(folder, used=other).differing == ("ignored.py", "tast/net.py")
    assert code_version(folder, used_params=PARAMS | {"train.seed": 1}).differing == ("params.yaml",)
    assert code_version(folder, used_params={"compute.threads": 2}).differing == ("params.yaml",)
    git(folder, "update-index", "--assume-unchanged", "tast/net.py")
    (folder / "tast/net.py").write_text("x = 2\n")
    assert code_version(folder) == CodeVersion(commit, ())
    assert code_version(folder, used=other).dirty is True


def test_without_git_a_commit_or_a_place_in_it_the_code_is_unknown(tmp_path, monkeypatch):
    folder = write(tmp_path / "plain")
    assert asked(folder) == CodeVersion(None) and asked(folder).dirty is None
    git(folder, "init", "-q")
    assert asked(folder) == CodeVersion(None)  # nothing is committed yet
    larger = tmp_path / "larger"
    inside = write(larger / "project")
    (larger / ".gitignore").write_text("/project/\n")
    committed(larger)
    assert asked(inside) == CodeVersion(None)  # a repository that knows nothing of the project
    committed(folder)
    assert asked(folder).dirty is False
    monkeypatch.setenv("PATH", str(tmp_path))
    assert asked(folder) == CodeVersion(None)


def test_a_hook_of_another_repository_does_not_count(project, tmp_path, monkeypatch):
    folder, commit = project
    other = write(tmp_path / "other")
    committed(other)
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / ".git" / "index"))
    assert asked(folder) == CodeVersion(commit, ())


def test_the_code_of_any_commit_by_place(project):
    folder, commit = project
    (folder / "tast/net.py").write_text("x = 2\n")
    (folder / "other").mkdir()
    (folder / "other/net.py").write_text("y = 1\n")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "changed")
    later = git(folder, "rev-parse", "HEAD")
    params = hashlib.md5(FILES["params.yaml"].encode()).hexdigest()
    assert code_at(folder, commit, ["tast", "params.yaml", "other"]) == USED | {"params.yaml": params}
    assert code_at(folder, later, ["tast"]) == {"tast/net.py": hashlib.md5(b"x = 2\n").hexdigest()}
    assert code_at(folder, "c0ffee", ["tast"]) is None
    tree = git(folder, "rev-parse", "HEAD^{tree}")
    assert (is_commit(folder, later), is_commit(folder, tree), is_commit(folder, "c0ffee")) == (True, False, False)
