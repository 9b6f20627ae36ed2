"""The MLflow store that a caller names: opened, its tables made once, its failures told in one line; and the names used in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import requests
from filelock import FileLock
from mlflow.entities import Metric, Param
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import SQLAlchemyError

from tast.errors import TastError, Unavailable
from tast.files import whole_file
from tast.redaction import without_secrets

CHAMPION, CHALLENGER = "champion", "challenger"
KEY_TAG, COMPLETE_TAG, COMMIT_TAG, DIRTY_TAG = "tast.key", "tast.complete", "tast.commit", "tast.dirty"
UNKNOWN = "unknown"  # commit and dirty where git knows none
TEST_TAG, PROTOCOL_TAG = "tast.test_digest", "tast.protocol"
COMPARISON_TAG, REPLACED_TAG, ROLLED_BACK_TAG = "tast.comparison", "tast.replaced_version", "tast.rolled_back"
GROUP_TAG, FOLD_TAG, PARENT_TAG = "tast.group", "tast.fold", "tast.parent_of"
MODEL_FILES = "model_files"
MOST_IN_BATCH = 100  # MLflow's limit for parameters and tags; for metrics it is higher
SQLITE = "sqlite:///"
PASSING = ("database is locked", "Max retries exceeded", "Connection refused", "Connection aborted")  # what MLflow says then
ANSWER_S = 5.0  # for a server to show that it is there


def initialise(tracking_uri: str) -> None:
    """Create the tables of a new SQLite store once, however many processes start at the same time; else a sign of life.

    A new file takes its name when all tables are there: MLflow cannot go on from where it was killed while it made them.
    """
    if not tracking_uri.startswith(SQLITE):
        _ask(tracking_uri)
        return
    database = Path(tracking_uri.removeprefix(SQLITE))
    database.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(database.with_name(f"{database.name}.lock")):
        if not database.exists():
            with whole_file(database) as part:
                _ask(f"{SQLITE}{part}")
        _ask(tracking_uri)


def _ask(tracking_uri: str) -> None:
    if tracking_uri.startswith(("http://", "https://")):
        _require_answer(tracking_uri)
    MlflowClient(tracking_uri, tracking_uri).search_experiments(max_results=1)


def _require_answer(server: str) -> None:
    """Of any kind: where there is none, MLflow itself would try again for four minutes."""
    try:
        requests.get(f"{server.rstrip('/')}/health", timeout=ANSWER_S)
    except (requests.RequestException, ValueError) as error:
        raise Unavailable(
            f"MLFLOW_TRACKING_URI={server} does not answer ({type(error).__name__}): start that server, or unset the variable: "
            "runs then go to a file in .tast/mlflow"
        ) from None


def experiment_page(tracking_uri: str, name: str) -> str:
    """What stands behind the address of MLflow's page for it to show an experiment's runs, or all experiments before the first.

    It says that they are runs of models: without, MLflow 3 opens on traces of agents, until somebody has chosen in that browser.
    """
    with open_store(tracking_uri) as client:
        known = client.get_experiment_by_name(name)
    return f"#/experiments{f'/{known.experiment_id}/runs' if known else ''}?workflowType=machine_learning"


@contextmanager
def open_store(tracking_uri: str) -> Iterator[MlflowClient]:
    """A client of the store; what MLflow or its database raises inside the block leaves it as one line (TastError)."""
    try:
        initialise(tracking_uri)
        yield MlflowClient(tracking_uri=tracking_uri, registry_uri=tracking_uri)
    except (MlflowException, SQLAlchemyError, ModuleNotFoundError) as error:  # the last: a database whose driver is not here
        line = f"MLflow at {tracking_uri}: {str(error).splitlines()[0]}"
        raise (Unavailable if any(one in str(error) for one in PASSING) else TastError)(line) from error


def aliased(client: MlflowClient, model_name: str, alias: str) -> ModelVersion | None:
    """The version of a registered model that carries an alias; None where there is no such alias or no such model."""
    models = client.search_registered_models(f"name = '{model_name}'")
    known = client.get_registered_model(model_name).aliases if models else {}
    return client.get_model_version(model_name, str(known[alias])) if alias in known else None


@contextmanager
def alone_in(tracking_uri: str, what: str) -> Iterator[None]:
    """Nobody else does `what` in the same SQLite file meanwhile: whoever would waits. A server has no such lock to offer."""
    database = Path(tracking_uri.removeprefix(SQLITE)) if tracking_uri.startswith(SQLITE) else None
    with FileLock(database.with_name(f"{database.name}.{what}.lock")) if database else nullcontext():
        yield


@dataclass(frozen=True)
class Title:
    """Who holds the title of champion of a registered model (None: nobody), and the way to give it to another version."""

    client: MlflowClient
    model_name: str
    champion: str | None

    def give_to(self, version: str) -> None:
        """Raises TastError where, right before or right after, somebody else has given it to another."""
        self._require(self.champion)
        self.client.set_registered_model_alias(self.model_name, CHAMPION, version)
        self._require(version)

    def _require(self, expected: str | None) -> None:
        holder = aliased(self.client, self.model_name, CHAMPION)
        current = str(holder.version) if holder else None
        if current != expected:
            raise TastError(
                f"the champion of {self.model_name} changed from {self.champion} to {current} meanwhile: compare again"
            )


@contextmanager
def championship(client: MlflowClient, model_name: str, tracking_uri: str) -> Iterator[Title]:
    """Hold the title still, from looking at it to giving it away.

    Of a SQLite file nobody else can change it meanwhile, since whoever does takes the same lock. MLflow's server has no lock to
    offer, nor an alias that is set only if it still is what it was: there the title is read again right before and right after it
    is given, so that of two who do so within a moment, at least the one who is overruled before it has looked again raises.
    """
    with alone_in(tracking_uri, "champion"):
        holder = aliased(client, model_name, CHAMPION)
        yield Title(client, model_name, str(holder.version) if holder else None)


def log_values(client: MlflowClient, run_id: str, metrics: Sequence[Metric], params: Sequence[Param]) -> None:
    """Log any number of metrics and parameters, without secrets; MLflow drops an exact repetition."""
    params = [Param(one.key, without_secrets(one.value)) for one in params]
    for start in range(0, max(len(metrics), len(params)), MOST_IN_BATCH):
        part = slice(start, start + MOST_IN_BATCH)
        client.log_batch(run_id, metrics=metrics[part], params=params[part])
