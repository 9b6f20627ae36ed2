"""Own recordings: a good folder reads right, and every mistake in it is named with its line."""

from __future__ import annotations

import numpy as np
import pytest

from tast.datasets.readers import read_dataset
from tast.datasets.recordings import check_recordings
from tast.errors import BadInput
from tast.video.read import read_frames
from tests.datasets.layouts import write_recording, write_table


def test_a_folder_reads_right(tmp_path):
    write_recording(tmp_path, "bob_1", subject_id="bob")
    write_recording(
        tmp_path, "anna_1", readings=[(0.5, 97, 60), (1.25, 96.5, 255)], columns=("times_s", "percent", "pulse_per_min")
    )
    for root in (tmp_path, tmp_path / "recordings.csv"):
        records, rejects = read_dataset("csv", root)
        assert rejects == [] and [record.record_id for record in records] == ["anna_1", "bob_1"]
    anna = records[0]
    assert (anna.dataset, anna.subject_id, anna.scenario) == ("csv", "anna", "rest")
    np.testing.assert_array_equal(anna.spo2.times_s, [0.5, 1.25])
    np.testing.assert_array_equal(anna.spo2.percent, [97, 96.5])
    assert anna.pulse_rate is not None
    np.testing.assert_array_equal(anna.pulse_rate.per_minute, [60, np.nan])
    assert [time_s for time_s, _ in read_frames(anna.video)][:3] == [0, 0.04, 0.08]
    assert list(check_recordings(tmp_path)) == []


def test_a_table_from_a_spreadsheet(tmp_path):
    """A byte order mark, blanks after commas, an empty cell."""
    write_recording(tmp_path)
    (tmp_path / "anna_1.csv").write_bytes("\ufefftimes_s, percent\r\n0, 97\r\n1,\r\n".encode())
    records, _ = read_dataset("csv", tmp_path)
    np.testing.assert_array_equal(records[0].spo2.percent, [97, np.nan])
    assert list(check_recordings(tmp_path)) == [("anna_1", "1 of 2 SpO2 readings masked")]


@pytest.mark.parametrize(
    ("columns", "readings", "reason"),
    [
        (("time", "percent"), [(0, 97)], "no column times_s (found: time, percent)"),
        (("times_s", "percent"), [], "no column times_s, percent (found: no row)"),
        (("times_s", "percent"), [(0, 97), (0, 96)], "times_s in line 3 is missing or does not increase"),
        (("times_s", "percent"), [(0, 97), ("", 96)], "times_s in line 3 is missing or does not increase"),
        (("times_s", "percent"), [(0, "high")], "'high' in line 2; expected a number"),
        (("times_s", "percent"), [(0,)], "line 2 has not one cell for each column"),
        (("times_s", "percent"), [(0, 0.97)], "no valid SpO2 reading among 1 (valid: 50-100 %)"),
        (
            ("times_s", "percent"),
            [(100, 97)],
            "no oximeter reading within the video (0.000-1.560 s): they span 100.000-100.000 s",
        ),
    ],
)
def test_mistakes_in_readings_reject_their_recording_only(tmp_path, columns, readings, reason):
    write_recording(tmp_path, "bob_1")
    write_recording(tmp_path, "anna_1", columns=columns, readings=readings)
    records, rejects = read_dataset("csv", tmp_path)
    assert [record.record_id for record in records] == ["bob_1"]
    assert [reject.record_id for reject in rejects] == ["anna_1"]
    assert reason in rejects[0].reason and str(tmp_path) not in rejects[0].reason
    assert list(check_recordings(tmp_path)) == [("anna_1", rejects[0].reason)]


def test_a_skin_type_is_one_of_fitzpatricks_or_nothing(tmp_path):
    for name, skin_type in (("anna_1", "VI"), ("bob_1", "dark"), ("cleo_1", "")):
        write_recording(tmp_path, name)
        lines = (tmp_path / "recordings.csv").read_text().splitlines()
        head = lines[0] if "skin_type" in lines[0] else f"{lines[0]},skin_type"
        (tmp_path / "recordings.csv").write_text("\n".join([head, *lines[1:-1], f"{lines[-1]},{skin_type}"]) + "\n")
    records, rejects = read_dataset("csv", tmp_path)
    assert {record.record_id: record.skin_type for record in records} == {"anna_1": "VI", "cleo_1": ""}
    (reject,) = rejects
    assert "skin_type 'dark' of bob_1" in reject.reason and "I, II, III, IV, V, VI" in reject.reason


