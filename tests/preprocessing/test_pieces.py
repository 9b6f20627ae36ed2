"""A long video in pieces: what the stage makes of it, what is left out, and that `predict` reads the same windows."""

from __future__ import annotations

import resource
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tast.arrays import GrowingArray
from tast.clip_store import ClipStore, write_tables
from tast.errors import VideoRejected
from tast.light import read_light
from tast.params import load_params
from tast.preprocessing.pieces import piece_by_piece
from tast.preprocessing.pipeline import Shard, preprocess_records, settings_of
from tast.records import Spo2Trace, VideoRecord, VideoSource
from tast.video.coding import Coding
from tast.video.write_coded import write_coded
from tests.preprocessing import scene

FPS_HZ = 15.0
LOSSLESS = Coding("h264", ".mp4", quality=0, matrix="bt709")
LENGTH_S = 3


@pytest.fixture(scope="module")
def settings() -> dict[str, Any]:
    preprocess = load_params().preprocess.model_dump()
    return settings_of({**preprocess, "clips": {**preprocess["clips"], "length_s": LENGTH_S, "hop_s": 2, "size_px": 16}})


def record(folder: Path, seconds: float, hidden: range) -> VideoRecord:
    film = scene.film(scene.swaying(seconds, FPS_HZ), hidden=hidden)
    video = VideoSource(write_coded(folder / "long", film, LOSSLESS))
    spo2 = Spo2Trace(np.arange(40.0), 70.0 + np.arange(40.0))
    return VideoRecord("test", "04", "steady", "04-01", video, spo2)


@pytest.fixture(scope="module")
def shard(tmp_path_factory: pytest.TempPathFactory, settings: dict[str, Any]) -> tuple[Path, Shard]:
    """15 s in pieces of 5 s; the face is away from 6 to 8 s."""
    folder = tmp_path_factory.mktemp("long")
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("tast.preprocessing.pieces.PIECE_S", 5.0)
        made = preprocess_records(
            [record(folder, 15.0, range(90, 120))], settings=settings, cache_root=folder / "cache", clips_folder=folder / "clips"
        )
    return folder, made


def test_a_face_that_is_lost_costs_its_own_piece_alone(shard: tuple[Path, Shard]) -> None:
    folder, made = shard
    assert made.rejects == ()
    assert [defect.defect for defect in made.defects if "left out" in defect.defect] == [
        "5 to 10 s are left out: face lost for more than 0.5 s at 6.00 s"
    ]
    assert [(row.start_s, row.first_frame) for row in made.rows] == [(k, 15 * k) for k in (0, 2, 10, 12)]
    assert made.rows[2].spo2_percent == (82, 83, 84)  # a label_delay_s of 1.5 s later
    frames, light = np.load(folder / "clips/04-01.npy"), read_light(folder / "clips", "04-01")
    nothing = np.isnan(light.skin).any(axis=1)
    assert len(frames) == len(nothing) == 15 * 15 and np.flatnonzero(nothing)[0] == 76
    assert not frames[nothing].any() and frames[~nothing].any(axis=(1, 2, 3)).all()


def test_windows_between_its_clips_hold_no_frame_of_nothing(shard: tuple[Path, Shard], settings: dict[str, Any]) -> None:
    folder, made = shard
    write_tables(folder / "clips", made.rows, made.rejects, made.defects, {})
    store = ClipStore(folder / "clips")
    whole, clip_ids = store.with_every_second(store.clip_ids)
    assert sorted(whole.manifest.loc[list(clip_ids), "start_s"]) == [0, 1, 2, 10, 11, 12]


def test_each_piece_ends_with_the_first_frame_of_the_next_whatever_was_asked_of_it() -> None:
    frames = [(k / 4, np.zeros((2, 2, 3), np.uint8)) for k in range(4 * 300)]

    def spans(asked: int | None) -> list[tuple[float, float]]:
        def span(piece: Any) -> tuple[float, float]:
            times_s = [time_s for time_s, _ in islice(piece, asked)]
            return times_s[0], times_s[-1]

        return list(piece_by_piece("r", frames, span, []))

    assert spans(None) == [(0, 120), (120, 240), (240, 299.75)]
    assert spans(3) == [(0, 0.5), (120, 120.5), (240, 240.5)]


def test_where_every_piece_is_rejected_the_first_reason_is_told() -> None:
    frames = [(float(k), np.zeros((2, 2, 3), np.uint8)) for k in range(300)]

    def refuse(piece: Any) -> None:
        raise VideoRejected("r", f"none from {next(iter(piece))[0]:g} s on")

    left_out: list[str] = []
    with pytest.raises(VideoRejected, match="none from 0 s on"):
        list(piece_by_piece("r", frames, refuse, left_out))
    with pytest.raises(VideoRejected, match="no frame"):
        list(piece_by_piece("r", [], refuse, left_out))
    assert left_out == []


def test_an_array_grows_on_the_disk_alone(tmp_path: Path) -> None:
    part = np.ones((64, 512, 512), dtype=np.float32)  # 64 MiB
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with GrowingArray(tmp_path / "grown.npy") as array:
        for number in range(8):
            array.append(part, after=int(number == 3))
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 100 * 1024  # KiB
    grown = np.load(tmp_path / "grown.npy", mmap_mode="r")
    assert grown.shape == (513, 512, 512) and not grown[192].any() and grown[193:].all()
