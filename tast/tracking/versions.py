"""The files of a registered version: it carries the saved model, weights and card, that its service reads videos with."""

from __future__ import annotations

from pathlib import Path

import mlflow.artifacts
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.tracking import MlflowClient

from tast.errors import TastError
from tast.tracking import SAVED_MODEL
from tast.tracking.store import MODEL_FILES


def download_saved_model(client: MlflowClient, version: ModelVersion, target: Path) -> Path:
    """Copy the saved model that a registered version serves into the folder `target` and say where it lies.

    A version that an earlier release registered is a network alone, and its saved model lies with its run. Raises TastError where
    neither is to be had.
    """
    target.mkdir(parents=True, exist_ok=True)
    name = f"version {version.version} of {version.name}"
    try:
        source = str(client.get_model_version_download_uri(version.name, str(version.version)))
        described = Model.load(_download(client, f"{source}/MLmodel", target))
        artifacts = described.flavors.get("python_function", {}).get("artifacts") or {}
        if SAVED_MODEL in artifacts:
            return Path(_download(client, f"{source}/{artifacts[SAVED_MODEL]['path']}", target))
    except (MlflowException, OSError) as error:
        raise TastError(f"the files of {name} cannot be read: {_first_line(error)}") from error
    try:
        return Path(client.download_artifacts(version.run_id, MODEL_FILES, str(target)))
    except (MlflowException, OSError) as error:
        raise TastError(
            f"{name} is of an earlier release, and its run has no saved model any more ({_first_line(error)}): publish it again"
        ) from error


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]


def _download(client: MlflowClient, uri: str, target: Path) -> str:
    return str(mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(target), tracking_uri=client.tracking_uri))
