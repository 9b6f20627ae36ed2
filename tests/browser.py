"""A page in headless Chromium, as a reader has it: its window and colour scheme, what it asks for, what the console says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import FileChooser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
HEIGHT_PX = 900
OPTIONS = ["--disable-background-networking", "--disable-dev-shm-usage", "--disable-gpu"]


def chromium() -> str:
    """Path of the browser; the test is skipped where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no Chromium on this machine (looked for {', '.join(NAMES)}; Debian: apt-get install chromium)")
    return found


class Tab:
    """A tab of a session of its own. complaints: errors and warnings of the console and of scripts; requests: every address that
    was asked for, the page's own among them; choosers: the dialogs for a file that opened; all since it was opened last."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.complaints: list[str] = []
        self.requests: list[str] = []
        self.choosers: list[FileChooser] = []
        page.on("console", lambda message: self.complaints.append(message.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("request", lambda request: self.requests.append(request.url))
        # heard from the start: Page.expect_file_chooser asks for a dialog just before it opens, and 3 in 100 were not heard
        page.on("filechooser", lambda chooser: self.choosers.append(chooser))

    def open(self, url: str, *, width_px: int, dark: bool = False) -> None:
        """Load it in a window of a width, and wait until all of it is there."""
        self.page.emulate_media(color_scheme="dark" if dark else "light")
        self.page.set_viewport_size({"width": width_px, "height": HEIGHT_PX})
        self.complaints.clear()
        self.requests.clear()
        self.choosers.clear()
        self.page.goto(url, wait_until="load")


@pytest.fixture(scope="module")
def tab() -> Iterator[Tab]:
    """One browser for all tests of a file, and no longer: while Playwright is at work, asyncio.run is refused in this process."""
    path = chromium()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=OPTIONS, chromium_sandbox=False)
        try:
            yield Tab(browser.new_context().new_page())
        finally:
            browser.close()
