"""The clips on disk: written sorted, read as views, the same bytes for the same clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tast.clip_store import DEFECTS, MANIFEST, PREPROCESSING, REJECTS, ClipRow, ClipStore, Defect, Reject, write_tables
from tast.digests import FILE, Sealed, seal
from tast.errors import BadInput
from tast.light import light_path
from tast.seconds import is_spot

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


def test_of_more_files_than_may_be_mapped_all_are_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tast.clip_store.MOST_MAPPED", 3)
    rows = [replace(ROW, clip_id=f"{k}-000", record_id=str(k), file=f"{k}.npy") for k in range(8)]
    for k in range(8):
        np.save(tmp_path / f"{k}.npy", np.full((8, 2, 2, 3), k, dtype=np.float16))
    write_tables(tmp_path, rows, [], [], {})
    store = ClipStore(tmp_path)
    clips = [store.clip(f"{k}-000") for k in (*range(8), *range(8))]
    assert [float(clip.frames.mean()) for clip in clips] == [*range(8), *range(8)]
    assert len(store._arrays) == 3


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


def hopping_store(folder: Path, hole: int = -1) -> ClipStore:
    """Two recordings of ten seconds, labelled by their seconds, with clips of four at 0, 3 and 6 s. hole: a frame of nothing."""
    folder.mkdir()
    rows = []
    for name in ("a", "b"):
        np.save(folder / f"{name}.npy", np.zeros((20, 2, 2, 3), np.float16))
        light = light_path(folder, name)
        light.parent.mkdir(exist_ok=True)
        np.save(light, np.where(np.arange(20)[:, None] == hole, np.nan, np.ones((20, 6))))
        rows += [
            replace(
                ROW, clip_id=f"{name}-{start}", subject_id=name, record_id=name, file=f"{name}.npy", first_frame=2 * start,
                n_frames=8, start_s=0.5 + start, fps_hz=2.0, spo2_percent=tuple(90.0 + start + k for k in range(4)),
            )
            for start in (0, 3, 6)
        ]  # fmt: skip
    write_tables(folder, rows, [], [], {})
    return ClipStore(folder)


def test_windows_of_every_second_are_added_and_labelled_by_the_clips(tmp_path):
    store = hopping_store(tmp_path / "clips")
    whole, ids = store.with_every_second(["a-0", "a-3", "a-6"])
    assert list(ids) == ["a-0", "a-3", "a-6", "a-at-2", "a-at-4", "a-at-8", "a-at-10"] and len(store) == 6
    added = whole.clip("a-at-8")
    assert (added.start_s, added.subject_id, len(added.frames)) == (4.5, "a", 8)
    np.testing.assert_array_equal(added.spo2_percent, [94, 95, 96, 97])


def test_no_window_is_added_that_reaches_over_the_end_of_a_piece(tmp_path):
    _, ids = hopping_store(tmp_path / "clips", hole=9).with_every_second(["a-0", "a-3", "a-6"])
    assert list(ids)[3:] == ["a-at-10"]


def test_no_window_is_added_to_a_recording_that_has_clips_elsewhere(tmp_path):
    """As where clips are dealt at random: what lies between them is known from training."""
    store = hopping_store(tmp_path / "clips")
    same, ids = store.with_every_second(["a-0", "a-6"])
    assert same is store and ids == ("a-0", "a-6")


def test_nothing_is_added_where_every_second_begins_a_clip(tmp_path):
    store = hopping_store(tmp_path / "clips")
    whole, ids = store.with_every_second(store.clip_ids)
    again, same = whole.with_every_second(ids)
    assert again is whole and same == ids and len(ids) == 14


def test_spot_readings_are_marked(tmp_path):
    write(tmp_path / "clips", [replace(ROW, clip_id="a-001", spot_sd_percent=2.0), ROW])
    store = ClipStore(tmp_path / "clips")
    assert is_spot(store.manifest).tolist() == [False, True]


def test_a_row_says_how_its_video_was_coded_and_an_older_store_is_refused(tmp_path):
    coded = {"codec": "hevc", "bits_per_pixel": 0.25, "bits": 10, "transfer": "hlg", "assumed": "range"}
    write(tmp_path / "clips", [replace(ROW, clip_id="a-001", **coded), ROW])
    manifest = ClipStore(tmp_path / "clips").manifest
    assert manifest.loc["a-001", list(coded)].to_dict() == coded
    assert (manifest.at["a-000", "codec"], manifest.at["a-000", "bits"]) == ("", 0)
    assert pd.isna(manifest.at["a-000", "bits_per_pixel"])
    older = pd.read_parquet(tmp_path / "clips" / MANIFEST).drop(columns=["codec", "assumed"])
    older.to_parquet(tmp_path / "clips" / MANIFEST, index=False)
    seal(tmp_path / "clips")
    with pytest.raises(BadInput, match=r"no column codec, assumed: clips of an earlier release; expected .*dvc repro preprocess"):
        ClipStore(tmp_path / "clips")


def test_a_bit_that_turned_in_any_file_is_an_error_that_names_it(tmp_path):
    write(tmp_path / "clips", [ROW])
    asked = {
        MANIFEST: ClipStore, "a.npy": lambda folder: ClipStore(folder).clip("a-000"),
        REJECTS: lambda folder: ClipStore(folder).rejects,
        DEFECTS: lambda folder: ClipStore(folder).defects, PREPROCESSING: lambda folder: ClipStore(folder).preprocessing,
        FILE: ClipStore,
    }  # fmt: skip
    for name, read in asked.items():
        path = tmp_path / "clips" / name
        sound = path.read_bytes()
        read(tmp_path / "clips")
        for at in (0, len(sound) // 2, len(sound) - 2):
            path.write_bytes(sound[:at] + bytes([sound[at] ^ 4]) + sound[at + 1 :])
            with pytest.raises(BadInput, match=f"{name}: its bytes are not those that were written"):
                read(tmp_path / "clips")
        path.write_bytes(sound)
        read(tmp_path / "clips")


def test_a_file_that_nobody_wrote_with_the_others_and_one_that_is_gone_are_named(tmp_path):
    write(tmp_path / "clips", [ROW])
    (tmp_path / "clips/a.npy").rename(tmp_path / "clips/b.npy")
    with pytest.raises(BadInput, match=r"a\.npy: no such file"):
        ClipStore(tmp_path / "clips").clip("a-000")
    with pytest.raises(BadInput, match=r"a\.npy: no such file"):
        Sealed(tmp_path / "clips", "make it anew").check_all()
    (tmp_path / "clips/b.npy").rename(tmp_path / "clips/a.npy")
    (tmp_path / "clips/b.npy").touch()
    with pytest.raises(BadInput, match=r"b\.npy: not in digests\.json"):
        Sealed(tmp_path / "clips", "make it anew").check_all()
