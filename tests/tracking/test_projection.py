"""Publishing into a real SQLite store: complete, once per key, rebuilt from files, finished after a crash."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import mlflow
import numpy as np
import pytest
import torch
from mlflow.tracking import MlflowClient

from tast.errors import TastError
from tast.tracking import projection
from tast.tracking.lock import code_files, fold_of, output_digest, require_output, run_params, stage_key
from tast.tracking.projection import publish
from tast.tracking.results import recent_runs
from tast.tracking.store import open_store
from tests.tracking.conftest import DIGEST, LOCK, store_in


def test_everything_of_a_run_is_there_and_nothing_anywhere_else(store, make):
    process_uri = mlflow.get_tracking_uri()
    published = publish(make(), **store.where)
    assert list(Path.cwd().iterdir()) == []
    assert (mlflow.get_tracking_uri(), mlflow.active_run()) == (process_uri, None)
    client = MlflowClient(store.tracking_uri, store.tracking_uri)
    run = client.get_run(published.run_id)
    assert published.created
    assert run.info.status == "FINISHED"
    assert run.info.run_name.startswith("phantom-fold0-")
    assert run.data.params["train.seed"] == "0"
    assert len(run.data.params) == 133
    assert run.data.metrics["test/rmse"] == 1.5
    assert "constant/pearson_r" not in run.data.metrics
    assert [(m.step, m.value) for m in client.get_metric_history(published.run_id, "training/loss")] == [
        (0, 3.0),
        (1, 2.0),
        (2, 1.0),
    ]
    assert len(client.get_metric_history(published.run_id, "validation/loss")) == 2
    sampled = {
        name: client.get_metric_history(published.run_id, f"system/{name}")
        for name in ("cpu_utilization_percentage", "gpu_0_power_usage_watts")
    }
    assert [[(m.step, m.timestamp, m.value) for m in one] for one in sampled.values()] == [
        [(0, 1000, 50.0), (1, 3000, 100.0)],
        [(1, 3000, 300.0)],
    ]
    assert (run.data.tags["tast.commit"], run.data.tags["tast.dirty"]) == ("c0ffee", "false")
    assert [(one.dataset.name, one.dataset.digest) for one in run.inputs.dataset_inputs] == [
        ("phantom", "0123456789abcdef0123456789abcdef.dir"),
        ("phantom-test", DIGEST[:36]),
    ]
    assert _artifacts(client, published.run_id) == [
        "evaluation/recordings.json", "metrics.json", "model_card.md", "plots/scatter.png",
    ]  # fmt: skip
    version = client.get_model_version_by_alias("tast-net", "challenger")
    assert (str(version.version), version.run_id) == (published.version, published.run_id)
    assert version.tags["tast.protocol"] == "subject_independent"
    (listed,) = recent_runs(5, tracking_uri=store.tracking_uri)
    assert (listed.run_id, listed.name, listed.rmse) == (published.run_id, run.info.run_name, 1.5)
    assert listed.versions == (f"{published.version} (challenger)",)


def test_a_run_tells_what_it_is_and_its_page_opens_on_runs(full_store, tmp_path):
    client = MlflowClient(full_store.tracking_uri, full_store.tracking_uri)
    experiment = client.get_experiment_by_name("tast")
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    version = client.get_model_version("tast-net", "2")
    run = client.get_run(version.run_id)
    assert run.data.tags["mlflow.note.content"] == version.description == "A card of seed 1"
    assert '"type": "table"' in run.data.tags["mlflow.loggedArtifacts"]  # which MLflow's page shows as one
    table = json.loads(Path(client.download_artifacts(version.run_id, "evaluation/recordings.json", str(tmp_path))).read_text())
    assert table == {"columns": ["recording", "rmse"], "data": [["d/s1/r1", 2.0], ["d/s2/r1", 1.0]]}
    assert client.get_registered_model("tast-net").tags["task"] == "regression"


def test_versions_compare_by_their_models_figures_on_one_page(full_store):
    """What MLflow's page of models, and search_logged_models, sort by: figures with the seconds that they are of."""
    client = MlflowClient(full_store.tracking_uri, full_store.tracking_uri)
    experiment_id = client.get_experiment_by_name("tast").experiment_id
    models = client.search_logged_models([experiment_id], "name = 'video_model' AND metrics.`test/rmse` > 1")
    assert {one.params["train.seed"] for one in models} == {"0", "1", "2", "3", "4"}
    for model in models:
        found = {one.key: (one.value, one.dataset_name, one.dataset_digest[:2]) for one in model.metrics}
        assert found["test/rmse"] == (1.5, "phantom-test", "ee" if model.params["train.seed"] == "3" else "dd")
        assert model.tags["mlflow.note.content"] == f"A card of seed {model.params['train.seed']}"


