"""Publishing: what DVC's files hold, projected into an MLflow run and a version of the registered model."""

from __future__ import annotations

import json
import math
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import torch
from mlflow.entities import (
    Dataset,
    DatasetInput,
    InputTag,
    LoggedModel,
    LoggedModelOutput,
    LoggedModelStatus,
    Metric,
    Param,
    Run,
    RunTag,
)
from mlflow.entities.model_registry import ModelVersion
from mlflow.models import Model, ModelSignature
from mlflow.tracking import MlflowClient
from mlflow.types import Schema, TensorSpec
from mlflow.utils.mlflow_tags import MLFLOW_GIT_COMMIT, MLFLOW_RUN_NOTE, MLFLOW_SOURCE_NAME

from tast.errors import TastError
from tast.tracking.figures import CURVES, figures
from tast.tracking.folds import gather
from tast.tracking.lock import PLACES, Fold, fold_of, run_params, stage_key
from tast.tracking.serving import description, save_video_model
from tast.tracking.store import (
    CHALLENGER,
    COMMIT_TAG,
    COMPLETE_TAG,
    DIRTY_TAG,
    FOLD_TAG,
    GROUP_TAG,
    KEY_TAG,
    PROTOCOL_TAG,
    TEST_TAG,
    UNKNOWN,
    alone_in,
    log_values,
    open_store,
)

EXPORT, VIDEO_MODEL = "model", "video_model"  # names of what is logged: the network alone, and the service, which is registered
EXPERIMENT = {  # tags: what MLflow's page of it is to show first (runs, not traces of agents), and its description
    "mlflow.experimentKind": "custom_model_development",
    MLFLOW_RUN_NOTE: "Each run is one reproduction of the pipeline, made from DVC's files; docs/registry.md says what is what.",
}
MODEL_TAGS = {"task": "regression", "input": "video of a face", "output": "SpO2 (%) per second"}
CARD, RECORDINGS = "model_card.md", "evaluation/recordings.json"  # artifacts: the card, and the table by recording
DIGEST_LENGTH = 36  # most characters of a data set's digest
CALLBACK = "mlflow.pytorch._lightning_autolog"
FOLDS_DIFFER = {"split.fold", *PLACES}  # parameters in which the runs of one group may differ


@dataclass(frozen=True)
class Publication:
    """What one reproduction of the pipeline made, read from its files.

    dvc_lock: text of dvc.lock, which has the parameters as well. metrics: content of scores.json. card: the model's, as Markdown
    (tast.tracking.model_card). recordings: the test's, one a row (tast.tracking.figures.by_recording).
    history: epoch, then one column per curve. system_metrics: time_ms (since 1970), then one column per metric, named as MLflow's
    monitor names them, sampled during training; None where that was elsewhere. artifacts: files and folders to keep with the run.
    model_folder: the saved model. model, input_example: that model, loaded and in evaluation mode, and an input (B >= 2, ...)
    float32 to export it with. pip_requirements: what loading the export needs. serving_requirements: what the code of the service
    needs (tast.tracking.requirements). example_video: content of a video that the service answers to.
    dataset, dataset_digest: name, and DVC's digest of the clips (at most 36 characters).
    commit, dirty: the code's git commit, and whether what was used differs from it (tast.code_version); None where git knows
    none.
    """

    experiment: str
    model_name: str
    dvc_lock: str
    metrics: Mapping[str, Any]
    card: str
    recordings: pd.DataFrame
    history: pd.DataFrame
    system_metrics: pd.DataFrame | None
    artifacts: Sequence[Path]
    model_folder: Path
    model: torch.nn.Module
    input_example: np.ndarray
    pip_requirements: Sequence[str]
    serving_requirements: Sequence[str]
    example_video: bytes
    dataset: str
    dataset_digest: str
    commit: str | None
    dirty: bool | None

    def __post_init__(self) -> None:
        if len(self.input_example) < 2:
            raise ValueError("input_example needs a batch of 2 or more: the export would freeze a batch of 1")


