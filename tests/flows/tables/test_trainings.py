"""Trainings beside the pipeline's: what is kept is found under all that decides it, and under nothing less."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from flows.tables import trainings
from flows.tables.keys import content_digest
from flows.tables.trainings import SideTraining, key_of_training, network_of, train_and_predict
from tast import closure, provenance
from tast.clip_store import ClipStore
from tast.datasets.splits import make_split
from tast.evaluation.run_interval import interval_in
from tast.params import Train, changed, load_params
from tests.training.synthetic import write_store

ROOT = Path(__file__).parents[3]


@pytest.fixture()
def training(tmp_path: Path) -> Iterator[SideTraining]:
    params = changed(load_params(ROOT / "params.yaml"), {"train.epochs": 2, "train.threads": 1})
    store = write_store(tmp_path / "clips", seed=0, subjects=6, clips=2)
    split = make_split(store.manifest, **params.split.model_dump())
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    yield SideTraining(params.train, store.folder, split, tmp_path / "kept", key=key_now(params.train, store))
    torch.set_num_threads(threads)
    torch.set_rng_state(state)
    torch.use_deterministic_algorithms(False)


def key_now(params: Train, store: ClipStore, fold: int = 0) -> str:
    split = make_split(store.manifest, **load_params(ROOT / "params.yaml").split.model_dump() | {"fold": fold})
    return key_of_training(params, network_of(params, store), split, content_digest(store.folder))


def change_a_pixel(clips: Path) -> None:
    """Of the first video; the manifest stays as it is."""
    file = min(clips.glob("*.npy"))
    frames = np.load(file)
    frames[0, 0, 0, 0] += 1
    np.save(file, frames)


def test_a_second_of_a_recording_is_one_row_with_its_interval(training: SideTraining) -> None:
    rows = train_and_predict(training)
    manifest = ClipStore(training.clips).manifest
    assert set(rows["record_id"]) == set(manifest.loc[list(training.split.test), "record_id"])
    assert not rows.duplicated(["dataset", "subject_id", "record_id", "second"]).any() and rows["true_percent"].notna().all()
    assert (rows["lower_percent"] < rows["predicted_percent"]).all() and (rows["predicted_percent"] < rows["upper_percent"]).all()
    labels = np.concatenate(manifest.loc[list(training.split.train), "spo2_percent"].tolist())
    np.testing.assert_allclose(rows["constant_percent"], labels.mean())
    anchored = interval_in(rows)
    assert anchored is not None and anchored.least_percent > 0
    assert anchored.n_subjects == manifest.loc[list(training.split.val), "subject_id"].nunique()


def test_what_is_done_is_found_again_and_is_what_a_training_gives(training: SideTraining) -> None:
    first = train_and_predict(training)
    assert training.is_done and not (training.kept / "checkpoints" / training.key).exists()
    again = train_and_predict(replace(training, kept=training.kept / "elsewhere"))
    pd.testing.assert_frame_equal(first, again)
    shutil.rmtree(training.clips)
    pd.testing.assert_frame_equal(train_and_predict(training), first)


def test_the_key_holds_all_that_decides_the_result(training: SideTraining, monkeypatch: pytest.MonkeyPatch) -> None:
    store, params = ClipStore(training.clips), training.params
    keys = {
        "as it is": key_now(params, store),
        "parameters": key_now(params.model_copy(update={"learning_rate": 0.1}), store),
        "seed": key_now(params.model_copy(update={"seed": 1}), store),
        "threads": key_now(params.model_copy(update={"threads": 2}), store),
        "people": key_now(params, store, fold=1),
    }
    assert keys["as it is"] == training.key
    with monkeypatch.context() as patch:
        patch.setattr(trainings, "code_digest", lambda *_: "other code")
        keys["code"] = key_now(params, store)
    with monkeypatch.context() as patch:
        patch.setattr(trainings, "code_of_method", lambda _: {"tast/methods/tast_net.py": "another"})
        keys["method's code"] = key_now(params, store)
    with monkeypatch.context() as patch:
        patch.setattr(provenance, "in_force", lambda: "native of another processor")
        keys["instruction set"] = key_now(params, store)
    change_a_pixel(store.folder)
    keys["pixels"] = key_now(params, store)
    assert len(set(keys.values())) == len(keys)


def test_the_code_is_that_of_network_loop_and_what_is_asked() -> None:
    files = {file.as_posix() for file in closure.closure("flows.tables.trainings")}
    assert {"tast/methods/method.py", "tast/training/loop.py", "tast/training/inference.py", "tast/seconds.py"} <= files
    assert {"flows/fitting.py", "flows/tables/trainings.py", "tast/training/interval.py"} <= files
