"""Archives of every format come out whole, and no member gets out of the folder."""

from __future__ import annotations

import gzip
import io
import os
import tarfile
import zipfile
from pathlib import Path

import py7zr
import pytest

from tast.datasets import archives
from tast.datasets.archives import extract, extracted_bytes, is_archive, is_later_part
from tast.errors import BadInput

CONTENT = {"PURE/01-01/01-01.json": b"{}", "PURE/01-01/01-01/Image1.png": os.urandom(5000), "PURE/empty.txt": b""}
TOTAL_BYTES = 5002


def write_zip(path: Path, content: dict[str, bytes]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in content.items():
            archive.writestr(name, data)


def write_tar(path: Path, content: dict[str, bytes]) -> None:
    with tarfile.open(path, f"w:{path.suffix[1:]}" if path.suffix in (".gz", ".xz", ".bz2") else "w") as archive:
        for name, data in content.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))


def write_7z(path: Path, content: dict[str, bytes], password: str | None = None) -> None:
    with py7zr.SevenZipFile(path, "w", password=password) as archive:
        for name, data in content.items():
            archive.writestr(data, name)


WRITERS = {
    "a.zip": write_zip,
    "a.7z": write_7z,
    "a.tar": write_tar,
    "a.tar.gz": write_tar,
    "a.tar.xz": write_tar,
    "a.tar.bz2": write_tar,
}


