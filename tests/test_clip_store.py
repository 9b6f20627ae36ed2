"""The clips on disk: written sorted, read as views, the same bytes for the same clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tast.clip_store import MANIFEST, ClipRow, ClipStore, Defect, Reject, write_tables
from tast.errors import BadInput

ROW = ClipRow("a-000", "phantom", "01", "a", "steady", "a.npy", 2, 4, 0.5, 2.0, 1.0, (97.0, float("nan")))


def write(folder: Path, rows: list[ClipRow]) -> None:
    folder.mkdir()
    np.save(folder / "a.npy", np.arange(8 * 2 * 2 * 3, dtype=np.float16).reshape(8, 2, 2, 3))
    rejects = [Reject("z", "no face"), Reject("b", "too short, by 2 s")]
    defects = [Defect("d", "no time.txt"), Defect("c", "second"), Defect("d", "a reading of 127 masked")]
    write_tables(folder, rows, rejects, defects, {"alpha": 120})


def test_a_clip_is_a_view_into_its_video(tmp_path: Path) -> None:
    write(tmp_path / "clips", [ROW])
    store = ClipStore(tmp_path / "clips")
    clip = store.clip("a-000")
    np.testing.assert_array_equal(clip.frames, np.load(tmp_path / "clips" / "a.npy")[2:6])
    assert isinstance(clip.frames.base, np.memmap)
    np.testing.assert_array_equal(clip.spo2_percent, [97, np.nan])
    assert (clip.subject_id, clip.start_s, clip.fps_hz, clip.quality) == ("01", 0.5, 2.0, 1.0)
    assert store.preprocessing == {"alpha": 120}
    assert list(store.rejects["record_id"]) == ["b", "z"]
    assert store.rejects["reason"][0] == "too short, by 2 s"
    assert list(store.defects["defect"]) == ["second", "no time.txt", "a reading of 127 masked"]


def test_order_of_writing_does_not_change_a_byte(tmp_path: Path) -> None:
    other = replace(ROW, clip_id="a-001", first_frame=3)
    write(tmp_path / "one", [ROW, other])
    write(tmp_path / "two", [other, ROW])
    assert (tmp_path / "one" / MANIFEST).read_bytes() == (tmp_path / "two" / MANIFEST).read_bytes()
    assert ClipStore(tmp_path / "one").digest == ClipStore(tmp_path / "two").digest
    assert ClipStore(tmp_path / "one").clip_ids == ["a-000", "a-001"]


def test_a_folder_without_manifest_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="dvc repro preprocess"):
        ClipStore(tmp_path)
