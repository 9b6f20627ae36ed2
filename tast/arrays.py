"""Arrays into files: numpy's own format, and an error that says what is wrong with the disk."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import Self

import numpy as np
import numpy.typing as npt
from numpy.lib import format as npy


def save_array(path: Path, array: npt.NDArray[np.generic]) -> None:
    """The bytes of np.save. On a full disk it raises an OSError that says so; numpy's own has neither number nor reason."""
    with path.open("wb") as file:
        np.save(SimpleNamespace(write=file.write), array)  # no file of C's, which numpy would write by itself


class GrowingArray:
    """A new file that grows along an array's first axis: in the end the bytes of np.save, without the whole in memory.

    To be used in a `with`, after which it is whole; at least one part must be appended.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("wb")
        self._like: npt.NDArray[np.generic] | None = None
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        with self._file:
            if kind is None:
                self._file.truncate()
                self._file.seek(0)
                self._write_header()

    def append(self, part: npt.NDArray[np.generic], after: int = 0) -> None:
        """One more part (T, ...), after so many rows of zeros. Raises ValueError where it is unlike the first."""
        if self._like is None:
            self._like = np.empty((0, *part.shape[1:]), part.dtype)
            self._write_header()
        if (part.shape[1:], part.dtype) != (self._like.shape[1:], self._like.dtype):
            raise ValueError(f"a part {part.shape[1:]} {part.dtype} of an array {self._like.shape[1:]} {self._like.dtype}")
        self._file.seek(after * int(np.prod(part.shape[1:])) * part.itemsize, 1)  # a hole, which reads as zeros
        self._file.write(np.ascontiguousarray(part).data)
        self._n += after + len(part)

    def _write_header(self) -> None:
        """numpy leaves room in it for the first axis to grow."""
        if self._like is None:
            raise ValueError(f"{self._file.name}: an array of no part")
        header = npy.header_data_from_array_1_0(self._like) | {"shape": (self._n, *self._like.shape[1:])}
        npy.write_array_header_1_0(self._file, header)
