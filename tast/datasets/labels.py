"""Oximeter readings as every reader hands them on: faults are masked with NaN, and said."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from tast.errors import VideoRejected
from tast.records import FloatArray, PulseRateTrace, Spo2Trace

FAULT_CODES_PERCENT = (0.0, 44.0, 127.0, 255.0)  # met in place of a reading: "no finger", "searching", "no value"
PULSE_RATE_RANGE_PER_MIN = (25.0, 250.0)  # what finger oximeters show; 255 is their code for "no reading"


def mask_faults(
    values: npt.ArrayLike,
    *,
    valid_range: tuple[float, float],
    fault_codes: tuple[float, ...] = (),
    faulty: npt.NDArray[np.bool_] | None = None,
) -> FloatArray:
    """(N,) float64 copy of the readings with NaN in place of fault codes, of values outside valid_range (both ends valid),
    and of those that the device itself marks as faulty ((N,) bool).
    """
    readings = np.array(values, dtype=np.float64)
    low, high = valid_range
    masked = ~((readings >= low) & (readings <= high)) | np.isin(readings, fault_codes)
    readings[masked if faulty is None else masked | faulty] = np.nan
    return readings


def spo2_trace(
    record_id: str,
    times_s: FloatArray,
    percent: npt.ArrayLike,
    *,
    valid_range: tuple[float, float],
    fault_codes: tuple[float, ...] = (),
    faulty: npt.NDArray[np.bool_] | None = None,
) -> tuple[Spo2Trace, tuple[str, ...]]:
    """The SpO2 trace with its faults masked, and a note that counts them.

    Raises VideoRejected where no valid reading is left.
    """
    readings = mask_faults(percent, valid_range=valid_range, fault_codes=fault_codes, faulty=faulty)
    n_masked = int(np.isnan(readings).sum())
    if n_masked == len(readings):
        low, high = valid_range
        raise VideoRejected(record_id, f"no valid SpO2 reading among {len(readings)} (valid: {low:g}-{high:g} %)")
    notes = (f"{n_masked} of {len(readings)} SpO2 readings masked",) if n_masked else ()
    return Spo2Trace(times_s, readings), notes


def spot_reading(record_id: str, percent: float, sd_percent: float, *, valid_range: tuple[float, float]) -> Spo2Trace:
    """One reading that stands for a whole recording, sd_percent points uncertain (1 SD). Raises VideoRejected for a fault."""
    (reading,) = mask_faults([percent], valid_range=valid_range, fault_codes=FAULT_CODES_PERCENT)
    if np.isnan(reading):
        low, high = valid_range
        raise VideoRejected(record_id, f"the SpO2 reading is {percent:g} (valid: {low:g}-{high:g} %)")
    return Spo2Trace(np.zeros(1), np.array([reading]), spot_sd_percent=sd_percent)


def pulse_rate_trace(
    times_s: FloatArray, per_minute: npt.ArrayLike, faulty: npt.NDArray[np.bool_] | None = None
) -> PulseRateTrace:
    """The pulse rate with readings masked that no heart gives (255 is the devices' code for none)."""
    return PulseRateTrace(times_s, mask_faults(per_minute, valid_range=PULSE_RATE_RANGE_PER_MIN, faulty=faulty))


def require_overlap(record_id: str, frame_times_s: FloatArray, reading_times_s: FloatArray) -> None:
    """Raises VideoRejected where no reading falls into the time of the frames: two clocks, or two sessions."""
    first_s, last_s = float(frame_times_s[0]), float(frame_times_s[-1])
    if not np.any((reading_times_s >= first_s) & (reading_times_s <= last_s)):
        between = f"{reading_times_s[0]:.3f}-{reading_times_s[-1]:.3f} s"
        raise VideoRejected(
            record_id, f"no oximeter reading within the video ({first_s:.3f}-{last_s:.3f} s): they span {between}"
        )
