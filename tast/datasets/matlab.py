"""MATLAB files as plain arrays, their damage named in one line."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.io
from scipy.io.matlab import MatReadError

from tast.errors import BadInput
from tast.records import FloatArray


def mat_arrays(path: Path, expected: str) -> dict[str, npt.NDArray[np.generic]]:
    """The file's variables by name. Raises BadInput where it cannot be read (version 7.3, which is HDF5, among them)."""
    if not path.is_file():
        raise BadInput(path, "no such file", expected)
    try:
        content = scipy.io.loadmat(path)
    except (MatReadError, zlib.error, ValueError, TypeError, OSError, NotImplementedError) as error:
        raise BadInput(path, f"not a MATLAB file ({' '.join(str(error).split())})", expected) from None
    return {name: np.asarray(value) for name, value in content.items() if not name.startswith("__")}


def mat_series(path: Path) -> tuple[FloatArray, str]:
    """(N,) the series that the file is named for, and the variable's name: SPO2.mat holds SPO2, in any case of letters, or else
    the one array of numbers that there is.
    """
    arrays = {name: value for name, value in mat_arrays(path, "a series").items() if value.dtype.kind in "iuf" and value.size}
    named = [name for name in arrays if name.lower() == path.stem.lower()] or list(arrays)
    if len(named) != 1 or arrays[named[0]].size != max(arrays[named[0]].shape):
        shown = ", ".join(f"{name} {arrays[name].shape}" for name in arrays) or "none"
        raise BadInput(path, f"no series {path.stem} (arrays: {shown})", f"one series, named {path.stem}")
    return arrays[named[0]].ravel().astype(np.float64), named[0]
