"""The first run had secrets in its environment: nothing that it left holds one of them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.conftest import CANARIES
from tests.unsafe import beside_mlflows_examples

pytestmark = [pytest.mark.end_to_end, pytest.mark.timeout(1200)]


def files_below(folder: Path) -> Iterator[Path]:
    yield from (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())


def test_no_file_of_a_whole_run_holds_a_secret(first_run: tuple[Path, float]) -> None:
    """Logs, DVC's cache, MLflow's database and artifacts, Prefect's database with its logs: every byte."""
    secrets = [part.encode() for value in CANARIES.values() for part in value.split(":") if len(part) > 6]
    files = list(files_below(first_run[0]))
    assert {"mlflow.db", "prefect.db", "dvc.lock", "model.safetensors"} <= {path.name for path in files}
    found = [(path, secret) for path in files for content in (path.read_bytes(),) for secret in secrets if secret in content]
    assert not found


def test_no_file_of_a_whole_run_is_a_pickle(first_run: tuple[Path, float]) -> None:
    """But the state from which a training goes on, which is read as tensors alone and never leaves the machine, DVC's own
    bookkeeping of links, compiled code, and the tensors that MLflow's loader of archives asks for."""
    kept = {"checkpoint.pt"}
    files = [path for path in files_below(first_run[0]) if path.name not in kept and path.suffix not in (".pyc", ".nbi", ".nbc")]
    outputs = [path for path in files if not {".dvc", ".git"} & set(path.relative_to(first_run[0]).parts[:1])]
    assert [found for path in outputs for found in beside_mlflows_examples(path)] == []
