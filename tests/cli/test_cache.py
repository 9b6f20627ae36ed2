"""`tast cache`: what is damaged is named, what is worn goes, and what somebody uses stays."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from tast.cli.main import app
from tast.errors import TastError
from tast.preprocessing.cache import ItemCache
from tast.preprocessing.cache_lock import used
from tests.preprocessing.test_cache import KEY, made
from tests.training.synthetic import write_store

OLD, NEW = KEY, "cd" * 32
NO_PROCESS = 2**22 + 1  # beyond the largest number that Linux gives
run = CliRunner()


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two entries, one of them unused for 40 days, and clips that are kept for a table."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("TAST_CACHE", raising=False)
    items = ItemCache(Path(".tast/cache"))
    for key in (OLD, NEW):
        items.get_or_compute(key, "r", made)
    before = time.time() - 40 * 86400
    os.utime(place(OLD, "json"), (before, before))
    write_store(Path(".tast/table/clips-1"), seed=0, subjects=1, clips=1)
    return tmp_path


def place(key: str, suffix: str) -> Path:
    return Path(".tast/cache") / key[:2] / f"{key}.{suffix}"


def facts(*arguments: str, code: int = 0) -> dict:
    done = run.invoke(app, ["cache", *arguments, "--json"])
    assert done.exit_code == code, done.output
    return json.loads(done.stdout)


def test_what_is_sound_is_counted_and_what_is_damaged_is_named() -> None:
    assert (facts("verify")["kept"], facts("verify")["damaged"]) == (3, [])
    turned = bytearray(place(NEW, "npy").read_bytes())
    turned[500] ^= 1
    place(NEW, "npy").write_bytes(turned)
    clip = next(Path(".tast/table/clips-1").glob("*.npy"))
    np.save(clip, np.load(clip) + 1)
    damaged = facts("verify", code=1)["damaged"]
    assert [one["wrong"] for one in damaged] == [
        f"{NEW}.npy: its bytes are not those that were written", f"{clip.name}: its bytes are not those that were written"
    ]  # fmt: skip
    lines = run.invoke(app, ["cache", "verify"])
    assert lines.exit_code == 1 and lines.stdout.splitlines()[-1].startswith(".tast/cache: 3 kept, ")
    assert [one["name"] for one in facts("gc")["worn"]] == [OLD, NEW, ".tast/table/clips-1"]
    assert not place(NEW, "json").exists() and not clip.exists()


def test_what_is_unused_for_long_goes_and_a_dry_run_only_says_so() -> None:
    half = place(OLD, "npy").with_name(f".x.npy.{NO_PROCESS}.part")
    half.touch()
    half.with_name(f".x.npy.{os.getpid()}.part").touch()
    worn = [OLD, half.name]
    assert [one["name"] for one in facts("gc", "--dry-run")["worn"]] == worn and half.exists()
    assert [one["name"] for one in facts("gc")["worn"]] == worn and not half.exists()
    assert not place(OLD, "npy").exists() and place(NEW, "json").exists()
    assert facts("gc", "--unused-days", "41")["worn"] == []


def test_a_use_renews_an_entry_and_a_link_keeps_it() -> None:
    ItemCache(Path(".tast/cache")).get_or_compute(OLD, "r", lambda: pytest.fail("it is there"))
    assert facts("gc")["worn"] == []
    os.utime(place(OLD, "json"), (0, 0))
    ItemCache(Path(".tast/cache")).materialise(OLD, Path("data/clips/r.npy"))
    linked = place(OLD, "npy").stat().st_nlink > 1  # a file system with reflinks needs none
    assert [one["name"] for one in facts("gc", "--dry-run")["worn"]] == ([] if linked else [OLD])


def test_while_a_run_uses_it_nothing_goes() -> None:
    with used(Path(".tast/cache")):
        error = run.invoke(app, ["cache", "gc"]).exception
        assert isinstance(error, TastError) and "a run is using this cache" in str(error)
        assert facts("verify")["kept"] == 3
    assert place(OLD, "json").exists()