def test_an_experiment_of_an_earlier_release_opens_on_runs_too_and_keeps_what_a_team_wrote(store, make):
    client = MlflowClient(store.tracking_uri, store.tracking_uri)
    experiment_id = client.create_experiment("tast", store.artifact_root, tags={"mlflow.note.content": "our own words"})
    publish(make(), **store.where)
    tags = client.get_experiment(experiment_id).tags
    assert (tags["mlflow.experimentKind"], tags["mlflow.note.content"]) == ("custom_model_development", "our own words")


def test_the_runs_export_equals_the_model_at_any_batch_size_without_example_files(full_store, make, tmp_path):
    client = MlflowClient(full_store.tracking_uri, full_store.tracking_uri)
    version = client.get_model_version("tast-net", "1")
    run = client.get_run(version.run_id)
    (export,) = client.search_logged_models([run.info.experiment_id], f"name = 'model' AND source_run_id = '{version.run_id}'")
    folder = Path(export.artifact_location)
    loaded, model = mlflow.pytorch.load_model(str(folder)), make(0).model
    for batch in (1, 2, 3):
        video = torch.randn(batch, 3, 6, 8, 8, generator=torch.Generator().manual_seed(batch))
        with torch.no_grad():
            torch.testing.assert_close(loaded(video), model(video), atol=1e-5, rtol=0)
    files = {path.name for path in folder.rglob("*")}
    assert {"model.pt2", "MLmodel"} <= files
    assert not files & {"input_example.json", "serving_input_example.json"}


def test_publishing_again_changes_nothing(full_store, make):
    publish(make(1), **full_store.where)
    content = _content(full_store.tracking_uri)
    again = publish(make(1), **full_store.where)
    assert (again.version, again.created) == ("2", False)
    assert _content(full_store.tracking_uri) == content


def test_another_key_is_another_run_and_version_and_going_back_finds_the_first(full_store, make):
    found = [publish(make(seed), **full_store.where) for seed in (1, 0, 2, 0)]
    assert [one.version for one in found] == ["2", "1", "3", "1"]
    assert len({one.run_id for one in found}) == 3
    client = MlflowClient(full_store.tracking_uri, full_store.tracking_uri)
    assert str(client.get_model_version_by_alias("tast-net", "challenger").version) == "1"


def test_a_lost_database_is_rebuilt_from_files(store, make, empty_database, tmp_path):
    """The artifacts are still there; the new database has another name, since this process keeps the lost one open."""
    publish(make(), **store.where)
    rebuilt = store_in(tmp_path / "rebuilt", empty_database)
    assert publish(make(), tracking_uri=rebuilt.tracking_uri, artifact_root=store.artifact_root).created
    assert _content(rebuilt.tracking_uri) == _content(store.tracking_uri)


