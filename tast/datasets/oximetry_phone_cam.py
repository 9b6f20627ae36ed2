"""oximetry-phone-cam: a phone's camera under a fingertip beside reference oximeters, while inspired oxygen was lowered in steps.

J. S. Hoffman et al., "Smartphone camera oximetry in an induced hypoxemia study", npj Digital Medicine 5:146, 2022. It is a finger
in contact with the camera and not a face, and everybody's oxygen was lowered in much the same steps: the time since the start of
a recording foretells SpO2 better than the light does, so that no position in a recording may reach a model.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from tast.datasets.finger_series import FingerSeries
from tast.datasets.labels import PULSE_RATE_RANGE_PER_MIN, mask_faults
from tast.datasets.layout import folder_holding
from tast.datasets.tables import number_or_nan, text_lines
from tast.errors import BadInput
from tast.records import FloatArray

CAMERA_FPS_HZ = 30.0
HANDS = ("Left", "Right")
LAYOUT = "oximetry-phone-cam's layout: gt/<subject>.csv and ppg-csv/Left/<subject>.csv, ppg-csv/Right/<subject>.csv"
SPO2_COLUMN, PULSE_COLUMN = re.compile(r"SpO2 (\d+)"), re.compile(r"Pulse (\d+)")
CHANNELS = ("R", "G", "B")
VALID = ((50.0, 100.0), PULSE_RATE_RANGE_PER_MIN)  # of SpO2 in percent, and of the pulse rate
COLUMN_NAMES = "metadata.csv"  # explains the columns, and lies among the readings


def read_oximetry_phone_cam(root: Path) -> tuple[FingerSeries, ...]:
    """Every subject's hands below root, ordered by subject and hand; the folders may lie in root, or in a folder of it ("data").

    Raises BadInput where root is not in this layout, a subject has readings but no series, or a file is not what it should be.
    """
    top = folder_holding(Path(root), holds_hands, LAYOUT)
    readings = [path for path in sorted((top / "gt").glob("*.csv")) if path.name != COLUMN_NAMES]
    return tuple(series for path in readings for series in _subject(top, path))


def holds_hands(folder: Path) -> bool:
    return (folder / "gt").is_dir() and (folder / "ppg-csv").is_dir()


def _subject(top: Path, readings: Path) -> list[FingerSeries]:
    spo2, pulse = _readings(readings)
    found = [(hand, top / "ppg-csv" / hand / readings.name) for hand in HANDS]
    hands = [(hand, path) for hand, path in found if path.is_file()]
    if not hands:
        raise BadInput(readings, "readings of a subject without a series of either hand", LAYOUT)
    median_spo2, median_pulse = _median(spo2), _median(pulse)
    return [
        FingerSeries(
            subject_id=readings.stem,
            hand=hand,
            path=path,
            times_s=np.arange(len(rgb)) / CAMERA_FPS_HZ,
            rgb=rgb,
            reading_times_s=np.arange(len(median_spo2), dtype=np.float64),
            spo2_by_oximeter=spo2,
            spo2_percent=median_spo2,
            pulse_per_min=median_pulse,
        )
        for hand, path, rgb in ((hand, path, _rgb(path)) for hand, path in hands)
    ]


def _readings(path: Path) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    """SpO2 and pulse rate (N,) of each oximeter that gave any, by its number; the closing line without readings is left out.

    The header may name the first column Time, nothing, or hold a byte order mark; rows are told by their SpO2 cells alone.
    """
    header, *rows = [line.split(",") for line in text_lines(path) if line.strip()] or [[""]]
    columns = [
        {found[1]: place for place, name in enumerate(header) if (found := pattern.fullmatch(name.strip()))}
        for pattern in (SPO2_COLUMN, PULSE_COLUMN)
    ]
    if not columns[0]:
        raise BadInput(path, "no column SpO2 1, SpO2 2, ...", LAYOUT)
    tables = [_columns(path, rows, places, valid) for places, valid in zip(columns, VALID, strict=True)]
    last = 1 + max((int(np.flatnonzero(np.isfinite(values)).max(initial=-1)) for values in tables[0].values()), default=-1)
    spo2, pulse = ({name: values[:last] for name, values in table.items()} for table in tables)
    if not spo2:
        raise BadInput(path, "no SpO2 reading", "readings of at least one oximeter")
    return spo2, pulse


def _columns(
    path: Path, rows: list[list[str]], places: dict[str, int], valid_range: tuple[float, float]
) -> dict[str, FloatArray]:
    """Columns by the oximeter's number, 0, blank and what no living body has as NaN; those without a reading are left out."""
    table = {}
    for name, place in places.items():
        cells = [row[place] if place < len(row) else "" for row in rows]
        cells_read = [number_or_nan(path, line, cell) for line, cell in enumerate(cells, start=2)]
        values = mask_faults(cells_read, valid_range=valid_range)
        if np.isfinite(values).any():
            table[name] = values
    return table


def _median(by_oximeter: dict[str, FloatArray]) -> FloatArray:
    """(N,) median over the oximeters that gave a reading."""
    return pd.DataFrame(by_oximeter).median(axis=1).to_numpy(dtype=np.float64)


def _rgb(path: Path) -> FloatArray:
    """(T, 3) of a table with the columns R, G, B."""
    try:
        table = pd.read_csv(path, encoding="utf-8-sig", dtype=np.float64, skipinitialspace=True)
    except (OSError, ValueError, OverflowError) as error:
        raise BadInput(path, f"not a table of numbers ({' '.join(str(error).split())})", "the columns R, G, B") from None
    if tuple(table.columns) != CHANNELS or table.empty or not np.isfinite(table.to_numpy()).all():
        raise BadInput(path, f"columns {', '.join(map(str, table.columns))}, {len(table)} rows", "a number each for R, G, B")
    return table.to_numpy()
