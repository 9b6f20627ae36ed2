"""Arrays into files: numpy's own format, and an error that says what is wrong with the disk."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import numpy.typing as npt


def save_array(path: Path, array: npt.NDArray[np.generic]) -> None:
    """The bytes of np.save. On a full disk it raises an OSError that says so; numpy's own has neither number nor reason."""
    with path.open("wb") as file:
        np.save(SimpleNamespace(write=file.write), array)  # no file of C's, which numpy would write by itself
