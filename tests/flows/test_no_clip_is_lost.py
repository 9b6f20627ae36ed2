"""Clips that vanished for users of another project's loader (rPPG-Toolbox, issues 411, 213, 342, 171), the same situations here.

There several processes preprocess a data set, and one that dies (of memory, of OpenCV after a fork, of a video that it cannot
hold) takes its videos with it: the run ends well, with 234 of 610 clips, with two people of 56, or with none and no reason. Issue
392 could not be found, and is not replayed.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from flows.clips import lost_videos, preprocess_all, require_enough
from tast.crew.each import do_each
from tast.datasets.readers import read_dataset
from tast.errors import TastError
from tast.params import Preprocess, changed, load_params
from tast.preprocessing.pipeline import Settings, Shard, preprocess_records, settings_of
from tast.records import VideoRecord, VideoSource
from tast.video.read import read_frames
from tests.datasets.layouts import write_table
from tests.prediction.conftest import write_film

NAMES = ("anna", "bert", "cleo", "dora")
SECONDS = 3.2


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> list[VideoRecord]:
    return people_in(tmp_path_factory.mktemp("people"))


def people_in(root: Path, longer_s: float = 0.0) -> list[VideoRecord]:
    """Four people's recordings, as a reader gives them; each longer than the last one by so much."""
    write_table(
        root / "recordings.csv",
        ("subject_id", "record_id", "video", "spo2"),
        [(name, f"{name}_1", f"{name}.avi", "spo2.csv") for name in NAMES],
    )
    write_table(root / "spo2.csv", ("times_s", "percent"), [(second, 97 - second % 3) for second in range(8)])
    for number, name in enumerate(NAMES):
        write_film(root / f"{name}.avi", SECONDS + number * longer_s)
    records, rejects = read_dataset("csv", root)
    assert [record.subject_id for record in records] == list(NAMES) and not rejects
    return records


def settings() -> Preprocess:
    steps = {"length_s": 2, "size_px": 32, "fps_hz": 15.0}
    return changed(load_params(), {f"preprocess.clips.{name}": value for name, value in steps.items()}).preprocess


def clips_of(shards: Sequence[Shard], folder: Path) -> dict[str, bytes]:
    """Each clip's name -> the bytes of the file that it is cut from."""
    return {row.clip_id: (folder / row.file).read_bytes() for shard in shards for row in shard.rows}


def made_by(workers: int, records: list[VideoRecord], folder: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    monkeypatch.setenv("TAST_CACHE", str(folder / "cache"))
    (folder / "clips").mkdir(parents=True)
    shards, _ = preprocess_all(records, settings(), folder / "clips", workers=workers, lost=lost_videos)
    assert [reject for shard in shards for reject in shard.rejects] == []
    return clips_of(shards, folder / "clips")


def test_several_processes_make_as_many_clips_as_one(people, tmp_path, monkeypatch):
    """OpenCV and FFmpeg, with threads of their own, were at work in the parent before (411, 213)."""
    cv2.setNumThreads(2)
    cv2.GaussianBlur(np.zeros((2000, 2000, 3), np.uint8), (9, 9), 2)
    assert len(list(read_frames(VideoSource(people[0].video.path)))) == round(SECONDS * 25)
    alone, together = (made_by(n, people, tmp_path / str(n), monkeypatch) for n in (1, 3))
    assert {clip.rpartition("-")[0] for clip in alone} == {f"{name}_1" for name in NAMES}
    assert together == alone


def killed_at(records: Sequence[VideoRecord], victim: str, steps: Settings, folder: Path) -> Shard:
    """preprocess_records, in a process that the kernel kills whenever it comes to one recording."""
    if any(record.record_id == victim for record in records):
        os.kill(os.getpid(), signal.SIGKILL)
    return preprocess_records(records, settings=steps, cache_root=folder / "cache", clips_folder=folder)


def test_who_kills_a_process_is_a_row_and_nobody_else_is_missing(people, tmp_path):
    """Memory that ends within one video (213, 171): the others are done, the one is named, and counts as rejected."""
    steps = settings_of(settings().model_dump())
    work = partial(killed_at, victim="cleo_1", steps=steps, folder=tmp_path)
    shards = do_each(work, [[record] for record in people], workers=2, lost=lost_videos)
    made = {clip.rpartition("-")[0] for clip in clips_of(shards, tmp_path)}
    rejects = [reject for shard in shards for reject in shard.rejects]
    assert made == {"anna_1", "bert_1", "dora_1"}
    assert [(reject.record_id, reject.reason) for reject in rejects] == [("cleo_1", "worker killed (out of memory?)")]
    with pytest.raises(TastError, match=r"1 of 4 videos rejected.*cleo_1: worker killed"):
        require_enough([row for shard in shards for row in shard.rows], rejects, len(people), 0.2)


def test_a_set_of_which_nothing_can_be_read_ends_with_the_reasons(people, tmp_path, monkeypatch):
    """No list of files is empty for a reason that nobody says (342): each video's own reason is told."""
    monkeypatch.setenv("TAST_CACHE", str(tmp_path / "cache"))
    gone = [VideoSource(tmp_path / f"{record.record_id}.avi") for record in people[:2]]
    for source in gone:
        source.path.write_bytes(people[0].video.path.read_bytes()[:300])
    records = [VideoRecord(**{**vars(record), "video": source}) for record, source in zip(people[:2], gone, strict=True)]
    shards, _ = preprocess_all(records, settings(), tmp_path, workers=2, lost=lost_videos)
    rejects = [reject for shard in shards for reject in shard.rejects]
    assert [reject.record_id for reject in rejects] == ["anna_1", "bert_1"]
    assert all(reject.reason for reject in rejects)
    with pytest.raises(TastError, match=r"2 of 2 videos rejected.*anna_1: .*bert_1: "):
        require_enough([], rejects, 2, 1.0)
