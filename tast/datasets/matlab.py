"""Arrays of numbers from MATLAB files of version 5 to 7, every offset checked.

By "MAT-File Format" (The MathWorks, level 5). Why no scipy.io.loadmat: a damaged file can end the whole process (SciPy 1.17: a
bus error after a few changed bytes), and with it the reading of every recording that is sound.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from tast.errors import BadInput
from tast.records import FloatArray
from tast.texts import bounded_bytes

HEADER_BYTES, ORDER_AT, VERSION_AT = 128, 126, 124
MATRIX, COMPRESSED = 14, 15
NUMBERS = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}  # type of data -> NumPy's
NUMERIC_CLASSES = range(6, 16)  # double, single, and whole numbers of 8 to 64 bits, signed or not
COMPLEX = 0x0800
MOST_BYTES = 2**28  # of one variable, decompressed


class Element(NamedTuple):
    kind: int
    content: bytes


class Damaged(Exception):
    """What a file's bytes cannot mean; becomes BadInput, which knows the file."""


def mat_arrays(path: Path, expected: str) -> dict[str, npt.NDArray[np.generic]]:
    """The file's real arrays of numbers by name; variables of other kinds are left out.

    Raises BadInput where it is no such file, damaged, or of version 7.3, which is HDF5.
    """
    if not path.exists():
        raise BadInput(path, "no such file", expected)
    content = bounded_bytes(path, expected)
    try:
        return dict(_variables(content))
    except (Damaged, zlib.error) as error:
        raise BadInput(path, f"not a MATLAB file ({error})", expected) from None


def mat_series(path: Path) -> tuple[FloatArray, str]:
    """(N,) the series that the file is named for, and the variable's name: SPO2.mat holds SPO2, in any case of letters, or else
    the one array of numbers that there is.
    """
    arrays = {name: value for name, value in mat_arrays(path, "a series").items() if value.size}
    named = [name for name in arrays if name.lower() == path.stem.lower()] or list(arrays)
    if len(named) != 1 or arrays[named[0]].size != max(arrays[named[0]].shape):
        shown = ", ".join(f"{name} {arrays[name].shape}" for name in arrays) or "none"
        raise BadInput(path, f"no series {path.stem} (arrays: {shown})", f"one series, named {path.stem}")
    return arrays[named[0]].ravel().astype(np.float64), named[0]


def _variables(content: bytes) -> Iterator[tuple[str, npt.NDArray[np.generic]]]:
    order = {b"IM": "<", b"MI": ">"}.get(content[ORDER_AT:HEADER_BYTES])
    if order is None:
        raise Damaged("no header of version 5 to 7")
    if int.from_bytes(content[VERSION_AT:ORDER_AT], "little" if order == "<" else "big") >> 8 == 2:
        raise Damaged("version 7.3, which is HDF5: save it with -v7")
    for element in _elements(content[HEADER_BYTES:], order):
        for one in _elements(_inflated(element.content), order) if element.kind == COMPRESSED else (element,):
            if one.kind == MATRIX and (variable := _array(one.content, order)):
                yield variable


def _elements(content: bytes, order: str) -> Iterator[Element]:
    """Type and content of each element, one after another; up to four bytes stand in the tag itself."""
    at = 0
    while at + 8 <= len(content):
        kind, n_bytes = (int(one) for one in np.frombuffer(content, f"{order}u4", count=2, offset=at))
        begin = at + 8
        if kind >> 16:
            kind, n_bytes, begin = kind & 0xFFFF, kind >> 16, at + 4
            if n_bytes > 4:
                raise Damaged(f"{n_bytes} bytes in a short element")
        if begin + n_bytes > len(content):
            raise Damaged(f"it ends within an element of {n_bytes} bytes")
        yield Element(kind, content[begin : begin + n_bytes])
        end = max(begin + n_bytes, at + 8)
        at = end if kind == COMPRESSED else at + 8 * math.ceil((end - at) / 8)


def _inflated(content: bytes) -> bytes:
    stream = zlib.decompressobj()
    inflated = stream.decompress(content, MOST_BYTES)
    if stream.unconsumed_tail or not stream.eof:
        raise Damaged("a compressed variable that is cut short, or larger than can be")
    return inflated


def _array(content: bytes, order: str) -> tuple[str, npt.NDArray[np.generic]] | None:
    """Name and values of a matrix; None of one that holds no real numbers."""
    parts = list(_elements(content, order))
    if len(parts) < 4 or len(parts[0].content) < 4 or len(parts[1].content) % 4:
        raise Damaged("a matrix without flags, size, name and values")
    flags = int(np.frombuffer(parts[0].content, f"{order}u4", count=1)[0])
    if flags & 0xFF not in NUMERIC_CLASSES or flags & COMPLEX or parts[3].kind not in NUMBERS:
        return None
    shape = tuple(int(n) for n in np.frombuffer(parts[1].content, f"{order}i4"))
    stored = np.dtype(order + NUMBERS[parts[3].kind])
    if len(shape) < 2 or min(shape) < 0 or math.prod(shape) * stored.itemsize != len(parts[3].content):
        raise Damaged(f"a matrix of {shape} with {len(parts[3].content)} bytes")
    name = parts[2].content.decode("latin-1")
    if not name.isprintable():
        raise Damaged(f"a matrix called {name!r}")
    return name, np.frombuffer(parts[3].content, stored).reshape(shape, order="F")
