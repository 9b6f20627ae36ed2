"""`tast preview`: what preprocessing sees in a video and makes of it, as a film and a contact sheet."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tast.cli.output import counted, say, working
from tast.errors import BadInput
from tast.params import load_params
from tast.starter.shipped import params_file

if TYPE_CHECKING:
    from tast.pictures import RgbImage
    from tast.records import VideoSource

log = logging.getLogger(__name__)

RAW = Path("data/raw")


def preview(
    video: Annotated[Path | None, typer.Argument(help="A video file, or a folder of PURE's images.")] = None,
    record: Annotated[str, typer.Option(help="Instead of VIDEO: a record of the data set in data/raw.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for the film (.mp4) and the contact sheet (.png).")] = Path("preview"),
    seconds: Annotated[float, typer.Option(min=3, help="How much of the video, from its start.")] = 10.0,
) -> None:
    """Show what each step makes of a video: box, landmarks and mesh on the frames; aligned, masked and magnified face; the pulse.

    Steps are as params.yaml says, section preprocess.

    Examples:

    `tast preview visit.mp4 --seconds 20`

    `tast preview --record 01-01 --out previews`
    """
    from tast.preprocessing.pipeline import settings_of  # they take seconds to import, which other commands need not wait for
    from tast.preview.preview import steps_of, write_preview

    if (video is None) == (not record):
        raise typer.BadParameter("give either a video or --record", param_hint="VIDEO")
    name, source = _of_record(record) if video is None else _of_path(video)
    settings = settings_of(load_params(params_file()).preprocess.model_dump())
    defects: list[str] = []
    with working("preprocess"):
        steps = steps_of(name, _start_of(source, seconds, defects), settings)
    again = counted(_start_of(source, seconds, []), "film", len(steps.aligned.times_s))
    film, sheet = write_preview(out, name, again, steps, settings)
    for defect in defects:
        log.warning("%s: %s", name, defect)
    say(f"Film: {film}    Contact sheet: {sheet}")


def _start_of(source: VideoSource, seconds: float, defects: list[str]) -> Iterator[tuple[float, RgbImage]]:
    from tast.video.read import read_frames  # as above

    return takewhile(lambda frame: frame[0] < seconds, read_frames(source, defects))


def _of_path(path: Path) -> tuple[str, VideoSource]:
    from tast.prediction.sources import video_source  # as above

    if not path.exists():
        raise BadInput(path, "no such file or folder", "a video, or a folder of PURE's images")
    source, mended = video_source(path)
    for note in mended:
        log.info("%s: %s", path, note)
    return path.resolve().name if path.is_dir() else path.stem, source


def _of_record(record_id: str) -> tuple[str, VideoSource]:
    from tast.datasets.description import described
    from tast.datasets.readers import read_downloaded  # as above

    preprocess = load_params(params_file()).preprocess
    records, _ = read_downloaded(RAW, described(RAW), (preprocess.spo2_min_percent, preprocess.spo2_max_percent))
    for record in records:
        if record.record_id == record_id:
            return record_id, record.video
    some = ", ".join(record.record_id for record in records[:5])
    raise BadInput(RAW, f"no readable record {record_id!r}", f"one of its {len(records)} ({some}, ...)")
