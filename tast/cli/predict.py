"""`tast predict`: SpO2 per second of any video with one face, by a saved or a registered model."""

from __future__ import annotations

import logging
import math
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Column, Table

from tast.cli.output import AsJson, counting, say, say_json, show, working
from tast.crew.each import workers_that_fit
from tast.errors import BadInput
from tast.interchange.formats import FORMATS
from tast.pages.page import number, percentage
from tast.prediction import MIN_QUALITY

if TYPE_CHECKING:
    from tast.prediction.asked import AskedOfEach
    from tast.prediction.batch import Outcome
    from tast.prediction.files import Writer
    from tast.prediction.sources import NamedVideo
    from tast.prediction.trace import PredictedTrace

log = logging.getLogger(__name__)

LARGEST_TABLE_S = 60  # a longer trace is told in one row, and read in its file
REGISTERED = "models:/"


class Format(StrEnum):
    csv = "csv"
    json = "json"
    parquet = "parquet"
    edf = "edf"
    fhir = "fhir"
    fhir_r5 = "fhir-r5"


def predict(
    videos: Annotated[list[Path] | None, typer.Argument(help="Videos, folders of PURE's images, or folders of either.")] = None,
    model: Annotated[str, typer.Option(help="Folder of a saved model, models:/NAME@ALIAS or models:/NAME/VERSION.")] = (
        "models/tast_net"
    ),
    out: Annotated[Path, typer.Option(help="Folder for a table and a picture of each video.")] = Path("predictions"),
    format: Annotated[Format, typer.Option(help="Of the tables; edf and fhir: docs/interchange.md.")] = Format.csv,
    camera: Annotated[str | None, typer.Option(help="Instead of VIDEOS: number of a camera; 0 is the first.")] = None,
    seconds: Annotated[float, typer.Option(min=1, help="How long to watch the camera.")] = 30.0,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes of 1 to 2 GB each; by default one per core.")] = None,
    memory_gb: Annotated[
        float, typer.Option(min=0, help="Of each process: a video that needs more is tried once more, then refused. 0: no limit.")
    ] = 4.0,
    min_quality: Annotated[
        float, typer.Option(min=0, max=1, help="Videos whose mean quality is below are refused.")
    ] = MIN_QUALITY,
    largest_face: Annotated[
        bool, typer.Option("--largest-face", help="Read the largest of several faces, instead of refusing the video.")
    ] = False,
    anchor: Annotated[
        list[str] | None,
        typer.Option(help="SpO2 that is known: 97 (of the first seconds), 12=96, rest, a table of readings, a kept anchor."),
    ] = None,
    uncalibrated: Annotated[
        bool, typer.Option("--uncalibrated", help="A trend in units of no scale, of videos outside of the model's training too.")
    ] = False,
    profile: Annotated[
        Path | None, typer.Option(help="Of camera and lamp, as `tast calibrate` learnt it; or a table: video, profile.")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Leave alone what OUT holds of the same videos, model and options.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Read SpO2 from videos with one face each: a value a second, with its interval and quality, as a table and a picture.

    Quality, 0 to 1: in how many frames the face was seen, times how much of what moves is the pulse. A video that cannot be
    read, shows several faces, has too low a quality, or is wrong in most of its seconds for a cause that is known (no colour, a
    lamp that flickers, ...) is refused with the reason; the exit code is then 1. Each table is written as soon as its video is
    done: after an interruption, --resume goes on.

    --anchor tells SpO2 of some seconds, as an oximeter showed it: what is predicted is moved to agree with it, which makes good
    what the model cannot know of a person, a camera and a light. 97 holds for the first ten seconds, 12=96 for those around
    second 12, 97+-2 is off by 2 (1 SD; else 1), rest is 97+-1.5. It can be given more than once, or as a CSV table with the
    columns second, spo2_percent and, if wanted, video and sd_percent; or as the file that `tast anchor` keeps.

    A video whose colours are outside of all that the model was trained on is refused without an anchor: of it nobody knows a
    percentage. --uncalibrated gives its trend, in units of no scale. Of a camera and lamp whose --profile is known it is read as
    that says, and may be anchored too. Where several cameras are read at once, --profile is a CSV table with the columns video
    (its name, as the tables of OUT are called) and profile (a file, seen from the table). Table, picture and terminal say what
    the values rest on.

    Examples:

    `tast predict visit.mp4`

    `tast predict visit.mp4 --anchor 97`

    `tast predict visit.mp4 --anchor 5=97 --anchor 60=94`

    `tast predict recordings --anchor readings.csv`

    `tast predict visit.mp4 --profile webcam.json --anchor 97`

    `tast predict recordings --profile cameras.csv`

    `tast predict visit.mp4 --uncalibrated`

    `tast predict recordings --model models:/tast-net@champion --format parquet --out spo2 --workers 8`

    `tast predict recordings --format edf`

    `tast predict recordings --resume`

    `tast predict recordings --json`: what became of each video

    `tast predict --camera 0 --seconds 30 --profile webcam.json`
    """
    if bool(videos) == (camera is not None):
        raise typer.BadParameter("give either videos or --camera", param_hint="VIDEOS")
    tables = _tables(out, format.value, resume)
    if anchor and uncalibrated:
        raise typer.BadParameter("an anchor gives percentages; expected one of the two", param_hint="--uncalibrated")
    if profile and uncalibrated:
        raise typer.BadParameter("a profile gives percentages; expected one of the two", param_hint="--uncalibrated")
    crew = {"workers": workers or workers_that_fit(1), "memory_gb": memory_gb or None}
    with saved_model(model) as folder:
        asked = asked_of_each(
            folder, anchor or [], profile, min_quality=min_quality, largest_face=largest_face, uncalibrated=uncalibrated
        )
        if camera is not None:
            outcomes = [_of_camera(camera, seconds, folder, tables, asked)]
        else:
            outcomes = _of_videos(videos or [], folder, tables, asked, crew, aside=as_json)
    from tast.prediction.trace import PredictedTrace  # takes seconds to import, which a mistake in a path need not wait for

    traces = [outcome for outcome in outcomes if isinstance(outcome, PredictedTrace)]
    if as_json:
        say_json({"out": out, "videos": [_facts(outcome, tables) for outcome in outcomes]})
    else:
        _tell(outcomes, traces, tables)
    if traces and not as_json:
        say(f"Tables and pictures: {out}")
    if len(traces) < len(outcomes):
        raise typer.Exit(1)


def asked_of_each(model_folder: Path, anchors: list[str], profile: Path | None, **of_all: Any) -> AskedOfEach:
    """anchors, profile: as `--anchor` and `--profile` give them. of_all: fields of Asked, the same for every video."""
    from tast.prediction.anchoring import anchors_of  # they take seconds to import, which other commands need not wait for
    from tast.prediction.asked import Asked, AskedOfEach
    from tast.prediction.profiles import Profiles, profiles_of
    from tast.saved_model import weights_digest

    weights = weights_digest(model_folder) if anchors or profile else ""
    profiles = profiles_of(profile, weights) if profile else Profiles()
    return AskedOfEach(Asked(**of_all), anchors_of(anchors, weights), profiles)


@contextmanager
def saved_model(model: str) -> Iterator[Path]:
    """The folder of a saved model; of a registered one, a copy of it as long as the block lasts."""
    if not model.startswith(REGISTERED):
        yield Path(model)
        return
    from tast.tracking.registry import model_files  # as above

    with tempfile.TemporaryDirectory() as scratch:
        yield model_files(model, Path(scratch), tracking_uri=tracking_uri())


def tracking_uri() -> str:
    """MLFLOW_TRACKING_URI where it is set, else the file that the pipeline keeps in its project folder."""
    given = os.environ.get("MLFLOW_TRACKING_URI")
    database = Path(".tast/mlflow/mlflow.db").resolve()
    if not given and not database.is_file():
        raise BadInput(database, "no such file", "the project's MLflow store (run `make repro` here, or set MLFLOW_TRACKING_URI)")
    return given or f"sqlite:///{database}"


@dataclass(frozen=True)
class _Tables:
    """Where tables go, their ending, and whether those of an earlier run are left alone. write: None of prediction's own formats;
    programs: modules that it rests on beside prediction's own."""

    folder: Path
    kind: str
    resume: bool
    write: Writer | None = None
    programs: tuple[str, ...] = ()

    def keep(self, outcome: Outcome) -> bool:
        """Whether it had a table to write."""
        from tast.prediction.files import write_trace  # as above
        from tast.prediction.trace import PredictedTrace

        if not isinstance(outcome, PredictedTrace):
            return False
        write_trace(self.folder, outcome, self.kind, self.write)
        return True

    def of_an_earlier_run(self, outcomes: list[Outcome]) -> list[Path]:
        """Tables that lie there of videos that are refused now: nothing of what is asked for."""
        from tast.prediction.files import table_path  # as above
        from tast.prediction.trace import PredictedTrace

        refused = [one.name for one in outcomes if not isinstance(one, PredictedTrace)]
        return [path for name in refused if (path := table_path(self.folder, name, self.kind)).is_file()]


def _tables(folder: Path, format_name: str, resume: bool) -> _Tables:
    """Raises TastError, before any video is read, where a package lacks that the format needs."""
    if (exchange := FORMATS.get(format_name)) is None:
        return _Tables(folder, format_name, resume)
    return _Tables(folder, exchange.ending, resume, exchange.writer(), (exchange.module,))


def _of_videos(
    paths: list[Path], model_folder: Path, tables: _Tables, asked: AskedOfEach, crew: dict[str, Any], *, aside: bool
) -> list[Outcome]:
    """aside: lines on stderr."""
    from tast.prediction.sources import find_videos  # they take seconds to import, which other commands need not wait for

    found = find_videos(paths)
    from tast.prediction.batch import predict_videos
    from tast.prediction.resume import Finished

    finished = Finished(tables.folder, tables.kind, model_folder=model_folder, settings=f"{asked}", programs=tables.programs)
    left = finished.without_those(found) if tables.resume else found
    if len(left) < len(found):
        say(f"{len(found) - len(left)} of {len(found)} videos were read before: {tables.folder}", aside=aside)
    if tables.resume and (outdated := finished.outdated(left)):
        say(f"{outdated} tables in {tables.folder} rest on another model, option, video, code or library: read anew", aside=aside)
    with counting("predict", len(left)) as done_one:

        def done(video: NamedVideo, outcome: Outcome) -> None:
            if tables.keep(outcome):
                finished.add(video)
            done_one()

        return predict_videos(left, model_folder, asked, on_outcome=done, **crew) if left else []


def _of_camera(device: str, seconds: float, model_folder: Path, tables: _Tables, asked: AskedOfEach) -> Outcome:
    from tast.crew.worker import limited_threads
    from tast.errors import VideoRejected
    from tast.prediction.batch import Refusal
    from tast.prediction.predict import predict_frames
    from tast.saved_model import load_model
    from tast.video.camera import read_camera  # as above

    network, card = load_model(model_folder)
    name = f"camera-{device}" if device.isdigit() else Path(device).stem
    try:
        wanted = asked.of(name)
        frames = read_camera(int(device) if device.isdigit() else Path(device), seconds)
        with working(f"watching camera {device} for {seconds:g} s"), limited_threads(1):
            trace = predict_frames(name, frames, network, card, wanted)
    except VideoRejected as error:
        return Refusal(name, error.reason)
    tables.keep(trace)
    return trace


def _facts(outcome: Outcome, tables: _Tables) -> dict[str, Any]:
    """Of one video, for a program; what holds for each second is in its table."""
    from tast.prediction.files import table_path
    from tast.prediction.trace import PredictedTrace  # as above

    if not isinstance(outcome, PredictedTrace):
        return {"video": outcome.name, "refused": outcome.reason}
    spo2 = outcome.spo2_percent
    return {
        "video": outcome.name, "refused": None, "table": table_path(tables.folder, outcome.name, tables.kind),
        "seconds": len(outcome), "mean_percent": float(spo2.mean()), "lowest_percent": float(spo2.min()),
        "highest_percent": float(spo2.max()), "coverage": outcome.coverage, "quality": float(outcome.quality.mean()),
        "calibrated_by": outcome.calibrated_by, "caution": outcome.caution, "basis": outcome.basis,
        "causes": outcome.findings.sentences(), "notes": outcome.notes,
    }  # fmt: skip


def _tell(outcomes: list[Outcome], traces: list[PredictedTrace], tables: _Tables) -> None:
    from tast.prediction.trace import PredictedTrace  # as above

    if len(outcomes) == len(traces) == 1 and len(traces[0]) <= LARGEST_TABLE_S:
        show(seconds_table(traces[0]))
    elif traces:
        show(videos_table(traces))
    for outcome in outcomes:
        if not isinstance(outcome, PredictedTrace):
            say(f"{outcome.name}: refused: {outcome.reason}")
    for caution in dict.fromkeys(trace.caution for trace in traces):
        if caution:
            say(caution)
    of_which: dict[str, list[str]] = {}
    for trace in traces:
        for note in trace.basis + trace.findings.sentences() + trace.notes:
            of_which.setdefault(note, []).append(trace.name)
    for note, names in of_which.items():
        say(f"{f'all {len(names)}' if len(names) == len(traces) > 1 else ', '.join(names)}: {note}")
    for earlier in tables.of_an_earlier_run(outcomes):
        say(f"{earlier} is of an earlier run: this one refuses its video")


def seconds_table(trace: PredictedTrace) -> Table:
    """One row per second."""
    from tast.prediction.picture import half_widths  # as above

    causes = trace.findings.per_second(len(trace))
    quality = f"quality {number(trace.quality.mean())}"
    if trace.trend is None:
        value, caption = "SpO2 (%)", f"mean {number(trace.spo2_percent.mean(), 1)} %, {quality}"
    else:
        value, caption = "trend (no scale)", f"no percentage; {quality}"
    interval = [f"{percentage(trace.coverage)} interval ({half_widths(trace)})"] if math.isfinite(trace.coverage) else []
    others = ["may be wrong by"] if any(causes) else []
    table = Table("second", value, *interval, "quality", "pulse (1/min)", *others, title=trace.name, caption=caption)
    for row, names in zip(trace.table().itertuples(), causes, strict=True):
        cells = [number(row.start_s, 1), number(row.spo2_percent, 1) if trace.trend is None else number(row.trend)]
        cells += [f"{number(row.lower_percent, 1)} to {number(row.upper_percent, 1)}"] if interval else []
        cells += [number(row.quality), number(row.pulse_per_minute, 0), *([", ".join(names)] if others else [])]
        table.add_row(*cells)
    return table


def videos_table(traces: list[PredictedTrace]) -> Table:
    """One row per video that was read; by what it is calibrated where one is."""
    from tast.prediction.picture import half_widths  # as above

    by = any(trace.calibrated_by for trace in traces)
    headings = ["seconds", "SpO2 (%)", "range", "interval", *(["calibrated by"] if by else []), "quality"]
    table = Table(Column("video", overflow="fold"), *(Column(heading, overflow="fold") for heading in headings))
    for trace in traces:
        spo2 = trace.spo2_percent
        values = [number(spo2.mean(), 1), f"{number(spo2.min(), 1)} to {number(spo2.max(), 1)}"]
        interval = f"{percentage(trace.coverage)}: {half_widths(trace)}" if math.isfinite(trace.coverage) else "none"
        if trace.trend is not None:
            values, interval = ["trend", f"{number(trace.trend.min())} to {number(trace.trend.max())}"], ""
        calibrated_by = [trace.calibrated_by] if by else []
        table.add_row(trace.name, str(len(trace)), *values, interval, *calibrated_by, number(trace.quality.mean()))
    return table