@dataclass(frozen=True)
class Published:
    """Where a publication is: run, experiment, version of the registered model; created: whether this call made them."""

    run_id: str
    experiment_id: str
    version: str
    created: bool


def publish(publication: Publication, *, tracking_uri: str, artifact_root: str | None) -> Published:
    """Find or make the run and the model version of this publication, and name that version the challenger.

    Publishing the same key again changes nothing, except that a clean commit takes the place of a dirty or unknown one. What an
    interrupted publish left is completed. Runs that differ only in split.fold hang under one parent, which has their means.
    artifact_root: where a new experiment keeps its artifacts (folder or URI); None: where MLflow's server keeps them.
    """
    key, fold = stage_key(publication.dvc_lock), fold_of(publication.dvc_lock)
    with open_store(tracking_uri) as client, alone_in(tracking_uri, "publish"):
        experiment_id = _experiment(client, publication.experiment, artifact_root)
        run = _find_run(client, experiment_id, key)
        created = run is None or COMPLETE_TAG not in run.data.tags
        if run is None:
            name = f"{publication.dataset}-fold{fold.number}-{key[:8]}"
            tags = {
                MLFLOW_RUN_NOTE: publication.card,
                MLFLOW_SOURCE_NAME: "dvc repro",
                KEY_TAG: key,
                GROUP_TAG: fold.group,
                FOLD_TAG: str(fold.number),
                **_origin(publication),
            }
            run = client.create_run(experiment_id, run_name=name, tags=tags)
        if created:
            _log_files(client, run, publication)
            _log_export(client, run, publication)
            _register(client, run, publication, key)
            client.set_tag(run.info.run_id, COMPLETE_TAG, "true")
            client.set_terminated(run.info.run_id)
        version = _version_of_key(client, publication.model_name, key)
        if version is None:
            raise TastError(
                f"run {run.info.run_id} is complete but {publication.model_name} has no version of it: delete that run"
            )
        if not created and run.data.tags.get(DIRTY_TAG) != "false" and publication.dirty is False:
            client.log_batch(run.info.run_id, tags=[RunTag(*tag) for tag in _origin(publication).items()])
            for tag in _origin(publication).items():
                client.set_model_version_tag(version.name, str(version.version), *tag)
        client.set_registered_model_alias(publication.model_name, CHALLENGER, str(version.version))
        _gather_folds(client, experiment_id, publication, fold)
        return Published(run.info.run_id, experiment_id, str(version.version), created)


def _experiment(client: MlflowClient, name: str, artifact_root: str | None) -> str:
    known = client.get_experiment_by_name(name)
    if known is None:
        return str(client.create_experiment(name, artifact_location=artifact_root, tags=EXPERIMENT))
    for tag, value in EXPERIMENT.items():
        if tag not in known.tags:  # an earlier release's; what a team has written stays
            client.set_experiment_tag(known.experiment_id, tag, value)
    return str(known.experiment_id)


def _find_run(client: MlflowClient, experiment_id: str, key: str) -> Run | None:
    runs = client.search_runs(
        [experiment_id], f"tags.`{KEY_TAG}` = '{key}'", order_by=["attributes.start_time ASC"], max_results=1
    )
    return runs[0] if runs else None


def _origin(publication: Publication) -> dict[str, str]:
    dirty = UNKNOWN if publication.dirty is None else str(publication.dirty).lower()
    shown = {} if publication.commit is None else {MLFLOW_GIT_COMMIT: publication.commit}  # where MLflow's page looks for it
    return {COMMIT_TAG: publication.commit or UNKNOWN, DIRTY_TAG: dirty, **shown}


def _gather_folds(client: MlflowClient, experiment_id: str, publication: Publication, fold: Fold) -> None:
    name = f"{publication.dataset}-folds-{fold.group[:8]}"
    shared = {key: value for key, value in run_params(publication.dvc_lock).items() if key not in FOLDS_DIFFER}
    parent_id = gather(client, experiment_id, fold.group, name, shared)
    if parent_id is not None:
        _log_data(client, parent_id, publication)


