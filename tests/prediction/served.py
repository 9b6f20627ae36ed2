"""A real `tast serve` of a network of nobody's training, in a process of its own."""

from __future__ import annotations

import base64
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from mlflow.models import Model

from flows.servers import end_group, free_port
from tast.tracking.serving import save_video_model
from tests.datasets.layouts import plain_image, write_container
from tests.prediction.conftest import save_untrained, write_film

START_S = 240
TOKEN = "a-secret-of-the-service"


@dataclass(frozen=True)
class Served:
    """url: where it is asked. process: its id. log: all that it said."""

    url: str
    process: int
    log: Path

    def client(self, **options: Any) -> httpx.Client:
        headers = {"Authorization": f"Bearer {TOKEN}"}
        return httpx.Client(base_url=self.url, headers=headers, timeout=120, trust_env=False, **options)


@dataclass(frozen=True)
class Films:
    """Contents of videos: a face that pulses for 5 s, and a plain wall."""

    face: bytes
    wall: bytes


def films_in(folder: Path) -> Films:
    write_container(folder / "wall.avi", [plain_image((90, 80, 70), 64, 96)] * 3)
    return Films(write_film(folder / "face.avi", 5.0).read_bytes(), (folder / "wall.avi").read_bytes())


def save_service(folder: Path, films: Films) -> Path:
    """A folder as MLflow loads it."""
    save_video_model(folder / "service", save_untrained(folder / "network"), Model(), ["mlflow"], films.wall)
    return folder / "service"


@contextmanager
def serving(service: Path, folder: Path, *options: str, **environment: str) -> Iterator[Served]:
    """It asks for TOKEN. folder: where it runs, and leaves its log."""
    port = free_port()
    log = folder / "service.log"
    command = [sys.executable, "-m", "tast", "serve", str(service), "--port", str(port), *options]
    project = {"PYTHONPATH": str(Path(__file__).parents[2])}
    with log.open("wb") as said:
        process = subprocess.Popen(
            command, cwd=folder, stdout=said, stderr=said, start_new_session=True,
            env=os.environ | project | {"TAST_SERVICE_TOKEN": TOKEN} | environment,
        )  # fmt: skip
    try:
        served = Served(f"http://127.0.0.1:{port}", process.pid, log)
        _await(served, process)
        yield served
    finally:
        end_group(process)


def _await(served: Served, process: subprocess.Popen[bytes]) -> None:
    ends_s = time.monotonic() + START_S
    while time.monotonic() < ends_s and process.poll() is None:
        try:
            if httpx.get(f"{served.url}/health", timeout=5, trust_env=False).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)
    raise AssertionError(f"no service: {served.log.read_text()}")


def request_of(*videos: bytes, **params: Any) -> dict[str, Any]:
    rows = [{"video": base64.b64encode(video).decode()} for video in videos]
    return {"dataframe_records": rows} | ({"params": params} if params else {})
