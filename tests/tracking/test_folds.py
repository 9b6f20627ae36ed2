"""Folds under their parent, in a real SQLite store: means known by hand, nothing twice, the same from nothing in any order."""

from __future__ import annotations

import pytest
from mlflow.tracking import MlflowClient

from tast.errors import TastError
from tast.tracking import projection
from tast.tracking.folds import over_folds
from tast.tracking.lock import fold_of
from tast.tracking.projection import publish
from tests.tracking.conftest import LOCK, store_in

RMSE = {0: 1.0, 1: 2.0, 2: 6.0}


@pytest.fixture
def publish_folds(make):
    """A function that publishes folds of seed 0, fold N with RMSE[N]."""

    def into(store, *folds):
        return [publish(make(0, fold=fold, rmse=RMSE[fold]), **store.where) for fold in folds]

    return into


def test_folds_hang_under_a_parent_with_their_means(store, make, publish_folds, monkeypatch, empty_database, tmp_path):
    (first,) = publish_folds(store, 0)
    assert runs_of(store) == {"fold 0 of None": {"test/rmse": 1.0}}
    publish(make(1, fold=1, rmse=9.0), **store.where)  # another seed is no fold of it
    assert set(runs_of(store)) == {"fold 0 of None", "fold 1 of None"}

    publish_folds(store, 1)
    scores = runs_of(store)["parent"]
    assert scores["folds"] == 2
    assert (scores["test/rmse"], scores["test/rmse_sd"]) == (1.5, pytest.approx(0.5**0.5))
    publish_folds(store, 2)
    content = runs_of(store)
    scores = content["parent"]
    assert (scores["folds"], scores["test/rmse"], scores["test/rmse_sd"]) == (3, 3.0, pytest.approx(7**0.5))
    assert (scores["test/pearson_r"], scores["test/pearson_r_sd"]) == (pytest.approx(0.9), 0.0)
    assert set(content) == {"parent", "fold 1 of None", *(f"fold {fold} of parent" for fold in RMSE)}

    assert [one.created for one in publish_folds(store, 1, 0)] == [False, False]
    assert runs_of(store) == content
    client = MlflowClient(store.tracking_uri, store.tracking_uri)
    challenger = client.get_model_version_by_alias("tast-net", "challenger")
    assert challenger.run_id == first.run_id  # fold 0 was published last; the parent has no model
    (parent,) = [run for run in all_runs(client) if "tast.parent_of" in run.data.tags]
    assert parent.info.status == "FINISHED"
    assert {"split.folds": "3", "train.seed": "0", "train.epochs": "3"}.items() <= parent.data.params.items()
    assert not {"split.fold", "dataset.root"} & set(parent.data.params)
    assert [one.dataset.name for one in parent.inputs.dataset_inputs] == ["phantom", "phantom-test"]

    rebuilt = store_in(tmp_path / "rebuilt", empty_database)  # an interrupted publish on the way, and another order
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(projection, "gather", interrupt)
        publish_folds(rebuilt, 2)
    publish_folds(rebuilt, 0, 1)
    publish(make(1, fold=1, rmse=9.0), **rebuilt.where)
    assert runs_of(rebuilt) == content


def test_means_are_of_scores_only_and_of_the_folds_that_have_them():
    output = over_folds(
        [
            {"test/rmse": 1.0, "test/n_clips": 8.0, "train_loss": 3.0, "test/intervals/rmse/low": 0.5, "a/r": 0.5},
            {"test/rmse": 2.0},
        ]
    )
    assert output == {"folds": 2, "test/rmse": 1.5, "test/rmse_sd": pytest.approx(0.5**0.5), "a/r": 0.5}


def test_folds_share_a_group_and_nothing_else_does():
    lock, group = LOCK.format(seed=0, fold=0), fold_of(LOCK.format(seed=0, fold=0)).group
    second = fold_of(LOCK.format(seed=0, fold=1))
    assert (second.number, second.group) == (1, group)
    changed = [
        LOCK.format(seed=1, fold=0),
        lock.replace("folds: 3", "folds: 4"),
        lock.replace("99999999", "aaaaaaaa"),
        lock.replace("flows.stages.evaluate", "flows.other"),
    ]
    assert len({group, *(fold_of(one).group for one in changed)}) == 5


def test_a_lock_without_the_fold_is_refused():
    with pytest.raises(TastError, match=r"dvc.lock: no split.fold"):
        fold_of(LOCK.format(seed=0, fold=0).replace("fold: 0\n", "seed: 0\n"))


def interrupt(*arguments):
    raise KeyboardInterrupt


def all_runs(client):
    return client.search_runs([one.experiment_id for one in client.search_experiments()])


def runs_of(store):
    """Each run by its place in the tree, with its scores (of a fold the RMSE, of a parent all)."""
    client = MlflowClient(store.tracking_uri, store.tracking_uri)
    runs = all_runs(client)
    parents = {run.info.run_id: "parent" for run in runs if "tast.parent_of" in run.data.tags}
    output = {}
    for run in runs:
        fold, above = run.data.tags.get("tast.fold"), parents.get(run.data.tags.get("mlflow.parentRunId"))
        place = parents.get(run.info.run_id) or f"fold {fold} of {above}"
        scores = run.data.metrics
        assert place not in output
        output[place] = scores if place == "parent" else {"test/rmse": scores["test/rmse"]}
    return output
