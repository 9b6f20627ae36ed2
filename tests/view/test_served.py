"""`tast view` in a real browser: the page, a video that is dropped in, and who is kept out."""

from __future__ import annotations

import base64
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pandas as pd
import pytest
from typer.testing import CliRunner

from tast.cli.main import app
from tast.prediction.growing import PART_S
from tests.browser import Tab, tab  # noqa: F401
from tests.evaluation.page_checks import assert_has_headers, assert_keyboard_reaches_what_moves, assert_reads_well
from tests.prediction.conftest import saved, write_film  # noqa: F401
from tests.view.conftest import make_project
from tests.view.served import Viewed, viewing

PHONE_PX, DESK_PX = 390, 1200
BINARY = {"content-type": "application/octet-stream"}
ANSWER_S = 120.0
DROP = """([name, content]) => {
  const bytes = Uint8Array.from(atob(content), one => one.charCodeAt(0)), dropped = new DataTransfer();
  dropped.items.add(new File([bytes], name));
  document.getElementById('drop').dispatchEvent(new DragEvent('drop', {dataTransfer: dropped, bubbles: true, cancelable: true}));
}"""
# each text that the status has had, with the value that stood beside it then
REMEMBER = """(() => { window.seen = []; const status = document.getElementById('status');
  new MutationObserver(() => window.seen.push([status.textContent, document.getElementById('value').textContent]))
    .observe(document.body, {childList: true, subtree: true, characterData: true}); })()"""


@pytest.fixture(scope="module")
def long_film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A part, and half a second more."""
    return write_film(tmp_path_factory.mktemp("film") / "visit.avi", PART_S + 0.6)


@pytest.fixture(scope="module")
def viewed(saved: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Viewed]:  # noqa: F811
    folder = make_project(tmp_path_factory.mktemp("project"), model=saved)
    with viewing(folder, tmp_path_factory.mktemp("viewed"), "--max-mb", "64") as found:
        yield found


def status(page: Tab, *beginnings: str) -> str:
    """The page's line, once it begins so."""
    ends_s = time.monotonic() + ANSWER_S
    while not (text := page.page.inner_text("#status")).startswith(beginnings):
        assert time.monotonic() < ends_s, text
        page.page.wait_for_timeout(50)
    return text


def left_behind(viewed: Viewed) -> list[Path]:
    return [path for path in viewed.temporary.rglob("*") if path.is_file()]


def test_it_reads_well_at_a_desk_and_on_a_phone_and_asks_nobody_else(viewed: Viewed, tab: Tab) -> None:  # noqa: F811
    assert_reads_well(tab, viewed.url, widths_px=(PHONE_PX, DESK_PX), loads_from=viewed.url)
    assert_has_headers(tab, viewed.url)
    assert_keyboard_reaches_what_moves(tab, viewed.url)
    tab.page.click("text=The report of the last run")
    assert tab.page.inner_text("p") == "of the last run"


def test_a_video_that_is_dropped_in_and_anchored_is_seen_to_grow_and_ends_as_in_the_terminal(
    viewed: Viewed, tab: Tab, long_film: Path, saved: Path, tmp_path: Path  # noqa: F811
) -> None:  # fmt: skip
    tab.open(viewed.url, width_px=PHONE_PX)
    tab.page.evaluate(REMEMBER)
    tab.page.evaluate(DROP, ["visit.avi", base64.b64encode(long_film.read_bytes()).decode()])
    assert status(tab, "visit.avi").endswith("MiB: say what is known of it, then read it.")
    tab.page.fill("#readings", "0=95.5")
    tab.page.click("#start")
    assert status(tab, "Done", "Refused") == "Done: visit"
    seen = tab.page.evaluate("window.seen")
    early = [value for text, value in seen if text.startswith("The whole video once more") and value]
    assert early and early[0].endswith("%"), "no number before the end"
    assert tab.page.evaluate("document.documentElement.scrollWidth") == PHONE_PX
    notes = tab.page.inner_text("#notes")
    assert "anchored by 95.5 % at 0 to 10 s" in notes
    tab.page.click("#seconds summary")
    with tab.page.expect_download() as download:
        tab.page.click("#table")
    download.value.save_as(tmp_path / "page.csv")
    asked = ["--model", str(saved), "--anchor", "0=95.5", "--out", str(tmp_path), "--workers", "1"]
    done = CliRunner().invoke(app, ["predict", str(long_film), *asked])
    assert done.exit_code == 0, done.output
    assert (tmp_path / "page.csv").read_text() == (tmp_path / "visit.csv").read_text()
    assert len(pd.read_csv(tmp_path / "page.csv")) == PART_S == len(tab.page.query_selector_all("#seconds tbody tr"))
    assert tab.complaints == [] and {one for one in tab.requests if not one.startswith((viewed.url, "blob:"))} == set()
    assert left_behind(viewed) == []


