"""A small test set with a known truth: four people, overlapping clips of four seconds, a network and two colour ratios."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tast.evaluation.predictions import predictions_per_second
from tast.seconds import KEY, clip_seconds

SCENARIOS = ("steady", "talking", "slow_translation", "small_rotation")
STARTS_S, FPS_HZ, BEGIN_S = (0, 2, 4), 15.0, 3.4  # where the clips begin in the face, and the face in the recording


@pytest.fixture
def manifest() -> pd.DataFrame:
    rows = [
        {
            "clip_id": f"s{s}-{start:04d}", "dataset": "phantom", "subject_id": f"s{s}", "record_id": f"s{s}-01",
            "scenario": SCENARIOS[s], "first_frame": round(start * FPS_HZ), "fps_hz": FPS_HZ, "start_s": BEGIN_S + start,
            "quality": 1 - 0.05 * s - 0.02 * start,
            "spo2_percent": [round(95 - 8 * np.sin((start + second) / 2 + s)) * 1.0 for second in range(4)],
        }
        for s in range(4)
        for start in STARTS_S
    ]  # fmt: skip
    return pd.DataFrame(rows)


@pytest.fixture
def clip_rows(manifest: pd.DataFrame) -> pd.DataFrame:
    """One row per clip and second, as a network gives them."""
    rows = clip_seconds(manifest)
    predicted = rows["true_percent"] + np.random.default_rng(0).normal(0.3, 1.5, len(rows))
    return rows.assign(predicted_percent=predicted, quality=rows["clip_id"].map(manifest.set_index("clip_id")["quality"]))


@pytest.fixture
def predictions(clip_rows: pd.DataFrame) -> pd.DataFrame:
    return predictions_per_second(clip_rows, half_width_percent=2.0, lowest_percent=50.0, highest_percent=100.0)


@pytest.fixture
def baselines(predictions: pd.DataFrame) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(1)
    noise = {"ratio_of_ratios": 4.0, "chrominance": 3.0}
    return {
        name: predictions[KEY].assign(predicted_percent=predictions["true_percent"] + rng.normal(0, sd, len(predictions)))
        for name, sd in noise.items()
    }
