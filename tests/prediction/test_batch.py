"""Many videos: the same files for any number of workers, a refused one beside its neighbours, and no model told at once."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest

from tast.errors import BadInput
from tast.prediction.asked import AskedOfEach
from tast.prediction.batch import Refusal, predict_videos
from tast.prediction.files import FORMATS, write_trace
from tast.prediction.sources import find_videos
from tast.prediction.trace import PredictedTrace
from tast.video.write_coded import write_coded
from tests.prediction.conftest import FPS_HZ, LOSSLESS, film, table_in, write_film


def outcomes_of(videos: Path, saved: Path, workers: int) -> list[PredictedTrace | Refusal]:
    heard = []
    outcomes = predict_videos(
        find_videos([videos]), saved, AskedOfEach(), workers=workers, on_outcome=lambda _, one: heard.append(one)
    )
    assert sorted(one.name for one in heard) == [one.name for one in outcomes]
    return outcomes


def written(outcomes: list[PredictedTrace | Refusal], folder: Path) -> dict[str, bytes]:
    for outcome in outcomes:
        if isinstance(outcome, PredictedTrace):
            for kind in FORMATS:
                write_trace(folder, outcome, kind)
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


@pytest.fixture(scope="module")
def alone(videos: Path, saved: Path) -> list[PredictedTrace | Refusal]:
    return outcomes_of(videos, saved, workers=1)


def test_a_refused_video_does_not_stop_the_others(alone):
    assert [one.name for one in alone] == ["anna-day1", "bert-day1", "nobody"]
    assert [type(one) for one in alone] == [PredictedTrace, PredictedTrace, Refusal]
    assert "no face" in alone[2].reason
    assert [len(one) for one in alone[:2]] == [5, 6]


def test_one_worker_and_two_write_the_same_bytes(alone, videos, saved, tmp_path):
    together = outcomes_of(videos, saved, workers=2)
    assert together[2] == alone[2]
    one, two = written(alone, tmp_path / "one"), written(together, tmp_path / "two")
    assert one == two
    assert sorted(one) == sorted(f"{name}-day1.{kind}" for name in ("anna", "bert") for kind in (*FORMATS, "png"))


def test_a_video_whose_worker_is_killed_twice_is_refused_and_the_others_are_read(alone, saved, tmp_path):
    """Of 6000 pixels' width: looking for a face in it takes memory that the other does without."""
    write_film(tmp_path / "anna.avi", 5.0)
    large = ((time_s, cv2.resize(rgb, (6000, 4500))) for time_s, rgb in film(0.2))
    write_coded(tmp_path / "large", large, LOSSLESS)
    outcomes = predict_videos(
        find_videos([tmp_path]), saved, AskedOfEach(), workers=1, memory_gb=0.65, on_outcome=lambda *_: None
    )
    assert outcomes[1] == Refusal("large", "worker killed (needs more than 0.65 GB: memory_gb)")
    pd.testing.assert_frame_equal(outcomes[0].table().drop(columns="video"), alone[0].table().drop(columns="video"))


def test_all_formats_say_the_same(alone, tmp_path):
    for kind in FORMATS:
        write_trace(tmp_path, alone[0], kind)
    table = table_in(tmp_path / "anna-day1.csv")
    pd.testing.assert_frame_equal(table, pd.read_parquet(tmp_path / "anna-day1.parquet"), check_dtype=False)
    output = json.loads((tmp_path / "anna-day1.json").read_text())
    assert (output["video"], output["coverage"], output["half_width_percent"], output["notes"]) == ("anna-day1", 0.9, 3.5, [])
    source = output["source"]
    assert (
        source["n_frames"] > 0
        and source["measured_hz"] > 0
        and {"codec", "bits_per_pixel", "n_doubled", "assumed"} <= set(source)
    )
    assert [second["spo2_percent"] for second in output["seconds"]] == table["spo2_percent"].tolist()
    assert list(table["video"].unique()) == ["anna-day1"]


def test_a_model_that_is_none_is_told_before_any_work(videos, tmp_path):
    with pytest.raises(BadInput, match=r"model\.json: no such file"):
        predict_videos(find_videos([videos]), tmp_path, AskedOfEach(), workers=2, on_outcome=print)


def test_what_was_mended_in_a_videos_times_is_told(saved, tmp_path):
    """VIPL-HR's layout, with a time stamp more than there are frames."""
    video = write_film(tmp_path / "p1" / "v1" / "source1" / "video.avi", 4.6)
    stamps = 1000 * np.arange(round(4.6 * FPS_HZ) + 1) / FPS_HZ
    video.with_name("time.txt").write_text("".join(f"{stamp:.0f}\n" for stamp in stamps))
    (outcome,) = outcomes_of(video, saved, workers=1)
    assert isinstance(outcome, PredictedTrace)
    assert outcome.notes == ("time.txt has 116 time stamps for 115 frames: the first 115 are used",)
