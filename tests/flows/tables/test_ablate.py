"""`tast ablate`: what is planned, that what is done is not done again, and the tables."""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from flows.changes import change_of
from flows.tables import ablate
from flows.tables.ablate import REFERENCE, VARIANTS, development_splits, planned, run_all, show_plan, write_tables_of
from flows.tables.trainings import SideTraining, train_and_predict
from tast.clip_store import ClipStore
from tast.datasets.splits import Split, make_split
from tast.digests import seal
from tast.errors import TastError
from tast.params import Params, changed, load_params
from tast.people import person_of
from tests.flows.tables.test_trainings import change_a_pixel
from tests.training.synthetic import write_store

ROOT = Path(__file__).parents[3]
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
    runs = planned(params, list(VARIANTS), [0, 1])
    assert len(runs) == 2 * len(VARIANTS)
    assert len({one.training.key for one in runs}) == len(runs) - 2  # the small preset's own fusion is one of the variants
    assert runs[0].training.key == next(one.training.key for one in runs if one.variant == "fusion concat")
    for one in runs:
        for key, value in VARIANTS[one.variant].items():
            found: Any = one.params
            for part in key.split("."):
                found = found[part] if isinstance(found, dict) else getattr(found, part)
            assert found == value


def test_who_is_scored_was_neither_trained_nor_stopped_on_nor_is_tested(params: Params) -> None:
    store, split = ClipStore(ablate.CLIPS), Split.from_json(ablate.SPLIT)
    people = {name: set(person_of(store.manifest.loc[list(ids)])) for name, ids in split.parts.items()}
    scored: list[set[str]] = []
    for own in development_splits(store, split, params):
        parts = {name: set(person_of(store.manifest.loc[list(ids)])) for name, ids in own.parts.items()}
        assert set.union(*parts.values()) == people["train"] | people["val"]
        assert sum(map(len, parts.values())) == len(people["train"] | people["val"])
        scored.append(parts["test"])
    assert set.union(*scored) == people["train"] | people["val"] and sum(map(len, scored)) == len(set.union(*scored))
    runs = planned(params, PAIR, [4, 5])
    assert [run.fold for run in runs] == [0, 1, 0, 1] and runs[0].training.split == runs[2].training.split


def test_the_test_people_never_enter(params: Params, tmp_path: Path) -> None:
    """Labels of the tested clips 20 points off: not a number of the table moves; of some of the others: every error does."""
    split = Split.from_json(ablate.SPLIT)
    table = ablated(params, tmp_path / "as_they_are")
    shift_labels(split.test, -20)
    assert ablated(params, tmp_path / "test_shifted").equals(table)
    shift_labels(split.val, -20)
    assert not np.isclose(ablated(params, tmp_path / "others_shifted")["rmse"], table["rmse"]).any()


def ablated(params: Params, folder: Path) -> pd.DataFrame:
    """The table, with nothing kept from before."""
    ablate.FOLDER = folder / "state"  # the fixture puts the old one back
    runs = planned(params, PAIR, [0])
    run_all(runs, 1)
    write_tables_of(runs, params, folder / "out")
    return pd.read_parquet(folder / "out/ablation.parquet")


def shift_labels(clip_ids: Sequence[str], percent: float) -> None:
    path = ablate.CLIPS / "manifest.parquet"
    manifest = pd.read_parquet(path)
    shifted = manifest["clip_id"].isin(list(clip_ids))
    pairs = zip(manifest["spo2_percent"], shifted, strict=True)
    manifest["spo2_percent"] = [labels + percent if moves else labels for labels, moves in pairs]
    manifest.to_parquet(path, index=False)
    seal(path.parent)


