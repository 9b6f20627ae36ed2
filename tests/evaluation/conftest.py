"""A small test set with a known truth: four subjects, overlapping clips of four seconds, a network and two colour ratios."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

SCENARIOS = ("steady", "talking", "slow_translation", "small_rotation")


@pytest.fixture
def manifest() -> pd.DataFrame:
    rows = [
        {
            "clip_id": f"s{s}-{start:04d}",
            "subject_id": f"s{s}",
            "record_id": f"s{s}-01",
            "scenario": SCENARIOS[s],
            "start_s": start,
        }
        for s in range(4)
        for start in (0, 2, 4)
    ]
    return pd.DataFrame(rows)


@pytest.fixture
def predictions(manifest: pd.DataFrame) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = manifest.loc[manifest.index.repeat(4), ["subject_id", "record_id", "clip_id", "start_s"]].reset_index(drop=True)
    table.insert(0, "dataset", "phantom")
    table["second"] = np.tile(np.arange(4), len(manifest))
    time_s = table.pop("start_s") + table["second"]
    table["true_percent"] = np.round(95 - 8 * np.sin(time_s / 2 + table["subject_id"].str[1:].astype(int)))
    table["predicted_percent"] = table["true_percent"] + rng.normal(0.3, 1.5, len(table))
    return table


@pytest.fixture
def baselines(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(1)
    noise = {"ratio_of_ratios": 4.0, "chrominance": 3.0}
    return {
        name: predictions[["clip_id", "second"]].assign(
            predicted_percent=predictions["true_percent"] + rng.normal(0, sd, len(predictions))
        )
        for name, sd in noise.items()
    }