def test_missing_files_and_subjects(tmp_path):
    columns = ("subject_id", "record_id", "video", "spo2")
    write_recording(tmp_path)
    write_table(
        tmp_path / "recordings.csv", columns, [("", "a", "anna_1.avi", "anna_1.csv"), ("x", "b", "none.avi", "anna_1.csv")]
    )
    _, rejects = read_dataset("csv", tmp_path)
    assert [r.reason.split(";")[0] for r in rejects] == ["recordings.csv: no subject_id for a", "none.avi: no such file"]


@pytest.mark.parametrize(
    ("columns", "rows", "reason"),
    [
        (("subject", "record_id", "video", "spo2"), [("a", "b", "c", "d")], "no column subject_id"),
        (
            ("subject_id", "record_id", "video", "spo2"),
            [("a", "b", "c", "d"), ("x", "b", "c", "d")],
            "record_id b more than once",
        ),
        (("subject_id", "record_id", "video", "spo2"), [("a", "../b", "c", "d")], "record_id '../b'"),
        (("subject_id", "record_id", "video", "spo2"), [], "found: no row"),
    ],
)
def test_a_wrong_table_is_one_clear_error(tmp_path, columns, rows, reason):
    write_table(tmp_path / "recordings.csv", columns, rows)
    with pytest.raises(BadInput, match=r"recordings\.csv") as error:
        read_dataset("csv", tmp_path)
    assert reason in str(error.value)


def test_a_folder_without_the_table(tmp_path):
    with pytest.raises(BadInput, match=r"recordings\.csv: no such file; expected a folder with recordings\.csv"):
        read_dataset("csv", tmp_path)


def test_check_decodes_every_frame(tmp_path):
    write_recording(tmp_path)
    video = tmp_path / "anna_1.avi"
    video.write_bytes(video.read_bytes()[: video.stat().st_size // 2])
    ((record_id, defect),) = check_recordings(tmp_path)
    assert record_id == "anna_1" and defect.startswith("anna_1.avi: ") and "good frames" in defect


@pytest.mark.parametrize("separator", [";", "\t", "; "])
def test_european_tables(tmp_path, separator):
    """Semicolons or tabs, decimal commas, a byte order mark, CRLF: in the table of recordings and in the readings."""
    write_recording(tmp_path)
    rows = [("times_s", "percent", "pulse_per_min"), ("0,5", "97,25", "60"), ("1", "", "61,5"), ("1,25", "96", "255")]
    text = "".join(separator.join(row) + "\r\n" for row in rows)
    (tmp_path / "anna_1.csv").write_bytes(("\ufeff" + text).encode())
    table = (tmp_path / "recordings.csv").read_text().replace(",", separator).replace("\n", "\r\n")
    (tmp_path / "recordings.csv").write_bytes(("\ufeff" + table).encode())
    records, rejects = read_dataset("csv", tmp_path)
    assert rejects == [] and records[0].scenario == "rest"
    np.testing.assert_array_equal(records[0].spo2.times_s, [0.5, 1, 1.25])
    np.testing.assert_array_equal(records[0].spo2.percent, [97.25, np.nan, 96])
    np.testing.assert_array_equal(records[0].pulse_rate.per_minute, [60, 61.5, np.nan])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (
            "times_s,percent\n0,5,97,2\n",
            "line 2 has not one cell for each column; expected the columns times_s, percent (a comma",
        ),
        ("times_s;percent\n0;1.097,5\n", "'1.097,5' in line 2; expected a number"),
        ("times_s,percent\n0,97\0\n", "anna_1.csv: zero bytes among its text"),
        ("times_s|percent\n0|97\n", "no column times_s, percent (found: times_s|percent)"),
    ],
)
def test_what_is_no_table_is_one_clear_line(tmp_path, content, reason):
    write_recording(tmp_path)
    (tmp_path / "anna_1.csv").write_text(content)
    _, (reject,) = read_dataset("csv", tmp_path)
    assert reason in reject.reason and "\n" not in reject.reason


def test_text_that_is_not_utf_8_is_named(tmp_path):
    write_recording(tmp_path)
    (tmp_path / "recordings.csv").write_bytes("subject_id;record_id;video;spo2\r\nJörg;a;b;c\r\n".encode("cp1252"))
    with pytest.raises(BadInput, match=r"recordings\.csv: not UTF-8 text"):
        read_dataset("csv", tmp_path)
