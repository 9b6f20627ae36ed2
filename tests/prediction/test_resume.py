"""Which tables of an interrupted run still hold: only those that rest on the same model, settings, code and video, unchanged."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tast.prediction import resume
from tast.prediction.resume import Finished
from tast.prediction.sources import NamedVideo

CARD = {
    "model_name": "tast_net", "config": {}, "preprocessing": {}, "input_kind": "normalised", "frame_size_px": 16,
    "scaling": {"mean_percent": 90, "deviation_percent": 5}, "data_digest": "", "code_version": "1", "weights_sha256": "",
}  # fmt: skip


@pytest.fixture
def done(tmp_path: Path) -> list[NamedVideo]:
    """Two videos, of which nothing is read here but their bytes, with tables that are written whole."""
    videos = [NamedVideo(name, tmp_path / f"{name}.mp4") for name in ("a", "b")]
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.json").write_text(json.dumps(CARD))
    (tmp_path / "out").mkdir()
    for video in videos:
        video.path.write_bytes(video.name.encode())
        (tmp_path / "out" / f"{video.name}.csv").write_text("start_s,spo2_percent\n0,97\n")
        finished(tmp_path).add(video)
    return videos


def finished(folder: Path, settings: str = "min_quality 0.45") -> Finished:
    return Finished(folder / "out", "csv", model_folder=folder / "model", settings=settings)


def names(videos: list[NamedVideo]) -> list[str]:
    return [video.name for video in videos]


def test_what_is_whole_is_not_done_again(done: list[NamedVideo], tmp_path: Path) -> None:
    assert finished(tmp_path).without_those(done) == []
    (tmp_path / "out" / "b.csv").unlink()
    assert names(finished(tmp_path).without_those(done)) == ["b"]


def test_another_model_or_setting_does_all_again(done: list[NamedVideo], tmp_path: Path) -> None:
    assert names(finished(tmp_path, settings="min_quality 0.5").without_those(done)) == ["a", "b"]
    (tmp_path / "model" / "model.json").write_text(json.dumps(CARD | {"code_version": "another"}))
    assert names(finished(tmp_path).without_those(done)) == ["a", "b"]


def test_other_code_does_all_again(done: list[NamedVideo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "PROGRAMS", ("tast.prediction.files",))
    assert names(finished(tmp_path).without_those(done)) == ["a", "b"]


def test_other_code_of_the_method_does_all_again(done: list[NamedVideo], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(resume, "code_of_method", lambda _: {"tast/methods/tast_net.py": "another"})
    assert names(finished(tmp_path).without_those(done)) == ["a", "b"]


def test_a_video_or_a_table_that_was_changed_is_done_again(done: list[NamedVideo], tmp_path: Path) -> None:
    done[0].path.write_bytes(b"x")
    assert names(finished(tmp_path).without_those(done)) == ["a"]
    (tmp_path / "out" / "b.csv").write_text("start_s,spo2_percent\n0,96\n")
    assert names(finished(tmp_path).without_those(done)) == ["a", "b"]
    assert finished(tmp_path).outdated(done) == 2
