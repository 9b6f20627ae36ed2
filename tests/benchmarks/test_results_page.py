"""docs/results.md: each command writes its own section, and leaves the others as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from benchmarks.results_page import PAGE, sections, write_section
from tast.evaluation.table import MethodResult, results_table

ROOT = Path(__file__).parents[2]
FACTS: dict[str, Any] = {
    "command": "tast table --set narrow --sealed --publish", "commit": "0123456789abcdef", "trained": 4, "seconds": 660.0,
    "seeds": [0, 1], "folds": [0], "protocol": "subject_independent",
}  # fmt: skip


def table(error: float) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    keys = pd.DataFrame(
        [("set", f"p{person}", f"r{person}", second) for person in range(4) for second in range(6)],
        columns=["dataset", "subject_id", "record_id", "second"],
    )
    true = rng.uniform(80, 100, len(keys))
    rows = keys.assign(
        run="0/0", true_percent=true, predicted_percent=true + error, lower_percent=np.nan, upper_percent=np.nan,
        constant_percent=90.0,
    )  # fmt: skip
    flat = rows.assign(predicted_percent=90.0)
    return results_table([MethodResult("tast_net", rows), MethodResult("constant", flat)], reference="tast_net", draws=20, seed=0)


def test_a_section_is_replaced_and_the_others_stay(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    write_section("vipl", {"subject_independent": table(1.0)}, {"subject_independent": FACTS}, page)
    write_section("pure_wide", {"subject_independent": table(2.0)}, {"subject_independent": FACTS}, page)
    before = sections(page.read_text())
    assert list(before) == ["pure_wide", "vipl"], "in the order of the sets"
    assert "| tast_net | - | - | - | 1.00 [1.00, 1.00] |" in before["vipl"]
    write_section("pure_wide", {"subject_independent": table(3.0)}, {"subject_independent": FACTS}, page)
    after = sections(page.read_text())
    assert after["vipl"] == before["vipl"] and "3.00 [3.00, 3.00]" in after["pure_wide"]
    assert "2.00 [2.00, 2.00]" not in page.read_text()


def test_two_protocols_stand_side_by_side_and_the_section_says_how_it_was_made(tmp_path: Path) -> None:
    page = tmp_path / "results.md"
    random = FACTS | {"protocol": "clip_random"}
    write_section(
        "narrow", {"subject_independent": table(4.0), "clip_random": table(1.0)},
        {"subject_independent": FACTS, "clip_random": random}, page,
    )  # fmt: skip
    text = page.read_text()
    assert "`tast table --set narrow --sealed --publish`, commit 012345678, on " in text and "4 trainings in 11 min" in text
    (row,) = (line for line in text.partition("side by side")[2].splitlines() if line.startswith("| tast_net"))
    assert [cell.strip() for cell in row.split("|")[2:3] + row.split("|")[6:7]] == ["4.00", "1.00"]
    assert "the first" not in text
    fewer = {"subject_independent": FACTS | {"people": {"phantom": 24}}}
    write_section("vipl", {"subject_independent": table(1.0)}, fewer, page)
    assert "Of the set's people the first 24 (phantom) only." in sections(page.read_text())["vipl"]
    assert "optimistic" in text and "it owes to whom it has seen" in text


def test_the_page_that_is_committed_can_be_read() -> None:
    page = ROOT / PAGE
    if page.is_file():
        assert all(text.startswith("## `") for text in sections(page.read_text()).values())
