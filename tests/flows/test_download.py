"""The download stage on folders, archives, URLs and the public set: what it brings, refuses, keeps and never tells."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import get_args

import py7zr
import pytest
from s3fs import S3FileSystem

from flows.stages import download as stage
from tast.datasets.catalog import CATALOG, RemoteFile
from tast.datasets.looks import look_at
from tast.errors import TastError
from tast.params import Phantom, Runner, load_params
from tests.datasets.layouts import write_pure_session
from tests.datasets.more_layouts import write_mths_person
from tests.datasets.range_server import Behaviour, serving
from tests.datasets.test_archives import files_in, write_zip
from tests.end_to_end.conftest import PROJECT, set_params
from tests.s3_server import BUCKET, running_s3

RAW, AUDIT = Path("data/raw"), Path("data/audit")
Configure = Callable[..., None]


@pytest.fixture
def configure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """An empty project folder to work in; call it to change its params.yaml."""
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    monkeypatch.setattr(stage, "DOWNLOADS", tmp_path / "downloads")
    monkeypatch.setattr(stage, "LOOKS", tmp_path / "state/looks.db")
    for name in (*stage.CREDENTIALS.values(), stage.ARCHIVE_PASSWORD):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(PROJECT / "params.yaml", "params.yaml")

    def change(**values: object) -> None:
        set_params(Path("params.yaml"), {key.replace("__", "."): value for key, value in values.items()})

    change(dataset__name="pure", download__accept_licence=True)
    return change


@pytest.fixture
def pure(tmp_path: Path) -> Path:
    write_pure_session(tmp_path / "PURE", "01-01")
    write_pure_session(tmp_path / "PURE", "02-03")
    return tmp_path / "PURE"


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Behaviour]]:
    (tmp_path / "served").mkdir()
    with serving(tmp_path / "served") as running:
        yield running


def run() -> str:
    """The stage's body; the line of its failure, empty where it succeeds."""
    try:
        stage.main()
    except TastError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("layout", get_args(Phantom.model_fields["layout"].annotation))
def test_every_layout_of_the_phantom_is_read_by_the_audit(configure, layout):
    worlds = {"count": 1} if layout == "csv" else None
    configure(dataset__name="phantom", **{f"download__phantom__{name}": value for name, value in {
        "layout": layout, "worlds": worlds, "subjects": 1, "scenarios": "all", "seconds": 1, "width_px": 96, "height_px": 72,
        "face_height_px": 36, "sources": [1], "fps_hz": 15,
    }.items()})  # fmt: skip
    assert run() == ""
    (recording,) = json.loads((AUDIT / "audit.json").read_text())["recordings"]
    assert (recording["camera"], recording["skin_type"] != "") == {
        "pure": ("", False), "vipl_hr": ("source1", False), "csv": ("world-01", True)
    }[layout]  # fmt: skip


def test_a_folder_is_linked_in_described_and_audited(configure, pure):
    configure(dataset__root=str(pure))
    assert run() == ""
    assert files_in(RAW / "pure") == files_in(pure)
    assert json.loads((RAW / "dataset.json").read_text()) == [{"include_nir": False, "layout": "pure", "name": "pure"}]
    facts = json.loads((AUDIT / "audit.json").read_text())
    assert facts["counts"]["recordings"] == 2 and facts["published"]["n_expected"] == 59
    assert "PURE (Stricker" in (AUDIT / "audit.html").read_text()


def test_of_a_set_that_grows_the_new_recording_alone_is_decoded(configure, tmp_path, monkeypatch):
    """Which leaves the bytes of a first run."""
    pure = tmp_path / "PURE"
    write_pure_session(pure, "01-01", n_images=3)
    write_pure_session(pure, "02-03", n_images=4)
    decoded = []
    monkeypatch.setattr(stage, "look_at", lambda video: decoded.append(video.path.name) or look_at(video))
    configure(dataset__root=str(pure))
    assert run() == ""
    assert decoded == ["01-01", "02-03"]
    write_pure_session(pure, "03-01", n_images=5)
    assert run() == ""
    assert decoded == ["01-01", "02-03", "03-01"]
    grown = files_in(Path("data"))
    shutil.rmtree(tmp_path / "state")
    assert run() == ""
    assert decoded[3:] == ["01-01", "02-03", "03-01"] and files_in(Path("data")) == grown


