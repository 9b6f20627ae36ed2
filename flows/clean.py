"""Remove what the pipeline made, by name: the outputs in dvc.yaml, and its caches and run history below .tast.

    python -m flows.clean               outputs, caches, run history
    python -m flows.clean --dry-run     say what would be removed, and remove nothing
    python -m flows.clean --downloads   what was fetched from dataset.root's URL as well
    python -m flows.clean --registry    MLflow's runs and registered models in .tast/mlflow as well, once you have said yes

Stays: everything else in these folders, what a link leads to where an output is a link, measurements of scheduled benchmarks, and
.dvc/cache, which holds other branches' results too and may be shared: `dvc checkout` brings the outputs back from there, `dvc gc
--workspace` makes room.
"""

from __future__ import annotations

import argparse
import shutil
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from flows import PROJECT
from flows.stage_deps import DVC_YAML, outputs_of, read_stages
from tast.errors import TastError, disk_errors_named

STATE = ".tast"
MADE = ("ablation", "cache", "checkpoints", "dvc", "dvc.lock", "logs", "looks.db", "prefect", "progress.json", "published",
        "sets", "system_metrics", "table")  # fmt: skip
DOWNLOADS, REGISTRY, LOCK = "downloads", "mlflow", "pipeline.lock"
MEASURED = "benchmarks"  # what scheduled benchmarks measured cannot be made again: it stays
KEPT = ".dvc/cache, which `dvc checkout` fills the outputs from"


def made_in(project: Path, also: Iterable[str] = ()) -> list[Path]:
    """What is there of the outputs that dvc.yaml names, half-written ones included, and of the state in .tast; sorted.

    also: DOWNLOADS, REGISTRY. Raises BadInput where `project` holds no dvc.yaml that can be read.
    """
    outputs = [project / out for stage in read_stages(project / DVC_YAML).values() for out in outputs_of(stage)]
    unfinished = [part for out in outputs for part in out.parent.glob(f".{out.name}.*.part")]
    state = [path for name in (*MADE, *also) if not _is_empty(path := project / STATE / name)]
    return sorted({path for path in (*outputs, *unfinished, *state) if path.exists() or path.is_symlink()})


def _is_empty(folder: Path) -> bool:
    """As Prefect's is, which every program here makes."""
    return folder.is_dir() and not any(folder.iterdir())


def remove(paths: Iterable[Path]) -> None:
    """Each file, folder or link; of a link never what it leads to. Folders that it leaves empty go too, unless they are links."""
    for path in paths:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
        if not path.parent.is_symlink() and not any(path.parent.iterdir()):
            path.parent.rmdir()


def asked(question: str) -> bool:
    """What somebody at a terminal answers. Raises TastError where there is none."""
    if not sys.stdin.isatty():
        raise TastError(
            "--registry removes registered models for good, and nobody is at a terminal to be asked; expected "
            "`python -m flows.clean --registry --yes`"
        )
    return input(f"{question} [y/N] ").strip().lower() in ("y", "yes")


def _sizes(project: Path, paths: Iterable[Path]) -> Iterator[str]:
    for path in paths:
        files = [path] if not path.is_dir() else [] if path.is_symlink() else [one for one in path.rglob("*") if one.is_file()]
        size = "a link" if path.is_symlink() else f"{sum(one.lstat().st_size for one in files) / 1e6:.1f} MB"
        yield f"{path.relative_to(project)} ({size})"


def clean(project: Path, arguments: argparse.Namespace) -> None:
    """As the module's text has it. Raises TastError where a run is at work, and where the registry's end was not agreed to."""
    also = [name for name, wanted in ((DOWNLOADS, arguments.downloads), (REGISTRY, arguments.registry)) if wanted]
    found = made_in(project, also)
    if arguments.dry_run:
        print("\n".join(("would remove:", *_sizes(project, found))) if found else "nothing to remove")
        return
    registry = project / STATE / REGISTRY
    if registry in found and not arguments.yes and not asked(f"Remove all MLflow runs and registered models in {registry}?"):
        raise TastError("nothing was removed")
    (project / STATE).mkdir(exist_ok=True)
    try:
        with FileLock(project / STATE / LOCK, timeout=0):
            remove(found)
    except Timeout:
        raise TastError("a run of the pipeline is at work in this workspace; stop it or wait for it") from None
    names = ", ".join(str(path.relative_to(project)) for path in found)
    print(f"removed: {names}\nkept: {KEPT}" if found else "removed: nothing, all clean")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m flows.clean", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--dry-run", action="store_true", help="remove nothing")
    parser.add_argument("--downloads", action="store_true", help="what was fetched over the network as well")
    parser.add_argument("--registry", action="store_true", help="MLflow's runs and registered models as well")
    parser.add_argument("--yes", action="store_true", help="do not ask")
    try:
        with disk_errors_named():
            clean(PROJECT, parser.parse_args())
    except TastError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
