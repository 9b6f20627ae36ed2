"""Which videos a path means, and what they are called."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tast.errors import BadInput
from tast.prediction.sources import find_videos, video_source
from tests.datasets.layouts import plain_image, write_png, write_vipl_hr_video
from tests.datasets.more_layouts import write_ladh_station, write_mcd_video, write_sums_state


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Empty files will do: nothing is opened to be found."""
    for name in ("a/visit.mp4", "b/visit.MOV", "b/notes.txt", "b/.hidden/x.mp4", "c.avi"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def images(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for stamp in (9_000_000_000, 10_000_000_000, 10_040_000_000):
        write_png(folder / f"Image{stamp}.png", plain_image((90, 60, 50)))
    return folder


def test_a_folder_is_searched_at_any_depth_in_order(tree):
    found = find_videos([tree])
    assert [(video.name, video.path.relative_to(tree).as_posix()) for video in found] == [
        ("a-visit", "a/visit.mp4"), ("b-visit", "b/visit.MOV"), ("c", "c.avi"),
    ]  # fmt: skip


def test_files_are_called_by_their_stem_and_by_more_where_that_is_not_enough(tree):
    assert [video.name for video in find_videos([tree / "c.avi", tree / "a/visit.mp4"])] == ["c", "visit"]
    both = find_videos([tree / "a/visit.mp4", tree / "b/visit.MOV"])
    assert [video.name for video in both] == ["a-visit", "b-visit"]
    (tree / "a/visit.avi").touch()
    names = [video.name for video in find_videos([tree / "a/visit.mp4", tree / "a/visit.avi"])]
    assert len(set(names)) == 2 and names[0].endswith("a-visit.mp4")


def test_a_video_that_two_paths_mean_is_found_once(tree):
    assert len(find_videos([tree, tree / "c.avi", tree / "a"])) == 3
    (tree / "link.avi").symlink_to(tree / "c.avi")
    assert len(find_videos([tree / "c.avi", tree / "link.avi", tree / "a" / ".." / "c.avi"])) == 1


def test_a_folder_of_images_is_one_video_timed_by_the_images_names(tmp_path):
    images(tmp_path / "01-01" / "01-01")
    for given, name in ((tmp_path, "01-01"), (tmp_path / "01-01", "01-01"), (tmp_path / "01-01" / "01-01", "01-01")):
        (video,) = find_videos([given])
        assert video.name == name
        source, notes = video_source(video.path)
        assert_allclose(source.frame_times_s, [0, 1, 1.04])
        assert notes == ()


def test_vipl_hr_videos_are_timed_by_their_time_txt_and_not_by_the_container(tmp_path):
    write_vipl_hr_video(tmp_path, rate_hz=16.0, n_frames=32)
    (video,) = find_videos([tmp_path])
    source, _ = video_source(video.path)
    assert video.name == "data-p1-v1-source1-video"
    assert_allclose(source.frame_times_s, np.round(np.arange(32) * 62.5) / 1000)
    video.path.with_name("time.txt").unlink()
    assert video_source(video.path)[0].frame_times_s is None


def test_videos_of_other_sets_are_timed_as_their_readers_time_them(tmp_path):
    """All containers say 25 Hz."""
    sums = write_sums_state(tmp_path / "sums", rate_hz=50.0) / "video_ZIP_H264_face.avi"
    ladh = write_ladh_station(tmp_path / "ladh", rate_hz=20.0) / "video_RGB_H264.avi"
    mcd = write_mcd_video(tmp_path / "mcd", rate_hz=24.0)
    for path, rate_hz in ((sums, 50), (ladh, 20), (mcd, 24)):
        source, notes = video_source(path)
        assert_allclose(source.frame_times_s, np.arange(60) / rate_hz, atol=1e-5)
        assert notes == ()
    (ladh.parent / "frames_timestamp_RGB.csv").unlink()
    (tmp_path / "mcd" / "meta" / f"{mcd.stem}.txt").unlink()
    assert [video_source(path)[0].frame_times_s for path in (ladh, mcd)] == [None, None]


@pytest.mark.parametrize(("name", "found"), [("none.mp4", "no such file or folder"), ("empty", "no video in it")])
def test_a_path_that_means_no_video_is_named(tmp_path, name, found):
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadInput, match=rf"{name}: {found}; expected a video \(\.3gp, \.avi"):
        find_videos([tmp_path / name])


def test_links_in_circles_and_to_nothing_do_not_lead_astray(tree):
    for place, target in (("a/up", ".."), ("here", "."), ("itself.avi", "itself.avi"), ("gone.avi", "nowhere")):
        (tree / place).symlink_to(target)
    found = {video.name for video in find_videos([tree])}
    assert found == {"a-visit", "b-visit", "c", "itself", "gone"}


def test_folders_are_searched_however_deep_they_lie(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for _ in range(1100):  # more than Python calls one within the other
        Path("d").mkdir()
        os.chdir("d")
    Path("a.avi").touch()
    (video,) = find_videos([tmp_path])
    assert len(video.name) < 100 and video.name.startswith("d-d-d-")
    os.chdir(tmp_path)
    subprocess.run(["rm", "-rf", "d"], check=True)


def test_names_are_shown_whatever_a_file_is_called(tmp_path):
    for name in ("a\nb", "\x1b[31m", "\udcff", "\u202e", "e\u0301", "\u00e9", "n" * 240):
        (tmp_path / f"{name}.avi").touch()
    names = [video.name for video in find_videos([tmp_path])]
    assert len(set(names)) == len(names) == 7
    assert all(name.isprintable() and len(name.encode()) <= 150 for name in names), names
    assert {"a\\nb", "\\x1b[31m", "\\udcff", "\\u202e"} < set(names)


def test_a_name_that_is_too_long_for_a_file_is_no_file(tmp_path):
    with pytest.raises(BadInput, match="no such file or folder"):
        find_videos([tmp_path / ("x" * 300)])