def test_without_acceptance_the_notice_is_shown_and_nothing_happens(configure, pure, caplog):
    configure(dataset__root=str(pure), download__accept_licence=False)
    with caplog.at_level(logging.INFO):
        assert "given out by TU Ilmenau" in run()
    assert "given out by TU Ilmenau" in caplog.text
    assert not Path("data/raw").exists() and not Path("data/audit").exists()


@pytest.mark.parametrize("inside", ["data/raw/pure", "data/raw", "data"])
def test_a_root_that_the_stage_would_delete_is_refused(configure, pure, inside):
    shutil.copytree(pure, "data/raw/pure")
    before = files_in(Path("data"))
    configure(dataset__root=inside)
    assert "overlaps with data/raw" in run()
    assert files_in(Path("data")) == before


def test_a_folder_in_another_layout_leaves_what_was_there(configure, pure, tmp_path):
    configure(dataset__root=str(pure))
    assert run() == ""
    before = files_in(Path("data"))
    (tmp_path / "other").mkdir()
    (tmp_path / "other/video.avi").write_bytes(b"x")
    configure(dataset__root=str(tmp_path / "other"))
    assert "expected PURE's layout" in run()
    assert files_in(Path("data")) == before


def test_an_encrypted_archive_takes_its_password_from_the_environment(configure, pure, tmp_path, monkeypatch, caplog):
    with py7zr.SevenZipFile(tmp_path / "pure.7z", "w", password="s3cret") as archive:
        archive.writeall(pure, "PURE")
    configure(dataset__root=str(tmp_path / "pure.7z"))
    assert "it is encrypted" in run()
    monkeypatch.setenv(stage.ARCHIVE_PASSWORD, "s3cret")
    with caplog.at_level(logging.DEBUG):
        assert run() == ""
    assert files_in(RAW / "pure/PURE") == files_in(pure)
    assert "s3cret" not in caplog.text


def serve_zip(pure: Path, folder: Path) -> str:
    write_zip(folder / "pure.zip", files_in(pure))
    return hashlib.sha256((folder / "pure.zip").read_bytes()).hexdigest()


def test_a_url_is_fetched_once_with_credentials_of_the_environment(configure, pure, tmp_path, server, monkeypatch, caplog):
    url, behaviour = server
    sha256 = serve_zip(pure, tmp_path / "served")
    behaviour.authorization = "Bearer s3cret"
    configure(dataset__root=f"{url}/pure.zip", download__sha256=sha256)
    with caplog.at_level(logging.DEBUG):
        assert "it wants valid credentials" in run()
        monkeypatch.setenv("TAST_DOWNLOAD_TOKEN", "s3cret")
        assert run() == ""
        assert files_in(RAW / "pure") == files_in(pure)
        n_requests = len(behaviour.requests)
        assert run() == ""
    assert len(behaviour.requests) == n_requests
    assert "s3cret" not in caplog.text
    assert not any(b"s3cret" in content for content in files_in(tmp_path).values())


def test_a_file_of_the_same_name_from_elsewhere_is_another_file(configure, pure, tmp_path, server):
    url, _ = server
    for place in ("first", "second"):
        (tmp_path / "served" / place).mkdir()
        serve_zip(pure, tmp_path / "served" / place)
        configure(dataset__root=f"{url}/{place}/pure.zip")
        assert run() == ""
        assert files_in(RAW / "pure") == files_in(pure)
        shutil.rmtree(pure / "02-03", ignore_errors=True)


def test_user_and_password(configure, pure, tmp_path, server, monkeypatch):
    url, behaviour = server
    serve_zip(pure, tmp_path / "served")
    behaviour.authorization = "Basic YW5uYTpzM2NyZXQ="
    monkeypatch.setenv("TAST_DOWNLOAD_USER", "anna")
    monkeypatch.setenv("TAST_DOWNLOAD_PASSWORD", "s3cret")
    configure(dataset__root=f"{url}/pure.zip")
    assert run() == ""


def test_an_archive_in_a_store_is_fetched_once_with_credentials_of_the_environment(
    configure, pure, tmp_path, monkeypatch, caplog
):
    S3FileSystem.clear_instance_cache()
    with running_s3(monkeypatch) as server, caplog.at_level(logging.INFO):
        write_zip(tmp_path / "pure.zip", files_in(pure))
        server.put("sets/pure.zip", (tmp_path / "pure.zip").read_bytes())
        configure(dataset__root=f"s3://{BUCKET}/sets/pure.zip")
        assert run() == ""
        assert files_in(RAW / "pure") == files_in(pure)
        n_requests = len(server.requests)
        assert run() == ""
        assert len(server.requests) == n_requests
    assert "s3cret" not in caplog.text
    assert not any(b"s3cret" in content for content in files_in(tmp_path).values())


