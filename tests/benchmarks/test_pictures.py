"""The pictures of README and tutorial: small, shown somewhere, with the command that makes them beside them."""

from __future__ import annotations

import re

from benchmarks.pictures import MADE, MOST_BYTES, PICTURES, pipeline
from tast.closure import ROOT


def test_every_picture_is_there_small_and_shown() -> None:
    pages = {page: page.read_text(encoding="utf-8") for page in (ROOT / "README.md", *(ROOT / "docs").rglob("*.md"))}
    links = {page: re.findall(r"!\[[^\]]*\]\(([^)]+)\)|<img src=\"([^\"]+)\"", text) for page, text in pages.items()}
    shown = {(page.parent / (one or other)).resolve() for page, found in links.items() for one, other in found}
    assert all(file.is_file() for file in shown)
    for name in MADE:
        file = ROOT / PICTURES / f"{name}.png"
        assert file.resolve() in shown and file.stat().st_size <= MOST_BYTES
    assert "python -m benchmarks.pictures" in pages[ROOT / "README.md"]


def test_the_pipeline_is_drawn_from_the_stages_that_there_are() -> None:
    assert pipeline(ROOT).startswith(b"\x89PNG")
