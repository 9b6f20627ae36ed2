"""`tast phantom`: write a phantom into a folder, in the layout of PURE or VIPL-HR, to try the pipeline's real readers on it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from tast.cli.output import counted, say
from tast.errors import BadInput
from tast.files import whole_folder
from tast.params import DEVELOPMENT_SEEDS, load_params

LAST_SEED = DEVELOPMENT_SEEDS.stop - 1  # those beyond are kept for the figures that are published


def phantom(
    folder: Annotated[Path, typer.Argument(help="Folder to write; it must not hold anything yet.")],
    layout: Annotated[str | None, typer.Option(help="pure or vipl_hr.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, max=LAST_SEED, help="The same seed gives the same bytes.")] = None,
    subjects: Annotated[int | None, typer.Option(min=1, help="People, each with a skin and a pulse of their own.")] = None,
    sessions: Annotated[int | None, typer.Option(min=1, help="Recordings of each subject.")] = None,
    seconds: Annotated[float | None, typer.Option(min=1, help="Length of a recording.")] = None,
    defects: Annotated[bool | None, typer.Option("--defects/--whole", help="The published data's defects (vipl_hr).")] = None,
    recorded: Annotated[
        Path | None, typer.Option(help="Folder of oximetry_phone_cam, mths or traces: waves to drive it.")
    ] = None,
) -> None:
    """Render a phantom data set; what is not given here is as in params.yaml, section download.phantom.

    Example: `tast phantom data/vipl --layout vipl_hr --subjects 5`, then `dataset: {name: vipl_hr, root: data/vipl}`
    """
    from tast.datasets.phantom_set import plan_phantom  # takes seconds to import, which other commands need not wait for

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise BadInput(folder, "it exists and is not empty", "a new folder")
    given: dict[str, Any] = {
        "layout": layout, "seed": seed, "subjects": subjects, "sessions": sessions, "seconds": seconds, "defects": defects,
        "driver": recorded and "recorded", "recorded_root": recorded,
    }  # fmt: skip
    chosen = {name: value for name, value in given.items() if value is not None}
    planned = plan_phantom(**(load_params().download.phantom.model_dump() | chosen))
    with whole_folder(folder) as unfinished:
        for session in counted(planned.sessions, "render", len(planned.sessions)):
            planned.write_sessions([session], unfinished)
        planned.write_lists(unfinished)
    say(f"{folder}: {len(planned.sessions)} recordings")