def test_a_url_with_credentials_in_it_is_refused(configure):
    configure(dataset__root="https://anna:s3cret@example.org/pure.zip")
    line = run()
    assert "the URL holds credentials" in line and "s3cret" not in line and "anna" not in line


def test_other_bytes_than_promised_are_discarded(configure, pure, tmp_path, server):
    url, _ = server
    serve_zip(pure, tmp_path / "served")
    configure(dataset__root=f"{url}/pure.zip", download__sha256="0" * 64)
    assert f"expected {'0' * 64}; they are discarded" in run()
    assert not RAW.exists() and list((tmp_path / "downloads").rglob("*.zip")) == []


def test_the_public_set_comes_from_its_own_place_or_a_mirror(configure, tmp_path, server, monkeypatch):
    url, behaviour = server
    contents = {
        "LICENSE": b"MIT",
        "data/gt/100001.csv": b"SpO2 1\n97\n95\n",
        "data/ppg-csv/Left/100001.csv": b"R,G,B\n" + b"40,90,50\n" * 45,
    }
    for name, content in contents.items():
        (tmp_path / "served" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "served" / name).write_bytes(content)
    files = tuple(RemoteFile(name, len(c), hashlib.sha256(c).hexdigest()) for name, c in contents.items())
    monkeypatch.setitem(CATALOG, "oximetry_phone_cam", replace(CATALOG["oximetry_phone_cam"], files=files))
    configure(dataset__name="oximetry_phone_cam", download__accept_licence=False, download__base_url=url)
    assert run() == ""
    assert files_in(RAW / "oximetry_phone_cam") == contents
    assert json.loads((AUDIT / "audit.json").read_text())["counts"]["recordings"] == 1
    assert run() == "" and len(behaviour.requests) == len(contents)


def test_waves_under_terms_need_their_acceptance(configure, tmp_path, caplog):
    """A phantom that MTHS drives is made of MTHS: nothing is rendered until its terms are accepted."""
    write_mths_person(tmp_path / "waves", 1, seconds=30)
    configure(dataset__name="phantom", download__accept_licence=False, download__phantom__driver="recorded")
    configure(download__phantom__recorded_root=str(tmp_path / "waves"), download__phantom__subjects=1)
    assert "CC BY-NC-ND" in run() and not Path("data/raw").exists()
    configure(download__accept_licence=True, download__phantom__seconds=1, download__phantom__width_px=64)
    configure(download__phantom__height_px=48, download__phantom__face_height_px=24, download__phantom__fps_hz=10)
    assert run() == ""
    assert json.loads((AUDIT / "audit.json").read_text())["counts"]["recordings"] == 1


@pytest.mark.parametrize("name", ["sums", "ladh", "physdrive", "mths", "mcd_rppg"])
def test_each_set_shows_whose_it_is_and_how_it_is_had(configure, tmp_path, name, caplog):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "readme.txt").write_text("nothing")
    configure(dataset__name=name, dataset__root=str(tmp_path / "empty"), download__accept_licence=False)
    with caplog.at_level(logging.INFO):
        failure = run()
    assert CATALOG[name].title in caplog.text and CATALOG[name].access
    assert ("accept_licence" in failure) == CATALOG[name].needs_agreement == (name != "mcd_rppg")


def test_worlds_rendered_twice_have_the_same_bytes_on_one_worker_and_on_two(tmp_path):
    tiny = {
        "layout": "csv", "worlds": {"count": 2}, "seed": 7, "subjects": 2, "sessions": 2, "seconds": 1.0,
        "width_px": 64, "height_px": 48, "face_height_px": 24,
    }  # fmt: skip
    phantom = Phantom(**load_params(PROJECT / "params.yaml").download.phantom.model_dump() | tiny)
    rendered = []
    for name, workers in (("one", 1), ("two", 2)):
        (tmp_path / name).mkdir()
        stage.render_phantom(phantom, tmp_path / name, Runner(kind="local", workers=workers, memory_gb=2.0))
        files = [path for path in (tmp_path / name).rglob("*") if path.is_file()]
        rendered.append({path.relative_to(tmp_path / name): hashlib.sha256(path.read_bytes()).hexdigest() for path in files})
    assert len([path for path in rendered[0] if path.stem == "video"]) == 4
    assert len({path.suffix for path in rendered[0]}) > 2, "more than one coding"
    assert rendered[0] == rendered[1]
