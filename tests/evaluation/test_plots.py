"""The pictures: same table, same bytes; every odd table still gives a picture."""

from __future__ import annotations

import struct
import subprocess
import sys

import matplotlib
import numpy as np
import pandas as pd
import pytest

from tast.evaluation.plots import (
    bland_altman,
    error_by_band,
    evaluation_plots,
    learning_curve,
    scatter,
    subject_styles,
    traces,
    with_gaps,
)

NAMES = {"scatter", "bland_altman", "bands", "traces", "learning_curve"}
REFUSAL = {"coverage": [1.0, 0.5], "rmse": [2.0, 1.0], "random": 2.0}


@pytest.fixture
def rows(predictions) -> pd.DataFrame:
    return predictions


@pytest.fixture
def history() -> pd.DataFrame:
    epoch = np.arange(5)
    return pd.DataFrame(
        {"epoch": epoch, "train_loss": 1 / (epoch + 1), "val_loss": 1.2 / (epoch + 1), "val_rmse_percent": 5 / (epoch + 1)}
    )


def test_the_same_table_gives_the_same_bytes_whatever_the_users_settings(rows, history):
    plain = evaluation_plots(rows, history, refusal=REFUSAL, train_mean_percent=92.0, seed=0)
    assert set(plain) == NAMES | {"refusal"}
    with matplotlib.rc_context({"font.size": 30, "axes.facecolor": "black", "savefig.dpi": 20}):
        odd = evaluation_plots(rows.sample(frac=1.0, random_state=3), history, refusal=REFUSAL, train_mean_percent=92.0, seed=0)
    assert plain == odd
    assert all(b"matplotlib" not in picture and b"tIME" not in picture for picture in plain.values())


def test_pictures_are_wide_enough_to_read_and_show_the_data(rows):
    picture = scatter(rows, train_mean_percent=92.0, seed=0)
    width, height = struct.unpack(">II", picture[16:24])
    assert (width, height) == (960, 1056)
    assert picture != scatter(rows.assign(predicted_percent=rows["predicted_percent"] + 0.5), train_mean_percent=92.0, seed=0)


@pytest.mark.parametrize("predicted", [93.0, None])
def test_odd_tables_still_give_pictures(rows, predicted):
    one = rows.iloc[:1]
    odd = one if predicted is None else rows.assign(predicted_percent=predicted, true_percent=97.0)
    for draw in (
        lambda: scatter(odd, train_mean_percent=92.0, seed=0),
        lambda: bland_altman(odd, seed=0),
        lambda: error_by_band(odd, train_mean_percent=92.0),
        lambda: traces(odd, train_mean_percent=92.0),
    ):
        assert draw().startswith(b"\x89PNG")


def test_many_recordings_are_thinned_and_many_subjects_drawn(rows):
    one = rows[rows["subject_id"] == "s0"]
    many = pd.concat([one.assign(record_id=f"r{i:02d}", subject_id=f"p{i:02d}") for i in range(30)], ignore_index=True)
    width, height = struct.unpack(">II", traces(many, train_mean_percent=92.0)[16:24])
    assert height == round((2.3 * 8 + 1.2) * 160)  # 24 of 30 panels in 8 lines of 3
    assert width == round((3.9 * 3 + 0.3) * 160)
    assert bland_altman(many, seed=0).startswith(b"\x89PNG")


def test_an_unlabelled_second_keeps_its_prediction_in_the_trace(rows):
    unlabelled = rows.assign(true_percent=rows["true_percent"].where(rows["second"] > 4))
    dropped = unlabelled.dropna(subset="true_percent")
    assert traces(unlabelled, train_mean_percent=92.0) != traces(dropped, train_mean_percent=92.0)


def test_no_line_bridges_a_gap():
    series = with_gaps(pd.Series([1.0, 2.0, 3.0], index=[0.5, 1.5, 6.5]))
    assert series.index.tolist() == [0.5, 1.5, 2.25, 6.5]
    assert np.isnan(series.loc[2.25])


def test_forty_nine_subjects_all_look_different():
    styles = subject_styles([f"p{i}" for i in range(49)])
    assert len(set(styles.values())) == 49


def test_the_kept_epoch_is_the_one_of_lowest_validation_loss(history):
    moved = history.assign(val_loss=[3.0, 1.0, 2.0, 3.0, 4.0])
    assert learning_curve(moved) != learning_curve(moved.assign(val_loss=[3.0, 2.0, 1.0, 3.0, 4.0]))


def test_no_pyplot_state_is_touched():
    """pyplot keeps figures alive and picks a backend for the whole process; a library has no business there."""
    program = "import sys, tast.evaluation.plots; sys.exit('matplotlib.pyplot' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
