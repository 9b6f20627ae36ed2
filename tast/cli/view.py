"""`tast view`: a project folder as one page on this machine, where a video can be read too."""

from __future__ import annotations

import os
import signal
import socket
import sys
import tempfile
import webbrowser
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from tast.addresses import LOOPBACK
from tast.cli.output import say
from tast.cli.predict import saved_model
from tast.errors import BadInput, TastError
from tast.files import whole_file

PORT = 8790
DISPLAYS = ("DISPLAY", "WAYLAND_DISPLAY")  # without one, what opens is a browser in this very terminal


def view(
    folder: Annotated[Path, typer.Argument(help="Of the project.")] = Path(),
    model: Annotated[
        str, typer.Option(help="Folder of a saved model, models:/NAME@ALIAS or models:/NAME/VERSION; by default FOLDER's own.")
    ] = "",
    port: Annotated[int, typer.Option(min=0, max=65535, help="On this machine alone; 0: one that is free.")] = PORT,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="Open the page in this desktop's browser.")] = True,
    out: Annotated[
        Path | None, typer.Option(help="Write the page as one HTML file instead, which can be sent; serve none.")
    ] = None,
    max_mb: Annotated[float, typer.Option(min=0.01, help="MiB of a video that is dropped in.")] = 512.0,
    max_minutes: Annotated[float, typer.Option(min=0.1, help="Of such a video.")] = 20.0,
) -> None:
    """A project on one page: recordings, what preprocessing made of them, predictions beside truth, experiments, runs.

    A video dropped into the page is read as `tast predict` reads it, from an anchor on where SpO2 of some seconds is known, and
    SpO2 is seen while it grows. The video stays on this machine and is deleted when it is read. The page answers this machine
    alone; Ctrl-C ends it.

    Examples:

    `tast view`

    `tast view ../other-project --port 0 --no-browser`

    `tast view --model models:/tast-net@champion`

    `tast view --out view.html`
    """
    if not folder.is_dir():
        raise BadInput(folder, "no such folder", "a project's (`tast init FOLDER` makes one)")
    if out is not None:
        _write(folder, out)
        return
    _serve(folder, model or str(folder / "models/tast_net"), port, browser, {"max_mb": max_mb, "max_s": 60 * max_minutes})


def _write(folder: Path, out: Path) -> None:
    from tast.view.experiments import experiments_of  # they take seconds to import, which other commands need not wait for
    from tast.view.page import render
    from tast.view.project import read_project

    with whole_file(out) as part:
        part.write_text(render(read_project(folder), experiments=experiments_of(folder)), encoding="utf-8")
    say(f"Page: {out}")


def _serve(folder: Path, model: str, port: int, browser: bool, of_video: dict[str, float]) -> None:
    import uvicorn  # as above

    from tast.prediction.limits import Limits
    from tast.view.server import View, other_servers

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: object) -> None:  # before it waits for those who still listen
            pages.stop()
            super().handle_exit(sig, frame)  # type: ignore[arg-type]

    limits = Limits.model_validate({"timeout_s": 3600.0, "max_frames": 250_000, "max_waiting": 2, **of_video})
    with _listening(port) as listening, tempfile.TemporaryDirectory(prefix="tast-view-") as scratch:
        pages = View(
            folder, partial(saved_model, model), model, limits, Path(scratch), _store(folder), other_servers(os.environ)
        )  # fmt: skip
        config = uvicorn.Config(
            pages.application(), log_level="warning", access_log=False, server_header=False, lifespan="off",
            timeout_graceful_shutdown=10,
        )  # fmt: skip
        url = f"http://{LOOPBACK}:{listening.getsockname()[1]}/"
        say(f"{folder.resolve()} at {url}; Ctrl-C ends it")
        if browser and sys.stdout.isatty() and (sys.platform == "darwin" or any(name in os.environ for name in DISPLAYS)):
            webbrowser.open(url)
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        with suppress(KeyboardInterrupt):  # which uvicorn sends on when all is closed
            Server(config).run(sockets=[listening])
        say("ended")


def _listening(port: int) -> socket.socket:
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((LOOPBACK, port))
    except OSError as error:
        listening.close()
        raise TastError(f"port {port}: {os.strerror(error.errno or 0).lower()}; `tast view --port 0` takes a free one") from None
    listening.listen(64)
    return listening


def _store(folder: Path) -> str:
    """MLflow's: the environment's, else the project's own file; empty where there is none yet."""
    database = (folder / ".tast" / "mlflow" / "mlflow.db").resolve()
    return os.environ.get("MLFLOW_TRACKING_URI") or (f"sqlite:///{database}" if database.is_file() else "")
