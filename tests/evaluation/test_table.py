"""The table of methods, on planted predictions whose scores are known; Holm against a count by hand."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pandas as pd
import pytest

from tast.evaluation.methods_page import render_methods
from tast.evaluation.metrics import compare_paired
from tast.evaluation.table import PREDICTED, MethodResult, as_html, as_latex, as_markdown, results_table
from tast.people import person_of
from tests.browser import Tab, tab  # noqa: F401
from tests.evaluation.page_checks import assert_has_headers, assert_keyboard_reaches_what_moves, assert_reads_well

PEOPLE, SECONDS = 12, 30


def said(error: float = 0.0, noise: float = 0.0, seed: int = 0, half_width: float = np.nan) -> pd.DataFrame:
    """Twelve people's seconds in two runs: the truth, and what is off by an error and by noise."""
    rng = np.random.default_rng(7)
    true = np.clip(rng.uniform(75, 98, PEOPLE)[:, None] + rng.normal(0, 6, (PEOPLE, SECONDS)), 60, 100).ravel()
    off = np.random.default_rng(seed).normal(0, 1, 2 * true.size) * noise + error
    person = np.repeat([f"{n:02d}" for n in range(PEOPLE)], SECONDS)
    one = pd.DataFrame(
        {"dataset": "planted", "subject_id": person, "record_id": person, "second": np.tile(np.arange(SECONDS), PEOPLE)}
    )
    rows = pd.concat([one.assign(run="0/0", true_percent=true), one.assign(run="0/1", true_percent=true)], ignore_index=True)
    predicted = rows["true_percent"].to_numpy() + off
    return rows.assign(
        predicted_percent=predicted, lower_percent=predicted - half_width, upper_percent=predicted + half_width,
        quality=rows["second"].to_numpy() / SECONDS, constant_percent=float(true.mean()),
    )  # fmt: skip


def constant() -> pd.DataFrame:
    rows = said()
    return rows.assign(predicted_percent=rows["constant_percent"])


@pytest.fixture(scope="module")
def results() -> list[MethodResult]:
    ours = MethodResult(
        "ours", said(noise=1.0, half_width=2.0), 3_240_000, {1: 0.5, 16: 0.25}, published={"rmse": 0.53, "r": 0.96}
    )
    others = [
        MethodResult("off", said(error=2.0), 1000),
        MethodResult("same", said(noise=1.0, seed=5)),
        MethodResult("constant", constant()),
    ]
    return [ours, *others]


@pytest.fixture(scope="module")
def table(results: list[MethodResult]) -> pd.DataFrame:
    return results_table(results, reference="ours", draws=400, seed=0).set_index("method", drop=False)


def test_scores_are_those_of_what_was_planted(table: pd.DataFrame) -> None:
    assert table.loc["off", ["rmse", "mae", "bias"]].tolist() == pytest.approx([2.0, 2.0, 2.0])
    assert table.loc["off", "r"] == pytest.approx(1.0)
    assert table.loc["ours", "rmse"] == pytest.approx(1.0, abs=0.06)
    assert table.loc["constant", "skill"] == pytest.approx(0.0)
    assert np.isnan(table.loc["constant", "r"]), "a constant follows nothing, and that is said"
    assert table.loc["ours", "coverage"] == pytest.approx(0.954, abs=0.03) and table.loc["ours", "width"] == pytest.approx(4.0)
    assert np.isnan(table.loc["off", "coverage"]), "without an interval nothing is held"


def test_a_rms_is_of_the_seconds_between_70_and_100(table: pd.DataFrame) -> None:
    rows = said(noise=1.0, half_width=2.0)
    inside = rows[rows["true_percent"].between(70, 100)]
    assert len(inside) < len(rows)
    expected = float(np.sqrt(((inside["predicted_percent"] - inside["true_percent"]) ** 2).mean()))
    assert table.loc["ours", "a_rms"] == pytest.approx(expected, abs=1e-9)


