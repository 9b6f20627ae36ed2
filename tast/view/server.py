"""The page's server: on this machine's own address, for its own browser alone.

Who may ask: requests whose Host is this machine's name (another site's name that leads here is refused), and of those that send
something, none that another site's page sends. What a video may be and how it is decoded: tast.prediction.request.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import math
import shutil
import tempfile
import threading
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import requests
from starlette.applications import Starlette
from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from tast.addresses import LOOPBACK
from tast.errors import BadInput, TastError
from tast.pages.page import number
from tast.prediction.limits import Limits
from tast.view.experiments import experiments_of
from tast.view.page import KEY, picture, render
from tast.view.project import PAGES, Project, read_project

if TYPE_CHECKING:
    from tast.prediction.growing import Growth
    from tast.prediction.request import VideoReader
    from tast.prediction.trace import PredictedTrace

MEBIBYTE = 2**20
STATIC = "default-src 'none'; img-src data:; style-src 'unsafe-inline'"
POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; script-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Cache-Control": "no-store", "Content-Security-Policy": POLICY, "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin", "Referrer-Policy": "no-referrer", "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}  # fmt: skip
NAMES = [LOOPBACK, "localhost"]
BINARY = "application/octet-stream"  # which another site's page may not send here unasked
MOST_COMING = 3  # videos that are sent at once
MOST_RUNS = 15
ANSWER_S = 0.5  # for a page of this machine to show that it is there
SCRIPT = Path(__file__).with_name("templates") / "view.js"


@dataclass
class View:
    """folder: of the project. model: yields the folder of a saved model, as long as that is read; raises TastError where there is
    none. model_name: what to call it. scratch: where videos lie while they are read. store: MLflow's, "" where there is none.
    servers: as from other_servers."""

    folder: Path
    model: Callable[[], contextlib.AbstractContextManager[Path]]
    model_name: str
    limits: Limits
    scratch: Path
    store: str = ""
    servers: dict[str, tuple[str, str]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._reader: VideoReader | None = None
        self._loading = threading.Lock()
        self._project: Project | None = None
        self._stops: set[threading.Event] = set()
        self._coming = 0

    def application(self) -> Starlette:
        routes = [
            Route("/", self.page),
            Route("/favicon.ico", lambda _: Response(status_code=204)),
            Route("/view.js", lambda _: FileResponse(SCRIPT, media_type="text/javascript")),
            Route("/strip", partial(self.picture, "strip")),
            Route("/sheet", partial(self.picture, "sheet")),
            Route("/pages/{name}", self.other_page),
            Route("/runs", self.runs),
            Route("/read", self.read, methods=["POST"]),
        ]
        guards = [Middleware(TrustedHostMiddleware, allowed_hosts=NAMES, www_redirect=False), Middleware(_WithHeaders)]
        return Starlette(routes=routes, middleware=guards[::-1])

    def stop(self) -> None:
        """End what is being read, at its next step."""
        for one in list(self._stops):
            one.set()

    def page(self, request: Request) -> Response:
        """Read anew each time: what a run has left meanwhile is there."""
        given = request.query_params.get("first", "0")
        first = int(given) if given.isdecimal() and len(given) < 8 else 0
        self._project = project = read_project(self.folder)
        servers = {name: url for name, (url, health) in self.servers.items() if _answers(health)}
        live = {
            "max_mb": self.limits.max_mb, "model": self._shown_model(), "no_model": self._no_model(),
            "servers": [{"name": name, "url": url} for name, url in servers.items()],
        }  # fmt: skip
        return HTMLResponse(render(project, experiments=experiments_of(self.folder), first=first, live=live))

    def _shown_model(self) -> str:
        """The model as it is called in the project's folder."""
        path = Path(self.model_name)
        return str(path.relative_to(self.folder)) if path.is_relative_to(self.folder) else self.model_name

    def _no_model(self) -> str:
        """Why no video can be read; empty where one can."""
        if self.model_name.startswith("models:/") or (Path(self.model_name) / "model.json").is_file():
            return ""
        return (
            f"No model yet in {self._shown_model()}: `dvc repro` trains one, `dvc pull` brings a team's, "
            "`tast view --model FOLDER` takes another."
        )

    def picture(self, kind: str, request: Request) -> Response:
        key = tuple(request.query_params.get(name, "") for name in KEY)
        project = self._project or read_project(self.folder)
        for recording in project.recordings:
            if key == tuple(getattr(recording, name) for name in KEY):
                try:
                    return Response(picture(self.folder, recording, kind), media_type="image/png")
                except BadInput as error:
                    return JSONResponse({"message": str(error)}, 404)
        return JSONResponse({"message": f"no recording {'/'.join(key)}"}, 404)

    def other_page(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in PAGES or not (file := self.folder / PAGES[name][0]).is_file():
            return JSONResponse({"message": f"no page {name}; expected one of {', '.join(PAGES)}"}, 404)
        return FileResponse(file, media_type="text/html", headers={"Content-Security-Policy": STATIC})

    def runs(self, request: Request) -> Response:
        """Of MLflow, whose libraries take seconds to import."""
        if not self.store:
            return JSONResponse({"runs": [], "message": "No run in MLflow yet: `make repro` publishes one."})
        from tast.tracking.results import recent_runs

        try:
            found = recent_runs(MOST_RUNS, tracking_uri=self.store)
        except TastError as error:
            return JSONResponse({"runs": [], "message": f"Runs in MLflow: {error}"})
        url, health = self.servers.get("MLflow", ("", ""))
        base = url if url and _answers(health) else ""
        rows = [
            {
                "name": run.name, "started": run.started, "rmse": _finite(run.rmse), "versions": ", ".join(run.versions) or "–",
                "url": f"{base}/#/experiments/{run.experiment_id}/runs/{run.run_id}" if base else "",
            }
            for run in found
        ]  # fmt: skip
        hint = "" if base else "`make ui` starts MLflow's page, which shows each of them."
        return JSONResponse({"runs": rows, "message": hint if rows else "No run in MLflow yet: `make repro` publishes one."})

    async def read(self, request: Request) -> Response:
        """A video in the request's body; the answer is a line of JSON for each thing to tell, as it happens."""
        origin = request.headers.get("origin")
        if origin is not None and origin != f"http://{request.headers['host']}":
            return _mistake(403, f"a page of {origin} may not send videos here")
        if request.headers.get("content-type") != BINARY:
            return _mistake(415, f"expected the header `Content-Type: {BINARY}`")
        if self._coming >= MOST_COMING:
            return _mistake(429, f"{self._coming} videos are being sent already; try again later")
        self._coming += 1
        scratch = Path(tempfile.mkdtemp(dir=self.scratch))
        try:
            upload = await self._taken(request, scratch / "upload")
        except BadInput as error:
            shutil.rmtree(scratch)
            return _mistake(413, str(error))
        except ClientDisconnect:
            shutil.rmtree(scratch)
            return Response(status_code=400)
        finally:
            self._coming -= 1
        return StreamingResponse(self._lines(upload, dict(request.query_params)), media_type="application/x-ndjson")

    async def _taken(self, request: Request, path: Path) -> Path:
        """The body, in a file of ours. Raises BadInput where it is larger than a video may be, before more of it is kept."""
        n_bytes, most = 0, int(self.limits.max_mb * MEBIBYTE)
        with path.open("wb") as file:
            async for part in request.stream():
                n_bytes += len(part)
                if n_bytes > most:
                    raise BadInput("the video", "too large", f"at most {self.limits.max_mb:g} MiB")
                file.write(part)
        return path

    async def _lines(self, upload: Path, given: dict[str, str]) -> AsyncIterator[str]:
        """What a thread of its own has to tell; it is stopped where nobody listens any more."""
        events: asyncio.Queue[dict[str, Any] | None] = asyncio.Queue()
        loop, stop = asyncio.get_running_loop(), threading.Event()

        def tell(event: dict[str, Any] | None) -> None:
            with contextlib.suppress(RuntimeError):  # the loop has ended
                loop.call_soon_threadsafe(events.put_nowait, event)

        self._stops.add(stop)
        worker = threading.Thread(target=self._work, args=(upload, given, tell, stop), daemon=True)
        worker.start()
        try:
            while (event := await events.get()) is not None:
                yield json.dumps(event, allow_nan=False) + "\n"
        finally:
            stop.set()

    def _work(
        self, upload: Path, given: dict[str, str], tell: Callable[[dict[str, Any] | None], None], stop: threading.Event
    ) -> None:
        tell({"at": "model"})
        from tast.prediction.anchoring import anchor_in  # they take seconds to import, which the page need not wait for
        from tast.prediction.asked import Asked

        def watch() -> None:
            if stop.is_set():
                raise _Stopped

        try:
            reader = self._loaded()
            asked = Asked(
                anchor=anchor_in("the readings", given.get("anchor", ""), reader.weights_sha256),
                largest_face=given.get("largest_face") == "true",
                uncalibrated=given.get("uncalibrated") == "true",
            )
            name = given.get("name") or "video"
            trace = reader.read_upload(name, upload, asked, watch=watch, on_growth=lambda growth: tell(_growth(growth)))
            notes = [trace.caution] if trace.caution else []
            notes += [*trace.basis, *trace.findings.sentences(), *trace.notes]
            tell({"at": "done", "name": trace.name, **_seconds(trace), "notes": notes, "csv": trace.table().to_csv(index=False)})
        except _Stopped:
            pass
        except TastError as error:
            tell({"at": "refused", "reason": str(error)})
        finally:
            shutil.rmtree(upload.parent, ignore_errors=True)
            self._stops.discard(stop)
            tell(None)

    def _loaded(self) -> VideoReader:
        """Once, and then kept."""
        from tast.prediction.request import VideoReader  # as above

        with self._loading:
            if self._reader is None:
                with self.model() as folder:
                    self._reader = VideoReader(folder, self.limits)
            return self._reader


class _Stopped(Exception):
    """Nobody wants to know any more."""


class _WithHeaders:
    """Pure ASGI, so that lines are passed on as they come."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, with_headers if scope["type"] == "http" else send)


def _growth(growth: Growth) -> dict[str, Any]:
    if growth.trace is None and not growth.reason:
        return {"at": "reading", "s": int(growth.read_s), "of_s": growth.length_s}
    told: dict[str, Any] = {"at": "so far", "reason": growth.reason, "seconds": None}
    return told | (_seconds(growth.trace) if growth.trace is not None else {})


def _seconds(trace: PredictedTrace) -> dict[str, Any]:
    """Rows of start_s, SpO2 or trend, the interval's ends, quality; and the one value that stands for all of them."""
    is_trend = trace.trend is not None
    values = trace.spo2_percent if trace.trend is None else trace.trend
    columns = (trace.start_s, values, trace.lower_percent, trace.upper_percent, trace.quality)
    rows = [[_finite(value) for value in row] for row in zip(*columns, strict=True)]
    last = float(values[-1])
    value = f"{number(last)}" if is_trend else f"{number(last, 1)} %"
    what = "change in units of no scale" if is_trend else f"mean {number(float(values.mean()), 1)} %"
    beside = f"at {trace.start_s[-1]:.0f} s; {what}; quality {number(float(trace.quality.mean()))}"
    return {"seconds": rows, "trend": is_trend, "summary": {"value": value, "beside": beside}}


def _finite(value: float | None) -> float | None:
    return None if value is None or not math.isfinite(value) else round(float(value), 3)


def _mistake(status: int, message: str) -> JSONResponse:
    return JSONResponse({"message": message}, status)


def _answers(health_url: str) -> bool:
    """Whether a page answers at once. None is asked on another machine: its address alone is shown."""
    if not health_url:
        return True
    try:
        with requests.Session() as session:
            session.trust_env = False
            return session.get(health_url, timeout=ANSWER_S).status_code == requests.codes.ok
    except requests.RequestException:
        return False


def other_servers(environment: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    """Name -> page's address, and where it is asked whether it is there: MLflow's and Prefect's of the environment, else those
    that `make ui` and `make serve` start on this machine."""
    found = {}
    for name, given, port, health in (
        ("MLflow", environment.get("MLFLOW_TRACKING_URI", ""), environment.get("MLFLOW_PORT", "5000"), "/health"),
        ("Prefect", environment.get("PREFECT_API_URL", ""), environment.get("PREFECT_PORT", "4200"), "/api/health"),
    ):
        if given.startswith(("http://", "https://")):
            found[name] = (given.rstrip("/").removesuffix("/api"), "")
        else:
            url = f"http://{LOOPBACK}:{port}"
            found[name] = (url, f"{url}{health}")
    return found
