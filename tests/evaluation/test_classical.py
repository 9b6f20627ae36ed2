"""The classical methods on a store: the same seconds as every other method has, and training labels only."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tast.clip_store import ClipRow, ClipStore, write_tables
from tast.evaluation.baselines import ratio_predictions
from tast.evaluation.classical import OWN_FIRST_MINUTE, light_trace, predictions
from tast.evaluation.evaluate import evaluate
from tast.evaluation.predictions import predictions_per_second
from tast.methods.classical import CLASSICAL
from tast.seconds import KEY, clip_seconds, labels_per_second
from tests.methods.classical.planted import beats, light

FPS_HZ, SECONDS, CLIP_S = 15.0, 14, 8
STARTS_S = (0, 3, 6)
TRAIN, TEST = ("a", "b", "c", "d"), ("e", "f")


def store_of(folder: Path, *, test_shift: float = 0.0, alpha: float = 0.0, dark: str = "") -> ClipStore:
    """Six people of one recording each, 4 x 4 px, red's pulse a line of SpO2; three clips of 8 s each, of which seconds overlap.

    test_shift: added to the labels of the test people. alpha: what the frames are magnified by. dark: a person without light.
    """
    folder.mkdir()
    times_s = np.arange(round(SECONDS * FPS_HZ)) / FPS_HZ
    rows = []
    for number, person in enumerate((*TRAIN, *TEST)):
        percent = (78.0, 98.0, 84.0, 92.0, 81.0, 95.0)[number]
        trace = light(np.array([0.2 + 0.007 * (100 - percent), 1.0, 0.7]), noise=0.0003, seed=number, times_s=times_s)
        steady = trace.mean(axis=0)
        frames = np.zeros((len(trace), 4, 4, 3), dtype=np.float64)
        frames[:, 1:3, :3] = (steady + (1 + alpha) * (trace - steady))[:, None, None] * (person != dark)
        np.save(folder / f"{person}.npy", frames)
        labels = percent + test_shift * (person in TEST) + np.linspace(-1, 1, SECONDS)
        rows += [
            ClipRow(f"{person}-{start}", "test", person, person, "steady", f"{person}.npy", round(start * FPS_HZ),
                    round(CLIP_S * FPS_HZ), start + 2.4, FPS_HZ, 1.0, tuple(labels[start : start + CLIP_S].tolist()))
            for start in STARTS_S
        ]  # fmt: skip
    write_tables(folder, rows, [], [], {"magnify": {"alpha": alpha}})
    return ClipStore(folder)


def clips_of(people: tuple[str, ...]) -> list[str]:
    return [f"{person}-{start}" for person in people for start in STARTS_S]


@pytest.fixture
def store(tmp_path: Path) -> ClipStore:
    return store_of(tmp_path / "clips")


def test_every_method_has_the_seconds_that_the_ratios_have(store: ClipStore) -> None:
    tables = predictions(store, clips_of(TRAIN), clips_of(TEST))
    assert list(tables) == [*CLASSICAL, OWN_FIRST_MINUTE]
    seconds = ratio_predictions(store, clips_of(TRAIN), clips_of(TEST))["ratio_of_ratios"][KEY]
    assert len(seconds) == 2 * SECONDS
    for table in tables.values():
        pd.testing.assert_frame_equal(table[KEY].reset_index(drop=True), seconds)
        assert list(table) == [*KEY, "predicted_percent", "abstained"]


def test_ratios_tell_the_test_people_apart_and_the_constant_does_not(store: ClipStore) -> None:
    tables = predictions(store, clips_of(TRAIN), clips_of(TEST))
    for name in ("ratio_chrom", "ratio_pos", "ratio_green", "tian"):
        of_person = tables[name].groupby("subject_id")["predicted_percent"].mean()
        assert_allclose(of_person, [81.0, 95.0], atol=3.0)
    labels = labels_per_second(store.manifest.loc[clips_of(TRAIN)])["true_percent"]
    assert_allclose(tables["constant"]["predicted_percent"], labels.mean())


def test_labels_of_the_test_people_bear_on_their_own_first_minute_alone(store: ClipStore, tmp_path: Path) -> None:
    shifted = store_of(tmp_path / "shifted", test_shift=-5.0)
    before, after = (predictions(one, clips_of(TRAIN), clips_of(TEST)) for one in (store, shifted))
    for name in CLASSICAL:
        pd.testing.assert_frame_equal(before[name], after[name])
    own = before[OWN_FIRST_MINUTE]["predicted_percent"] - after[OWN_FIRST_MINUTE]["predicted_percent"]
    assert_allclose(own.dropna(), 5.0)
    assert own.notna().any()


def test_the_own_first_third_is_that_of_the_whole_recording_whichever_clips_are_asked(store: ClipStore) -> None:
    """14 s: seconds 0 to 4 are the anchor, of 81 - 1 + 2 second / 13."""
    table = predictions(store, clips_of(TRAIN), ["e-3"])[OWN_FIRST_MINUTE]
    anchor = (81 + np.linspace(-1, 1, SECONDS))[:5].mean()
    assert list(table["second"]) == list(range(5, 13))
    assert_allclose(table["predicted_percent"], [np.nan, np.nan, *[anchor] * 6])
    assert_array_equal(table["abstained"], [1, 1, 0, 0, 0, 0, 0, 0])


def test_a_clip_without_light_abstains_and_has_the_training_mean(tmp_path: Path) -> None:
    store = store_of(tmp_path / "clips", dark="f")
    tables = predictions(store, clips_of(TRAIN), clips_of(TEST))
    for name in ("ratio_pos", "tian", "apbv"):
        dark = tables[name][tables[name]["subject_id"] == "f"]
        assert_allclose(dark["predicted_percent"], np.mean([78.0, 98.0, 84.0, 92.0]), atol=0.01)
        assert (dark["abstained"] == 1).all()
        assert (tables[name].loc[tables[name]["subject_id"] == "e", "abstained"] == 0).all()


def test_light_is_the_mean_of_what_is_lit_with_the_magnification_taken_back(store: ClipStore, tmp_path: Path) -> None:
    plain = light_trace(store, "a-0")
    expected = light(np.array([0.2 + 0.007 * 22, 1.0, 0.7]), noise=0.0003, times_s=np.arange(round(SECONDS * FPS_HZ)) / FPS_HZ)
    assert_allclose(plain, expected[: len(plain)], rtol=1e-9)
    magnified = light_trace(store_of(tmp_path / "magnified", alpha=120.0), "a-0")
    assert_allclose(magnified - magnified.mean(axis=0), plain - plain.mean(axis=0), atol=1e-6)
    assert abs(np.corrcoef(magnified[:, 1], beats(1.3, 0, np.arange(len(plain)) / FPS_HZ))[0, 1]) > 0.9


def test_the_tables_can_be_scored_beside_a_network(store: ClipStore) -> None:
    rows = clip_seconds(store.manifest.loc[clips_of(TEST)])
    network = predictions_per_second(
        rows.assign(predicted_percent=90.0, quality=1.0), half_width_percent=2.0, lowest_percent=70.0, highest_percent=100.0
    )
    metrics = evaluate(
        network, protocol="people", train_mean_percent=88.0, baselines=predictions(store, clips_of(TRAIN), clips_of(TEST)),
        n_clips=6, nominal_coverage=0.9, draws=20, seed=0,
    )  # fmt: skip
    assert metrics["ratio_pos"]["rmse"] < metrics["constant"]["rmse"]
    assert metrics[OWN_FIRST_MINUTE]["n_abstained"] == 10