def _log_data(client: MlflowClient, run_id: str, publication: Publication) -> None:
    """The clips by DVC's digest, and the seconds that were tested by theirs."""
    test = publication.metrics["test"]
    counts = {name: test[name] for name in ("n_subjects", "n_records", "n_seconds") if name in test}
    data = {
        "training": (publication.dataset, publication.dataset_digest, {}),
        "evaluation": (f"{publication.dataset}-test", publication.metrics["test_digest"][:DIGEST_LENGTH], counts),
    }
    source = json.dumps({"tags": {"dataset": publication.dataset, "protocol": publication.metrics["protocol"]}})
    inputs = [
        DatasetInput(
            Dataset(name=name, digest=digest, source_type="code", source=source, profile=json.dumps(profile)),
            [InputTag("mlflow.data.context", context)],
        )
        for context, (name, digest, profile) in data.items()
    ]
    client.log_inputs(run_id, inputs)


def _log_files(client: MlflowClient, run: Run, publication: Publication) -> None:
    """Numbers, parameters, data and files; MLflow drops an exact repetition, so an interrupted publish can start over."""
    run_id, when = run.info.run_id, run.info.start_time
    curves = publication.history.set_index("epoch")
    steps = [(CURVES[str(name)], value, int(epoch)) for name, curve in curves.items() for epoch, value in curve.items()]
    metrics = [Metric(name, float(value), when, step) for name, value, step in steps if math.isfinite(value)]
    metrics += [Metric(name, value, when, 0) for name, value in figures(publication.metrics).items()]
    params = [Param(name, str(value)) for name, value in run_params(publication.dvc_lock).items()]
    log_values(client, run_id, metrics + _system_metrics(publication), params)
    _log_data(client, run_id, publication)
    client.log_text(run_id, publication.card, CARD)
    if RECORDINGS not in {one.path for one in client.list_artifacts(run_id, Path(RECORDINGS).parent.name)}:
        client.log_table(run_id, publication.recordings, RECORDINGS)  # to one that is there it would add
    for path in publication.artifacts:
        (client.log_artifacts if path.is_dir() else client.log_artifact)(run_id, str(path), path.name if path.is_dir() else None)


def _system_metrics(publication: Publication) -> list[Metric]:
    """With the times of the training itself, under the prefix that MLflow's page has a tab for."""
    if publication.system_metrics is None:
        return []
    table = publication.system_metrics.set_index("time_ms")
    return [
        Metric(f"system/{name}", float(value), int(time_ms), step)
        for name, column in table.items()
        for step, (time_ms, value) in enumerate(column.items())
        if math.isfinite(value)
    ]


def _register(client: MlflowClient, run: Run, publication: Publication, key: str) -> None:
    """What people use: video in, SpO2 out. The export stays with the run."""
    name = publication.model_name
    if not client.search_registered_models(f"name = '{name}'"):
        client.create_registered_model(name, tags=MODEL_TAGS, description=description())
    if _version_of_key(client, name, key) is None:
        service = _log_video_model(client, run, publication)
        tags = {KEY_TAG: key, PROTOCOL_TAG: publication.metrics["protocol"], TEST_TAG: publication.metrics["test_digest"]}
        tags |= _origin(publication)
        _score_model(client, run, publication, service)
        # by its place, not as models:/<id>: that MLflow looks up in the store of the process, which need not be this one
        client.create_model_version(
            name, service.artifact_location, run.info.run_id, tags=tags, model_id=service.model_id, description=publication.card
        )


def _score_model(client: MlflowClient, run: Run, publication: Publication, model: LoggedModel) -> None:
    """The run's figures on the logged model too, with what they are of: its versions then compare on one page."""
    of_test = {
        "model_id": model.model_id, "dataset_name": f"{publication.dataset}-test",
        "dataset_digest": publication.metrics["test_digest"][:DIGEST_LENGTH],
    }  # fmt: skip
    when = run.info.start_time
    scored = [Metric(name, value, when, 0, **of_test) for name, value in figures(publication.metrics).items()]
    log_values(client, run.info.run_id, scored, [])


