"""The published lists: how many videos there should be, and which gaps are known."""

from __future__ import annotations

from tast.datasets.published import compare_with_published, natural_order, pure_sessions, vipl_hr_videos


def test_pure_has_59_sessions_without_06_02():
    assert len(pure_sessions()) == 59
    assert "06-02" not in pure_sessions() and {"01-01", "10-06"} <= pure_sessions()


def test_vipl_hr_gaps():
    """23 colour videos a subject, less 77 (p97-p107 without source1), 1 (p84) and 8 (p56); 2378 are told with the retakes."""
    videos = vipl_hr_videos()
    assert len(videos) == 107 * 23 - 77 - 1 - 8 == 2375
    assert not any(f"p{subject}_{v}_source1" in videos for subject in range(97, 108) for v in ("v1", "v7"))
    assert "p97_v1_source3" in videos and "p96_v1_source1" in videos
    assert "p84_v1_source1" not in videos and "p84_v2_source1" in videos
    assert not any(f"p56_{v}_source2" in videos for v in ("v6", "v7", "v8", "v9")) and "p56_v5_source2" in videos
    assert {name.split("_")[2] for name in videos if "_v8_" in name or "_v9_" in name} == {"source2"}


def test_what_the_data_set_lists_as_missing_and_what_is_new(tmp_path):
    here = {name for name in vipl_hr_videos() if name.startswith("p7_")}
    lost = {"p7_v2_source1", "p7_v3_source1", "p7_v3_source2", "p7_v4_source3"}
    (tmp_path / "VIPL").mkdir()
    (tmp_path / "VIPL/Missing_data.txt").write_text("p7/v3\np7 v4 source3\np8/v1/source1\n")
    output = compare_with_published("vipl_hr", (here - lost) | {"p7_v1-2_source1"}, tmp_path)
    assert output is not None
    assert output["missing"] == sorted(lost)
    assert output["listed_missing"] == ["p7_v3_source1", "p7_v3_source2", "p7_v4_source3"]
    assert output["beyond_list"] == ["p7_v1-2_source1"]
    assert len(output["subjects_absent"]) == 106 and output["subjects_absent"][:2] == ["p1", "p2"]


def test_own_data_have_no_list(tmp_path):
    assert compare_with_published("csv", ["a"], tmp_path) is None


def test_names_sort_as_people_count():
    assert sorted(["p10_v1", "p2_v1", "p2_v1-2"], key=natural_order) == ["p2_v1", "p2_v1-2", "p10_v1"]
