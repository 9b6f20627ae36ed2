"""`tast ablate`: what is planned, that what is done is not done again, and the tables."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from flows import ablate
from flows.ablate import REFERENCE, VARIANTS, planned, run_all, show_plan, write_tables_of
from flows.changes import change_of
from tast.datasets.splits import make_split
from tast.errors import TastError
from tast.params import Params, changed, load_params
from tests.training.synthetic import write_store

ROOT = Path(__file__).parents[2]
SHORT = {"train.epochs": 1, "train.threads": 1, "evaluate.bootstrap": 50}
PAIR = [REFERENCE, "3D CNN alone"]


@pytest.fixture()
def params(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Params]:
    """Parameters of a workspace with clips and a split, in which we stand."""
    shutil.copy(ROOT / "params.yaml", tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(ablate, "FOLDER", tmp_path / "state")
    store = write_store(tmp_path / "data/clips", seed=0, subjects=6, clips=2)
    own = changed(load_params(), SHORT)
    make_split(store.manifest, **own.split.model_dump()).to_json(tmp_path / "data/split.json")
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    yield own
    torch.set_num_threads(threads)
    torch.set_rng_state(state)
    torch.use_deterministic_algorithms(False)


def test_every_variant_is_a_change_that_params_know(params: Params) -> None:
    trainings = planned(params, list(VARIANTS), [0, 1])
    assert len(trainings) == 2 * len(VARIANTS)
    assert len({one.key for one in trainings}) == len(trainings) - 2  # the small preset's own fusion is one of the variants
    assert trainings[0].key == next(one.key for one in trainings if one.variant == "fusion concat")
    for one in trainings:
        for key, value in VARIANTS[one.variant].items():
            found: Any = one.params
            for part in key.split("."):
                found = getattr(found, part)
            assert found == value


def test_interrupted_it_goes_on_and_repeated_it_trains_nothing(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = planned(params, PAIR, [0, 1])
    trained: list[str] = []
    whole_run = ablate.run

    def told(training: ablate.Training) -> str:
        trained.append(training.key)
        return whole_run(training)

    def stop_after_three(training: ablate.Training) -> str:
        if len(trained) == 3:
            raise KeyboardInterrupt
        return told(training)

    monkeypatch.setattr(ablate, "run", stop_after_three)
    with pytest.raises(KeyboardInterrupt):
        run_all(trainings, 1)
    assert [one.is_done for one in trainings] == [True, True, True, False]
    monkeypatch.setattr(ablate, "run", told)
    run_all(trainings, 1)
    assert trained == [one.key for one in trainings]
    monkeypatch.setattr(ablate, "run", lambda *_: pytest.fail("trained again"))
    run_all(trainings, 1)
    text = write_tables_of(trainings, params, Path("out"))
    table, runs = pd.read_parquet("out/ablation.parquet"), pd.read_parquet("out/runs.parquet")
    assert table["variant"].tolist() == PAIR
    assert table["difference"].iloc[0] == 0
    assert table["difference"].iloc[1] != 0
    assert runs[["variant", "seed"]].values.tolist() == [[name, seed] for name in PAIR for seed in (0, 1)]
    assert Path("out/ablation.md").read_text() == text
    assert "means over seeds 0, 1; tested on 2 people (subject_independent)" in text


def test_other_clips_parameters_or_code_are_other_results(
    params: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def key(own: Params) -> str:
        return planned(own, [REFERENCE], [0])[0].key

    keys = [key(params), key(changed(params, {"train.epochs": 2})), key(changed(params, {"preprocess.mask.erode_px": 5}))]
    monkeypatch.setattr(ablate, "CODE", ("tast/models",))
    keys.append(key(params))
    write_store(tmp_path / "data/clips", seed=1, subjects=6, clips=2)
    keys.append(key(params))
    assert len(set(keys)) == 5


def test_clips_that_lack_some_of_the_splits_are_refused(params: Params, tmp_path: Path) -> None:
    (training,) = planned(params, [REFERENCE], [0])
    write_store(tmp_path / "data/clips", seed=0, subjects=5, clips=2)
    with pytest.raises(TastError, match="TAST-Net: its clips lack 2 of the split's, the first s05-00-000"):
        ablate.run(training)


def test_other_preprocessing_means_other_clips_made_once(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def make(raw: Path, target: Path, preprocess: Any, workers: int) -> Any:
        made.append(target)
        return write_store(target, seed=0, subjects=6, clips=2)

    monkeypatch.setattr(ablate, "make_clips", make)
    other = changed(params, {"preprocess.magnify.alpha": 0.0})
    assert ablate.clips_for(params).folder == ablate.CLIPS
    assert ablate.clips_for(other).folder == ablate.clips_for(other).folder == made[0]
    assert len(made) == 1


def test_a_dry_run_tells_what_is_to_do(params: Params, capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(planned(params, PAIR, [3, 4]))
    told = capsys.readouterr().out
    assert "train.branches: cnn" in told
    assert "3 4" in told
    assert "4 trainings of up to 1 epochs" in told


def test_values_are_read_as_yaml() -> None:
    assert [change_of(text) for text in ("train.epochs=2", "train.compile=true", "train.fusion=null")] == [
        ("train.epochs", 2),
        ("train.compile", True),
        ("train.fusion", None),
    ]
    with pytest.raises(argparse.ArgumentTypeError, match="KEY=VALUE"):
        change_of("train.epochs")
