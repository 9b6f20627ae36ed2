"""MTHS: 62 people's fingertips on a phone's camera beside an oximeter, as mean colours of each frame, without videos.

"Efficient deep learning-based estimation of the vital signs on smartphones"; layout by its repository MahdiFarvardin/MTVital:
signal_<n>.npy holds red, green and blue at 30 Hz, label_<n>.npy heart rate and SpO2 once a second. CC BY-NC-ND: it is read
where the user has it, and what is rendered from it stays with the user.
"""

from __future__ import annotations

import re
import tokenize
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tast.clip_store import Reject
from tast.datasets.finger_series import FingerSeries
from tast.datasets.labels import FAULT_CODES_PERCENT, PULSE_RATE_RANGE_PER_MIN, mask_faults
from tast.datasets.layout import folder_holding, reason_below
from tast.errors import BadInput, TastError
from tast.records import FloatArray

CAMERA_FPS_HZ = 30.0
LAYOUT = "MTHS's layout: Data/signal_<number>.npy (T, 3) and Data/label_<number>.npy (S, 2)"
SIGNAL = re.compile(r"(signal|label)_(\d+)\.npy")
SPO2_RANGE_PERCENT = (50.0, 100.0)
UNMATCHED_S = 2.0  # of which signal and labels may differ in length before it is worth a note


def read_mths(root: Path) -> tuple[list[FingerSeries], list[Reject]]:
    """Every person's recording below root, ordered by number, which is the subject_id; and those that cannot be read.

    SpO2 and pulse rate are masked (NaN) where they are fault codes or no living body's. Raises BadInput where root is not in this
    layout.
    """
    root = Path(root)
    top = folder_holding(root, holds_signals, LAYOUT)
    numbers = {int(found[2]) for path in top.iterdir() if (found := SIGNAL.fullmatch(path.name))}
    read: list[FingerSeries] = []
    rejects: list[Reject] = []
    for number in sorted(numbers):
        try:
            read.append(_read_person(top, number))
        except TastError as error:
            rejects.append(Reject(str(number), reason_below(root, error)))
    return read, rejects


def holds_signals(folder: Path) -> bool:
    return any(SIGNAL.fullmatch(path.name) for path in folder.iterdir())


def _read_person(top: Path, number: int) -> FingerSeries:
    path = top / f"signal_{number}.npy"
    rgb, labels = _array(path, 3), _array(top / f"label_{number}.npy", 2)
    if not np.isfinite(rgb).all():
        raise BadInput(path, f"{int(np.sum(~np.isfinite(rgb).all(axis=1)))} frames without a colour", "a number each")
    spo2 = mask_faults(labels[:, 1], valid_range=SPO2_RANGE_PERCENT, fault_codes=FAULT_CODES_PERCENT)
    if np.isnan(spo2).all():
        raise BadInput(top / f"label_{number}.npy", f"no valid SpO2 among {len(spo2)}", "SpO2 in the second column, in percent")
    return FingerSeries(
        subject_id=str(number),
        hand="",
        path=path,
        times_s=np.arange(len(rgb)) / CAMERA_FPS_HZ,
        rgb=rgb,
        reading_times_s=np.arange(len(spo2), dtype=np.float64),
        spo2_by_oximeter={"1": spo2},
        spo2_percent=spo2,
        pulse_per_min=mask_faults(labels[:, 0], valid_range=PULSE_RATE_RANGE_PER_MIN),
        notes=tuple(_unmatched(len(rgb) / CAMERA_FPS_HZ, len(spo2))),
    )


def _unmatched(colours_s: float, readings_s: int) -> Iterator[str]:
    if abs(colours_s - readings_s) > UNMATCHED_S:
        yield f"{colours_s:.1f} s of colours beside {readings_s} s of readings: taken to begin together"


def _array(path: Path, columns: int) -> FloatArray:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of headers as Python 2 wrote them
            table: npt.NDArray[np.generic] = np.load(path, allow_pickle=False)
    except OSError as error:
        raise BadInput(path, f"cannot be read ({error.strerror or error})", f"an array (N, {columns})") from None
    except (ValueError, EOFError, SyntaxError, tokenize.TokenError, OverflowError, MemoryError) as error:  # of a damaged header
        raise BadInput(path, f"no NumPy array ({' '.join(str(error).split())})", f"an array (N, {columns})") from None
    if table.ndim != 2 or table.shape[1] != columns or not len(table) or table.dtype.kind not in "iuf":
        raise BadInput(path, f"an array {table.shape} of {table.dtype}", f"numbers (N, {columns})")
    return table.astype(np.float64)
