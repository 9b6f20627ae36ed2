"""Bias by skin type: counted by pandas, held against the FDA's draft only where the set is large enough."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from tast.evaluation.skin import FEWEST_PAIRS, FEWEST_PEOPLE, bias_by_skin

BOOTSTRAP = {"draws": 300, "seed": 0}


def rows(people: int, seconds: int, error: dict[str, float], noise: float = 0.5, seed: int = 0) -> pd.DataFrame:
    """People whose skin types take turns, each with a bias of its own; half of the seconds below 85 %."""
    rng = np.random.default_rng(seed)
    who = np.repeat(np.arange(people), seconds)
    kinds = np.array(list(error))[who % len(error)]
    true = rng.uniform(70, 100, len(who)).round(1)
    off = np.array([error[kind] for kind in kinds]) + rng.normal(0, noise, people)[who]
    return pd.DataFrame(
        {"dataset": "planted", "subject_id": who, "true_percent": true, "predicted_percent": true + off, "skin_type": kinds}
    )


def test_biases_are_those_of_pandas_in_both_bands() -> None:
    table = rows(12, 30, {"light": -0.5, "dark": 1.5})
    found = bias_by_skin(table, **BOOTSTRAP)
    error = table["predicted_percent"] - table["true_percent"]
    for band, inside in zip(found.bands, (table["true_percent"] <= 85, table["true_percent"] > 85), strict=True):
        expected = error[inside].groupby(table["skin_type"]).mean()
        assert {one.skin_type: one.bias for one in band.groups} == pytest.approx(expected.to_dict(), abs=1e-9)
        assert sum(one.n_seconds for one in band.groups) == inside.sum()
        assert band.difference == pytest.approx(expected.max() - expected.min(), abs=1e-9)
        assert band.interval.low < band.difference < band.interval.high and band.within_limit is None
    assert found.lacking == ("360 of at least 3,000 pairs", "12 of at least 150 people")


def test_a_set_that_is_large_enough_is_held_against_the_limits() -> None:
    """A difference of two points is within 3.5 below 85 % and beyond 1.5 above; of one point within both."""
    assert (FEWEST_PAIRS, FEWEST_PEOPLE) == (3000, 150)
    for apart, expected in ((2.0, [True, False]), (1.0, [True, True])):
        found = bias_by_skin(rows(150, 20, {"I": 0.0, "IV": apart / 2, "VI": apart}), **BOOTSTRAP)
        assert found.lacking == () and (found.n_pairs, found.n_people) == (3000, 150)
        assert [band.within_limit for band in found.bands] == expected
        assert [band.limit_percent for band in found.bands] == [3.5, 1.5]


def test_it_is_the_end_of_the_interval_that_must_not_pass_the_limit() -> None:
    wide = bias_by_skin(rows(150, 20, {"I": 0.0, "VI": 1.4}, noise=3.0), **BOOTSTRAP)
    assert wide.bands[1].interval.high > 1.5 and wide.bands[1].within_limit is False


def test_unknown_skin_and_seconds_outside_count_for_nothing() -> None:
    table = rows(150, 20, {"I": 0.0, "VI": 1.0})
    table.loc[table["subject_id"] == 0, "skin_type"] = None
    table.loc[table["subject_id"] == 1, "true_percent"] = 60.0
    found = bias_by_skin(table, **BOOTSTRAP)
    assert found.n_people == 148 and found.lacking == ("2,960 of at least 3,000 pairs", "148 of at least 150 people")
    for unknown in (table.drop(columns="skin_type"), table.assign(skin_type=None)):
        nothing = bias_by_skin(unknown, **BOOTSTRAP)
        assert nothing.lacking == ("nobody's skin type is known",) and nothing.bands[0].groups == ()
        assert np.isnan(nothing.bands[0].difference) and nothing.bands[0].within_limit is None


def test_one_skin_type_has_no_difference_and_a_person_has_one_skin() -> None:
    found = bias_by_skin(rows(150, 20, {"III": 1.0}), **BOOTSTRAP)
    assert found.lacking == ("one skin type alone",) and np.isnan(found.bands[0].difference)
    two = rows(2, 4, {"I": 0.0, "II": 0.0}).assign(skin_type=["I", "II"] * 4)
    with pytest.raises(ValueError, match="planted/0 has 2 skin types"):
        bias_by_skin(two, **BOOTSTRAP)