def split_in_parts(path: Path, n: int) -> Path:
    content = path.read_bytes()
    step = -(-len(content) // n)
    for number in range(n):
        path.with_name(f"{path.name}.{number + 1:03}").write_bytes(content[number * step : (number + 1) * step])
    path.unlink()
    return path.with_name(f"{path.name}.001")


def files_in(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("n_parts", [1, 3])
@pytest.mark.parametrize("name", WRITERS)
def test_content_comes_out_as_it_went_in(tmp_path, name, n_parts):
    archive, out, output = tmp_path / name, tmp_path / "out", list[int]()
    WRITERS[name](archive, CONTENT)
    if n_parts > 1:
        archive = split_in_parts(archive, n_parts)
    out.mkdir()
    assert is_archive(archive)
    assert extracted_bytes(archive) == TOTAL_BYTES
    extract(archive, out, output.append)
    assert files_in(out) == CONTENT
    assert sum(output) == TOTAL_BYTES


def test_parts_are_known_by_their_first(tmp_path):
    write_zip(tmp_path / "a.zip", CONTENT)
    first = split_in_parts(tmp_path / "a.zip", 3)
    second = tmp_path / "a.zip.002"
    assert is_archive(first) and not is_later_part(first)
    assert is_later_part(second) and not is_archive(second)
    second.unlink()
    with pytest.raises(BadInput, match=r"a\.zip\.002: no such file"):
        extracted_bytes(first)


@pytest.mark.parametrize("evil", ["../evil.txt", "/tmp/evil.txt", "a/../../evil.txt", "C:\\evil.txt", "..\\evil.txt"])
@pytest.mark.parametrize("name", ["a.zip", "a.tar"])
def test_members_that_would_leave_are_refused(tmp_path, name, evil):
    archive, out = tmp_path / name, tmp_path / "out"
    WRITERS[name](archive, CONTENT | {evil: b"x"})
    out.mkdir()
    with pytest.raises(BadInput, match="unsafe member"):
        extract(archive, out, lambda _: None)
    assert files_in(out) == {}


def test_a_7z_member_that_would_leave_is_refused(tmp_path, monkeypatch):
    """py7zr refuses to write such an archive, so its check is lifted while the archive is made."""
    archive = tmp_path / "a.7z"
    monkeypatch.setattr(py7zr.py7zr, "check_archive_path", lambda name: True)
    write_7z(archive, {"../evil.txt": b"x"})
    monkeypatch.undo()
    with pytest.raises(BadInput, match="unsafe member"):
        extract(archive, tmp_path, lambda _: None)


@pytest.mark.parametrize(
    ("kind", "link"), [(tarfile.SYMTYPE, "../../etc/passwd"), (tarfile.LNKTYPE, "../x"), (tarfile.SYMTYPE, "/etc")]
)
def test_tar_links_that_lead_out_are_refused(tmp_path, kind, link):
    archive, out = tmp_path / "a.tar", tmp_path / "out"
    with tarfile.open(archive, "w") as tar:
        member = tarfile.TarInfo("link")
        member.type, member.linkname = kind, link
        tar.addfile(member)
    out.mkdir()
    with pytest.raises(BadInput, match="unsafe member"):
        extract(archive, out, lambda _: None)
    assert list(out.iterdir()) == []


def test_devices_and_zip_links_are_refused(tmp_path):
    with tarfile.open(tmp_path / "a.tar", "w") as tar:
        member = tarfile.TarInfo("device")
        member.type = tarfile.CHRTYPE
        tar.addfile(member)
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("link")
        info.external_attr = 0o120777 << 16
        archive.writestr(info, "/etc/passwd")
    for name in ("a.tar", "a.zip"):
        with pytest.raises(BadInput, match="unsafe member"):
            extracted_bytes(tmp_path / name)


@pytest.mark.parametrize("name", ["a.zip", "a.7z", "a.tar.gz"])
def test_a_bomb_is_refused_before_anything_is_written(tmp_path, monkeypatch, name):
    monkeypatch.setattr(archives, "MIN_LIMIT_BYTES", 1000)
    WRITERS[name](tmp_path / name, {"zeros": bytes(2_000_000)})
    with pytest.raises(BadInput, match="would expand to 2,000,000 bytes"):
        extract(tmp_path / name, tmp_path, lambda _: None)
    assert not (tmp_path / "zeros").exists()


@pytest.mark.parametrize("fraction", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("name", WRITERS)
def test_archives_cut_short_are_named(tmp_path, name, fraction):
    archive, out = tmp_path / name, tmp_path / "out"
    WRITERS[name](archive, CONTENT)
    content = archive.read_bytes()
    # the last 10 KB of a tar are padding: cut into the members
    archive.write_bytes(content[: int((5600 if name == "a.tar" else len(content)) * fraction)])
    out.mkdir()
    with pytest.raises(BadInput, match=rf"{name}.*damaged or cut short"):
        extract(archive, out, lambda _: None)


def test_a_flipped_bit_is_noticed(tmp_path):
    archive = tmp_path / "a.zip"
    write_zip(archive, CONTENT)
    content = bytearray(archive.read_bytes())
    content[len(content) // 2] ^= 1
    archive.write_bytes(content)
    with pytest.raises(BadInput, match="damaged"):
        extract(archive, tmp_path, lambda _: None)


def test_encrypted_7z_needs_its_password(tmp_path):
    archive, out = tmp_path / "a.7z", tmp_path / "out"
    write_7z(archive, CONTENT, password="secret")
    with pytest.raises(BadInput, match="encrypted"):
        extract(archive, tmp_path, lambda _: None)
    with pytest.raises(BadInput, match=r"a\.7z"):
        extract(archive, tmp_path, lambda _: None, password="wrong")
    out.mkdir()
    extract(archive, out, lambda _: None, password="secret")
    assert files_in(out) == CONTENT


def test_not_an_archive(tmp_path):
    path = tmp_path / "a.rar"
    path.write_bytes(b"Rar!")
    assert not is_archive(path)
    with pytest.raises(BadInput, match=r"expected one of \.zip, \.7z, \.tar"):
        extracted_bytes(path)


def test_a_check_sum_that_does_not_fit_is_noticed_before_anything_is_written(tmp_path):
    """gzip's stands at the very end, where nobody who takes out members comes by."""
    archive, out = tmp_path / "a.tar.gz", tmp_path / "out"
    out.mkdir()
    with gzip.open(archive, "wb", compresslevel=0) as file:  # stored, so that a changed byte is content and nothing else
        write_tar(tmp_path / "b.tar", CONTENT)
        file.write((tmp_path / "b.tar").read_bytes())
    content = bytearray(archive.read_bytes())
    content[len(content) // 4] ^= 1
    archive.write_bytes(content)
    with pytest.raises(BadInput, match=r"a\.tar\.gz: damaged"):
        extract(archive, out, lambda n: None)
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("damage", ["cut between two members", "a header that cannot be read", "a header of zeros"])
def test_a_tar_that_ends_early_is_no_shorter_one(tmp_path, damage):
    archive = tmp_path / "a.tar"
    write_tar(archive, {"one": b"1" * 600, "two": b"2" * 600})
    content = bytearray(archive.read_bytes())
    second = 512 + 1024  # behind the first header and its content
    if damage.startswith("cut"):
        del content[second:]
    elif damage.endswith("read"):
        content[second + 150] ^= 1  # in its check sum
    else:
        content[second : second + 512] = bytes(512)
    archive.write_bytes(content)
    with pytest.raises(BadInput, match=r"a\.tar: damaged"):
        extracted_bytes(archive)


@pytest.mark.parametrize("name", ["a.zip", "a.tar.gz", "a.7z"])
def test_what_cannot_be_opened_is_named(tmp_path, name):
    (tmp_path / name).mkdir()
    with pytest.raises(BadInput, match="cannot be opened"):
        extracted_bytes(tmp_path / name)
