"""A page in headless Chromium, as a reader has it: its window and colour scheme, what it asks for, what the console says.

Chromium is spoken to by its own protocol (DevTools), over a port of this machine that it chooses itself.
"""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.request import urlopen

import pytest
from websockets.sync.client import ClientConnection, connect

NAMES = ("chromium", "chromium-browser", "google-chrome")
START_S, ANSWER_S = 30.0, 30.0


def chromium() -> str:
    """Path of the browser; the test is skipped where there is none."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no Chromium on this machine (looked for {', '.join(NAMES)}; Debian: apt-get install chromium)")
    return found


class Page:
    """One tab. heard: the events that the browser has sent, as (method, parameters), in order."""

    def __init__(self, socket: ClientConnection) -> None:
        self._socket, self._numbers = socket, itertools.count(1)
        self.heard: list[tuple[str, dict[str, Any]]] = []

    def __enter__(self) -> Self:
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._socket.close()

    def ask(self, method: str, **parameters: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": parameters}))
        while True:
            answer = json.loads(self._socket.recv(timeout=ANSWER_S))
            if answer.get("id") == number:
                assert "error" not in answer, f"{method}: {answer['error']}"
                return dict(answer["result"])
            self.heard.append((answer["method"], answer["params"]))

    def open(self, path: Path, *, width_px: int, dark: bool = False) -> None:
        """Load a file in a window of a width, and wait until all of it is there."""
        self.heard.clear()
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.ask("Emulation.setScrollbarsHidden", hidden=True)  # they lie over the page on a phone, and else beside it
        self.ask("Emulation.setEmulatedMedia", features=[scheme])
        self.ask("Emulation.setDeviceMetricsOverride", width=width_px, height=900, deviceScaleFactor=1, mobile=False)
        self.ask("Page.navigate", url=path.resolve().as_uri())
        end_s = time.monotonic() + START_S
        while self.value("document.readyState") != "complete" or self.value("location.protocol") != "file:":
            assert time.monotonic() < end_s, f"{path} was not loaded within {START_S:g} s"
            time.sleep(0.02)

    def value(self, script: str) -> Any:
        """What an expression of JavaScript comes to, as JSON has it."""
        answer = self.ask("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def press(self, key: str, code: int) -> None:
        for kind in ("rawKeyDown", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code)

    def requests(self) -> list[str]:
        """Every address that was asked for, the page's own among them."""
        return [told["request"]["url"] for method, told in self.heard if method == "Network.requestWillBeSent"]

    def complaints(self) -> list[str]:
        """Errors and warnings of the console and of scripts."""
        logged = [told["entry"]["text"] for method, told in self.heard if method == "Log.entryAdded"]
        thrown = [str(told) for method, told in self.heard if method in ("Runtime.exceptionThrown", "Runtime.consoleAPICalled")]
        return logged + thrown

    def picture(self, target: Path) -> None:
        """The whole page, from top to bottom, as a PNG file."""
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        shot = self.ask("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)
        target.write_bytes(base64.b64decode(shot["data"]))


@contextmanager
def browser(folder: Path) -> Iterator[Page]:
    """A tab of a browser of its own, whose profile lies in `folder`; the browser ends with it."""
    command = [
        chromium(), "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
        "--disable-background-networking", "--remote-debugging-port=0", f"--user-data-dir={folder}", "about:blank",
    ]  # fmt: skip
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        with connect(_address(folder, process), max_size=None) as socket, Page(socket) as page:
            yield page
    finally:
        process.terminate()
        try:
            process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(folder: Path, process: subprocess.Popen[bytes]) -> str:
    """Of the tab's socket, once the browser has written its port down."""
    file, end_s = folder / "DevToolsActivePort", time.monotonic() + START_S
    while True:
        assert process.poll() is None, f"Chromium ended with {process.returncode}"
        assert time.monotonic() < end_s, f"Chromium did not start within {START_S:g} s"
        lines = file.read_text().split() if file.exists() else []
        if lines:
            with urlopen(f"http://127.0.0.1:{lines[0]}/json/list", timeout=ANSWER_S) as answer:
                tabs = [one for one in json.load(answer) if one["type"] == "page"]
            if tabs:
                return str(tabs[0]["webSocketDebuggerUrl"])
        time.sleep(0.05)
