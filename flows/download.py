"""Stage download: the data set's files into data/raw, in the layout that its reader reads.

The phantom is rendered; a folder or archive under dataset.root is linked or extracted. data/raw/dataset.json says which it was.
"""

from __future__ import annotations

import json
import logging
from functools import partial
from pathlib import Path

from flows.layout import RAW
from flows.parallel import over_processes
from flows.progress import progress
from flows.running import run, stage
from tast.datasets.download import link_or_extract
from tast.datasets.phantom import write_pure_session
from tast.files import whole_folder
from tast.params import Phantom, load_params
from tast.phantom.session import Session, phantom_sessions

log = logging.getLogger(__name__)

WRITERS = {"pure": write_pure_session}


@stage
def download() -> None:
    params = load_params()
    dataset = params.dataset
    with whole_folder(RAW) as folder:
        if dataset.name == "phantom":
            render_phantom(params.download.phantom, folder / "phantom", params.runner.workers)
            describe(folder, dataset.name, params.download.phantom.layout)
        else:
            copy_in(Path(str(dataset.root)), folder / dataset.name)
            describe(folder, dataset.name, dataset.name)


def render_phantom(phantom: Phantom, folder: Path, workers: int) -> None:
    plan = phantom.model_dump()
    layout = plan.pop("layout")
    sessions = phantom_sessions(**plan)
    log.info("rendering %d phantom sessions of %g s in the layout of %s", len(sessions), phantom.seconds, layout)
    over_processes("render", partial(_write, layout=layout, folder=folder), sessions, workers=workers)


def _write(sessions: list[Session], *, layout: str, folder: Path) -> None:
    for session in sessions:
        WRITERS[layout](session, folder)


def copy_in(root: Path, folder: Path) -> None:
    with progress(f"copy in {root.name}", 100) as advance:
        link_or_extract(root, folder, progress=advance)


def describe(folder: Path, name: str, layout: str) -> None:
    (folder / "dataset.json").write_text(json.dumps({"layout": layout, "name": name}, indent=2) + "\n")


if __name__ == "__main__":
    run(download)
