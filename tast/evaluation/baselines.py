"""What a network must beat: SpO2 from the colour ratios of the same clips, calibrated on the training clips alone."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from tast.clip_store import ClipStore
from tast.models.ratio_of_ratios import RATIOS, fit_calibration, pulse_signals


def ratio_predictions(store: ClipStore, train_ids: Sequence[str], test_ids: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Name of the ratio -> table (clip_id, second, predicted_percent), one value per clip said for each of its seconds.

    The line from ratio to percent is fitted on (ratio, mean label) of the training clips.
    """
    train, test = clip_ratios(store, train_ids), clip_ratios(store, test_ids)
    labels = store.manifest.loc[list(train_ids), "spo2_percent"]
    means = np.array([_known_mean(np.asarray(one, dtype=np.float64)) for one in labels])
    seconds = store.manifest.loc[list(test_ids), "spo2_percent"].map(len)
    return {name: _per_second(test[name], fit_calibration(train[name].to_numpy(), means).percent, seconds) for name in RATIOS}


def clip_ratios(store: ClipStore, clip_ids: Sequence[str]) -> pd.DataFrame:
    """One row per clip (index clip_id), one column per ratio in RATIOS."""
    clips = (store.clip(clip_id) for clip_id in clip_ids)
    pulses = [(pulse_signals(clip.frames), clip.fps_hz) for clip in clips]
    columns = {name: [ratio(pulse, fps_hz) for pulse, fps_hz in pulses] for name, ratio in RATIOS.items()}
    return pd.DataFrame(columns, index=pd.Index(clip_ids, name="clip_id"))


def _known_mean(labels: np.ndarray) -> float:
    known = labels[np.isfinite(labels)]
    return float(known.mean()) if known.size else float("nan")


def _per_second(ratios: pd.Series, percent: object, seconds: pd.Series) -> pd.DataFrame:
    said = pd.DataFrame({"clip_id": ratios.index, "predicted_percent": percent(ratios.to_numpy())})  # type: ignore[operator]
    table = said.loc[said.index.repeat(seconds.to_numpy())].reset_index(drop=True)
    table["second"] = np.concatenate([np.arange(n) for n in seconds])
    return table