def test_interrupted_it_goes_on_and_repeated_it_trains_nothing(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = planned(params, PAIR, [0, 1])
    trained: list[str] = []
    train = ablate.train_and_predict

    def counted(training: SideTraining) -> pd.DataFrame:
        trained.append(training.key)
        return train(training)

    def stop_after_three(training: SideTraining) -> pd.DataFrame:
        if len(trained) == 3:
            raise KeyboardInterrupt
        return counted(training)

    monkeypatch.setattr(ablate, "train_and_predict", stop_after_three)
    with pytest.raises(KeyboardInterrupt):
        run_all(runs, 1)
    assert [one.training.is_done for one in runs] == [True, True, True, False]
    monkeypatch.setattr(ablate, "train_and_predict", counted)
    run_all(runs, 1)
    assert trained == [one.training.key for one in runs]
    monkeypatch.setattr(ablate, "train_and_predict", lambda *_: pytest.fail("trained again"))
    run_all(runs, 1)
    text = write_tables_of(runs, params, Path("out"))
    table, scores = pd.read_parquet("out/ablation.parquet"), pd.read_parquet("out/runs.parquet")
    assert table["variant"].tolist() == PAIR
    assert table["difference"].iloc[0] == 0
    assert table["difference"].iloc[1] != 0
    assert scores[["variant", "seed"]].values.tolist() == [[name, seed] for name in PAIR for seed in (0, 1)]
    assert Path("out/ablation.md").read_text() == text
    assert "all runs together: 2 validation people (folds 0, 1 of those whom the split does not test), seeds 0, 1." in text


def test_other_clips_parameters_or_people_are_other_results(params: Params, tmp_path: Path) -> None:
    def key(own: Params) -> str:
        return planned(own, [REFERENCE], [0])[0].training.key

    (tmp_path / "data/raw").mkdir()
    keys = [key(params), key(changed(params, {"train.epochs": 2})), key(changed(params, {"preprocess.mask.erode_px": 5}))]
    keys.append(key(changed(params, {"split.seed": 1})))
    (tmp_path / "data/raw/video").write_text("another")
    keys.append(key(changed(params, {"preprocess.mask.erode_px": 5})))
    change_a_pixel(tmp_path / "data/clips")
    keys.append(key(params))
    assert len(set(keys)) == 6


def test_clips_that_lack_some_of_the_splits_are_refused(params: Params, tmp_path: Path) -> None:
    (run,) = planned(params, [REFERENCE], [0])
    shutil.rmtree(tmp_path / "data/clips")
    write_store(tmp_path / "data/clips", seed=0, subjects=4, clips=2)
    with pytest.raises(TastError, match=r"data/clips: the clips lack \d of the split's, the first s0[45]-0"):
        train_and_predict(run.training)


def test_other_preprocessing_means_other_clips_made_once(params: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def make(raw: Path, target: Path, preprocess: Any, workers: int) -> Any:
        made.append(target)
        return write_store(target, seed=0, subjects=6, clips=2)

    monkeypatch.setattr(ablate, "make_clips", make)
    runs = planned(params, [REFERENCE, "without EVM"], [0, 1])
    run_all(runs, 1)
    run_all(planned(params, [REFERENCE, "without EVM", "raw frames without EVM"], [0, 1]), 1)
    assert [run.training.clips for run in runs] == [ablate.CLIPS, ablate.CLIPS, *2 * made] and len(made) == 1


def test_a_dry_run_tells_what_is_to_do(params: Params, capsys: pytest.CaptureFixture[str]) -> None:
    show_plan(planned(params, PAIR, [3, 4]))
    counted = capsys.readouterr().out
    assert "train.options.branches: cnn" in counted
    assert "3 4" in counted
    assert "4 trainings of up to 1 epochs" in counted


def test_values_are_read_as_yaml() -> None:
    assert [change_of(text) for text in ("train.epochs=2", "train.compile=true", "train.fusion=null")] == [
        ("train.epochs", 2),
        ("train.compile", True),
        ("train.fusion", None),
    ]
    with pytest.raises(argparse.ArgumentTypeError, match="KEY=VALUE"):
        change_of("train.epochs")
