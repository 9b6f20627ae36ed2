"""What is written below a table of methods: who beats whom, and what the rows on this project's own input say of the others."""

from __future__ import annotations

import pandas as pd

from flows.tables.methods import reading_of


def table(**rmse: float) -> pd.DataFrame:
    """tast_net of RMSE 2, and rows whose difference from it has an interval of 0.5 to each side."""
    rows = [{"method": name.replace("__", "/"), "rmse": value, "difference": value - 2} for name, value in rmse.items()]
    made = pd.DataFrame(rows)
    made["difference_low"], made["difference_high"] = made["difference"] - 0.5, made["difference"] + 0.5
    made.loc[0, ["difference", "difference_low", "difference_high"]] = float("nan")
    return made


def test_who_beats_whom_is_read_off_the_whole_interval() -> None:
    reading = reading_of(table(tast_net=2.0, mathew__locked=1.2, cnn3d=2.3, constant=5.0))
    assert reading.startswith("tast_net (2.00) beats 1 of the 3 other rows with the whole interval of the difference; ")
    assert "with the whole interval better than it: mathew/locked (1.20)." in reading
    assert reading.endswith("No better than the constant (5.00): none.\n")


def test_a_row_is_explained_by_its_own_network_on_pulse_locked_alone() -> None:
    rmse = {"cnn3d": 6.0, "cnn3d__locked": 2.5, "itscan": 7.0, "itscan__locked": 5.5, "mmfm": 8.0}
    reading = reading_of(table(tast_net=2.0, **rmse, constant=5.0))
    assert "No better than the constant (5.00): cnn3d (6.00), itscan (7.00), itscan/locked (5.50), mmfm (8.00)." in reading
    assert "The same methods on pulse_locked, with a recipe for it: cnn3d/locked (2.50). What cnn3d lack is not" in reading


def test_three_structures_share_one_row_on_pulse_locked() -> None:
    reading = reading_of(table(tast_net=2.0, mathew__mix_first=6.0, mathew__mix_last=7.0, mathew__locked=1.9, constant=5.0))
    assert "with a recipe for it: mathew/locked (1.90). What mathew/mix_first, mathew/mix_last lack is not" in reading


def test_what_no_network_can_explain_leads_to_where_it_is() -> None:
    reading = reading_of(table(tast_net=2.0, constant=5.0, apbv=9.0, ratio_pos=5.1, ratio_green=5.2, ratio_chrom=4.9))
    assert reading.endswith("Why ratio_pos, apbv cannot follow on a phantom: docs/methods.md, The table.\n")
