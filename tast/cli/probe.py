"""`tast probe`: what each step of preprocessing keeps of pulse and ratio of ratios, on phantoms whose truth is known."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from tast.cli.output import counted, show
from tast.files import whole_file
from tast.params import load_params
from tast.starter.shipped import params_file

if TYPE_CHECKING:
    from tast.probe.probe import ProbeRow, StepReading

STDOUT = Path("-")


def probe(
    seconds: Annotated[float, typer.Option(min=4, help="Length of each recording.")] = 16.0,
    subjects: Annotated[int, typer.Option(min=1, help="People, each filmed steady and moving.")] = 6,
    layout: Annotated[str, typer.Option(help="pure (lossless images) or vipl_hr (compressed video).")] = "pure",
    scenario: Annotated[list[str] | None, typer.Option(help="Only these of the layout's scenarios; repeatable.")] = None,
    worlds: Annotated[int | None, typer.Option(min=1, help="Film the people in so many worlds, a group each.")] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the rows there; -: on stdout, no table.")] = None,
    markdown: Annotated[Path | None, typer.Option(help="Write the table there.")] = None,
) -> None:
    """Show, after each step, the errors of pulse rate and ratio of ratios, beside those of a per-frame reference chain.

    Settings are those of params.yaml. Errors are root mean squares over the people; the ratio's is that of its logarithm.

    Examples:

    `tast probe --subjects 4 --seconds 12 --markdown probe.md`

    `tast probe --worlds 12 --subjects 24`
    """
    import cv2  # they take seconds to import, which other commands need not wait for
    from threadpoolctl import threadpool_limits

    from tast.preprocessing.pipeline import settings_of
    from tast.probe.probe import probe_session, probe_sessions, summarised, world_sessions
    from tast.probe.table import as_json, as_markdown

    params = load_params(params_file())
    plan = params.download.phantom
    asked: dict[str, Any] = {
        "subjects": subjects, "scenarios": tuple(scenario) if scenario else None, "seconds": seconds, "seed": plan.seed,
        "fps_hz": plan.fps_hz, "width_px": plan.width_px, "height_px": plan.height_px, "face_height_px": plan.face_height_px,
        "profile": plan.profile,
    }  # fmt: skip
    sessions = world_sessions(worlds=worlds, **asked) if worlds else probe_sessions(layout=layout, **asked)
    compression = None if layout == "pure" else plan.compression.model_dump()
    settings = settings_of(params.preprocess.model_dump())
    cv2.setNumThreads(1)
    readings: list[StepReading] = []
    with threadpool_limits(1):
        for session in counted(sessions, "probe", len(sessions)):
            readings += probe_session(session, settings, compression)
    rows = summarised(readings)
    if json_file == STDOUT:
        typer.echo(as_json(rows), nl=False)
    else:
        show(_table(rows))
    for path, text in ((json_file, as_json(rows)), (markdown, as_markdown(rows))):
        if path not in (None, STDOUT):
            with whole_file(path) as part:
                part.write_text(text, encoding="utf-8")


def _table(rows: list[ProbeRow]) -> Table:
    from tast.probe.table import cells, headings  # as above

    table = Table(*headings(), title=f"tast probe, {rows[0].sessions} recordings a row")
    for before, row in zip([None, *rows], rows, strict=False):
        if before is not None and (before.group, before.chain) != (row.group, row.chain):
            table.add_section()
        table.add_row(*cells(row))
    return table
