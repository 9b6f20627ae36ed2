"""Two results side by side: whose seconds count, the figures and their paired intervals, and the picture of both."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest

from tast.errors import TastError
from tast.evaluation.contest import Entrant
from tast.evaluation.metrics import bootstrap_intervals, compare_paired, correlation_within, score
from tast.evaluation.versus import Versus, picture, side_by_side, versus
from tast.people import person_of

HALF_WIDTH = 1.5


def table(errors: Mapping[int, Sequence[float] | float], first_percent: float = 85.0) -> pd.DataFrame:
    """Six seconds of each person, one point apart, read with an error a person or a second; the odd ones talk."""
    rows = [
        {
            "dataset": "pure", "subject_id": str(subject), "record_id": f"{subject}-1", "second": second, "start_s": second + 0.4,
            "scenario": "talking" if subject % 2 else "steady", "true_percent": first_percent + second,
            "predicted_percent": first_percent + second + float(np.broadcast_to(error, 6)[second]),
        }
        for subject, error in errors.items() for second in range(6)
    ]  # fmt: skip
    rows = pd.DataFrame(rows)
    ends = {"lower_percent": rows["predicted_percent"] - HALF_WIDTH, "upper_percent": rows["predicted_percent"] + HALF_WIDTH}
    return rows.assign(**ends)


def met(a: pd.DataFrame, b: pd.DataFrame, draws: int = 400) -> Versus:
    return versus(side_by_side(Entrant(a, ()), Entrant(b, ())), draws=draws, seed=0)


def test_every_figure_of_a_known_pair() -> None:
    """A reads 2 too high for all, B 1 too low: both follow the truth in full, and only B's interval holds it."""
    found = met(table(dict.fromkeys(range(4), 2.0)), table(dict.fromkeys(range(4), -1.0)))
    sides = {name: (one.a, one.b, one.difference) for name, one in found.measures.items()}
    assert sides == {
        "rmse": pytest.approx((2, 1, -1)), "mae": pytest.approx((2, 1, -1)), "r": pytest.approx((1, 1, 0)),
        "r_within": pytest.approx((1, 1, 0)), "bias": pytest.approx((2, -1, -3)), "a_rms": pytest.approx((2, 1, -1)),
        "coverage": pytest.approx((0, 1, 1)), "width": pytest.approx((3, 3, 0)),
    }  # fmt: skip
    assert all((one.low, one.high) == pytest.approx((one.difference, one.difference)) for one in found.measures.values())
    better = {name: one.b_better for name, one in found.measures.items() if name not in ("r", "r_within")}
    assert better == pytest.approx(
        {"rmse": 1, "mae": 1, "bias": 1, "a_rms": 1, "coverage": np.nan, "width": np.nan}, nan_ok=True
    )  # neither a wider interval nor one that holds more is better by itself
    farther = met(table(dict.fromkeys(range(4), 1.0)), table(dict.fromkeys(range(4), -2.0))).measures["bias"]
    assert (farther.difference, farther.b_better) == pytest.approx((-3, 0))
    assert (found.people, found.n_recordings, found.n_seconds) == (tuple(f"pure/{n}" for n in range(4)), 4, 24)


def test_the_interval_is_of_resampled_people() -> None:
    """Two people, errors of 1 and 3 against 2 and 1: a draw holds one twice (+1 or -2) or both, half of the time."""
    rmse = met(table({0: 1.0, 1: 3.0}), table({0: 2.0, 1: 1.0}), draws=2000).measures["rmse"]
    assert rmse.difference == pytest.approx(np.sqrt(2.5) - np.sqrt(5.0))
    assert (rmse.low, rmse.high) == pytest.approx((-2.0, 1.0))
    assert rmse.b_better == pytest.approx(0.75, abs=0.03)


def test_of_one_person_there_is_no_interval() -> None:
    found = met(table({0: 1.0}), table({0: 2.0}))
    assert found.measures["rmse"].difference == pytest.approx(1.0)
    assert all(np.isnan([one.low, one.high, one.b_better]).all() for one in found.measures.values())


def test_r_within_people_and_a_rms_see_what_rmse_does_not() -> None:
    """A knows each person's mean and reads the trend backwards, B reads it right, far off for each; below 70 A_rms is blind."""
    backwards, high, low = tuple(5.0 - 2.0 * second for second in range(6)), 4.0, -4.0
    found = met(table({0: backwards, 1: backwards}), table({0: high, 1: low})).measures
    assert (found["r_within"].a, found["r_within"].b) == pytest.approx((-1.0, 1.0))
    assert found["r_within"].b_better == 1.0 and found["rmse"].b == pytest.approx(4.0)
    below = met(table({0: [9, 9, 9, 1, 1, 1], 1: 1.0}, first_percent=67.0), table({0: 1.0, 1: 1.0}, first_percent=67.0)).measures
    assert (below["a_rms"].a, below["a_rms"].difference) == pytest.approx((1.0, 0.0))
    assert below["rmse"].a == pytest.approx(np.sqrt((3 * 81 + 9) / 12))
    nothing = met(table({0: 1.0, 1: 1.0}, first_percent=60.0), table({0: 2.0, 1: 1.0}, first_percent=60.0)).measures["a_rms"]
    assert np.isnan([nothing.a, nothing.difference, nothing.low, nothing.b_better]).all()