@pytest.mark.parametrize("dies_in", ["_log_files", "_log_export", "_register", "_log_video_model"])
def test_an_interrupted_publish_is_completed_by_the_next(store, make, monkeypatch, dies_in):
    whole = getattr(projection, dies_in)

    def die_after(*arguments):
        whole(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(projection, dies_in, die_after)
        with pytest.raises(KeyboardInterrupt):
            publish(make(), **store.where)
    published = publish(make(), **store.where)
    assert (published.created, published.version) == (True, "1")
    client = MlflowClient(store.tracking_uri, store.tracking_uri)
    assert len(client.search_runs([client.get_experiment_by_name("tast").experiment_id])) == 1
    assert len(client.get_metric_history(published.run_id, "training/loss")) == 3
    assert len(client.search_model_versions("name = 'tast-net'")) == 1
    experiment_id = client.get_run(published.run_id).info.experiment_id
    assert len(client.search_logged_models([experiment_id], "name = 'video_model'")) == 1


def test_a_clean_commit_takes_the_place_of_a_dirty_one_but_not_the_other_way(store, make):
    publish(make(dirty=True), **store.where)
    run_id = publish(replace(make(), commit="clean"), **store.where).run_id
    publish(replace(make(dirty=True), commit="later"), **store.where)
    client = MlflowClient(store.tracking_uri)
    tags = client.get_run(run_id).data.tags
    assert (tags["tast.commit"], tags["tast.dirty"], tags["mlflow.source.git.commit"]) == ("clean", "false", "clean")
    tags = client.get_model_version("tast-net", "1").tags
    assert (tags["tast.commit"], tags["tast.dirty"]) == ("clean", "false")


def test_a_folder_without_git_is_published_as_unknown_until_a_commit_is_known(store, make):
    run_id = publish(replace(make(), commit=None, dirty=None), **store.where).run_id
    client = MlflowClient(store.tracking_uri)
    tags = client.get_run(run_id).data.tags
    assert (tags["tast.commit"], tags["tast.dirty"], "mlflow.source.git.commit" in tags) == ("unknown", "unknown", False)
    publish(make(), **store.where)
    tags = client.get_run(run_id).data.tags
    assert (tags["tast.commit"], tags["tast.dirty"]) == ("c0ffee", "false")


def test_a_batch_of_one_is_refused(make):
    with pytest.raises(ValueError, match="batch of 2"):
        replace(make(), input_example=np.zeros((1, 3, 6, 8, 8), np.float32))


def test_the_parameters_are_those_that_the_stages_were_run_with(store, make):
    run_id = publish(make(1), **store.where).run_id
    params = MlflowClient(store.tracking_uri).get_run(run_id).data.params
    assert (params["train.seed"], params["split.fold"], params["dataset.name"], params["dataset.root"]) == (
        "1", "0", "phantom", "None",
    )  # fmt: skip
    assert not any(name.startswith(("publish.", "promote.", "runner.")) for name in params)


SIMULATED = LOCK.format(seed=0, fold=0)
REAL = SIMULATED.replace("name: phantom", "name: pure")
RECORDED = SIMULATED.replace("driver: simulated", "driver: recorded")
BOTH = SIMULATED.replace("second:", "second:\n            name: pure")


@pytest.mark.parametrize(
    "md5", ["88888888", "01234567", "33333333", "4444444", "1111111", "5555555", "22222222", "66666666"], ids=lambda md5: md5[0]
)
def test_what_came_out_of_stages_is_no_part_of_the_key(md5):
    """A machine whose sums differ in the last bit has made the same experiment."""
    assert stage_key(SIMULATED.replace(md5, "f" * len(md5))) == stage_key(SIMULATED)
    assert fold_of(SIMULATED.replace(md5, "f" * len(md5))) == fold_of(SIMULATED)


@pytest.mark.parametrize(
    ("then", "now"),
    [
        ("seed: 7", "seed: 8"), ("epochs: 3", "epochs: 4"), ("bootstrap: 1000", "bootstrap: 1"), ("folds: 3", "folds: 4"),
        ("77777777", "ffffffff"), ("99999999", "ffffffff"), ("flows.stages.preprocess", "flows.other"),
        ("name: phantom", "name: pure"),
    ],
)  # fmt: skip
def test_what_went_in_is_the_key(then, now):
    changed = SIMULATED.replace(then, now)
    assert changed != SIMULATED and stage_key(changed) != stage_key(SIMULATED)
    assert fold_of(changed).group != fold_of(SIMULATED).group


@pytest.mark.parametrize("lock", [REAL, RECORDED, BOTH], ids=["pure", "recorded waves", "phantom and pure"])
def test_of_data_that_are_not_simulated_the_content_went_in_and_their_address_did_not(lock):
    assert stage_key(lock) != stage_key(lock.replace("88888888", "ffffffff"))
    assert fold_of(lock).group != fold_of(lock.replace("88888888", "ffffffff")).group
    elsewhere = lock.replace(" root:\n", " root: /mnt/videos\n").replace("accept_licence: false", "accept_licence: true")
    elsewhere = elsewhere.replace("recorded_root:\n", "recorded_root: /mnt/waves\n")
    assert stage_key(elsewhere) == stage_key(lock) and run_params(elsewhere) != run_params(lock)


def test_two_machines_register_one_version_of_one_experiment(store, make):
    first = publish(make(), **store.where)
    other = replace(make(), dvc_lock=SIMULATED.replace("1111111.dir", "fffffff.dir"))
    assert publish(other, **store.where) == replace(first, created=False)


def test_a_digest_of_an_output_and_the_code_that_went_in():
    assert output_digest(SIMULATED, "data/clips") == "0123456789abcdef0123456789abcdef.dir"
    by_name = {"flows/stages/download.py": "b" + 31 * "7", "flows/stages/train.py": "b" + 31 * "9"}
    assert code_files(SIMULATED, lambda path, md5: {}) == by_name


def test_code_that_is_written_down_is_part_of_what_went_in_and_told_file_by_file():
    written = "    outs:\n    - path: data/code\n      md5: 0.dir\n"
    lock = SIMULATED.replace("    outs:\n", written, 1).replace("flows/stages/download.py", "data/code/download.json")
    named = {("data/code/download.json", "b" + 31 * "7"): {"tast/a.py": "1"}}
    assert code_files(lock, lambda path, md5: named[path, md5]) == {"flows/stages/train.py": "b" + 31 * "9", "tast/a.py": "1"}
    assert stage_key(lock) == stage_key(lock.replace("0.dir", "1.dir"))
    assert stage_key(lock) != stage_key(lock.replace("b777", "c777"))


def test_outputs_that_are_not_those_of_the_lock_are_refused(tmp_path):
    """Against what DVC itself writes; a-b sorts before a/b by path, not by folder."""
    for name in ("models/a/b", "models/a-b/c", "metrics.json"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "dvc.yaml").write_text("stages:\n  all:\n    cmd: 'true'\n    outs: [models, metrics.json]\n")
    for command in (["init", "--no-scm", "-q"], ["commit", "-f", "-q"]):
        subprocess.run([sys.executable, "-m", "dvc", *command], cwd=tmp_path, check=True)
    lock = (tmp_path / "dvc.lock").read_text()
    require_output(lock, "models", tmp_path)
    require_output(lock, "metrics.json", tmp_path)
    (tmp_path / "models/a/b").write_text("changed")
    (tmp_path / "metrics.json").unlink()
    with pytest.raises(TastError, match=r"models: not what dvc.lock says the pipeline made"):
        require_output(lock, "models", tmp_path)
    with pytest.raises(TastError, match=r"metrics.json: no such file.*dvc checkout"):
        require_output(lock, "metrics.json", tmp_path)


@pytest.mark.parametrize("text", ["", "schema: '2.0'\nstages: {}\n", "schema: '2.0'\nstages:\n  train: {cmd: x}\n"])
def test_a_lock_without_the_stages_is_refused(text):
    with pytest.raises(TastError, match=r"dvc.lock: no stage download, .*evaluate"):
        stage_key(text)
    with pytest.raises(TastError, match=r"dvc.lock: no output data/clips"):
        output_digest(text, "data/clips")


def test_a_store_that_cannot_be_opened_is_one_clear_line(tmp_path):
    broken = tmp_path / "mlflow.db"
    broken.write_text("no database")
    with pytest.raises(TastError, match=r"MLflow at sqlite:.*not a database"), open_store(f"sqlite:///{broken}"):
        pass


def _artifacts(client, run_id, path=""):
    found = []
    for item in client.list_artifacts(run_id, path):
        found += _artifacts(client, run_id, item.path) if item.is_dir else [item.path]
    return sorted(found)


def _content(tracking_uri):
    """All that a store says, less what MLflow itself draws at random or reads from the clock."""
    client = MlflowClient(tracking_uri, tracking_uri)
    runs = client.search_runs([one.experiment_id for one in client.search_experiments()])
    versions = client.search_model_versions("name = 'tast-net'")
    output = [(run.info.run_name, run.data.params, run.data.metrics, _artifacts(client, run.info.run_id)) for run in runs]
    tags = [{key: value for key, value in run.data.tags.items() if key.startswith("tast.")} for run in runs]
    curves = [
        [(m.step, m.value) for m in client.get_metric_history(run.info.run_id, name)]
        for run in runs
        for name in ("training/loss", "system/cpu_utilization_percentage")
    ]
    registered = [(str(v.version), v.tags) for v in versions]
    return output, tags, curves, registered, client.get_registered_model("tast-net").aliases


def test_a_model_trained_elsewhere_has_no_system_metrics(store, make):
    run_id = publish(replace(make(), system_metrics=None), **store.where).run_id
    metrics = MlflowClient(store.tracking_uri).get_run(run_id).data.metrics
    assert "test/rmse" in metrics
    assert [name for name in metrics if name.startswith("system/")] == []
