"""SpO2 without a network: the ratio of ratios of a masked face clip, and a line that turns it into percent.

Pulse oximetry's own quantity (Webster, "Design of Pulse Oximeters", 1997, chapter 4): the pulse's share of the light in red
over that in green. As a projection, <r g> / <g g>, it ignores noise that green does not share. The chrominance ratio
<(R-G)(B-G)> / <(B-G)^2> (after de Haan & Jeanne 2013) cancels what all channels share, as motion does, and stands beside it.
The chrominance angle is the same of what lies at the pulse rate alone, by total least squares: noise of B-G does not shrink it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tast.pulse_rate import at_rate, spectrum, strongest_rate_hz

FloatArray = npt.NDArray[np.floating]


def pulse_signals(frames: npt.NDArray[np.generic]) -> FloatArray:
    """Masked frames (T, H, W, 3) -> AC over DC of each channel, (T, 3) without unit.

    Light is summed over the pixels that are lit (not 0 at every instant) before it is divided: a mean of each pixel's AC/DC
    would give dark, noisy pixels the weight of bright ones.
    """
    light = frames.sum(axis=(1, 2), dtype=np.float64)
    steady = light.mean(axis=0)
    return light / np.where(steady > 0, steady, 1.0) - (steady > 0)


def projection_ratio(pulse: FloatArray) -> float:
    """AC/DC (T, 3) in R, G, B -> <r g> / <g g>; NaN where green does not move."""
    red, green, _ = pulse.T
    return _quotient(red @ green, green @ green)


def chrominance_ratio(pulse: FloatArray) -> float:
    """AC/DC (T, 3) in R, G, B -> <(R-G)(B-G)> / <(B-G)^2>; NaN where blue and green move alike."""
    red_green, blue_green = chrominance(pulse).T
    return _quotient(red_green @ blue_green, blue_green @ blue_green)


def chrominance_angle(pulse: FloatArray, fps_hz: float) -> float:
    """AC/DC (T, 3) in R, G, B at fps_hz -> direction in the plane of R-G and B-G in which the pulse moves most.

    In radians from the axis of R-G, which moves in any blood, -pi/2 to pi/2; only what lies at the pulse rate is asked. NaN
    where nothing moves.
    """
    signals = chrominance(pulse)
    rate_hz = strongest_rate_hz(*spectrum(signals, fps_hz))
    if not np.isfinite(rate_hz):
        return float("nan")
    _, _, directions = np.linalg.svd(at_rate(signals, rate_hz, fps_hz), full_matrices=False)
    red_green, blue_green = directions[0]
    return float(np.arctan(blue_green / red_green)) if red_green else float(np.pi / 2)


def chrominance(pulse: FloatArray) -> FloatArray:
    """AC/DC (T, 3) in R, G, B -> R-G and B-G (T, 2), without what all channels share."""
    return pulse[:, [0, 2]] - pulse[:, [1]]


def _quotient(numerator: float, denominator: float) -> float:
    return float(numerator / denominator) if denominator > 0 else float("nan")


# of AC/DC (T, 3) and its rate in Hz
RATIOS: dict[str, Callable[[FloatArray, float], float]] = {
    "ratio_of_ratios": lambda pulse, fps_hz: projection_ratio(pulse),
    "chrominance": lambda pulse, fps_hz: chrominance_ratio(pulse),
    "chrominance_angle": chrominance_angle,
}


@dataclass(frozen=True)
class Calibration:
    """percent = intercept + slope * ratio, held within the percents that it was fitted on; their mean where there is no ratio."""

    intercept_percent: float
    slope_percent: float
    lowest_percent: float
    highest_percent: float
    mean_percent: float

    def percent(self, ratios: FloatArray) -> FloatArray:
        """Ratios of any shape -> SpO2 in percent."""
        line = np.clip(self.intercept_percent + self.slope_percent * ratios, self.lowest_percent, self.highest_percent)
        return np.where(np.isfinite(ratios), line, self.mean_percent)


def fit_calibration(ratios: FloatArray, spo2_percent: FloatArray) -> Calibration:
    """Least squares on the training clips: ratios (N,), spo2_percent (N,); pairs with a NaN are left out.

    Raises ValueError where no pair is left. With all ratios alike the line is flat.
    """
    known = np.isfinite(ratios) & np.isfinite(spo2_percent)
    if not known.any():
        raise ValueError("no training clip has both a ratio and an SpO2 label")
    ratio, percent = ratios[known], spo2_percent[known]
    spread = ratio - ratio.mean()
    slope = float(spread @ percent / (spread @ spread)) if np.ptp(ratio) > 0 else 0.0
    mean = float(percent.mean())
    return Calibration(mean - slope * float(ratio.mean()), slope, float(percent.min()), float(percent.max()), mean)
