"""`growth`: what it makes of costs that are known; and of `scaling`, the line that it draws through them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import growth, scaling
from benchmarks.growth import LARGEST, MOST_EXPONENT, NO_OP, ONE_MORE, Cost, rows_of
from benchmarks.results import Row


def costs(step: str, exponent: float) -> list[Cost]:
    return [Cost(step, n, wall_s=9.0, cpu_s=(n / 1000) ** exponent, peak_mib=100 + n / 100, dvc_cpu_s=0.5) for n in (1000, 8000)]


def by_name(rows: list[Row]) -> dict[str, Row]:
    return {row.name: row for row in rows}


def test_the_exponent_is_that_of_the_power_and_barred_where_data_decide() -> None:
    rows = by_name(rows_of([*costs("download", 1.2), *costs("split", 0.1)]))
    steep, flat = (rows[f"{step}: exponent of CPU time between 1,000 and 8,000 recordings"] for step in ("download", "split"))
    assert (steep.value, steep.must) == (pytest.approx(1.2), MOST_EXPONENT)
    assert (flat.value, flat.must) == (pytest.approx(0.1), None)


def test_one_recording_more_may_compute_one_and_an_idle_run_at_50000_take_a_minute() -> None:
    more = Cost(ONE_MORE, 500, 9.0, 9.0, 100.0, 1.0, n_computed=3)
    idle = Cost(NO_OP, LARGEST, 70.0, 9.0, 100.0, 1.0)
    rows = by_name(rows_of([more, idle]))
    computed, wall = rows[f"{ONE_MORE}, 500 recordings: videos computed"], rows[f"{NO_OP}, 50,000 recordings: wall"]
    assert (computed.value, computed.must) == (3, 1) and (wall.value, wall.must) == (70, 60)


def test_a_table_has_a_cell_for_each_size_and_none_where_nothing_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = tmp_path / "scaling.md"
    page.write_text(f"before\n{growth.BEGIN}\nold\n{growth.END}\nafter\n")
    monkeypatch.setattr(growth, "PAGE", page)
    growth.publish(rows_of([*costs("download", 1.0), costs("split", 1.0)[1]]))
    text = page.read_text()
    assert "| download | 1.0 s, DVC 0.5; 9 s; 110 MiB | 8.0 s, DVC 0.5; 9 s; 180 MiB | 1.00 |" in text
    assert "| split |  | 8.0 s, DVC 0.5; 9 s; 180 MiB | |" in text and "old" not in text and text.endswith("after\n")


def test_what_each_recording_adds_is_the_slope_of_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scaling, "RESULTS", tmp_path)
    (tmp_path / "growth.json").write_text(json.dumps([vars(row) for row in rows_of(costs(NO_OP, 1.0))]))
    assert scaling.growing("memory") == {NO_OP: (pytest.approx(100), pytest.approx(0.01))}