def test_by_the_keyboard_alone_and_a_bad_file_is_one_line(viewed: Viewed, tab: Tab, tmp_path: Path) -> None:  # noqa: F811
    bad = tmp_path / "letter.mp4"
    bad.write_bytes(b"Dear reader, this is no video.\n" * 100)
    tab.open(viewed.url, width_px=DESK_PX)
    keys = tab.page.keyboard

    def tab_to(name: str) -> None:
        for _ in range(60):
            keys.press("Tab")
            if tab.page.evaluate("document.activeElement.id || document.activeElement.name || ''") == name:
                return
        raise AssertionError(f"the tab key does not lead to {name}")

    tab_to("video")
    keys.press("Space")
    ends_s = time.monotonic() + 20
    while not tab.choosers:
        assert time.monotonic() < ends_s, "the space bar opens no dialog"
        tab.page.wait_for_timeout(50)
    tab.choosers[0].set_files(bad)
    tab_to("known")
    keys.press("ArrowDown")
    assert tab.page.evaluate("document.querySelector('input[name=known]:checked').value") == "rest"
    tab_to("start")
    keys.press("Enter")
    line = status(tab, "Refused", "Done")
    assert line == "Refused: letter: no video that is known by its first bytes; expected an AVI, MP4, MOV, MKV or WebM file"
    assert tab.page.is_hidden("#live") and left_behind(viewed) == []


def test_stop_ends_it_and_deletes_the_video(viewed: Viewed, tab: Tab, long_film: Path) -> None:  # noqa: F811
    tab.open(viewed.url, width_px=DESK_PX)
    tab.page.set_input_files("#video", long_film)
    tab.page.click("#start")
    status(tab, "A first look")
    assert left_behind(viewed) != []
    tab.page.click("#stop")
    assert status(tab, "Stopped") == "Stopped; the video is deleted."
    ends_s = time.monotonic() + 20
    while left_behind(viewed):
        assert time.monotonic() < ends_s, left_behind(viewed)
        time.sleep(0.05)


def test_what_is_known_of_it_is_checked_before_it_is_decoded(viewed: Viewed, long_film: Path) -> None:
    with httpx.Client(base_url=viewed.url, trust_env=False, timeout=ANSWER_S) as client:
        given = {"name": "a.avi", "anchor": "ninety"}
        lines = client.post("/read", params=given, content=long_film.read_bytes(), headers=BINARY).text.splitlines()
    assert len(lines) == 2 and '"refused"' in lines[1] and "'ninety'" in lines[1]
    assert left_behind(viewed) == []


def test_who_is_kept_out(viewed: Viewed) -> None:
    with httpx.Client(base_url=viewed.url, trust_env=False, timeout=ANSWER_S) as client:
        page = client.get("/")
        policy = page.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy and "frame-ancestors 'none'" in policy
        assert page.headers["x-content-type-options"] == "nosniff" and "access-control-allow-origin" not in page.headers
        assert client.get("/", headers={"host": "evil.example"}).status_code == 400
        sent = {"content": b"x" * 100}
        assert client.post("/read", **sent, headers=BINARY | {"origin": "http://evil.example"}).status_code == 403
        assert client.post("/read", **sent, headers={"content-type": "text/plain"}).status_code == 415
        assert client.post("/read", content=bytes(65 * 2**20), headers=BINARY).status_code == 413
        for path in ("/pages/..%2f..%2fparams.yaml", "/pages/params", "/sheet?record_id=..%2freport", "/strip", "/docs"):
            assert client.get(path).status_code == 404, path
    assert left_behind(viewed) == []


@pytest.mark.parametrize("stops", [signal.SIGINT, signal.SIGTERM])
def test_an_empty_folder_has_a_page_and_a_signal_ends_it_cleanly(stops: signal.Signals, tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    with viewing(empty, tmp_path) as found:
        page = httpx.get(found.url, trust_env=False).text
        assert "<code>tast init FOLDER</code>" in page and "<code>tast view --model FOLDER</code> takes another" in page
        assert 'id="form"' not in page
        found.process.send_signal(stops)
        assert found.process.wait(30) == 0
        assert found.log.read_text().splitlines()[1:] == ["ended"] and list(found.temporary.iterdir()) == []
