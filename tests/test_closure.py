"""The closure of imports, on small trees whose answer is known by hand."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tast.closure import ROOT, closure, code_digest


def tree(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root.joinpath(*name.split("__")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    for folder in {path.parent for path in root.rglob("*.py")} - {root}:
        (folder / "__init__.py").touch()
    return root


def names(root: Path, *modules: str) -> set[str]:
    return {file.as_posix() for file in closure(*modules, root=root)}


def test_imports_of_all_forms_are_followed_and_packages_come_along(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        tast__a="import tast.b\nfrom tast.sub import c\nfrom tast.sub.d import something\n",
        tast__b="def late():\n    from tast import e\n",
        tast__e="import numpy, json\n",
        tast__sub__c="from . import d\n",
        tast__sub__d="from ..f import x\n",
        tast__f="",
        tast__unused="",
    )
    expected = {"a.py", "b.py", "e.py", "f.py", "sub/c.py", "sub/d.py", "__init__.py", "sub/__init__.py"}
    assert names(root, "tast.a") == {f"tast/{name}" for name in expected}


def test_what_only_type_checkers_import_is_not_executed(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        tast__a="from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from tast import b\nelse:\n    from tast import c\n",
        tast__b="",
        tast__c="",
    )
    assert names(root, "tast.a") == {"tast/__init__.py", "tast/a.py", "tast/c.py"}


def test_files_and_folders_beside_a_module_that_it_names_belong_to_it(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        tast__a="pages, guard = page_environment('tast.pages'), 'guard.py'\nnot_there = 'other'\n",
        tast__guard="import tast.late\n",
        tast__late="",
        tast__pages__page="",
    )
    (root / "tast/pages/templates").mkdir()
    (root / "tast/pages/templates/page.j2").touch()
    expected = {"__init__.py", "a.py", "guard.py", "late.py", "pages/templates/page.j2"}
    assert names(root, "tast.a") == {f"tast/{name}" for name in expected}


def test_the_digest_changes_with_a_file_of_the_closure_and_with_no_other(tmp_path: Path) -> None:
    root = tree(tmp_path, tast__a="import tast.b\n", tast__b="", tast__unused="")
    before = code_digest("tast.a", root=root)
    (root / "tast/unused.py").write_text("x = 1\n")
    assert code_digest("tast.a", root=root) == before
    (root / "tast/b.py").write_text("x = 1\n")
    digest = subprocess.run(
        [sys.executable, "-c", f"from tast.closure import *; print(code_digest('tast.a', root=Path({str(root)!r})))"],
        capture_output=True, text=True, check=True, cwd=ROOT,
    ).stdout.strip()  # fmt: skip
    assert digest != before
    (root / "tast/b.py").write_text("x = 2\n")  # of the same length
    code_digest.__globals__["_read"].cache_clear()
    assert code_digest("tast.a", root=root) not in (digest, before)


def test_an_unknown_module_is_an_error() -> None:
    with pytest.raises(ValueError, match=r"no module tast\.nowhere"):
        closure("tast.nowhere")


@pytest.mark.parametrize(
    "module", ["tast.saved_model", "tast.evaluation.report", "tast.prediction.predict", "tast.training.loop"]
)
def test_what_python_imports_lies_in_the_closure(module: str) -> None:
    """Against the interpreter itself: no module of ours that an import loads is missing."""
    files = "(m.__file__ for n, m in sys.modules.items() if n.split('.')[0] in ('tast', 'flows') and m.__file__)"
    command = [sys.executable, "-c", f"import sys, {module}; print(*{files})"]
    loaded = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT).stdout.split()
    assert loaded
    assert {Path(file).resolve().relative_to(ROOT) for file in loaded} <= set(closure(module))
