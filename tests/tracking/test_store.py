"""A store whose making was killed: nothing of it under its name, and the next start makes it."""

from __future__ import annotations

import socket
import sqlite3
import subprocess
import sys
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from tast.errors import TastError
from tast.tracking.store import initialise

SOME_TABLES = 8  # of more than forty


def n_tables(folder: Path) -> int:
    """Tables of the database that is being made, beside its name; 0 where it cannot be read at this moment."""
    counts = [0]
    for file in folder.glob("*.mlflow.db.*.part"):
        with suppress(sqlite3.Error), closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=0.05)) as database:
            counts.append(database.execute("SELECT count(*) FROM sqlite_master WHERE type = 'table'").fetchone()[0])
    return max(counts)


def test_killed_while_it_makes_the_tables_the_next_start_makes_them(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    program = f"from tast.tracking.store import initialise; initialise({uri!r})"
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        while n_tables(tmp_path) < SOME_TABLES:
            assert process.poll() is None
            time.sleep(0.01)
        process.kill()
    assert not (tmp_path / "mlflow.db").exists()
    initialise(uri)
    assert [one.name for one in MlflowClient(uri, uri).search_experiments()] == ["Default"]


def test_a_server_that_does_not_answer_is_one_line_at_once():
    """MLflow itself tries for four minutes."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{probe.getsockname()[1]}"  # bound, but nobody listens
        begun_s = time.monotonic()
        with pytest.raises(TastError, match=f"MLFLOW_TRACKING_URI={address} does not answer .* or unset the variable"):
            initialise(address)
    assert time.monotonic() - begun_s < 10
