"""`tast traces`: the colours of a face, frame by frame, in the shapes that pyVHR and NeuroKit2 take."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from tast.cli.output import AsJson, counting, say, say_json, show
from tast.crew.each import do_each, workers_that_fit
from tast.pages.page import number
from tast.params import load_params
from tast.starter.shipped import params_file

if TYPE_CHECKING:
    from tast.clip_store import Reject
    from tast.interchange.traces import ColourTrace
    from tast.prediction.sources import NamedVideo
    from tast.preprocessing.steps import Settings


class TableFormat(StrEnum):
    csv = "csv"
    parquet = "parquet"


def traces(
    videos: Annotated[list[Path], typer.Argument(help="Videos, folders of PURE's images, or folders of either.")],
    out: Annotated[Path, typer.Option(help="Folder for four files of each video.")] = Path("traces"),
    format: Annotated[TableFormat, typer.Option(help="Of the table of frames.")] = TableFormat.csv,
    fps: Annotated[
        float | None, typer.Option(min=1, max=1000, help="Of the arrays' even grid; by default the camera's own mean rate.")
    ] = None,
    window_s: Annotated[float, typer.Option(min=1, help="Length of pyVHR's windows.")] = 8.0,
    stride_s: Annotated[float, typer.Option(min=0.01, help="From the begin of one to that of the next.")] = 1.0,
    largest_face: Annotated[
        bool, typer.Option("--largest-face", help="Of several faces the largest, instead of refusing the video.")
    ] = False,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes; by default one per core.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and read no video.")] = False,
    as_json: AsJson = False,
) -> None:
    """Write the mean red, green and blue of the face and of the background in each frame, for tools that look for the pulse.

    Of each video: a table (NAME.csv), windows for pyVHR (NAME.pyvhr.npy), the pulse wave for NeuroKit2 (NAME.neurokit.npy), and
    their rate and what was met (NAME.json). Face and mask are those of params.yaml, section preprocess; nothing is magnified. A
    video that cannot be used is refused with the reason, and the exit code is then 1.

    Examples:

    `tast traces visit.mp4 --out traces`

    `tast traces recordings --fps 30 --window-s 10 --format parquet`

    `tast traces recordings --dry-run`
    """
    from tast.clip_store import Reject  # they take seconds to import, which other commands need not wait for
    from tast.interchange.traces import files_of, write_trace
    from tast.prediction.sources import find_videos
    from tast.preprocessing.pipeline import settings_of

    found = find_videos(videos)
    if dry_run and as_json:
        say_json({"would_write": {str(video.path): files_of(out, video.name, format.value) for video in found}})
    if dry_run:
        for video in [] if as_json else found:
            say(f"{video.path}: would write {', '.join(map(str, files_of(out, video.name, format.value)))}")
        return
    settings = settings_of(load_params(params_file()).preprocess.model_dump())
    written: list[dict[str, Any]] = []
    refused: list[Reject] = []
    with counting("traces", len(found)) as done_one:

        def done(_: int, outcome: ColourTrace | Reject) -> None:
            if isinstance(outcome, Reject):
                refused.append(outcome)
            else:
                written.append(write_trace(out, outcome, format.value, fps_hz=fps, window_s=window_s, stride_s=stride_s))
            done_one()

        read = partial(_read, settings=settings, largest_face=largest_face)
        do_each(
            read, found, workers=workers or workers_that_fit(1), on_result=done,
            lost=lambda video, reason: Reject(video.name, reason),
        )  # fmt: skip
    if as_json:
        rejects = [{"video": one.record_id, "reason": one.reason} for one in refused]
        say_json({"out": out, "videos": sorted(written, key=lambda facts: str(facts["video"])), "refused": rejects})
    elif written:
        show(_table(written))
        say(f"Traces: {out}")
    for one in [] if as_json else refused:
        say(f"{one.record_id}: refused: {one.reason}")
    if refused:
        raise typer.Exit(1)


def _read(video: NamedVideo, *, settings: Settings, largest_face: bool) -> ColourTrace | Reject:
    from tast.clip_store import Reject
    from tast.datasets.layout import reason_below
    from tast.errors import TastError
    from tast.interchange.traces import colour_trace  # as above

    try:
        return colour_trace(video, settings, largest_face=largest_face)
    except TastError as error:
        return Reject(video.name, reason_below(video.path.parent, error))


def _table(written: list[dict[str, Any]]) -> Table:
    headings = ("frames", "camera (Hz)", "grid (Hz)", "windows", "face seen", "notes")
    table = Table(Column("video", overflow="fold"), *headings)
    for one in sorted(written, key=lambda facts: str(facts["video"])):
        cells = (str(one["frames"]), number(one["camera_hz"]), number(one["fps_hz"]), str(len(one["window_start_s"])))
        table.add_row(one["video"], *cells, number(one["face_seen"]), "; ".join(one["notes"]))
    return table
