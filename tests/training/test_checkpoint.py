"""A checkpoint that a disk has no room for, or whose bytes are others than those that were written."""

from __future__ import annotations

import resource
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import torch

from tast.errors import TastError, disk_errors_named
from tast.training.checkpoint import CHECKPOINT, load_checkpoint, save_checkpoint

CONTENT = {"weight": torch.arange(5000.0)}


@contextmanager
def largest_file(n_bytes: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, handler)


def test_without_room_the_error_names_the_file_and_the_last_one_stays(tmp_path: Path) -> None:
    save_checkpoint(tmp_path, {"weight": torch.zeros(3)}, facts={})
    before = (tmp_path / CHECKPOINT).read_bytes()
    with pytest.raises(TastError, match=r"checkpoint\.pt: file too large"), disk_errors_named(), largest_file(4000):
        save_checkpoint(tmp_path, CONTENT, facts={})
    assert (tmp_path / CHECKPOINT).read_bytes() == before and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("at", [10, 9000, -1])
def test_of_a_turned_bit_and_of_a_half_file_nothing_is_believed(
    tmp_path: Path, at: int, caplog: pytest.LogCaptureFixture
) -> None:
    save_checkpoint(tmp_path, CONTENT, facts={})
    path = tmp_path / CHECKPOINT
    found = load_checkpoint(tmp_path, facts={})
    assert found is not None and torch.equal(found["weight"], CONTENT["weight"])
    sound = bytearray(path.read_bytes())
    sound[at] ^= 1
    for damaged in (bytes(sound), bytes(sound)[:at]):
        path.write_bytes(damaged)
        assert load_checkpoint(tmp_path, facts={}) is None
        assert "checkpoint.pt is damaged" in caplog.text
        caplog.clear()
