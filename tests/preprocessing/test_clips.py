from __future__ import annotations

import numpy as np
import pytest

from tast.errors import VideoRejected
from tast.preprocessing.clips import cut, labels_per_second
from tast.records import Spo2Trace

SETTINGS = {"length_s": 4, "hop_s": 2, "label_delay_s": 0.0, "max_missing_labels": 0.25}


def trace(times_s: list[float], percent: list[float]) -> Spo2Trace:
    return Spo2Trace(np.array(times_s), np.array(percent))


def test_a_label_is_the_mean_of_the_readings_of_its_second() -> None:
    spo2 = trace([9.9, 10.0, 10.5, 10.999, 11.0, 12.2, 12.4], [80, 90, 92, 94, 96, np.nan, 99])
    np.testing.assert_array_equal(labels_per_second(spo2, 10.0, 4), [92, 96, 99, np.nan])


def test_a_spot_reading_is_the_label_of_every_second() -> None:
    """It was not taken during the video: no second of it has a better claim."""
    spot = Spo2Trace(np.array([0.0]), np.array([98.0]), spot_sd_percent=2.0)
    np.testing.assert_array_equal(labels_per_second(spot, 170.0, 4), [98] * 4)
    with pytest.raises(ValueError, match="a spot reading is one, and known"):
        Spo2Trace(np.array([0.0, 1.0]), np.array([98.0, 97.0]), spot_sd_percent=2.0)


def test_windows_are_aligned_by_time_not_by_length() -> None:
    times_s = 5.0 + np.arange(10 * 15) / 15
    spo2 = trace(list(np.arange(0, 30.0)), list(70 + np.arange(0, 30.0)))  # the reading at second t is 70 + t
    made = cut("r", times_s, 15.0, np.ones(150), spo2, **SETTINGS)
    assert [w.first_frame for w in made.windows] == [0, 30, 60, 90]
    assert [w.start_s for w in made.windows] == [5.0, 7.0, 9.0, 11.0]
    assert [w.n_frames for w in made.windows] == [60] * 4
    assert made.windows[1].spo2_percent == (77, 78, 79, 80)
    delayed = cut("r", times_s, 15.0, np.ones(150), spo2, **{**SETTINGS, "label_delay_s": 3.0})
    assert delayed.windows[1].spo2_percent == (80, 81, 82, 83)


def test_windows_with_too_few_labels_are_left_out_and_counted() -> None:
    times_s = np.arange(120) / 15  # 8 s: windows at 0, 2, 4
    spo2 = trace([0.0, 1.0, 2.0, 4.0], [97, 97, 96, 95])
    made = cut("r", times_s, 15.0, np.ones(120), spo2, **SETTINGS)
    assert [w.number for w in made.windows] == [0]  # one of four missing; the next misses two
    assert made.n_unlabelled == 2
    assert np.isnan(made.windows[0].spo2_percent[3])


def test_no_window_reaches_over_the_end_of_a_piece_and_one_too_short_is_named() -> None:
    """9 s, nothing, 7.9 s, nothing, 3 s at 15 Hz: windows begin with the seconds of the first piece's clock."""
    quality = np.concatenate([np.ones(9 * 15), [np.nan], np.ones(118), [np.nan], np.ones(45)])
    times_s = 5.0 + np.arange(len(quality)) / 15
    spo2 = trace(list(np.arange(0, 40.0)), [97.0] * 40)
    made = cut("r", times_s, 15.0, quality, spo2, **{**SETTINGS, "hop_s": 1})
    assert [w.first_frame for w in made.windows] == [0, 15, 30, 45, 60, 75, 150, 165, 180]
    assert [w.number for w in made.windows] == list(range(9)) and not np.isnan([w.quality for w in made.windows]).any()
    assert made.too_short == ("22 to 24.9333 s are left out: 3.00 s of face are shorter than a clip of 4 s",)
    with pytest.raises(VideoRejected, match=r"3\.00 s of face are shorter than a clip of 4 s"):
        cut("r", times_s[:91], 15.0, np.concatenate([np.ones(45), [np.nan], np.ones(45)]), spo2, **SETTINGS)


def test_quality_is_the_share_of_frames_seen() -> None:
    quality = np.ones(60)
    quality[:15] = 0
    spo2 = trace(list(np.arange(4.0)), [97.0] * 4)
    assert cut("r", np.arange(60) / 15, 15.0, quality, spo2, **SETTINGS).windows[0].quality == 0.75
    longer, more = np.append(quality, np.ones(60)), trace(list(np.arange(8.0)), [97.0] * 8)
    windows = cut("r", np.arange(120) / 15, 15.0, longer, more, **SETTINGS).windows
    assert [window.quality for window in windows] == [0.75, 1.0, 1.0]


def test_too_short_or_without_any_label_is_rejected() -> None:
    spo2 = trace([100.0], [97])
    with pytest.raises(VideoRejected, match=r"3\.00 s of face are shorter than a clip of 4 s"):
        cut("r", np.arange(45) / 15, 15.0, np.ones(45), spo2, **SETTINGS)
    with pytest.raises(VideoRejected, match="too few SpO2 readings in each of 1 clips"):
        cut("r", np.arange(60) / 15, 15.0, np.ones(60), spo2, **SETTINGS)
