"""What a run, or the run of a registered version, holds of a result: model, predictions, parameters, figures and commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from tast.errors import TastError
from tast.tracking.figures import TEST_RMSE
from tast.tracking.registry import version_named
from tast.tracking.store import COMMIT_TAG, DIRTY_TAG, FOLD_TAG, GROUP_TAG, PARENT_TAG, UNKNOWN, open_store
from tast.tracking.versions import download_saved_model

PREDICTIONS = "predictions.parquet"  # artifact of a run


@dataclass(frozen=True)
class TrackedResult:
    """A published result, its files copied from the store.

    version: of which registered model. model: folder of the saved model. predictions: the table's file; None where the run has
    none. test_rmse: in percent SpO2, on its own test people. commit: of the code; None where none is on record; dirty: whether
    what was used differs from it.
    """

    run_id: str
    version: str
    model: Path
    predictions: Path | None
    params: Mapping[str, str]
    test_rmse: float | None
    commit: str | None
    dirty: bool


def result_of_run(run_id: str, target: Path, *, tracking_uri: str) -> TrackedResult:
    """The result of a run, its files in the folder `target`.

    Raises TastError where there is no such run, where it holds the means of folds and no model of its own, where no version is
    registered of it any more (the saved model lies with that), and where files are gone.
    """
    with open_store(tracking_uri) as client:
        run = client.get_run(run_id)
        if PARENT_TAG in run.data.tags:
            of_group = f"tags.`{GROUP_TAG}` = '{run.data.tags[PARENT_TAG]}'"
            folds = client.search_runs([run.info.experiment_id], of_group, order_by=[f"tags.`{FOLD_TAG}` ASC"])
            named = ", ".join(f"{one.info.run_id} (fold {one.data.tags[FOLD_TAG]})" for one in folds)
            raise TastError(f"run {run_id} holds the means of folds and no model; its runs are {named}")
        versions = client.search_model_versions(f"run_id = '{run_id}'")
        if not versions:
            raise TastError(
                f"run {run_id} has no registered version, with which its model would lie: publish it again "
                "(`python -m flows.publish`)"
            )
        return _result(client, min(versions, key=lambda one: int(one.version)), target)


def result_of_version(uri: str, target: Path, *, tracking_uri: str) -> TrackedResult:
    """The result that `models:/NAME@ALIAS` or `models:/NAME/VERSION` names, its files in the folder `target`.

    Raises TastError where the registry has no such version, or its run or files are gone.
    """
    with open_store(tracking_uri) as client:
        return _result(client, version_named(client, uri), target)


def _result(client: MlflowClient, version: ModelVersion, target: Path) -> TrackedResult:
    model = download_saved_model(client, version, target / "model")
    run = client.get_run(version.run_id)
    commit = run.data.tags.get(COMMIT_TAG, UNKNOWN)
    return TrackedResult(
        run_id=version.run_id, version=f"version {version.version} of {version.name}", model=model,
        predictions=_predictions(client, version.run_id, target), params=run.data.params,
        test_rmse=run.data.metrics.get(TEST_RMSE), commit=None if commit == UNKNOWN else commit,
        dirty=run.data.tags.get(DIRTY_TAG) != "false",
    )  # fmt: skip


def _predictions(client: MlflowClient, run_id: str, target: Path) -> Path | None:
    try:
        if PREDICTIONS not in {item.path for item in client.list_artifacts(run_id)}:
            return None
        return Path(client.download_artifacts(run_id, PREDICTIONS, str(target)))
    except (MlflowException, OSError) as error:
        raise TastError(f"the files of run {run_id} cannot be read: {str(error).splitlines()[0]}") from error


@dataclass(frozen=True)
class RunLine:
    """A published run as a list of runs has it. started: minutes of UTC. rmse: see TrackedResult. versions: registered of it, as
    "3 (champion)"."""

    run_id: str
    experiment_id: str
    name: str
    started: str
    rmse: float | None
    versions: tuple[str, ...]


def recent_runs(most: int, *, tracking_uri: str) -> list[RunLine]:
    """The newest runs of all experiments, newest first. Raises TastError where the store cannot be asked."""
    with open_store(tracking_uri) as client:
        experiments = [one.experiment_id for one in client.search_experiments()]
        runs = client.search_runs(experiments, max_results=most, order_by=["attributes.start_time DESC"])
        return [
            RunLine(
                run.info.run_id, run.info.experiment_id, run.info.run_name or run.info.run_id,
                datetime.fromtimestamp(run.info.start_time / 1000, UTC).strftime("%Y-%m-%d %H:%M"),
                run.data.metrics.get(TEST_RMSE),
                tuple(_named(client, one) for one in client.search_model_versions(f"run_id = '{run.info.run_id}'")),
            )
            for run in runs
        ]  # fmt: skip


def _named(client: MlflowClient, version: ModelVersion) -> str:
    aliases = client.get_model_version(version.name, version.version).aliases  # a search leaves them out
    return f"{version.version} ({', '.join(aliases)})" if aliases else str(version.version)
