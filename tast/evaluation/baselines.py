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
    means = mean_labels(store, train_ids)
    percent = {name: fit_calibration(train[name].to_numpy(), means).percent(test[name].to_numpy()) for name in RATIOS}
    return {name: clips_per_second(store, test_ids, predicted_percent=values) for name, values in percent.items()}


def clip_ratios(store: ClipStore, clip_ids: Sequence[str]) -> pd.DataFrame:
    """One row per clip (index clip_id), one column per ratio in RATIOS."""
    clips = (store.clip(clip_id) for clip_id in clip_ids)
    pulses = [(pulse_signals(clip.frames), clip.fps_hz) for clip in clips]
    columns = {name: [ratio(pulse, fps_hz) for pulse, fps_hz in pulses] for name, ratio in RATIOS.items()}
    return pd.DataFrame(columns, index=pd.Index(clip_ids, name="clip_id"))


def mean_labels(store: ClipStore, clip_ids: Sequence[str]) -> np.ndarray:
    """(N,) mean of the known labels of each clip, NaN where none is known."""
    labels = [np.asarray(one, dtype=np.float64) for one in store.manifest.loc[list(clip_ids), "spo2_percent"]]
    known = [one[np.isfinite(one)] for one in labels]
    return np.array([one.mean() if one.size else np.nan for one in known])


def clips_per_second(store: ClipStore, clip_ids: Sequence[str], **of_clip: np.ndarray) -> pd.DataFrame:
    """KEY and one column per value of a clip (N,): for every second the mean over the clips that show it."""
    rows = clip_seconds(store.manifest.loc[list(clip_ids)])
    values = pd.DataFrame(of_clip, index=list(clip_ids)).loc[rows["clip_id"]]
    table = per_second(rows.assign(**{name: values[name].to_numpy() for name in of_clip}), list(of_clip))
    return table[[*KEY, *of_clip]]
