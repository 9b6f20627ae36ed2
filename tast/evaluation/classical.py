"""The methods without a network on the clips of a store: a table per method, as tast.evaluation.baselines has of colour ratios.

Here and not in tast.methods, which knows neither clip stores nor tables.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pandas as pd

from tast.clip_store import ClipStore
from tast.evaluation.baselines import clips_per_second, mean_labels
from tast.methods.classical import CLASSICAL
from tast.methods.classical.constant import own_first_minute
from tast.people import RECORDING_COLUMNS, recording_of
from tast.seconds import KEY, labels_per_second

FloatArray = npt.NDArray[np.floating]

OWN_FIRST_MINUTE = "own_first_minute"  # reads labels of the test recordings themselves


def predictions(store: ClipStore, train_ids: Sequence[str], test_ids: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Name in CLASSICAL, and OWN_FIRST_MINUTE -> table (KEY, predicted_percent, abstained) of the seconds of the test clips.

    A method has one value per clip, a second the mean over the clips that show it. All are fitted on the training clips' mean
    labels alone, the constant on the labels of their seconds, each once. abstained: the share of these clips whose light said
    nothing, for which the training mean stands. OWN_FIRST_MINUTE has the mean label of the recording's own first minute for the
    seconds after it (see own_first_minute), and before them NaN, abstained 1.
    """
    train, test = (
        [(light_trace(store, clip_id), store.clip(clip_id).fps_hz) for clip_id in ids] for ids in (train_ids, test_ids)
    )
    labels = mean_labels(store, train_ids)
    tables = {}
    for name, method in CLASSICAL.items():
        seen, asked = (np.stack([method.features(trace, fps_hz) for trace, fps_hz in clips]) for clips in (train, test))
        if seen.shape[1]:
            predictor = method.fitted(seen, labels)
        else:  # looks at no clip, so that each second's label counts once, as in tast.evaluation.evaluate
            seconds = labels_per_second(store.manifest.loc[list(train_ids)])["true_percent"].to_numpy()
            predictor = method.fitted(np.empty((len(seconds), 0)), seconds)
        silent = (~np.isfinite(asked)).any(axis=1).astype(np.float64)
        tables[name] = clips_per_second(store, test_ids, predicted_percent=predictor.percent(asked), abstained=silent)
    return tables | {OWN_FIRST_MINUTE: first_minutes(store, test_ids)}


def light_trace(store: ClipStore, clip_id: str) -> FloatArray:
    """The mean light (T, 3) in R, G, B of the pixels of a clip that are lit at any time.

    What the store's clips were magnified by is taken back, in the mean over the face: the methods divide by the light of short
    windows, which is that of skin only while pulses are small.
    """
    frames = store.clip(clip_id).frames
    lit = (frames != 0).any(axis=(0, 3)).sum()
    light = frames.sum(axis=(1, 2), dtype=np.float64) / max(lit, 1)
    alpha = float(store.preprocessing.get("magnify", {}).get("alpha", 0.0))
    steady = light.mean(axis=0)
    return np.asarray(steady + (light - steady) / (1 + alpha))


def first_minutes(store: ClipStore, test_ids: Sequence[str]) -> pd.DataFrame:
    """The table of OWN_FIRST_MINUTE: a recording's labels are those of all its clips in the store."""
    asked = labels_per_second(store.manifest.loc[list(test_ids)])[KEY]
    own = store.manifest[recording_of(store.manifest).isin(recording_of(asked))]
    parts = [
        seconds.assign(predicted_percent=own_first_minute(seconds["start_s"].to_numpy(), seconds["true_percent"].to_numpy()))
        for _, seconds in labels_per_second(own).groupby(list(RECORDING_COLUMNS), sort=True)
    ]
    table = asked.merge(pd.concat(parts)[[*KEY, "predicted_percent"]], on=KEY, how="left", validate="one_to_one")
    return table.assign(abstained=table["predicted_percent"].isna().astype(np.float64))
