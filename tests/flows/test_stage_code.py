"""What code a stage rests on is written down file by file, kept by DVC, and told of an earlier run too."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest

from flows import stage_code
from flows.stage_code import as_it_was, code_of, edited, program_of, write_code
from flows.stage_deps import read_stages
from tast.closure import ROOT, closure
from tast.errors import BadInput
from tests.end_to_end.conftest import own_environment


@pytest.fixture
def code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project's folder with DVC in it, whose one stage rests on a package `tast` of two files; both written down and kept."""
    for name, text in {
        "tast/__init__.py": "", "tast/a.py": "import tast.b\n", "tast/b.py": "1\n", "tast/other.py": "1\n",
        "dvc.yaml": "stages:\n  look:\n    cmd: echo\n    outs: [data/code]\n",
    }.items():  # fmt: skip
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(stage_code, "ROOT", tmp_path)
    monkeypatch.setattr(stage_code, "closure", lambda module: closure(module, root=tmp_path))
    written()
    dvc("init", "--no-scm", "-q")
    dvc("commit", "-f", "-q")
    return tmp_path / "data/code/a.json"


def written() -> None:
    write_code({"a": {"cmd": "python -m tast.a", "deps": ["data/code/a.json"]}})


def dvc(*arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], env=own_environment(), check=True)


def md5(path: Path) -> str:
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def test_every_stage_has_its_closure_and_those_of_other_programs_have_none(tmp_path: Path) -> None:
    stages = read_stages(ROOT / "dvc.yaml")
    more = {"weigh": {"cmd": "python weigh.py", "deps": ["weigh.py"]}, "list": {"cmd": ["python -m tast", "ls"]}}
    write_code(stages | more, tmp_path)
    assert {file.stem for file in tmp_path.iterdir()} == set(stages) - {"source"}
    for file in tmp_path.iterdir():
        named = json.loads(file.read_text())
        assert list(named) == [one.as_posix() for one in closure(f"flows.stages.{file.stem}")]
        assert named["tast/files.py"] == md5(ROOT / "tast/files.py")


def test_a_program_is_one_of_this_project() -> None:
    assert program_of({"cmd": "python -m flows.stages.table ${item.protocol}"}) == "flows.stages.table"
    assert [
        program_of({"cmd": cmd}) for cmd in ("python -m weigh", "flows.stages.table", "python -m ", ["python -m tast"])
    ] == 4 * [None]
    assert program_of({}) is None


def test_code_that_is_the_same_is_not_written_again(code: Path) -> None:
    before = code.stat()
    written()
    assert code.stat().st_ino == before.st_ino and code.stat().st_mtime_ns == before.st_mtime_ns
    Path("tast/b.py").write_text("2\n")
    written()
    assert json.loads(code.read_text())["tast/b.py"] == md5(Path("tast/b.py"))


def test_what_was_edited_is_told_by_what_dvc_keeps_of_the_run(code: Path) -> None:
    used, before = md5(code), json.loads(code.read_text())
    assert code_of("data/code/a.json", used) == before and edited("data/code/a.json", used) == []
    Path("tast/b.py").write_text("2\n")
    Path("tast/other.py").write_text("2\n")
    Path("tast/a.py").write_text("import tast.b, tast.c\n")
    Path("tast/c.py").write_text("1\n")
    written()
    assert code_of("data/code/a.json", used) == before
    assert edited("data/code/a.json", used) == ["tast/a.py", "tast/b.py", "tast/c.py"]


def test_what_nobody_keeps_is_named(code: Path) -> None:
    with pytest.raises(BadInput, match=r"data/code/a.json: neither here nor in DVC's cache .*md5 0{32}\); expected `dvc fetch"):
        code_of("data/code/a.json", 32 * "0")
    assert edited("data/code/a.json", 32 * "0") == ["data/code/a.json"]


def test_bytes_that_turned_in_dvcs_cache_are_not_taken(code: Path) -> None:
    used = md5(code)
    (kept,) = Path(".dvc/cache/files/md5", used[:2]).iterdir()
    kept.chmod(0o644)
    kept.write_text("{}")
    code.unlink()
    with pytest.raises(BadInput, match="neither here nor in DVC's cache"):
        code_of("data/code/a.json", used)


def test_a_look_leaves_no_file_that_dvc_does_not_keep(code: Path) -> None:
    """Else `dvc checkout` refuses: what lies there would be lost."""
    before = code.read_bytes()
    Path("tast/b.py").write_text("2\n")
    with as_it_was():
        written()
        (code.parent / "b.json").write_text("{}")
        assert code.read_bytes() != before
    assert [(file.name, file.read_bytes()) for file in code.parent.iterdir()] == [("a.json", before)]
    dvc("checkout", "-q")
    code.unlink()
    code.parent.rmdir()
    with pytest.raises(ValueError, match="broken off"), as_it_was():
        written()
        raise ValueError("broken off")
    assert not code.parent.exists()
