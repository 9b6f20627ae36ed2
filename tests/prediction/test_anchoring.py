"""Which anchor a video has: readings, tables of them, offsets kept of another recording; and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tast.anchors import Reading
from tast.errors import BadInput, TastError, VideoRejected
from tast.prediction.anchoring import Anchors, KeptAnchor, anchors_of, read_anchor, readings_in, write_anchor

WEIGHTS = "a" * 64
FIRST = Reading(0.0, 10.0, 97.0, 1.0)


def table(folder: Path, text: str, name: str = "readings.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_reading_holds_for_every_video() -> None:
    anchors = anchors_of(["97", "60=94+-2"], WEIGHTS)
    assert anchors.of("anna") == anchors.of("bert") == (FIRST, Reading(55.0, 65.0, 94.0, 2.0))


def test_without_one_nothing_is_anchored() -> None:
    assert anchors_of([], WEIGHTS).of("anna") is None
    assert Anchors().of("anna") is None


def test_a_table_may_be_of_each_video_by_name(tmp_path: Path) -> None:
    path = table(tmp_path, "video;second;spo2_percent;sd_percent\nanna;0;97;\nanna;60;94,5;2\nbert;0;92;\n")
    anchors = anchors_of([str(path)], WEIGHTS)
    assert anchors.of("anna") == (FIRST, Reading(55.0, 65.0, 94.5, 2.0))
    assert anchors.of("bert") == (Reading(0.0, 10.0, 92.0, 1.0),)
    with pytest.raises(VideoRejected, match="cleo: the table of readings has none of it"):
        anchors.of("cleo")


def test_a_table_without_names_is_of_all_videos(tmp_path: Path) -> None:
    assert anchors_of([str(table(tmp_path, "second,spo2_percent\n0,97\n"))], WEIGHTS).of("anna") == (FIRST,)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("second,spo2_percent\n0,9.7\n", "line 2: an anchor of 9.7 %"),
        ("second,spo2_percent\n0,\n", "line 2: an anchor of nan %"),
        ("time,spo2\n0,97\n", "no column second, spo2_percent"),
        ("second,spo2_percent\n", "no column"),
        ("second,spo2_percent\n0,high\n", "line 2"),
        ("second,spo2_percent\n0,97\n,94\n", "line 3: an anchor at second nan"),  # taken for the begin, it would move all of it
        ("second,spo2_percent\n-60,97\n", "line 2: an anchor at second -60"),
        ("second,spo2_percent\n1_0,97\n", "'1_0' in line 2"),
        ('second,spo2_percent\n"0,97\n' + "1,96\n" * 40_000, "not a table"),
    ],
)
def test_a_table_that_is_none_names_its_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=said):
        readings_in(table(tmp_path, text))


def test_what_is_neither_a_reading_nor_a_file() -> None:
    with pytest.raises(BadInput, match="97%: neither a reading nor a file; expected 97"):
        anchors_of(["97%"], WEIGHTS)


def test_an_offset_is_kept_for_the_same_model_alone(tmp_path: Path) -> None:
    path = tmp_path / "anna.json"
    write_anchor(path, KeptAnchor("monday", -4.25, 1.5, (FIRST,)), WEIGHTS)
    assert anchors_of([str(path)], WEIGHTS).of("tuesday") == KeptAnchor("monday", -4.25, 1.5, (FIRST,))
    with pytest.raises(BadInput, match="a kept anchor of another model"):
        anchors_of([str(path)], "b" * 64)
    with pytest.raises(TastError, match="no other anchor beside it"):
        anchors_of([str(path), "97"], WEIGHTS)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"percent": "much"}'])
def test_a_file_that_is_no_offset(text: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="not a kept anchor"):
        read_anchor(table(tmp_path, text, "anna.json"), WEIGHTS)
