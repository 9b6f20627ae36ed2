"""Where MLflow keeps what is published; apart from publishing, so that who asks for the place alone imports no network."""

from __future__ import annotations

import os

from flows import STATE

MLFLOW_PAGE = "TAST_MLFLOW_URL"  # environment: where browsers reach MLflow's page, for links to it
ARTIFACTS = STATE / "mlflow" / "artifacts"


def tracking_uri() -> str:
    """MLFLOW_TRACKING_URI where it is set, else a SQLite file inside the project (an absolute path: the default depends on the
    working directory)."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{STATE / 'mlflow' / 'mlflow.db'}"


def mlflow_page_url() -> str | None:
    """Where browsers reach MLflow's page: as MLFLOW_PAGE says, else the tracking server's own; None where it is neither."""
    uri = os.environ.get(MLFLOW_PAGE) or tracking_uri()
    return uri.rstrip("/") if uri.startswith(("http://", "https://")) else None


def artifact_root() -> str | None:
    """Where a new experiment keeps its artifacts: MLFLOW_DEFAULT_ARTIFACT_ROOT where it is set (s3://bucket/folder), else where
    MLflow's server says (None), else, without a server, a folder inside the project."""
    if given := os.environ.get("MLFLOW_DEFAULT_ARTIFACT_ROOT"):
        return given
    return None if tracking_uri().startswith(("http://", "https://")) else ARTIFACTS.as_uri()
