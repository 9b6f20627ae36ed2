"""oximetry-phone-cam as it is published, oddities included; and the real files where they lie beside the project."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tast.datasets.oximetry_phone_cam import read_oximetry_phone_cam
from tast.errors import BadInput

REAL = Path(__file__).resolve().parents[3] / "shared" / "data" / "oximetry-phone-cam"
HEADER = "Time,SpO2 1,SpO2 2,SpO2 3,Pulse 1,Pulse 2,Pulse 3,PI 1"
ROWS = [
    " 09:25:02,97.4,99,0,57,58,0,1.5",
    " 09:25:03,,95,0,,58,0,1.5",
    " 09:25:04,0,0,0,57,58,0,1.5",
    " 09:25:05,80,82,0,57,59,0,1",
]
HALTED = "Collection Halted,,,,,,,"


def write_set(root: Path, *, header: str = HEADER, bom: str = "\ufeff", hands: tuple[str, ...] = ("Left", "Right")) -> None:
    (root / "gt").mkdir(parents=True)
    (root / "gt" / "100001.csv").write_text(bom + "\n".join([header, *ROWS, HALTED]) + "\n", encoding="utf-8")
    for number, hand in enumerate(hands):
        (root / "ppg-csv" / hand).mkdir(parents=True)
        (root / "ppg-csv" / hand / "100001.csv").write_text("R,G,B\n" + f"{40 + number},89.5,49\n" * 120)


@pytest.mark.parametrize("below", ["", "data"])
@pytest.mark.parametrize(("header", "bom"), [(HEADER, "\ufeff"), (HEADER.removeprefix("Time"), "\ufeff"), (HEADER, "")])
def test_series_and_readings_in_both_layouts_and_headers(tmp_path: Path, below: str, header: str, bom: str) -> None:
    write_set(tmp_path / below, header=header, bom=bom)
    left, right = read_oximetry_phone_cam(tmp_path)
    assert (left.subject_id, left.hand, right.hand) == ("100001", "Left", "Right")
    np.testing.assert_array_equal(left.rgb, np.tile([40, 89.5, 49], (120, 1)))
    assert right.rgb[0, 0] == 41
    np.testing.assert_allclose(left.times_s[[0, 30, 119]], [0, 1, 119 / 30], atol=1e-12)
    np.testing.assert_array_equal(left.reading_times_s, [0, 1, 2, 3])
    assert set(left.spo2_by_oximeter) == {"1", "2"}, "the third never gave a reading"
    np.testing.assert_array_equal(left.spo2_by_oximeter["1"], [97.4, np.nan, np.nan, 80])
    np.testing.assert_allclose(left.spo2_percent, [98.2, 95, np.nan, 81])
    np.testing.assert_allclose(left.pulse_per_min, [57.5, 58, 57.5, 58])


def test_the_table_that_explains_the_columns_is_no_subject(tmp_path: Path) -> None:
    write_set(tmp_path)
    (tmp_path / "gt" / "metadata.csv").write_text("\ufeffLabel,Description,Unit\nSpO2 1,SpO2 reading (%),Percentage\n")
    assert [series.hand for series in read_oximetry_phone_cam(tmp_path)] == ["Left", "Right"]


def test_one_hand_is_enough_and_none_is_an_error(tmp_path: Path) -> None:
    write_set(tmp_path / "one", hands=("Right",))
    assert [series.hand for series in read_oximetry_phone_cam(tmp_path / "one")] == ["Right"]
    write_set(tmp_path / "none", hands=())
    (tmp_path / "none" / "ppg-csv").mkdir()
    with pytest.raises(BadInput, match="without a series"):
        read_oximetry_phone_cam(tmp_path / "none")


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("gt/100001.csv", "", "no column SpO2 1"),
        ("gt/100001.csv", "Time,SpO2 1\n09:00:00,x\n", "'x' in line 2"),
        ("gt/100001.csv", "Time,SpO2 1\n09:00:00,0\n", "no SpO2 reading"),
        ("ppg-csv/Left/100001.csv", "R,G\n1,2\n", "columns R, G"),
        ("ppg-csv/Left/100001.csv", "R,G,B\n1,2,red\n", "not a table of numbers"),
        ("ppg-csv/Left/100001.csv", "R,G,B\n1,2,\n", "a number each"),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, file: str, content: str, told: str) -> None:
    write_set(tmp_path)
    (tmp_path / file).write_text(content)
    with pytest.raises(BadInput, match=told) as caught:
        read_oximetry_phone_cam(tmp_path)
    assert Path(file).name in str(caught.value)


def test_wrong_folder_says_what_was_expected(tmp_path: Path) -> None:
    (tmp_path / "gt").mkdir()
    with pytest.raises(BadInput, match="expected oximetry-phone-cam's layout"):
        read_oximetry_phone_cam(tmp_path)


@pytest.mark.skipif(not REAL.is_dir(), reason="the public data set is not beside the project")
def test_the_published_files() -> None:
    every = read_oximetry_phone_cam(REAL)
    assert [(s.subject_id, s.hand) for s in every][:3] == [("100001", "Left"), ("100001", "Right"), ("100002", "Left")]
    assert len(every) == 8
    for series in every:
        assert abs(len(series.times_s) / 30 - len(series.reading_times_s)) < 3, "camera and oximeters stop together"
        assert set(series.spo2_by_oximeter) == {"1", "2", "4", "5"} and np.isfinite(series.spo2_percent).all()
        assert 60 < series.spo2_percent.min() < 80 and 99 < series.spo2_percent.max() <= 100


def test_readings_that_no_living_body_has_are_masked(tmp_path: Path) -> None:
    write_set(tmp_path, hands=("Left",))
    path = tmp_path / "gt" / "100001.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("97.4", "9740").replace("82,0,57", "82,0,-57"), encoding="utf-8")
    (series,) = read_oximetry_phone_cam(tmp_path)
    np.testing.assert_array_equal(series.spo2_by_oximeter["1"], [np.nan, np.nan, np.nan, 80])
    assert np.nanmin(series.pulse_per_min) >= 57
