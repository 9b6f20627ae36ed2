"""Folds: runs that differ in the tested fold only hang under one parent run, which carries their means and deviations."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from typing import Any

from mlflow.entities import Metric, Param, Run
from mlflow.tracking import MlflowClient
from mlflow.utils.mlflow_tags import MLFLOW_PARENT_RUN_ID, MLFLOW_RUN_NOTE

from tast.tracking.figures import is_score
from tast.tracking.store import COMPLETE_TAG, FOLD_TAG, GROUP_TAG, PARENT_TAG, log_values

NOTE = "Means over the folds published so far (`folds`), each scored on its own test set; `_sd`: deviation between folds."


def gather(client: MlflowClient, experiment_id: str, group: str, name: str, params: Mapping[str, Any]) -> str | None:
    """Hang the finished runs of a group under their parent, made where there are two folds or more, and renew its figures.

    Returns the parent's run id, or None where there is none. It is a function of the runs: gathering again changes nothing.
    name, params: of a parent that is made.
    """
    runs = _search(client, experiment_id, f"tags.`{GROUP_TAG}` = '{group}' AND tags.`{COMPLETE_TAG}` = 'true'")
    newest = {run.data.tags[FOLD_TAG]: run for run in runs}
    if len(newest) < 2:
        return None
    known = _search(client, experiment_id, f"tags.`{PARENT_TAG}` = '{group}'")
    tags = {PARENT_TAG: group, MLFLOW_RUN_NOTE: NOTE}
    parent = known[0] if known else client.create_run(experiment_id, run_name=name, tags=tags)
    for run in runs:
        if run.data.tags.get(MLFLOW_PARENT_RUN_ID) != parent.info.run_id:
            client.set_tag(run.info.run_id, MLFLOW_PARENT_RUN_ID, parent.info.run_id)
    _renew(client, parent, over_folds([run.data.metrics for run in newest.values()]), params)
    return str(parent.info.run_id)


def over_folds(scores: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Mean and, as NAME_sd, the standard deviation (n - 1) of each score `method/score` over the folds that have it.

    Counts (`method/n_...`), intervals and curves are no scores: a mean of theirs says nothing.
    """
    summary: dict[str, float] = {"folds": len(scores)}
    for name in sorted({name for one in scores for name in one if is_score(name)}):
        values = [one[name] for one in scores if name in one]
        summary[name] = statistics.fmean(values)
        if len(values) > 1:
            summary[f"{name}_sd"] = statistics.stdev(values)
    return summary


def _renew(client: MlflowClient, parent: Run, scores: Mapping[str, float], params: Mapping[str, Any]) -> None:
    now_ms = int(time.time() * 1000)  # of two values at one step, MLflow shows the later
    metrics = [Metric(name, value, now_ms, 0) for name, value in scores.items() if parent.data.metrics.get(name) != value]
    missing = [Param(name, str(value)) for name, value in params.items() if name not in parent.data.params]
    log_values(client, parent.info.run_id, metrics, missing)
    if parent.info.status != "FINISHED":
        client.set_terminated(parent.info.run_id)


def _search(client: MlflowClient, experiment_id: str, condition: str) -> list[Run]:
    return list(client.search_runs([experiment_id], condition, order_by=["attributes.start_time ASC"]))
