"""Contact sheets of a sample: which records, at which times, and the same bytes each time."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from flows.contact_sheets import remark, sample, stored_face, write_contact_sheets
from tast.clip_store import ClipRow
from tast.params import load_params
from tast.preprocessing.pipeline import preprocess_records, settings_of
from tast.records import Spo2Trace, VideoRecord, VideoSource
from tests.end_to_end.conftest import PROJECT
from tests.preprocessing.test_pipeline import session


def record(record_id: str, scenario: str) -> VideoRecord:
    empty = Spo2Trace(np.empty(0), np.empty(0))
    return VideoRecord("test", record_id[:2], scenario, record_id, VideoSource(Path("none")), empty)


def row(first_frame: int, start_s: float, labels: tuple[float, ...]) -> ClipRow:
    return ClipRow("a-000", "test", "01", "a", "steady", "a.npy", first_frame, 2, start_s, 2.0, 0.5, labels)


def test_the_first_record_of_each_scenario_is_shown() -> None:
    records = [record("01-01", "steady"), record("01-02", "talking"), record("02-01", "steady"), record("02-03", "slow")]
    assert [one.record_id for one in sample(records)] == ["01-01", "01-02", "02-03"]
    assert [one.record_id for one in sample(records, most=2)] == ["01-01", "01-02"]


def test_stored_frames_get_the_times_of_their_video(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 2, 2, 3), np.float16))
    face = stored_face([row(1, 7.5, (97.0,)), row(3, 8.5, (97.0,))], tmp_path)
    np.testing.assert_allclose(face.times_s, [7.0, 7.5, 8.0, 8.5, 9.0])


def test_the_remark_tells_labels_clips_and_how_much_was_seen() -> None:
    said = remark([row(0, 0, (97.0, float("nan"))), row(2, 1, (88.0, 90.0))])
    assert said == "SpO₂ 88 to 97 %; 2 clips at 2 frames per second; face seen in 50 % of their frames"


def test_sheets_are_written_whole_and_the_same_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "raw").mkdir()
    records = [session(tmp_path / "raw", "01-01"), session(tmp_path / "raw", "02-02")]
    preprocess = load_params(PROJECT / "params.yaml").preprocess
    chosen = preprocess.model_dump()
    chosen["clips"] |= {"length_s": 3, "size_px": 32}
    chosen["label_delay_s"] = 0.0
    clips = tmp_path / "clips"
    shard = preprocess_records(records[:1], settings=settings_of(chosen), cache_root=tmp_path / "cache", clips_folder=clips)
    sheets = tmp_path / "sheets"
    written = []
    for _ in range(2):
        write_contact_sheets(sheets, clips, records, shard.rows, chosen["magnify"])
        assert [path.name for path in sheets.iterdir()] == ["01-01.png"]  # the other has no clips
        written.append((sheets / "01-01.png").read_bytes())
    assert written[0] == written[1]
    assert cv2.imdecode(np.frombuffer(written[0], np.uint8), cv2.IMREAD_COLOR).std() > 30
    for image in (tmp_path / "raw" / "01-01").iterdir():
        image.write_bytes(b"")
    write_contact_sheets(sheets, clips, records, shard.rows, chosen["magnify"])
    assert list(sheets.iterdir()) == []
    assert "no contact sheet of 01-01" in caplog.text