def test_the_draws_and_the_figures_are_those_of_all_other_tables() -> None:
    rng = np.random.default_rng(3)
    a, b = (table({person: tuple(rng.normal(0, 2, 6)) for person in range(8)}) for _ in range(2))
    found, true = met(a, b, draws=300), a["true_percent"]
    paired = compare_paired(true, b["predicted_percent"], a["predicted_percent"], person_of(a), draws=300, seed=0)
    rmse = found.measures["rmse"]
    assert (rmse.difference, rmse.low, rmse.high, rmse.b_better) == pytest.approx(
        (paired.rmse_difference, *vars(paired.rmse_difference_interval).values(), paired.probability_better)
    )
    scored = score(true, b["predicted_percent"])
    within, _ = correlation_within(true, b["predicted_percent"], person_of(a), person_of(a), draws=1, seed=0)
    assert [found.measures[name].b for name in ("rmse", "mae", "r", "bias", "r_within")] == pytest.approx(
        [scored.rmse, scored.mae, scored.pearson_r, scored.bias, within]
    )
    perfect = met(table(dict.fromkeys(range(8), 0.0)), b, draws=300).measures["mae"]  # whose interval is B's own
    alone = bootstrap_intervals(true, b["predicted_percent"], person_of(b), draws=300, seed=0)["mae"]
    assert (perfect.low, perfect.high, perfect.b_better) == pytest.approx((alone.low, alone.high, 0.0))


def test_scenarios_and_bands_have_their_own_people_and_seconds() -> None:
    found = met(table({0: 2.0, 1: 1.0, 2: 2.0, 3: 1.0}), table({0: 1.0, 1: 3.0, 2: 1.0, 3: 3.0}))
    assert {name: (one.n_people, one.n_seconds) for name, one in found.scenarios.items()} == {
        "steady": (2, 12),
        "talking": (2, 12),
    }
    assert {name: one.rmse.difference for name, one in found.scenarios.items()} == pytest.approx({"steady": -1, "talking": 2})
    assert (found.scenarios["talking"].rmse.b_better, found.scenarios["steady"].rmse.b_better) == (0.0, 1.0)
    assert {name: (one.n_people, one.n_seconds) for name, one in found.bands.items()} == {"85-90": (4, 20), "90-95": (4, 4)}


def test_people_whom_either_has_seen_are_left_out() -> None:
    everybody = table(dict.fromkeys(range(5), 1.0))
    rows = side_by_side(Entrant(everybody, ("pure/0",)), Entrant(everybody, ("pure/4", "vipl_hr/2")))
    assert sorted(set(person_of(rows))) == ["pure/1", "pure/2", "pure/3"]
    with pytest.raises(TastError, match="all 5 people whom both predicted were seen by A or B"):
        side_by_side(Entrant(everybody, ("pure/0", "pure/1", "pure/2")), Entrant(everybody, ("pure/3", "pure/4")))
    with pytest.raises(TastError, match="the card of B does not name the people"):
        side_by_side(Entrant(everybody, ()), Entrant(everybody, None))


def test_of_two_tables_the_common_seconds_count_and_their_labels_must_agree() -> None:
    a, b = table({0: 1.0, 1: 1.0}), table({1: 2.0, 2: 2.0})
    rows = side_by_side(Entrant(a, ()), Entrant(b.sample(frac=1.0, random_state=0), ()))
    assert set(person_of(rows)) == {"pure/1"} and list(rows["second"]) == list(range(6))
    assert (rows["predicted_percent_b"] - rows["predicted_percent_a"]).to_list() == pytest.approx([1.0] * 6)
    with pytest.raises(TastError, match="no second was predicted by both"):
        side_by_side(Entrant(a, ()), Entrant(table({3: 1.0}), ()))
    later = b.assign(true_percent=b["true_percent"].where(b["second"] > 1, b["true_percent"] - 1))
    with pytest.raises(TastError, match="2 of the 6 seconds that both predicted have another label"):
        side_by_side(Entrant(a, ()), Entrant(later, ()))


def test_a_model_without_an_interval_has_no_coverage() -> None:
    without = table({0: 1.0, 1: 1.0}).assign(lower_percent=np.nan, upper_percent=np.nan)
    coverage = met(without, table({0: 1.0, 1: 1.0})).measures["coverage"]
    assert np.isnan([coverage.a, coverage.difference, coverage.low]).all() and coverage.b == 1.0


def test_the_picture_is_the_same_for_the_same_seconds_and_thins_many_people() -> None:
    rng = np.random.default_rng(0)
    a, b = (Entrant(table({person: tuple(rng.normal(0, 2, 6)) for person in range(60)}), ()) for _ in range(2))
    rows = side_by_side(a, b)
    drawn = picture(rows, "HEAD~1", "workspace")
    assert drawn == picture(rows.sample(frac=1.0, random_state=1).sort_values(["subject_id", "second"]), "HEAD~1", "workspace")
    assert drawn != picture(side_by_side(b, a), "HEAD~1", "workspace")
    width_px, height_px = struct.unpack(">II", drawn[16:24])
    assert drawn.startswith(b"\x89PNG") and width_px > 1500 and height_px > 1200
    assert picture(rows[rows["subject_id"] == "3"], "a", "b").startswith(b"\x89PNG")  # one person, one recording
