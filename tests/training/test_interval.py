"""The interval: the right order statistic, seconds counted once, and its coverage on errors never seen."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tast.training.interval import conformal_quantile, fit_interval


def rows(place: int, predicted: list[float], true: list[float], record: str = "a", dataset: str = "phantom") -> pd.DataFrame:
    """A clip that begins `place` seconds into a face which begins at 0.4 s."""
    return pd.DataFrame(
        {
            "dataset": dataset, "subject_id": record[0], "record_id": record, "scenario": "steady", "first_frame": 15 * place,
            "fps_hz": 15.0, "start_s": place + 0.4, "second": range(len(predicted)), "true_percent": true,
            "predicted_percent": predicted,
        }
    )  # fmt: skip


@pytest.mark.parametrize(("n", "expected"), [(9, 9.0), (10, 10.0), (99, 90.0), (3, 3.0)])
def test_the_rank_is_that_of_one_more_error(n: int, expected: float) -> None:
    errors = np.random.default_rng(0).permutation(np.arange(1.0, n + 1))
    assert conformal_quantile(errors, 0.9) == expected


def test_coverage_on_new_errors_is_what_it_says() -> None:
    """Mean coverage over 400 draws of 50 known errors: 46/51; its standard error is about 0.002."""
    rng = np.random.default_rng(1)
    covered = [np.mean(rng.gamma(2, 1, 200) <= conformal_quantile(rng.gamma(2, 1, 50), 0.9)) for _ in range(400)]
    assert np.mean(covered) == pytest.approx(46 / 51, abs=0.01)


def test_a_second_that_two_clips_show_counts_once_with_their_mean() -> None:
    table = pd.concat([rows(0, [90, 92, 94], [91, 91, 91]), rows(1, [94, 98, 99], [91, 91, np.nan])])
    interval = fit_interval(table)
    assert interval is not None  # 90, 93, 96, 99 against 91, 91, 91 and no label
    assert (interval.half_width_percent, interval.n_subjects, interval.n_seconds) == (5.0, 1, 3)


def test_records_are_counted_apart() -> None:
    interval = fit_interval(pd.concat([rows(0, [90, 90], [91, 92]), rows(7, [90, 90], [93, 94], "b")]))
    assert interval is not None
    assert (interval.n_subjects, interval.n_seconds, interval.half_width_percent) == (2, 4, 4.0)


def test_namesakes_of_two_data_sets_are_two_people_with_two_recordings() -> None:
    """Merged, their errors of -2 and +2 would be none."""
    interval = fit_interval(pd.concat([rows(0, [90, 90], [92, 92]), rows(0, [94, 94], [92, 92], dataset="other")]))
    assert interval is not None
    assert (interval.n_subjects, interval.n_seconds, interval.half_width_percent) == (2, 4, 2.0)


def test_no_label_gives_no_interval() -> None:
    assert fit_interval(rows(0, [90.0], [np.nan])) is None
