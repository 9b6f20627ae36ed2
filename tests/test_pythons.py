"""Each Python that the package is for: its lock, and what can be tried in seconds where its packages are not installed.

All the rest on another Python: `make test PYTHON=python3.12 VENV=.venv-3.12`.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import suppress
from itertools import chain
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from tast.closure import ROOT
from tast.doctor.machine import PYTHONS
from tests.licences import locked

NAMES = tuple(".".join(map(str, one)) for one in PYTHONS)
FIRST, *LATER = NAMES
OF_OLDER_PYTHONS = {"async-timeout"}  # in the standard library since 3.11.3, and asked for below 3.12
PACKAGES = ("tast", "flows")
READS_CODE = """
import ast, importlib, sys, warnings
from pathlib import Path
warnings.simplefilter("error")
files = [file for package in sys.argv[1:] for file in sorted(Path(package).rglob("*.py"))]
used = set()
for file in files:
    tree = ast.parse(text := file.read_text(encoding="utf-8"), file)
    compile(text, file, "exec")
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            used |= {(one.name, None) for one in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            used |= {(node.module, one.name) for one in node.names}
ours = {one for one in used if one[0].partition(".")[0] in sys.stdlib_module_names}
for module, name in sorted(ours, key=str):
    found = importlib.import_module(module)
    if name and not hasattr(found, name):
        importlib.import_module(f"{module}.{name}")
print(len(files), len(ours), *{one[0].partition(".")[0] for one in used - ours})
"""


def interpreter(version: str) -> str:
    """Path of one that runs: this one, by its name on PATH, or of pyenv's. Skips where there is none."""
    if version == f"{sys.version_info[0]}.{sys.version_info[1]}":
        return sys.executable
    for one in chain([f"python{version}"], _of_pyenv(version)):
        with suppress(OSError, subprocess.CalledProcessError):
            asked = subprocess.run([one, "-c", "import sys; print(sys.executable)"], check=True, capture_output=True, text=True)
            return asked.stdout.strip()
    pytest.skip(f"no Python {version} on this machine")


def lock_of(version: str) -> str:
    return "requirements.lock" if version == FIRST else f"requirements-{version}.lock"


def _of_pyenv(version: str) -> Iterator[str]:
    for folder in sorted(Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions").glob(f"{version}.*")):
        yield str(folder / f"bin/python{version}")


def test_the_package_is_for_these_and_says_so() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    allowed = SpecifierSet(project["requires-python"])
    around = [f"3.{minor}" for minor in range(9, 16)]
    assert tuple(one for one in around if f"{one}.7" in allowed) == NAMES
    stated = [
        one.rpartition(" :: ")[2] for one in project["classifiers"] if one.startswith("Programming Language :: Python :: 3")
    ]
    assert tuple(stated) == NAMES
    assert re.search(r"^PYTHONS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)[1].split() == list(NAMES)


@pytest.mark.parametrize("version", LATER)
def test_a_later_python_gets_the_versions_with_which_all_is_tested(version: str) -> None:
    """So that requirements.lock, which stages rest on and `tast init` ships, binds it too."""
    first, later = locked(), locked(ROOT / lock_of(version))
    assert later.items() <= first.items()
    assert first.keys() - later.keys() == OF_OLDER_PYTHONS


@pytest.mark.parametrize("version", NAMES)
def test_locks_name_versions_alone(version: str) -> None:
    """No folder of wheels, no registry, no build of torch for one machine, and nothing of CUDA's: torch itself brings that."""
    lines = (ROOT / lock_of(version)).read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[a-z0-9._\[\],-]+==[a-z0-9.]+", line)] == []
    assert [line for line in lines if line.startswith(("nvidia-", "cuda-", "triton="))] == []


def make(*arguments: str) -> subprocess.CompletedProcess[str]:
    """As one types it, whatever make it is that runs these tests; `-n`: what would be done."""
    outside = ("MAKE", "PYTHON", "VENV", "MFLAGS")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(outside)}
    return subprocess.run(
        ["make", "-n", "setup", *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize("version", NAMES)
def test_make_installs_the_lock_of_the_python_that_it_is_given(tmp_path: Path, version: str) -> None:
    given, new = interpreter(version), tmp_path / "new"
    would = make(f"PYTHON={given}", f"VENV={new}").stdout
    assert (
        f"{given} -m venv {new}\n" in would
        and f"--python {new}/bin/python --compile-bytecode --requirement {lock_of(version)}\n" in would
    )


def test_make_says_what_the_machine_lacks_before_it_installs_for_minutes(tmp_path: Path) -> None:
    would = make(f"VENV={tmp_path / 'new'}").stdout
    assert 0 < would.index("-m tast.doctor.machine --system") < would.index("-m venv")


@pytest.mark.parametrize("version", LATER)
def test_an_environment_keeps_its_python(tmp_path: Path, version: str) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python").symlink_to(interpreter(version))
    assert f"--requirement {lock_of(version)}\n" in make(f"VENV={tmp_path}").stdout
    refused = make(f"VENV={tmp_path}", f"PYTHON={interpreter(FIRST)}")
    assert refused.returncode and f"{tmp_path} is of another Python than " in refused.stderr


@pytest.mark.parametrize("version", NAMES)
def test_its_code_compiles_there_and_all_of_the_standard_library_that_it_imports_is_there(version: str) -> None:
    """Warnings are errors: a Python says first by a warning what its next one refuses."""
    done = subprocess.run(
        [interpreter(version), "-B", "-c", READS_CODE, *PACKAGES],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    n_files, n_names, *others = done.stdout.split()
    assert int(n_files) > 200 and int(n_names) > 100 and {"numpy", "torch", "tast", "flows"} <= set(others)
    assert sys.stdlib_module_names.isdisjoint(others), "of the standard library here, and not there"
