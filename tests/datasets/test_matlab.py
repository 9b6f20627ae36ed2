"""MATLAB files: what scipy writes is read back, and no damage does more than raise BadInput."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import scipy.io
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tast.datasets.matlab import mat_arrays, mat_series
from tast.errors import BadInput

DTYPES = st.sampled_from(["f8", "f4", "i1", "u1", "i2", "u2", "i4", "u4", "i8", "u8"])


@given(
    arrays=st.dictionaries(
        st.sampled_from(["SPO2", "a", "longer_name_than_four"]),
        hnp.arrays(DTYPES, hnp.array_shapes(min_dims=2, max_dims=3, min_side=0, max_side=4), elements=st.integers(0, 100)),
        min_size=1,
    ),
    compressed=st.booleans(),
)
@settings(max_examples=60, deadline=None)
def test_what_scipy_writes_is_read_back(arrays: dict[str, np.ndarray], compressed: bool, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("mat") / "SPO2.mat"
    scipy.io.savemat(path, arrays | {"text": "no number", "cell": np.array([1, "a"], dtype=object)}, do_compression=compressed)
    found = mat_arrays(path, "arrays")
    assert set(found) == set(arrays)
    for name, values in arrays.items():
        np.testing.assert_array_equal(found[name], values)


def test_a_series_is_the_one_that_the_file_is_named_for(tmp_path: Path) -> None:
    path = tmp_path / "SPO2.mat"
    scipy.io.savemat(path, {"spo2": np.array([[97.0], [96.0]]), "time": np.arange(5)})
    values, name = mat_series(path)
    assert name == "spo2" and values.tolist() == [97, 96]


@given(data=st.data(), compressed=st.booleans())
@settings(max_examples=300, deadline=None)
def test_no_damage_does_more_than_name_the_file(data: st.DataObject, compressed: bool, tmp_path_factory) -> None:
    path = tmp_path_factory.mktemp("mat") / "SPO2.mat"
    scipy.io.savemat(path, {"SPO2": np.arange(90.0, 99)}, do_compression=compressed)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content) - 1))
        content[at : at + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=8))
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    try:
        values, _ = mat_series(path)
    except BadInput as error:
        assert "SPO2.mat: n" in str(error) and "\n" not in str(error)
    else:
        assert values.ndim == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no header of version 5 to 7"),
        (b"MATLAB 7.3 MAT-file".ljust(124) + b"\x00\x02IM" + b"\x89HDF", "version 7.3, which is HDF5: save it with -v7"),
        (b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\x0e\0\0\0\xff\0\0\0", "it ends within an element of 255 bytes"),
        (b"MATLAB 5.0 MAT-file".ljust(124) + b"\x00\x01IM" + b"\x0f\0\0\0\x04\0\0\0junk", "while decompressing data"),
    ],
)
def test_what_is_no_such_file_is_said(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "SPO2.mat").write_bytes(content)
    with pytest.raises(BadInput) as caught:
        mat_series(tmp_path / "SPO2.mat")
    assert reason in str(caught.value)


def test_big_endian_and_short_elements(tmp_path: Path) -> None:
    """By hand: a 1 x 3 matrix x of bytes 97, 96, 95, all of it in short elements, written on a big-endian machine."""
    parts = b"".join([
        b"\0\0\0\x06\0\0\0\x08" + b"\0\0\0\x06\0\0\0\0",  # flags: double
        b"\0\0\0\x05\0\0\0\x08" + b"\0\0\0\x01\0\0\0\x03",  # size
        b"\0\x01\0\x01" + b"x\0\0\0",  # name
        b"\0\x03\0\x02" + bytes([97, 96, 95, 0]),  # values, stored as bytes
    ])  # fmt: skip
    header = b"MATLAB 5.0 MAT-file".ljust(124) + b"\x01\x00MI"
    (tmp_path / "SPO2.mat").write_bytes(header + b"\0\0\0\x0e" + len(parts).to_bytes(4, "big") + parts)
    values, name = mat_series(tmp_path / "SPO2.mat")
    assert name == "x" and values.tolist() == [97, 96, 95]
