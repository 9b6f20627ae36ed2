"""Commands on data sets: what one holds (`tast audit`), and whether your own recordings are fit to use (`tast check`)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from tast.cli.output import AsJson, counted, say, say_json, show, working
from tast.pages.page import number

if TYPE_CHECKING:
    from tast.clip_store import Reject
    from tast.records import VideoRecord

RAW = Path("data/raw")
LAYOUTS = "pure, vipl_hr, csv, mcd_rppg, sums, ladh, physdrive, oximetry_phone_cam, mths or traces"


def audit(
    root: Annotated[Path | None, typer.Argument(help="The data set's folder; without it, the one in data/raw.")] = None,
    layout: Annotated[str, typer.Option(help=f"{LAYOUTS}. Not needed without ROOT.")] = "",
    out: Annotated[Path, typer.Option(help="Folder for audit.json and audit.html.")] = Path("audit"),
    as_json: AsJson = False,
) -> None:
    """Say what a data set holds: recordings, true frame rates, labels, faults, gaps, duplicates, and what a constant would score.

    Examples:

    `tast audit` (the data set that the download stage brought)

    `tast audit /data/PURE --layout pure --out audit_pure`

    `tast audit /data/PURE --layout pure --json`: what audit.json holds, of each set
    """
    from tast.datasets.audit_records import AUDITED  # takes seconds to import, which other commands need not wait for
    from tast.datasets.description import described

    if root is None:
        plans = [
            (RAW / data_set.name, data_set.layout, data_set.name, out / data_set.name if number else out)
            for number, data_set in enumerate(described(RAW))
        ]
    elif layout in AUDITED:
        plans = [(root, layout, layout, out)]
    else:
        raise typer.BadParameter(f"{layout!r} is not one of {', '.join(AUDITED)}", param_hint="--layout")
    audits = []
    for plan in plans:
        facts = _audit_one(*plan)
        audits.append({"page": plan[-1] / "audit.html", "facts": facts})
        if not as_json:
            _show_audit(facts, plan[-1])
    if as_json:
        say_json({"audits": audits})


def _audit_one(root: Path, layout: str, name: str, out: Path) -> dict[str, Any]:
    from tast.datasets.audit import audit_folder
    from tast.datasets.audit_page import write_audit

    with working("audit"):
        facts = audit_folder(layout, root, name)
        write_audit(facts, out)
    return facts


def _show_audit(facts: dict[str, Any], out: Path) -> None:
    show(audit_table(facts))
    say(f"Page: {out / 'audit.html'}    Facts: {out / 'audit.json'}")


def audit_table(facts: dict[str, Any]) -> Table:
    """The facts that fit a terminal."""
    counts, labels, constant = facts["counts"], facts["labels"], facts["constant"]
    table = Table("", "", title=f"Audit of {facts['dataset']}", show_header=False)
    for name, value in {
        "recordings": f"{counts['recordings']} of {counts['subjects']} subjects, {number(counts['seconds'] / 60, 1)} minutes",
        "cannot be used": str(counts["rejects"]),
        "true frame rate (Hz)": _span([one["rate_hz"] for one in facts["recordings"]]),
        "dropped frames": f"{counts['dropped_frames']} beside {counts['frames']}",
        "coded as": _codings(facts["sources"]),
        "rates estimated": str(counts["estimated_rates"]),
        "SpO2 (%)": f"{number(labels['mean'])}, SD {number(labels['sd'])}, "
        f"{number(labels['min'], 0)} to {number(labels['max'], 0)}",
        "masked readings": f"{counts['masked_readings']} of {counts['readings']}",
        "swing in a recording": f"{number(facts['swings']['record']['mean'])} points on average",
        "missing recordings": _missing(facts["published"]),
        "duplicates": str(sum(len(groups) for groups in facts["duplicates"].values())),
        "constant predictor": f"RMSE {number(constant['all_labels']['rmse'])}, MAE {number(constant['all_labels']['mae'])}",
        "the same, one subject left out": f"RMSE {number(constant['leave_one_subject_out']['rmse'])}, "
        f"MAE {number(constant['leave_one_subject_out']['mae'])}",
    }.items():
        table.add_row(name, value)
    return table


def _span(values: list[float]) -> str:
    return f"{number(min(values))} to {number(max(values))}" if values else "-"


def _codings(sources: list[dict[str, Any]]) -> str:
    """The codecs, the most frequent first, with the bits that a pixel takes and in how many a container's rate is wrong."""
    counted_as = [f"{one['recordings']} {one['codec']} ({number(one['bits_per_pixel_median'])} bit/px)" for one in sources]
    off = sum(one["off_rate"] for one in sources)
    return ", ".join(counted_as) + (f"; {off} announce a rate that is not theirs" if off else "") or "no video"


def _missing(published: dict[str, Any] | None) -> str:
    if published is None:
        return "no list of it is published"
    return f"{len(published['missing'])}, and {len(published['subjects_absent'])} subjects without any"


def check(
    folder: Annotated[Path, typer.Argument(help="Folder with recordings.csv, or that table itself; or another set's folder.")],
    layout: Annotated[str, typer.Option(help="csv (your own recordings) or another layout that holds videos.")] = "csv",
    as_json: AsJson = False,
) -> None:
    """Check a folder of recordings before it is used: every file read, every frame decoded, every defect named.

    recordings.csv has the columns subject_id, record_id, video, spo2 (and scenario, camera if you like), paths relative to it.
    Each spo2 table has the columns times_s (seconds since the video's first frame) and percent; both may be European
    (semicolons, decimal commas). Exit code 1 where anything is wrong.

    Examples:

    `tast check /data/my_recordings`

    `tast check /data/LADH --layout ladh`

    `tast check /data/my_recordings --json`
    """
    from tast.datasets.readers import READERS, read_dataset  # as above
    from tast.datasets.recordings import defects_of

    if layout not in READERS:
        raise typer.BadParameter(f"{layout!r} is not one of {', '.join(READERS)}", param_hint="--layout")
    records, rejects = read_dataset(layout, folder)
    items: list[VideoRecord | Reject] = [*records, *rejects]
    items.sort(key=lambda item: item.record_id)
    found = {item.record_id: defects_of(item) for item in counted(items, "decode", len(items))}
    table = Table("recording", "defect", title=f"tast check {folder.name}")
    for record_id, defects in found.items():
        for defect in defects:
            table.add_row(record_id, defect)
    n_sound = sum(not defects for defects in found.values())
    if as_json:
        recordings = [{"record_id": record_id, "ready": not defects, "defects": defects} for record_id, defects in found.items()]
        say_json({"folder": folder, "ready": n_sound, "recordings": recordings})
    elif table.row_count:
        show(table)
    if not as_json:
        say(f"{n_sound} of {len(found)} recordings are ready to use")
    if n_sound < len(found):
        raise typer.Exit(1)
