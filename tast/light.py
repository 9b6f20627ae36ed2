"""The light of a face and of what lies behind it, beside the clips: what a change of SpO2 since a known moment is read from.

    data/clips/light/<record_id>.npy     (T, 6) float32: red, green, blue of the face, then of the background, 0 to 255; NaN where
                                         the face leaves too little background

One file per recording, on its frames, as they were before magnification. A network does not see it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt

from tast.errors import BadInput
from tast.records import FaceLight

FOLDER = "light"


def as_columns(light: FaceLight) -> npt.NDArray[np.float32]:
    """(T, 6)."""
    return np.column_stack([light.skin, light.background]).astype(np.float32)


def light_path(clips: Path, record_id: str) -> Path:
    """Where a store keeps it."""
    return clips / FOLDER / f"{record_id}.npy"


def read_light(clips: Path, record_id: str) -> FaceLight:
    """Raises BadInput where there is none."""
    path = light_path(clips, record_id)
    if not path.is_file():
        raise BadInput(path, "no such file", "the light of each recording (make the clips anew: `dvc repro preprocess`)")
    columns = np.load(path).astype(np.float64)
    return FaceLight(columns[:, :3], columns[:, 3:])
