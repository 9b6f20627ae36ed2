"""Which second a clip's second is: fractions, rates that round, clips that were left out, hops of several seconds, namesakes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from tast.preprocessing.clips import cut
from tast.records import Spo2Trace
from tast.seconds import KEY, clip_seconds, labels_per_second, overlap_mean, per_second


def clips_of(
    begin_s: float, *, fps_hz: float = 15.0, hop_s: int = 1, face_s: int = 9, unlabelled_s: float = 0.0, **who: str
) -> pd.DataFrame:
    """Manifest rows of a face that begins at begin_s, as preprocessing cuts it; each second is labelled with its own number."""
    times_s = begin_s + np.arange(np.ceil(face_s * fps_hz)) / fps_hz
    readings_s = begin_s + np.arange(face_s) + 0.5
    known = readings_s > begin_s + unlabelled_s
    spo2 = Spo2Trace(readings_s[known], np.floor(readings_s - begin_s)[known])
    quality = np.ones(len(times_s))
    settings: dict[str, Any] = {"length_s": 4, "hop_s": hop_s, "label_delay_s": 0.0, "max_missing_labels": 0.25}
    identity = {"dataset": "a", "subject_id": "1", "record_id": "r", "scenario": "steady"} | who
    return pd.DataFrame(
        {
            **identity, "clip_id": f"{identity['record_id']}-{one.number}", "first_frame": one.first_frame, "fps_hz": fps_hz,
            "start_s": one.start_s, "spo2_percent": list(one.spo2_percent),
        }
        for one in cut("r", times_s, fps_hz, quality, spo2, **settings).windows
    )  # fmt: skip


@pytest.mark.parametrize("begin_s", [0.0, 0.4, 0.98, 7.0 - 1e-12, 3.999])
@pytest.mark.parametrize("fps_hz", [15.0, 12.5, 7.3])
@pytest.mark.parametrize("hop_s", [1, 2, 3])
def test_seconds_are_counted_from_the_first_of_the_face_on(begin_s, fps_hz, hop_s):
    table = labels_per_second(clips_of(begin_s, fps_hz=fps_hz, hop_s=hop_s))
    shown = 4 + (9 - 4) // hop_s * hop_s
    first = int(begin_s + 1e-6)
    assert table["second"].tolist() == list(range(first, first + shown))
    assert_allclose(table["start_s"], begin_s + np.arange(shown), atol=1e-9)
    assert_allclose(table["true_percent"], np.arange(shown))  # its own number: no second is another's
    assert table["n_clips"].sum() == 4 * len(clips_of(begin_s, fps_hz=fps_hz, hop_s=hop_s))


@pytest.mark.parametrize("fps_hz", [15.0, 12.5])
def test_a_recording_whose_first_clips_were_left_out_keeps_its_seconds(fps_hz):
    """Where counting from the first clip that is left would begin, at 12.5 Hz from a start half a frame off."""
    whole = labels_per_second(clips_of(0.98, fps_hz=fps_hz))
    cropped = labels_per_second(clips_of(0.98, fps_hz=fps_hz, unlabelled_s=2.0))
    assert cropped["second"].iloc[0] > whole["second"].iloc[0]
    both = whole.merge(cropped, on=KEY)
    assert len(both) == len(cropped)
    assert_allclose(both["start_s_x"], both["start_s_y"], atol=1e-9)
    known = both["true_percent_y"].notna()
    assert_allclose(both["true_percent_x"][known], both["true_percent_y"][known])


def test_any_choice_of_clips_gives_the_same_seconds():
    clips = clips_of(0.98, fps_hz=12.5)
    whole = labels_per_second(clips).set_index("second")
    for number in range(len(clips)):
        one = labels_per_second(clips.iloc[[number]]).set_index("second")
        assert_allclose(one["true_percent"], whole.loc[one.index, "true_percent"])


def test_recordings_that_share_a_name_are_two():
    both = pd.concat([clips_of(0.0), clips_of(0.0, dataset="b"), clips_of(0.0, subject_id="2")], ignore_index=True)
    table = per_second(clip_seconds(both), ["true_percent"])
    assert len(table) == 3 * 9 and table["n_clips"].max() == 4
    assert not table.duplicated(KEY).any()
    assert table[KEY].equals(table[KEY].sort_values(KEY, ignore_index=True))


def test_what_is_not_finite_is_left_out_of_the_mean():
    rows = clip_seconds(clips_of(0.0, face_s=5))  # two clips: seconds 1 to 3 lie in both
    rows["value"] = [1.0, np.nan, 3.0, np.nan, 5.0, 7.0, np.nan, 9.0]
    assert_allclose(per_second(rows, ["value"])["value"], [1.0, 5.0, 5.0, np.nan, 9.0])


def test_no_clip_no_second():
    assert labels_per_second(clips_of(0.0).iloc[:0]).empty


def test_windows_of_every_second_average_where_they_overlap():
    assert_allclose(overlap_mean(np.array([[1.0, 2, 3], [4, 5, 6]])), [1, 3, 4, 6])
    assert_allclose(overlap_mean(np.ones((5, 4))), np.ones(8))
