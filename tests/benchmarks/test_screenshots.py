"""The camera of docs/pictures: what it takes is small and made of this machine alone; every picture stands on a page of docs/."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

from benchmarks.screenshots import CDN, MOST_BYTES, OUT, Camera, terminal
from tests.browser import chromium

DOCS = OUT.parent
TOOLS = ("dvc_", "mlflow_", "prefect_")


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox"])


def test_every_picture_stands_on_a_page_and_every_page_has_its_pictures() -> None:
    made = {file.name for file in OUT.glob("*.png") if file.name.startswith(TOOLS)}
    shown = {name for page in DOCS.glob("*.md") for name in re.findall(r"\(pictures/(\w+\.png)\)", page.read_text())}
    assert made and made == {name for name in shown if name.startswith(TOOLS)}
    assert all((OUT / name).stat().st_size <= MOST_BYTES for name in made)


def test_a_page_asks_this_machine_and_vega_alone(browser: Browser, tmp_path: Path) -> None:
    script = tmp_path / "vega/package/build/vega.min.js"
    script.parent.mkdir(parents=True)
    script.write_text("document.title = 'Vega is here'")
    page = tmp_path / "page.html"
    page.write_text(f"<script src='{CDN}vega@5'></script><img src='https://example.org/one.png' onerror='this.alt=`refused`'>")
    camera = Camera(browser, tmp_path, tmp_path)
    tab = camera.page(300, 200)
    tab.goto(page.as_uri())
    assert tab.title() == "Vega is here"
    assert tab.evaluate("document.querySelector('img').alt") == "refused"
    camera.take("small", tab)
    assert (tmp_path / "small.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_that_git_is_not_to_hold_ends_the_program(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.screenshots.MOST_BYTES", 10)
    camera = Camera(browser, tmp_path, None)
    with pytest.raises(SystemExit, match="bytes; expected at most 10"):
        camera.take("large", camera.page(300, 200))


def test_dvc_speaks_as_to_a_terminal(tmp_path: Path) -> None:
    assert "usage: dvc exp" in terminal(tmp_path, 100, "exp", "--help")
