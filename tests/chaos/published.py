"""What an MLflow store holds, less what is another in each: identifiers, times, and files that name them."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

NAMES_AN_ID = {"MLmodel", "registered_model_meta"}
QUERIES = {
    "runs": "select count(*), status from runs where lifecycle_stage = 'active' group by status",
    "metrics": "select key, step, value from metrics where key not like 'system/%' order by 1, 2, 3",
    "params": "select key, value from params order by 1, 2",
    "versions": "select name, version from model_versions order by 1, 2",
    "titles": "select name, alias, version from registered_model_aliases order by 1, 2",
    "complete": "select key, value from tags where key = 'tast.complete'",
}


def summary(store: Path) -> dict[str, Any]:
    """Runs by status, metrics, parameters, versions and titles; digests of the published files by name, each once."""
    with closing(sqlite3.connect(store / "mlflow.db")) as database:
        found: dict[str, Any] = {name: database.execute(query).fetchall() for name, query in QUERIES.items()}
    files = [one for one in (store / "artifacts").rglob("*") if one.is_file() and one.name not in NAMES_AN_ID]
    found["files"] = sorted({f"{one.name} {hashlib.sha256(one.read_bytes()).hexdigest()}" for one in files if one.suffix in KEPT})
    return dict(json.loads(json.dumps(found)))


KEPT = {".parquet", ".safetensors", ".html", ".png"}  # what the stages made
