"""Fetching against a real server: it goes on where it broke off, gives up in one clear line, and never tells a secret."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tast.datasets.catalog import CATALOG, licence_notice, require_acceptance
from tast.datasets.download import link_or_extract
from tast.datasets.fetch import fetch, fetch_files, file_name_of, is_url
from tast.errors import TastError
from tests.datasets.layouts import write_pure_session
from tests.datasets.range_server import Behaviour, serving
from tests.datasets.test_archives import files_in, write_zip

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
RECORDED = Path("../shared/data/oximetry-phone-cam")


class Told:
    """Gathers what a progress bar would show."""

    def __init__(self) -> None:
        self.percents: list[int] = []

    def __call__(self, percent: int, note: str) -> None:
        self.percents.append(percent)


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Behaviour]]:
    folder = tmp_path / "served"
    folder.mkdir()
    (folder / "pure.zip").write_bytes(CONTENT)
    with serving(folder) as (url, behaviour):
        yield f"{url}/pure.zip", behaviour


def get(url: str, target: Path, **options) -> Told:
    output = Told()
    fetch(url, target, progress=output, first_wait_s=0.01, **options)
    return output


def test_a_file_arrives_whole_and_a_second_call_asks_nothing(tmp_path, server):
    url, behaviour = server
    target = tmp_path / "data" / "pure.zip"
    assert sum(get(url, target, sha256=SHA256).percents) == 100
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["pure.zip"]
    get(url, target, sha256=SHA256)
    assert len(behaviour.requests) == 1


def test_a_broken_transfer_goes_on_where_it_broke(tmp_path, server):
    url, behaviour = server
    behaviour.break_after_bytes = [1_000_000, 500_000, 0]
    output = get(url, tmp_path / "a", sha256=SHA256)
    assert (tmp_path / "a").read_bytes() == CONTENT
    asked = [wanted for _, wanted, _ in behaviour.requests]
    assert asked[0] == "" and len(asked) == 4
    starts = [int(wanted.removeprefix("bytes=").rstrip("-")) for wanted in asked[1:]]
    assert 0 < starts[0] <= 1_000_000 and starts[0] < starts[1] <= starts[2] <= 1_500_000
    assert sum(output.percents) == 100 and min(output.percents) > 0


def test_a_later_call_goes_on_with_what_an_earlier_one_left(tmp_path, server):
    url, behaviour = server
    behaviour.break_after_bytes = [2_000_000] + [0] * 9
    with pytest.raises(TastError, match=r"pure\.zip: the connection .*; given up for now, what has come is kept"):
        get(url, tmp_path / "a", tries=3)
    assert not (tmp_path / "a").exists()
    behaviour.break_after_bytes, behaviour.requests = [], []
    get(url, tmp_path / "a", sha256=SHA256)
    assert behaviour.requests[0][1].startswith("bytes=")


def test_all_bytes_there_but_not_yet_named(tmp_path, server):
    url, behaviour = server
    (tmp_path / "a.part").write_bytes(CONTENT)
    (tmp_path / "a.part.version").write_text('"v1"')
    get(url, tmp_path / "a", sha256=SHA256)
    assert behaviour.requests == [("/pure.zip", "bytes=3000000-", "")]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "served"]


@pytest.mark.parametrize("kept", ['"v0"', None])
def test_bytes_of_another_or_unknown_version_are_not_built_on(tmp_path, server, kept):
    url, _ = server
    (tmp_path / "a.part").write_bytes(bytes(1_000_000))
    if kept:
        (tmp_path / "a.part.version").write_text(kept)
    get(url, tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_server_without_ranges_is_begun_anew(tmp_path, server):
    url, behaviour = server
    behaviour.ranges, behaviour.break_after_bytes = False, [1_500_000]
    output = get(url, tmp_path / "a", sha256=SHA256)
    assert (tmp_path / "a").read_bytes() == CONTENT
    assert sum(output.percents) == 100


def test_more_bytes_than_the_server_has_are_begun_anew(tmp_path, server):
    url, _ = server
    (tmp_path / "a.part").write_bytes(bytes(4_000_000))
    (tmp_path / "a.part.version").write_text('"v1"')
    get(url, tmp_path / "a", sha256=SHA256)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_busy_servers_are_asked_again_and_missing_files_are_not(tmp_path, server):
    url, behaviour = server
    behaviour.answers = [503, 429, 500]
    get(url, tmp_path / "a", sha256=SHA256)
    assert len(behaviour.requests) == 4
    behaviour.requests = []
    with pytest.raises(TastError, match=r"none\.zip: the server answered 404"):
        get(url.replace("pure", "none"), tmp_path / "b")
    assert len(behaviour.requests) == 1


def test_a_server_that_never_answers_well_is_given_up(tmp_path, server):
    url, behaviour = server
    behaviour.answers = [503] * 10
    with pytest.raises(TastError, match="the server answered 503; given up"):
        get(url, tmp_path / "a", tries=3)
    assert len(behaviour.requests) == 3


def test_nobody_listens(tmp_path):
    with pytest.raises(TastError, match=r"the connection failed \(ConnectionError\)"):
        get("http://127.0.0.1:9/pure.zip", tmp_path / "a", tries=2)


def test_wrong_bytes_are_discarded(tmp_path, server):
    url, _ = server
    with pytest.raises(TastError, match="bytes with sha256"):
        get(url, tmp_path / "a", sha256="0" * 64)
    assert [path.name for path in tmp_path.iterdir()] == ["served"]


def test_a_damaged_file_is_fetched_again(tmp_path, server):
    url, _ = server
    (tmp_path / "a").write_bytes(b"damaged")
    get(url, tmp_path / "a", sha256=SHA256)
    assert (tmp_path / "a").read_bytes() == CONTENT


def test_a_full_disk_is_said_before_a_byte_is_written(tmp_path, server, monkeypatch):
    url, _ = server
    monkeypatch.setattr("tast.datasets.download.shutil.disk_usage", lambda folder: type("usage", (), {"free": 10}))
    with pytest.raises(TastError, match="GB are free"):
        get(url, tmp_path / "a")
    assert (tmp_path / "a.part").read_bytes() == b""


@pytest.mark.parametrize(
    ("credentials", "header"),
    [
        ({"user": "anna", "password": "s3cret"}, "Basic " + base64.b64encode(b"anna:s3cret").decode()),
        ({"token": "s3cret"}, "Bearer s3cret"),
    ],
)
def test_credentials_reach_the_server_and_nothing_else(tmp_path, server, caplog, credentials, header):
    url, behaviour = server
    behaviour.authorization, behaviour.answers = header, [503]
    get(f"{url}?key=s3cret", tmp_path / "a", sha256=SHA256, credentials=credentials)
    behaviour.authorization = "other"
    with pytest.raises(TastError, match=r"the server refused \(401\)") as refused:
        get(f"{url}?key=s3cret", tmp_path / "b", credentials=credentials)
    with pytest.raises(TastError) as unreachable:
        get("http://anna:s3cret@127.0.0.1:9/a?key=s3cret", tmp_path / "c", tries=2)
    assert "s3cret" not in caplog.text + str(refused.value) + str(unreachable.value)
    assert caplog.text  # the retries were logged


def test_credentials_are_not_sent_in_the_clear_nor_guessed(tmp_path):
    with pytest.raises(TastError, match="https only"):
        get("http://example.org/a.zip", tmp_path / "a", credentials={"token": "x"})
    with pytest.raises(TastError, match="credentials hold name; expected user and password, or token"):
        get("https://example.org/a.zip", tmp_path / "a", credentials={"name": "x"})


def test_urls():
    assert is_url("https://example.org/a.zip") and not is_url("/data/PURE") and not is_url("C:/PURE")
    assert file_name_of("https://example.org/d/a%20b.zip?x=1") == "a b.zip"
    with pytest.raises(TastError, match="no file name"):
        file_name_of("https://example.org/?secret=1")


def test_an_archive_by_url_becomes_a_data_set(tmp_path, server):
    url, _ = server
    write_pure_session(tmp_path / "source", n_images=2)
    write_zip(tmp_path / "served" / "pure.zip", files_in(tmp_path / "source"))
    get(url, tmp_path / "downloads" / file_name_of(url))
    link_or_extract(tmp_path / "downloads" / "pure.zip", tmp_path / "pure", progress=Told())
    assert files_in(tmp_path / "pure") == files_in(tmp_path / "source")


@pytest.mark.skipif(not RECORDED.is_dir(), reason="no local copy of the recorded finger waves")
def test_the_public_set_is_known_by_its_checksums(tmp_path):
    entry = CATALOG["oximetry_phone_cam"]
    there = tuple(file for file in entry.files if (RECORDED / file.path.removeprefix("data/")).is_file())
    served = tmp_path / "served"
    (served).mkdir()
    (served / "data").symlink_to(RECORDED.resolve())
    (served / "LICENSE").symlink_to((RECORDED / "LICENSE").resolve())
    output = Told()
    with serving(served) as (url, behaviour):
        fetch_files(url, there, tmp_path / "got", progress=output)
        fetch_files(url, there, tmp_path / "got", progress=output)
    assert len(there) == 13 and len(behaviour.requests) == 13  # the second time asks nothing
    assert sum(output.percents) == 200
    assert len(files_in(tmp_path / "got")) == 13


def test_licences_are_shown_and_must_be_accepted():
    for name in ("pure", "vipl_hr"):
        with pytest.raises(TastError, match=r"may not be passed on.*accept_licence"):
            require_acceptance(name, accepted=False)
        require_acceptance(name, accepted=True)
    require_acceptance("oximetry_phone_cam", accepted=False)
    require_acceptance("csv", accepted=False)
    assert "MIT" in licence_notice("oximetry_phone_cam") and licence_notice("csv") == ""
