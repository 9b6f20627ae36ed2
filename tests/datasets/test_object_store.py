"""Fetching from a real S3 server: whole files and folders, gone on with where they broke off, and no secret told."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from s3fs import S3FileSystem

from tast.datasets import object_store
from tast.datasets.object_store import fetch_stored, is_stored
from tast.errors import BadInput, TastError
from tests.datasets.test_archives import files_in
from tests.datasets.test_fetch import Told
from tests.s3_server import S3Server, running_s3

CONTENT = np.random.default_rng(0).bytes(3_000_000)
SHA256 = hashlib.sha256(CONTENT).hexdigest()
FOLDER = {"PURE/01-01.zip": b"one", "PURE/01-02/a.png": b"two", "PURE/01-02/b.png": b"", "PUREST.txt": b"another's"}


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[S3Server]:
    monkeypatch.setattr(object_store, "CHUNK_BYTES", 1_000_000)
    S3FileSystem.clear_instance_cache()  # each test has a server, and fsspec remembers the last one
    with running_s3(monkeypatch) as running:
        running.put("pure.zip", CONTENT)
        yield running
    S3FileSystem.clear_instance_cache()


def get(url: str, folder: Path, **options) -> tuple[Path, Told]:
    output = Told()
    return fetch_stored(url, folder, progress=output, first_wait_s=0.01, **options), output


def test_a_file_arrives_whole_and_a_second_call_asks_nothing(tmp_path, server):
    path, output = get("s3://team/pure.zip", tmp_path / "data", sha256=SHA256)
    assert path == tmp_path / "data/pure.zip" and path.read_bytes() == CONTENT
    assert sum(output.percents) == 100 and len(output.percents) == 3
    assert files_in(tmp_path / "data").keys() == {"pure.zip"}
    assert [wanted for _, wanted in server.reads] == ["bytes=0-999999", "bytes=1000000-1999999", "bytes=2000000-2999999"]
    n_requests = len(server.requests)
    assert get("s3://team/pure.zip", tmp_path / "data", sha256=SHA256)[0] == path
    assert len(server.requests) == n_requests


def test_a_later_call_goes_on_where_an_earlier_one_was_refused(tmp_path, server):
    server.refuse_after = 2
    with pytest.raises(TastError, match=r"s3://team/pure\.zip: the store refused; it wants valid credentials"):
        get("s3://team/pure.zip", tmp_path)
    assert (tmp_path / "pure.zip.part").stat().st_size == 2_000_000 and not (tmp_path / "pure.zip").exists()
    server.refuse_after = None
    server.requests.clear()
    path, output = get("s3://team/pure.zip", tmp_path, sha256=SHA256)
    assert path.read_bytes() == CONTENT and sum(output.percents) == 100
    assert [wanted for _, wanted in server.reads] == ["bytes=2000000-2999999"]


def test_what_has_come_of_another_version_is_not_built_on(tmp_path, server):
    server.refuse_after = 2
    with pytest.raises(TastError):
        get("s3://team/pure.zip", tmp_path)
    server.refuse_after = None
    server.put("pure.zip", CONTENT[::-1])
    assert get("s3://team/pure.zip", tmp_path)[0].read_bytes() == CONTENT[::-1]


def test_a_file_that_changes_on_the_way_is_begun_anew(tmp_path, server):
    other = CONTENT[::-1]

    def change(percent: int, note: str) -> None:
        server.put("pure.zip", other)

    path = fetch_stored("s3://team/pure.zip", tmp_path, progress=change, first_wait_s=0.01)
    assert path.read_bytes() == other


def test_a_connection_that_breaks_is_tried_again(tmp_path, server):
    server.truncate = 2
    assert get("s3://team/pure.zip", tmp_path)[0].read_bytes() == CONTENT
    assert len(server.reads) == 5


def test_wrong_bytes_are_discarded(tmp_path, server):
    with pytest.raises(BadInput, match="bytes with sha256"):
        get("s3://team/pure.zip", tmp_path, sha256="0" * 64)
    assert list(tmp_path.iterdir()) == []


def test_a_folder_arrives_whole_with_what_an_earlier_call_brought(tmp_path, server, monkeypatch):
    for key, content in FOLDER.items():
        server.put(key, content)
    monkeypatch.setattr(object_store, "FILES_AT_ONCE", 1)
    server.refuse_after = 1
    with pytest.raises(TastError, match="refused"):
        get("s3://team/PURE/", tmp_path)
    assert files_in(tmp_path / "PURE.part")["01-01.zip"] == b"one" and not (tmp_path / "PURE").exists()
    server.refuse_after = None
    server.requests.clear()
    path, output = get("s3://team/PURE", tmp_path)
    assert path == tmp_path / "PURE" and sum(output.percents) == 100
    assert files_in(path) == {"01-01.zip": b"one", "01-02/a.png": b"two", "01-02/b.png": b""}
    assert [path for path, _ in server.reads] == ["/team/PURE/01-02/a.png"]
    assert [path.name for path in tmp_path.iterdir()] == ["PURE"]


def test_a_whole_bucket_is_a_folder_of_its_name(tmp_path, server):
    assert files_in(get("s3://team", tmp_path)[0]).keys() == {"pure.zip"}


def test_a_key_that_leads_out_of_the_folder_is_refused(tmp_path, server):
    server.put("PURE/../../evil", b"x")
    with pytest.raises(BadInput, match="names that stay inside"):
        get("s3://team/PURE", tmp_path / "data")
    assert not list(tmp_path.rglob("evil"))


def test_a_folder_has_no_checksum(tmp_path, server):
    server.put("PURE/a", b"x")
    with pytest.raises(BadInput, match="a folder; expected one file, since its sha256 is given"):
        get("s3://team/PURE", tmp_path, sha256=SHA256)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("s3://team/none.zip", r"s3://team/none\.zip: nothing there; expected a file or a folder"),
        ("s3://nobody/pure.zip", "s3://nobody/pure.zip: nothing there"),
        ("s3://key:s3cret@team/pure.zip", "the URL holds credentials"),
        ("s4://team/pure.zip", "Protocol not known: s4; expected https://, s3:// or another protocol of fsspec"),
        ("gs://team/pure.zip", "Please install gcsfs"),
        ("s3://", "no name in it"),
    ],
)
def test_what_cannot_be_fetched_is_one_clear_line(tmp_path, server, url, said, caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(TastError, match=said) as caught:
        get(url, tmp_path)
    assert "s3cret" not in f"{caught.value}{caplog.text}" and "\n" not in str(caught.value)


def test_without_credentials_it_says_so(tmp_path, server, monkeypatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    with pytest.raises(TastError, match="the store refused; it wants valid credentials"):
        get("s3://team/pure.zip", tmp_path)


def test_nobody_listens(tmp_path, server, monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(TastError, match=r"the store failed \(EndpointConnectionError\)"):
        get("s3://team/pure.zip", tmp_path)


def test_another_protocol_does_as_well(tmp_path):
    (tmp_path / "shelf").mkdir()
    (tmp_path / "shelf/pure.zip").write_bytes(CONTENT)
    path, _ = get(f"file://{tmp_path}/shelf", tmp_path / "data")
    assert files_in(path) == {"pure.zip": CONTENT}


def test_addresses_in_stores():
    assert [is_stored(text) for text in ("s3://a/b", "gs://a/b", "https://a/b", "/data/PURE", "data/s3")] == [True, True] + [
        False
    ] * 3
