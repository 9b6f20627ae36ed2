"""Text, JSON and YAML that nobody can take up are named, and never read without an end."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ruamel.yaml.error import YAMLError

from tast.errors import BadInput
from tast.texts import bounded_bytes, read_json, read_text
from tast.yaml_text import yaml_of


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"[" * 100_000, "lists within lists"),
        (b"[" + b"9" * 5000 + b"]", "thousands of digits"),
        (b"{", "not JSON"),
        (b"\xff\xfe{\x00}\x00", "not UTF-8"),
        (b"", "not JSON"),
    ],
)
def test_json_that_cannot_be_taken_up(content: bytes, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(content)
    with pytest.raises(BadInput, match=rf"a\.json: .*{said}"):
        read_json(tmp_path / "a.json")


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b'\xef\xbb\xbf{"a": 1}')
    assert read_json(tmp_path / "a.json") == {"a": 1}


def test_a_file_of_ten_gigabytes_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "a.csv").touch()
    os.truncate(tmp_path / "a.csv", 10 * 10**9)
    with pytest.raises(BadInput, match="larger than 1,000 bytes"):
        bounded_bytes(tmp_path / "a.csv", "a table", 1000)


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    with pytest.raises(BadInput, match="no plain file"):
        read_text(tmp_path / "a.csv", "a table")


@pytest.mark.parametrize("text", ["[" * 100_000, "- " * 100_000, "a: 2020-13-45", "? [a]\n: 1\n? {b: 1}\n: 2", b"\xff", "{"])
def test_yaml_that_is_none_is_one_kind_of_error(text: str | bytes) -> None:
    with pytest.raises(YAMLError):
        yaml_of(text)