def test_a_difference_is_from_the_reference_on_the_same_people(table: pd.DataFrame) -> None:
    ours, off = said(noise=1.0), said(error=2.0)
    against = compare_paired(
        off["true_percent"], off["predicted_percent"], ours["predicted_percent"], person_of(off), draws=400, seed=0
    )
    assert table.loc["off", "difference"] == pytest.approx(against.rmse_difference)
    assert table.loc["off", "difference_low"] > 0
    assert table.loc["same", "difference_low"] < 0 < table.loc["same", "difference_high"]
    assert np.isnan(table.loc["ours", "difference"])


def test_p_is_holms(table: pd.DataFrame) -> None:
    """The smallest of three p counts three times, the next twice, the largest once, and none below one before it."""
    least = 2 / 401
    assert table.loc["off", "p"] == pytest.approx(3 * least)
    assert table.loc["constant", "p"] == pytest.approx(3 * least)
    assert table.loc["same", "p"] > 0.05
    assert np.isnan(table.loc["ours", "p"])


def test_other_seconds_are_refused() -> None:
    few = MethodResult("few", said().iloc[:-1])
    with pytest.raises(ValueError, match="few was scored on other seconds than the reference"):
        results_table([MethodResult("ours", said()), few], reference="ours", draws=10, seed=0)


def test_it_reads_as_markdown_latex_and_html(table: pd.DataFrame) -> None:
    markdown = as_markdown(table, "ours")
    lines = markdown.splitlines()
    assert len(lines) == 2 + len(table) and len({line.count("|") for line in lines}) == 1
    assert "| 3,240,000 | 0.500 | 0.250 |" in markdown and "0.53 / - / 0.96" in markdown
    assert "difference from ours [95 %]" in lines[0]
    assert r"95 \%" in as_latex(table, "ours") and as_latex(table, "ours").count(r"\\") == 1 + len(table)
    page = ElementTree.fromstring(as_html(table, "ours"))
    assert [row.text for row in page.iterfind("tbody/tr/th")] == ["ours", "off", "same", "constant"]
    assert [head.text for head in page.iterfind("thead/tr/th")][4] == "RMSE [95 %]"
    assert {len(row) for row in page.iter("tr")} == {17}


@pytest.fixture(scope="module")
def page(results: list[MethodResult], table: pd.DataFrame) -> str:
    odd = [*results[:2], MethodResult("<same>", results[2].predictions.assign(quality=1.0), abstained=7), results[3]]
    named = table.assign(method=[one.name for one in odd])
    return render_methods(odd, named, title="planted", note="Of nobody.", warning="Optimistic.", draws=50, seed=0)


def test_the_page_leads_from_each_row_to_its_method_and_back(page: str, results: list[MethodResult]) -> None:
    assert set(PREDICTED) <= set(results[0].predictions.columns)
    assert page.count("data:image/png;base64,") == len(results) and "<script" not in page and "<same>" not in page
    targets = re.findall(r'href="#([^"]+)"', page)
    assert len(targets) == 2 * len(results) and set(targets) == set(re.findall(r' id="([^"]+)"', page))
    assert "Silent in 7 seconds" in page and page.count("do not differ in quality") == 1
    assert "12 test people, 720 labelled seconds over 2 trainings" in page and "Optimistic." in page
    assert not re.search(r"\b(nan|None|inf)\b", re.sub(r"base64,[^\"]+", "", page))


def test_the_page_has_the_anchored_table_where_there_is_one(page: str, results: list[MethodResult], table: pd.DataFrame) -> None:
    stays = MethodResult("stays", constant())
    anchored = results_table([*results, stays], reference="ours", draws=50, seed=0, stays="stays")
    asked = {"title": "planted", "note": "", "warning": "", "draws": 50, "seed": 0}
    both = render_methods(results, table, **asked, anchored=anchored, anchored_note="From an anchor on.")
    assert "anchored" not in page and "From an anchor on." in both
    assert both.count("<table>") == 2 and both.count("difference from who stays") == 1
    assert anchored.set_index("method").loc["ours", "from_stays_high"] < 0


def test_the_page_in_a_browser(page: str, tab: Tab, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "methods.html"
    path.write_text(page, encoding="utf-8")
    assert_reads_well(tab, path.as_uri())
    assert_has_headers(tab, path.as_uri())
    assert_keyboard_reaches_what_moves(tab, path.as_uri())
