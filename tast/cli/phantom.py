"""`tast phantom`: write a phantom into a folder, in the layout of PURE or VIPL-HR, to try the pipeline's real readers on it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from tast.cli.output import AsJson, counted, say, say_json, show
from tast.errors import BadInput
from tast.files import whole_file, whole_folder
from tast.params import DEVELOPMENT_SEEDS, load_params
from tast.starter.shipped import params_file

if TYPE_CHECKING:
    import pandas as pd

    from tast.phantom.session import Session

SHEET_COLUMNS = 6
SHOWN_FACTS = ("world", "lamp", "camera", "sensor", "bits", "fps_hz", "coding")  # the others stand in the data set's worlds.csv
LAST_SEED = DEVELOPMENT_SEEDS.stop - 1  # those beyond are kept for the figures that are published


def phantom(
    folder: Annotated[Path | None, typer.Argument(help="Folder to write; it must not hold anything yet.")] = None,
    layout: Annotated[str | None, typer.Option(help="pure, vipl_hr or csv, as people bring their own.")] = None,
    worlds: Annotated[int | None, typer.Option(min=1, help="Cameras and lamps in which people take turns.")] = None,
    sheet: Annotated[Path | None, typer.Option(help="A picture (.png) of each world's first person.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=LAST_SEED, help="The same seed gives the same bytes.")] = None,
    subjects: Annotated[int | None, typer.Option(min=1, help="People, each with a skin and a pulse of their own.")] = None,
    sessions: Annotated[int | None, typer.Option(min=1, help="Recordings of each subject.")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="Length of a recording.")] = None,
    defects: Annotated[bool | None, typer.Option("--defects/--whole", help="The published data's defects (vipl_hr).")] = None,
    recorded: Annotated[
        Path | None, typer.Option(help="Folder of oximetry_phone_cam, mths or traces: waves to drive it.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Render a phantom data set; what is not given here is as in params.yaml, section download.phantom.

    Examples:

    `tast phantom data/vipl --layout vipl_hr --subjects 5`, then `dataset: {name: vipl_hr, root: data/vipl}`

    `tast phantom data/worlds --worlds 12 --subjects 48`, then `dataset: {name: csv, root: data/worlds}`

    `tast phantom --worlds 24 --sheet worlds.png`, to see what they are: nothing else is written
    """
    from tast.datasets.phantom_set import plan_phantom  # takes seconds to import, which other commands need not wait for

    if folder is None and sheet is None:
        raise typer.BadParameter("give a folder to write, or --sheet", param_hint="FOLDER")
    if folder is not None and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(folder, "it exists and is not empty", "a new folder (`tast phantom FOLDER`)")
    given: dict[str, Any] = {
        "layout": layout, "seed": seed, "subjects": subjects, "sessions": sessions, "seconds": seconds, "defects": defects,
        "driver": recorded and "recorded", "recorded_root": recorded,
    }  # fmt: skip
    chosen = {name: value for name, value in given.items() if value is not None}
    if worlds is not None:
        chosen |= {"worlds": {"count": worlds}, "layout": layout or "csv", "subjects": subjects or worlds}
    elif layout in ("pure", "vipl_hr"):
        chosen |= {"worlds": None}  # those of params.yaml are of users' own recordings
    planned = plan_phantom(**(load_params(params_file()).download.phantom.model_dump() | chosen))
    told: dict[str, Any] = {}
    if sheet is not None:
        worlds_shown = write_sheet(sheet, planned.sessions)
        told |= {"sheet": sheet, "worlds": worlds_shown.to_dict("records")}
        if not as_json:
            show(_table(worlds_shown))
            say(f"{sheet}: {len(worlds_shown)} worlds")
    if folder is None:
        if as_json:
            say_json(told)
        return
    with whole_folder(folder) as unfinished:
        for session in counted(planned.sessions, "render", len(planned.sessions)):
            planned.write_sessions([session], unfinished)
        planned.write_lists(unfinished)
    if as_json:
        say_json(told | {"folder": folder, "recordings": len(planned.sessions)})
    else:
        say(f"{folder}: {len(planned.sessions)} recordings")


def write_sheet(file: Path, sessions: Sequence[Session]) -> pd.DataFrame:
    """A picture of the first person of each world; returns what the worlds are. Raises TastError for a phantom without."""
    from tast.datasets.phantom_recordings import worlds_table
    from tast.phantom.render import render
    from tast.preview.sheet import picture_sheet

    first = {session.in_world.number: session for session in reversed(sessions)}
    shown = [first[number] for number in sorted(first)]
    pictures = [next(render(session))[1] for session in counted(shown, "picture", len(shown))]
    worlds = [session.in_world for session in shown]
    captions = [f"{world.name}: {world.lamp.family}\n{world.camera.sensor.name}, {world.coding.label}" for world in worlds]
    with whole_file(file) as part:
        part.write_bytes(picture_sheet(pictures, captions, min(SHEET_COLUMNS, len(pictures))))
    return worlds_table(worlds)


def _table(worlds: pd.DataFrame) -> Table:
    table = Table(*SHOWN_FACTS, title="worlds")
    for row in worlds[list(SHOWN_FACTS)].itertuples(index=False):
        table.add_row(*(f"{value:.4g}" if isinstance(value, float) else str(value) for value in row))
    return table
