"""What a network must beat: SpO2 from the colour ratios of the same clips, calibrated on the training clips alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tast.clip_store import ClipStore
from tast.ratio_of_ratios import RATIOS, fit_calibration, pulse_signals
from tast.seconds import KEY, clip_seconds, per_second


def ratio_predictions(store: ClipStore, train_ids: Sequence[str], test_ids: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Name of the ratio -> table (KEY, predicted_percent) of the test seconds, each with the mean over the clips that show it.

    One value per clip; the line from ratio to percent is fitted on (ratio, mean label) of the training clips. NaN where no clip
    has a ratio.
    """
    train, test = clip_ratios(store, train_ids), clip_ratios(store, test_ids)
    labels = store.manifest.loc[list(train_ids), "spo2_percent"]
    means = np.array([_known_mean(np.asarray(one, dtype=np.float64)) for one in labels])
    rows = clip_seconds(store.manifest.loc[list(test_ids)])
    tables = {}
    for name in RATIOS:
        percent = fit_calibration(train[name].to_numpy(), means).percent(test[name].to_numpy())
        of_clip = pd.Series(percent, index=test.index)
        said = rows.assign(predicted_percent=rows["clip_id"].map(of_clip))
        tables[name] = per_second(said, ["predicted_percent"])[[*KEY, "predicted_percent"]]
    return tables


def clip_ratios(store: ClipStore, clip_ids: Sequence[str]) -> pd.DataFrame:
    """One row per clip (index clip_id), one column per ratio in RATIOS."""
    clips = (store.clip(clip_id) for clip_id in clip_ids)
    pulses = [(pulse_signals(clip.frames), clip.fps_hz) for clip in clips]
    columns = {name: [ratio(pulse, fps_hz) for pulse, fps_hz in pulses] for name, ratio in RATIOS.items()}
    return pd.DataFrame(columns, index=pd.Index(clip_ids, name="clip_id"))


def _known_mean(labels: np.ndarray) -> float:
    known = labels[np.isfinite(labels)]
    return float(known.mean()) if known.size else float("nan")
