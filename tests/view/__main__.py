"""The picture of docs/view.md: `python -m tests.view PROJECT VIDEO`, with a video that the project's model reads."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from tests.browser import OPTIONS, Tab, chromium
from tests.view.served import viewing
from tests.view.test_served import status

PICTURE = Path("docs/pictures/view.png")
WIDTH_PX, HEIGHT_PX = 1060, 1150
FIRST_SHOWN = "#read"  # its top is that of the picture


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("project", type=Path)
    parser.add_argument("video", type=Path)
    parser.add_argument("--anchor", default="0=93")
    parser.add_argument("--out", type=Path, default=PICTURE)
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        viewing(asked.project.resolve(), Path(folder)) as viewed,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path=chromium(), args=OPTIONS, chromium_sandbox=False)
        tab = Tab(browser.new_context().new_page())
        tab.open(viewed.url, width_px=WIDTH_PX)
        tab.page.set_input_files("#video", asked.video)
        tab.page.fill("#readings", asked.anchor)
        tab.page.click("#start")
        status(tab, "Done", "Refused")
        tab.page.set_viewport_size({"width": WIDTH_PX, "height": HEIGHT_PX})
        tab.page.evaluate(f"scrollTo(0, document.querySelector('{FIRST_SHOWN}').offsetTop - 24)")
        tab.page.screenshot(path=asked.out)
        browser.close()


if __name__ == "__main__":
    main()
