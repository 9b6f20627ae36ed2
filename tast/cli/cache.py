"""Commands on what has been computed before: whether it is sound (`tast cache verify`), and room made (`tast cache gc`)."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tast.cli.output import AsJson, say, say_json, working
from tast.errors import BadInput

if TYPE_CHECKING:
    from tast.preprocessing.upkeep import Found

STATE = Path(".tast")
app = typer.Typer(
    no_args_is_help=True,
    help="""What preprocessing has computed before, and clips that are kept for tables: is it sound, and what of it can go.

Examples:

tast cache verify

tast cache gc --unused-days 7 --dry-run""",
)

Folder = Annotated[Path | None, typer.Option("--root", help="The cache; without it TAST_CACHE, or .tast/cache in this folder.")]


@app.command()
def verify(root: Folder = None, as_json: AsJson = False) -> None:
    """Read every entry of the item cache and all kept clips, and name what is damaged; exit code 1 where something is.

    What is damaged is never used: it is computed again when it is asked for. `tast cache gc` removes it.

    Example: `tast cache verify --json`
    """
    folder, found = _looked(root)
    damaged = [one for one in found if one.wrong]
    if as_json:
        say_json(_facts(folder, found) | {"damaged": [_row(one) for one in damaged]})
    else:
        for one in damaged:
            say(f"damaged: {one.name}: {one.wrong}")
        say(f"{folder}: {len(found)} kept, {_megabytes(found)}; {len(damaged)} damaged")
    if damaged:
        raise typer.Exit(1)


@app.command()
def gc(
    root: Folder = None,
    unused_days: Annotated[float, typer.Option(min=0, help="What nobody has used for so many days goes.")] = 30,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would go, and remove nothing.")] = False,
    as_json: AsJson = False,
) -> None:
    """Remove what is damaged or half-written, and what has not been used for long; what is linked from data/clips stays.

    Refused while a run uses the cache. Whatever is asked for again is computed again.

    Example: `tast cache gc --unused-days 7 --dry-run`
    """
    from tast.preprocessing.upkeep import outworn, remove

    folder, found = _looked(root)
    worn = outworn(found, unused_days)
    if not dry_run:
        remove(folder, worn)
    if as_json:
        say_json(_facts(folder, found) | {"removed": not dry_run, "worn": [_row(one) for one in worn]})
        return
    for one in worn:
        say(f"{'would remove' if dry_run else 'removed'}: {one.name} ({one.wrong or f'unused for {one.age_s / 86400:.0f} days'})")
    say(f"{folder}: {len(worn)} of {len(found)} {'would go' if dry_run else 'gone'}, {_megabytes(worn)}")


def _looked(root: Path | None) -> tuple[Path, Sequence[Found]]:
    from tast.preprocessing.upkeep import look  # numpy and its like take their time to import

    folder = root or Path(os.environ.get("TAST_CACHE") or STATE / "cache")
    kept = [] if root else sorted(one for one in STATE.glob("*") if one.is_dir() and one.name != "cache")
    if not folder.is_dir():
        raise BadInput(folder, "no such folder", "an item cache (`dvc repro preprocess` fills one, or name yours: --root FOLDER)")
    with working("look"):
        return folder, list(look(folder, kept))


def _facts(folder: Path, found: Sequence[Found]) -> dict[str, Any]:
    return {"cache": str(folder), "kept": len(found), "bytes": sum(one.n_bytes for one in found)}


def _row(one: Found) -> dict[str, Any]:
    return {"name": one.name, "bytes": one.n_bytes, "wrong": one.wrong, "unused_days": round(one.age_s / 86400, 2)}


def _megabytes(found: Sequence[Found]) -> str:
    return f"{sum(one.n_bytes for one in found) / 1e6:.1f} MB"
