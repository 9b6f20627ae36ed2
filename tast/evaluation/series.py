"""What a camera's colour series says of SpO2 without a network, window by window, each person foretold from the others.

The ratio of ratios is pulse oximetry's own quantity (Webster, "Design of Pulse Oximeters", 1997, chapter 4). Beside it stand the
logarithms of AC and DC, the constant, and a baseline that sees no light at all: where everybody's oxygen is lowered in the same
steps, the time since the start foretells SpO2, and a method that is no better than it has shown nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfiltfilt

FloatArray = npt.NDArray[np.float64]

WINDOW_S = 10
PULSE_BAND_HZ = (0.5, 4.0)
RED, GREEN, BLUE = range(3)
POSITION_DEGREE = 3


@dataclass(frozen=True, eq=False)
class Windows:
    """N windows. pulse (N, T, 3): AC in grey levels; dc (N, 3): mean grey levels; elapsed (N,): the window's middle as a fraction
    of its recording; spo2_percent (N,): mean reading.
    """

    pulse: FloatArray
    dc: FloatArray
    elapsed: FloatArray
    spo2_percent: FloatArray

    def __len__(self) -> int:
        return len(self.spo2_percent)

    @property
    def ac(self) -> FloatArray:
        """(N, 3) standard deviation of the pulse, in grey levels."""
        return self.pulse.std(axis=1)


def windows_of(rgb: FloatArray, fps_hz: float, spo2_percent: FloatArray, window_s: int = WINDOW_S) -> Windows:
    """Consecutive windows of one recording in which every second has a reading.

    rgb: (T, 3) mean grey levels of each frame. spo2_percent: (S,) one reading a second from the first frame on, NaN for none.
    """
    filtered = sosfiltfilt(butter(3, PULSE_BAND_HZ, "bandpass", fs=fps_hz, output="sos"), rgb, axis=0)
    duration_s = min(len(rgb) / fps_hz, len(spo2_percent))
    starts_s = np.arange(0, int(duration_s) - window_s + 1, window_s)
    labels = [spo2_percent[start : start + window_s] for start in starts_s]
    starts_s = starts_s[[bool(np.isfinite(one).all()) for one in labels]]
    frames = np.rint(starts_s[:, None] * fps_hz).astype(np.int64) + np.arange(int(window_s * fps_hz))
    return Windows(
        pulse=filtered[frames],
        dc=rgb[frames].mean(axis=1),
        elapsed=(starts_s + window_s / 2) / duration_s,
        spo2_percent=spo2_percent[starts_s[:, None] + np.arange(window_s)].mean(axis=1),
    )


def joined(parts: Sequence[Windows]) -> Windows:
    """The windows of several recordings with one frame rate, one after another."""
    return Windows(**{field.name: np.concatenate([getattr(part, field.name) for part in parts]) for field in fields(Windows)})


def standard_deviation_ratio(windows: Windows, upper: int, lower: int) -> FloatArray:
    """(N, 1) quotient of two channels' AC/DC, AC as the standard deviation."""
    share = windows.ac / windows.dc
    return _column(share[:, upper], share[:, lower])


def projected_ratio(windows: Windows, upper: int, lower: int) -> FloatArray:
    """(N, 1) <u l> / <l l> of two channels' AC/DC: noise that `lower` does not share is ignored."""
    share = windows.pulse / windows.dc[:, None, :]
    return _column((share[..., upper] * share[..., lower]).sum(axis=1), (share[..., lower] ** 2).sum(axis=1))


def position_features(*positions: FloatArray) -> FloatArray:
    """(N, 3 per position) powers of each standardised position (N,): a session's number, a second within it, elapsed time.

    What a line makes of them is all that mere position foretells, without any light.
    """
    return np.hstack([_standardised(one)[:, None] ** np.arange(1, POSITION_DEGREE + 1) for one in positions])


def _standardised(values: FloatArray) -> FloatArray:
    return (values - values.mean()) / max(float(values.std()), 1e-9)


FEATURES: dict[str, Callable[[Windows], FloatArray]] = {  # (N, features) that a line turns into percent
    "constant": lambda windows: np.empty((len(windows), 0)),
    "ratio of ratios R/G": lambda windows: standard_deviation_ratio(windows, RED, GREEN),
    "ratio of ratios R/G, projected": lambda windows: projected_ratio(windows, RED, GREEN),
    "ratio of ratios R/B": lambda windows: standard_deviation_ratio(windows, RED, BLUE),
    "ratio of ratios R/B, projected": lambda windows: projected_ratio(windows, RED, BLUE),
    "log AC": lambda windows: np.log(windows.ac),
    "log DC": lambda windows: np.log(windows.dc),
    "log AC and log DC": lambda windows: np.log(np.hstack([windows.ac, windows.dc])),
    "time only": lambda windows: position_features(windows.elapsed),
}


def leave_one_person_out(features: FloatArray, spo2_percent: FloatArray, person: npt.NDArray[np.generic]) -> FloatArray:
    """(N,) percent of each row by a line fitted on everybody else's rows. Raises ValueError with fewer than two people."""
    people = np.unique(person)
    if len(people) < 2:
        raise ValueError(f"leaving one person out takes two or more; there are {len(people)}")
    predicted = np.empty(len(spo2_percent))
    for one in people:
        test = person == one
        predicted[test] = fitted_percent(features[~test], spo2_percent[~test], features[test])
    return predicted


def fitted_percent(train: FloatArray, train_percent: FloatArray, test: FloatArray) -> FloatArray:
    """(M,) percent from features test (M, F), by least squares on train (N, F), held within the percents that it was fitted on.

    Rows with a feature that is not finite are not fitted; such a row gets the mean.
    """
    known = np.isfinite(train).all(axis=1)
    x, y = train[known], train_percent[known]
    centre, spread = x.mean(axis=0), x.std(axis=0)
    scale = np.where(spread > 0, spread, 1.0)
    weights, *_ = np.linalg.lstsq((x - centre) / scale, y - y.mean(), rcond=None)
    line = y.mean() + (test - centre) / scale @ weights
    return np.where(np.isfinite(line), np.clip(line, y.min(), y.max()), y.mean())


def _column(numerator: FloatArray, denominator: FloatArray) -> FloatArray:
    quotient = np.full_like(numerator, np.nan)
    np.divide(numerator, denominator, out=quotient, where=denominator > 0)
    return quotient[:, None]
