"""`tast import`: what other tools have made, in the layouts that this project reads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tast.cli.output import AsJson, counted, say, say_json
from tast.errors import BadInput
from tast.files import whole_file, whole_folder

if TYPE_CHECKING:
    from tast.interchange.rppg_toolbox import ToolboxRecording

app = typer.Typer(
    no_args_is_help=True,
    help="""Bring what other tools have made into the layouts that are read here: docs/interchange.md.

Examples:

tast import rppg-toolbox PreprocessedData/PURE_raw --fps 30 --out recordings

tast import vitallens sample_vitals_1.csv --fps 30 --out vitals""",
)

DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would be written, and write nothing.")]


@app.command("rppg-toolbox")
def rppg_toolbox(
    source: Annotated[Path, typer.Argument(help="A preprocessed folder (NAME_input0.npy, ...), or a list of its files (.csv).")],
    fps: Annotated[float, typer.Option(min=1, max=1000, help="Frames a second, FS of its configuration: the files do not say.")],
    out: Annotated[Path, typer.Option(help="A new folder, in the layout of own recordings (docs/datasets.md).")],
    beside: Annotated[
        Path | None, typer.Option(help="Table: record, subject_id and, if known, spo2 (a table), scenario, camera, skin_type.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write rPPG-Toolbox's chunks of raw frames as lossless videos, with their pulse wave, as own recordings.

    Only DATA_TYPE Raw: standardised frames and differences have lost the level of the colours, and are refused. Who is who and
    SpO2 are in none of its files: --beside tells them; without it all are one person, `unknown`, and no recording has SpO2.

    Examples:

    `tast import rppg-toolbox PreprocessedData/PURE_raw --fps 30 --out recordings`

    `tast import rppg-toolbox DataFileLists/PURE_raw_0.0_0.6.csv --fps 30 --beside people.csv --out recordings`
    """
    from tast.interchange import rppg_toolbox as toolbox  # takes seconds to import, which other commands need not wait for

    found = toolbox.recordings_in(source)
    known = toolbox.read_beside(beside, [one.name for one in found]) if beside is not None else {}
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadInput(out, "it exists and is not empty", "a new folder")
    if dry_run and as_json:
        say_json({"out": out, "would_write": [_planned(one) for one in found]})
    if dry_run:
        for one in [] if as_json else found:
            say("; ".join([f"{one.name}: {len(one.chunks)} chunks; would write {out / one.name}.mkv", *one.notes]))
        return
    with whole_folder(out) as unfinished:
        written = [toolbox.write_recording(unfinished, one, fps) for one in counted(found, "import", len(found))]
        toolbox.write_tables(unfinished, written, known)
    without = [one.name for one in found if one.name not in known or known[one.name].spo2 is None]
    if as_json:
        recordings = [
            {"record": done.name, "frames": done.n_frames, "rounded_frames": done.rounded, "has_spo2": done.name not in without,
             "notes": done.notes}
            for done in written
        ]  # fmt: skip
        say_json({"out": out, "recordings": recordings})
        return
    for done in written:
        for note in (*done.notes, *([f"{done.rounded} frames were rounded to whole numbers"] if done.rounded else [])):
            say(f"{done.name}: {note}")
    say(f"{out}: {len(written)} recordings, {sum(done.n_frames for done in written)} frames")
    if without:
        say(f"{len(without)} have no SpO2: `tast predict`, `tast traces` and `tast preview` read them, training leaves them out")


def _planned(one: ToolboxRecording) -> dict[str, Any]:
    return {"record": one.name, "chunks": len(one.chunks), "notes": one.notes}


@app.command()
def vitallens(
    source: Annotated[Path, typer.Argument(help="The JSON of its results, or a CSV of its samples.")],
    out: Annotated[Path, typer.Option(help="Folder for the tables.")],
    fps: Annotated[
        float | None, typer.Option(min=1, max=1000, help="Of the video beside a CSV, whose rows have no times.")
    ] = None,
    dry_run: DryRun = False,
    as_json: AsJson = False,
) -> None:
    """Write vitallens' readings as tables: readings a second (an own recording's spo2), an anchor, and the pulse wave.

    SpO2 stands in its CSV alone; of its JSON there are a pulse wave and a pulse rate, to compare with.

    Examples:

    `tast import vitallens sample_vitals_1.csv --fps 30 --out vitals`

    `tast predict sample_video_1.mp4 --anchor vitals/sample_vitals_1.anchor.csv`
    """
    from tast.interchange.vitallens import read_vitallens  # as above

    found = read_vitallens(source, fps)
    targets = {out / f"{source.stem}.{name}.csv": table for name, table in found.tables.items()}
    for target, table in targets.items() if not dry_run else ():
        with whole_file(target) as part:
            table.to_csv(part, index=False)
    if as_json:
        rows = [{"file": target, "rows": len(table)} for target, table in targets.items()]
        say_json({"tables": rows, "written": not dry_run, "said": found.said})
        return
    for target, table in targets.items():
        say(f"{'would write ' if dry_run else ''}{target}: {len(table)} rows")
    for text in found.said:
        say(f"{source.name}: {text}")
