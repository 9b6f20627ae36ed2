"""`tast serve`: a registered model as a service, on this machine alone unless it asks for a token."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tast.addresses import LOOPBACK, is_loopback
from tast.cli.output import say, working
from tast.cli.predict import REGISTERED, tracking_uri
from tast.errors import BadInput, TastError

TOKEN = "TAST_SERVICE_TOKEN"
CHAMPION = "models:/tast-net@champion"


def serve(
    model: Annotated[
        str, typer.Argument(help="models:/NAME@ALIAS, models:/NAME/VERSION, or the folder of such a version.")
    ] = "models:/tast-net@champion",
    host: Annotated[str, typer.Option(help=f"Address to listen on; one that others reach needs {TOKEN}.")] = LOOPBACK,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Port to listen on.")] = 5001,
    video_root: Annotated[Path | None, typer.Option(help="Folder whose videos a request may name as `path`.")] = None,
    max_mb: Annotated[float, typer.Option(min=0.01, help="MiB of a video.")] = 64.0,
    max_request_mb: Annotated[float, typer.Option(min=0.01, help="MiB of a request, videos as base64.")] = 90.0,
    max_waiting: Annotated[int, typer.Option(min=0, help="Requests that wait in memory while one is computed.")] = 3,
    max_outside: Annotated[int, typer.Option(min=0, help="Requests that wait unread; one more is a 429.")] = 32,
    timeout_s: Annotated[float, typer.Option(min=0.1, help="Seconds for a request, waiting included.")] = 50.0,
) -> None:
    """Serve a registered model: video in, SpO2 per second out, as docs/prediction.md says ("As a service").

    Example: `tast serve models:/tast-net@champion --port 5001`
    """
    token = os.environ.get(TOKEN, "")
    if not (token or is_loopback(host)):
        raise TastError(f"--host {host} opens the service to others: set {TOKEN} to a secret of yours, or leave --host out")
    import uvicorn

    from tast.prediction.limits import Limits
    from tast.tracking.service import load_service, service

    given = {"max_mb": max_mb, "max_waiting": max_waiting, "timeout_s": timeout_s}
    limits = Limits.from_config(given | ({} if video_root is None else {"video_root": str(video_root)}))
    store = tracking_uri() if model.startswith(REGISTERED) else None
    if store is None and not (Path(model) / "MLmodel").is_file():
        raise BadInput(model, "no MLmodel in it", f"{CHAMPION}, which `make repro` registers, or the folder of such a version")
    with working("load"):
        loaded = load_service(model, limits.model_dump(mode="json"), store)
    application = service(loaded, limits, max_request_mb=max_request_mb, token=token)
    say(f"{model} at http://{host}:{port}/invocations; Ctrl-C stops it")
    uvicorn.run(application, host=host, port=port, log_level="warning", access_log=False, server_header=False)
