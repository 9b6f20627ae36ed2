"""Data sets of colour traces with SpO2 and without videos: what can drive a phantom, and be audited, but not be preprocessed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tast.clip_store import Reject
from tast.datasets import mths, oximetry_phone_cam, traces
from tast.datasets.finger_series import FingerSeries
from tast.datasets.layout import folder_holding
from tast.errors import BadInput

Read = tuple[list[FingerSeries], list[Reject]]


@dataclass(frozen=True)
class WaveSet:
    """layout: in words. holds: whether a folder is in it. read: all that is there, and what cannot be read."""

    layout: str
    holds: Callable[[Path], bool]
    read: Callable[[Path], Read]


def _read_hands(root: Path) -> Read:
    return list(oximetry_phone_cam.read_oximetry_phone_cam(root)), []


WAVES: dict[str, WaveSet] = {
    "oximetry_phone_cam": WaveSet(oximetry_phone_cam.LAYOUT, oximetry_phone_cam.holds_hands, _read_hands),
    "mths": WaveSet(mths.LAYOUT, mths.holds_signals, mths.read_mths),
    "traces": WaveSet(traces.LAYOUT, traces.holds_traces, traces.read_traces),
}


def waves_at(root: Path) -> str:
    """The layout, a key of WAVES, in which the folder root is. Raises BadInput where it is in none."""
    for name, one in WAVES.items():
        try:
            folder_holding(Path(root), one.holds, one.layout)
        except BadInput:
            continue
        return name
    found = "no waves found" if Path(root).is_dir() else "no such folder"
    raise BadInput(root, found, "; or ".join(one.layout for one in WAVES.values()))


def read_waves(root: Path) -> Read:
    """All recordings below root, in whichever layout of WAVES they are, and what cannot be read. Raises as waves_at."""
    return WAVES[waves_at(root)].read(Path(root))