def _log_export(client: MlflowClient, run: Run, publication: Publication) -> LoggedModel:
    """Log the network as torch.export's pt2, with a free batch size.

    What mlflow.pytorch.log_model does, less its process-wide active run and less the example inputs it keeps as JSON: 17 MB for
    clips of 32x32 pixels, over 200 MB for 128x128.
    """

    def write(folder: Path, described: Model) -> None:
        example = publication.input_example.astype(np.float32)
        with torch.no_grad():
            output = publication.model(torch.from_numpy(example)).numpy()
        shapes = ({"type": array.dtype, "shape": (-1, *array.shape[1:])} for array in (example, output))
        signature = ModelSignature(*(Schema([TensorSpec(**shape)]) for shape in shapes))
        _mlflow_pytorch().save_model(
            publication.model, str(folder), mlflow_model=described, signature=signature, input_example=example,
            pip_requirements=list(publication.pip_requirements), serialization_format="pt2",
        )  # fmt: skip
        _drop_example_files(folder)

    return _logged(client, run, EXPORT, write, {}, {})


def _mlflow_pytorch() -> ModuleType:
    """mlflow.pytorch without its callback for Lightning's trainer, which nobody here asks for.

    Importing that one would import all of Lightning, for seconds, and give the root logger a handler that silences all but
    errors. Where it cannot be imported, mlflow.pytorch goes without it.
    """
    hidden = CALLBACK not in sys.modules
    if hidden:
        sys.modules[CALLBACK] = None  # type: ignore[assignment]  # Python's way to say: not to be imported
    try:
        import mlflow.pytorch

        return mlflow.pytorch
    finally:
        if hidden:
            del sys.modules[CALLBACK]


def _log_video_model(client: MlflowClient, run: Run, publication: Publication) -> LoggedModel:
    """Log the saved model as a service that takes videos (tast.tracking.serving)."""

    def write(folder: Path, described: Model) -> None:
        save_video_model(folder, publication.model_folder, described, publication.serving_requirements, publication.example_video)

    params = {
        name: str(value) for name, value in run_params(publication.dvc_lock).items() if name.startswith(("train.", "split."))
    }
    return _logged(client, run, VIDEO_MODEL, write, params, {MLFLOW_RUN_NOTE: publication.card, **MODEL_TAGS})


def _logged(
    client: MlflowClient,
    run: Run,
    name: str,
    write: Callable[[Path, Model], None],
    params: Mapping[str, str],
    tags: Mapping[str, str],
) -> LoggedModel:
    """The run's model of that name; written and logged where an interrupted publish has not done it."""
    mine = f"source_run_id = '{run.info.run_id}' AND name = '{name}'"
    known = client.search_logged_models([run.info.experiment_id], mine)
    for model in known:
        if model.status == LoggedModelStatus.READY:
            return model
    logged = client.create_logged_model(
        run.info.experiment_id, name=name, source_run_id=run.info.run_id, params=dict(params), tags=dict(tags)
    )
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / name
        write(folder, Model(run_id=run.info.run_id, model_id=logged.model_id))
        client.log_model_artifacts(logged.model_id, str(folder))
    client.log_outputs(run.info.run_id, [LoggedModelOutput(logged.model_id, step=0)])
    return client.finalize_logged_model(logged.model_id, LoggedModelStatus.READY)


def _drop_example_files(folder: Path) -> None:
    """Those inside of the archive stay: MLflow reads no archive without, and none whose are more than tensors."""
    for example in folder.glob("*input_example.json"):
        example.unlink()
    described = Model.load(str(folder))
    described.saved_input_example_info = None
    described.model_size_bytes = sum(
        file.stat().st_size for file in folder.rglob("*") if file.is_file() and file.name != "MLmodel"
    )
    described.save(str(folder / "MLmodel"))


def _version_of_key(client: MlflowClient, model_name: str, key: str) -> ModelVersion | None:
    found = client.search_model_versions(f"name = '{model_name}' and tags.`{KEY_TAG}` = '{key}'")
    return min(found, key=lambda version: int(version.version)) if found else None
