"""What `pip install` gets: the wheel holds all that the code reads, in versions of the lock, and its core needs no pipeline."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tomllib
import zipfile
from email import message_from_string
from email.message import Message
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tast import __version__
from tast.closure import ROOT
from tast.starter.shipped import IN_WHEEL, SHIPPED
from tests.end_to_end.conftest import own_environment
from tests.licences import locked
from tests.test_pythons import LATER, NAMES, interpreter

TREE = ("tast", "flows", "pyproject.toml", "setup.py", "README.md", "LICENSE", *SHIPPED)
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
CORE = [Requirement(one) for one in PROJECT["dependencies"]]
EXTRAS = {name: [Requirement(one) for one in listed] for name, listed in PROJECT["optional-dependencies"].items()}
LOCKED = [*CORE, *(one for extra, listed in EXTRAS.items() if extra != "gpu" for one in listed)]


def names_of(requirements: list[Requirement]) -> set[str]:
    return {str(canonicalize_name(one.name)) for one in requirements}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    """Built from a copy of the tree, with the setuptools that is installed: no network."""
    tree = tmp_path_factory.mktemp("tree")
    for name in TREE:
        target = tree / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, target)
    build = "from setuptools.build_meta import build_wheel; build_wheel('dist')"
    subprocess.run([sys.executable, "-c", build], cwd=tree, check=True, capture_output=True)
    (built,) = (tree / "dist").iterdir()
    return zipfile.ZipFile(built)


@pytest.fixture(scope="module")
def metadata(wheel: zipfile.ZipFile) -> Message:
    return message_from_string(wheel.read(f"tast-{__version__}.dist-info/METADATA").decode())


def test_every_file_of_the_packages_is_in_the_wheel_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    info = f"tast-{__version__}.dist-info/"
    held = {name for name in wheel.namelist() if not name.startswith(info)}
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", "tast", "flows"],
        cwd=ROOT, capture_output=True, text=True, check=True,
    ).stdout.split()  # fmt: skip
    copies = {f"tast/starter/{IN_WHEEL}/{name}" for name in SHIPPED}
    assert held == {name for name in tracked if (ROOT / name).is_file()} | copies


def test_the_files_of_a_new_project_are_those_of_this_folder(wheel: zipfile.ZipFile) -> None:
    for name in SHIPPED:
        assert wheel.read(f"tast/starter/{IN_WHEEL}/{name}") == (ROOT / name).read_bytes(), name


def test_a_project_runs_with_the_code_that_is_installed_and_notices_an_update_of_it(
    wheel: zipfile.ZipFile, tmp_path: Path
) -> None:
    """The first two stages, which look at what lies outside; all of them are computed alike in either kind of folder."""
    site, study = tmp_path / "site", tmp_path / "study"
    wheel.extractall(site)
    environment = own_environment() | {"PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}

    def program(*arguments: str, folder: Path = study) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    program("tast", "init", "study", folder=tmp_path)
    program("dvc", "repro", "--quiet", "source")
    assert (study / "data/method.json").is_file() and (study / ".tast/stage.lock").is_file() and not (site / ".tast").exists()
    before = {file.name: file.read_bytes() for file in (study / "data/code").iterdir()}
    edited = site / "tast/ratio_of_ratios.py"
    edited.write_text(edited.read_text() + "# a remark\n")
    program("dvc", "repro", "--quiet", "source")
    after = {file.name: file.read_bytes() for file in (study / "data/code").iterdir()}
    assert {name for name, code in before.items() if code != after[name]} == {"evaluate.json", "table.json"}


def test_its_metadata_say_what_it_is(wheel: zipfile.ZipFile, metadata: Message) -> None:
    assert (metadata["Name"], metadata["Version"], metadata["License-Expression"]) == ("tast", __version__, "MIT")
    assert set(metadata.get_all("License-File")) == {
        "LICENSE", "tast/phantom/data/LICENSE-colour-science.txt", "tast/phantom/data/LICENSE-rawtoaces-data.txt",
        "tast/phantom/heads/data/LICENSE",
    }  # fmt: skip
    assert set(metadata.get_all("Provides-Extra")) == {"pipeline", "interchange", "docs", "gpu", "dev"}
    assert "tast = tast.cli.main:main" in wheel.read(f"tast-{__version__}.dist-info/entry_points.txt").decode()


def test_what_may_be_installed_includes_what_is_locked() -> None:
    pins = locked()
    for one in LOCKED:
        name = str(canonicalize_name(one.name))
        assert name == "tast" or one.specifier.contains(pins[name]), f"{one}: the lock has {pins[name]}"


@pytest.mark.parametrize("version", LATER)
def test_what_may_be_installed_on_a_later_python_includes_what_is_locked_for_it(version: str) -> None:
    there = default_environment() | {"python_version": version, "python_full_version": f"{version}.0"}
    pins = locked(ROOT / f"requirements-{version}.lock")
    for one in LOCKED:
        name = str(canonicalize_name(one.name))
        if name != "tast" and (one.marker is None or one.marker.evaluate(there)):
            assert one.specifier.contains(pins[name]), f"{one}: the lock has {pins[name]}"


@pytest.mark.parametrize("version", NAMES)
def test_each_python_installs_it_and_runs_what_needs_no_package(wheel: zipfile.ZipFile, version: str, tmp_path: Path) -> None:
    """pip asks the wheel for the Pythons that it is for (uv overlooks an upper bound); what runs sees no other package."""
    python, site = interpreter(version), tmp_path / "site"
    command = [sys.executable, "-m", "pip", "--python", python, "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*command, "--target", str(site), str(wheel.filename)], check=True, capture_output=True)
    code = (
        "import sys; sys.path.insert(0, sys.argv[1]); "
        "from tast.doctor import machine; from tast.starter.shipped import SHIPPED, shipped; "
        "assert all(shipped(name).is_file() for name in SHIPPED); print(machine.check_python().ok, machine.main(['--system']))"
    )
    done = subprocess.run([python, "-I", "-S", "-c", code, str(site)], capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (0, "True 0\n"), done.stderr


def test_the_wheel_and_the_lock_name_the_same_packages() -> None:
    """requirements.in is what the lock is compiled from."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / "requirements.in").read_text().splitlines())
    named = names_of([Requirement(line) for line in lines if line])
    assert names_of(LOCKED) - {"tast"} == named


def test_the_command_line_needs_nothing_of_the_pipelines() -> None:
    """Every command's help, and what reads a video, are imported where no package of the extras is to be found."""
    of_torch_and_matplotlib = {"fsspec", "packaging"}
    extra = names_of(EXTRAS["pipeline"]) - names_of(CORE) - of_torch_and_matplotlib
    modules = {name.replace("-", "_") for name in extra}
    modules |= {"edfio", "fhir"}  # of the extra `interchange`, by the names that they are imported by
    assert {"dvc", "mlflow", "prefect", "dask"} <= modules and all(map(find_spec, modules))
    code = (
        "import sys; sys.modules.update(dict.fromkeys(sys.argv[1:])); "  # None: an import of it fails
        "import tast.cli.main, tast.prediction.batch, tast.datasets.audit_page, tast.datasets.phantom_set, tast.preview.film, "
        "tast.interchange.formats"
    )
    done = subprocess.run([sys.executable, "-c", code, *modules], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
