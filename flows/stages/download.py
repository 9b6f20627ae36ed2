"""Stage download: the data set's files into data/raw, in the layout that its reader reads, and what they hold into data/audit.

The phantom is rendered; a folder or archive under dataset.root is linked or extracted, what lies at a URL (https://, s3://, ...)
fetched first; what is public comes from its own place. data/raw/dataset.json says which it was.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from flows import STATE, original
from flows.layout import AUDIT, RAW, data_root
from flows.progress import progress
from flows.running import run_stage
from tast import instruction_set
from tast.crew.each import do_each
from tast.datasets.audit import audit_folder
from tast.datasets.audit_page import write_audit
from tast.datasets.catalog import CATALOG, licence_notice, require_acceptance
from tast.datasets.description import Description, describe
from tast.datasets.download import link_or_extract, refuse_overlap
from tast.datasets.fetch import fetch, fetch_files, file_name_of, is_url
from tast.datasets.looks import Look, key_of, known_looks, look_at
from tast.datasets.object_store import fetch_stored, is_stored
from tast.datasets.phantom_set import plan_phantom
from tast.datasets.readers import WITH_NEAR_INFRARED
from tast.datasets.waves import waves_at
from tast.digests import seal
from tast.files import whole_folder
from tast.params import Download, Params, Phantom, Runner, Source, stage_params
from tast.records import VideoSource

log = logging.getLogger("flows.stages.download")  # __name__ is __main__ where a stage runs

LOOKS = original() / STATE.name / "looks.db"  # what was seen of each video before, for DVC's copies of the project too
FEW = 50  # videos are looked at before a worker has begun
DOWNLOADS = STATE / "downloads"  # what came over the network is kept: a second run asks nothing
CREDENTIALS = {"user": "TAST_DOWNLOAD_USER", "password": "TAST_DOWNLOAD_PASSWORD", "token": "TAST_DOWNLOAD_TOKEN"}
ARCHIVE_PASSWORD = "TAST_ARCHIVE_PASSWORD"


def main() -> None:
    params = stage_params("dataset", "download", "runner", "compute")
    instruction_set.require(params.compute.instruction_set)
    sources = params.dataset.sources
    for name in [source.name for source in sources] + waves_of(params):
        agree(name, params.download.accept_licence)
    sets = [description(source.name, params) for source in sources]
    with whole_folder(RAW) as raw, whole_folder(AUDIT) as page:
        for source in sources:
            bring(source, raw / source.name, params)
        describe(raw, sets)
        for number, one in enumerate(sets):
            audit_into(page / one.name if number else page, raw / one.name, one, params.runner)
        seal(raw)
        seal(page)


def waves_of(params: Params) -> list[str]:
    """The set of recorded waves that drive the phantom, if any do: its terms hold for what is rendered from it."""
    phantom = params.download.phantom
    driven = phantom.driver == "recorded" and any(source.name == "phantom" for source in params.dataset.sources)
    return [waves_at(Path(data_root(phantom.recorded_root)))] if driven and phantom.recorded_root else []


def description(name: str, params: Params) -> Description:
    layout = params.download.phantom.layout if name == "phantom" else name
    return Description(layout, name, include_nir=params.dataset.include_nir and layout in WITH_NEAR_INFRARED)


def bring(source: Source, folder: Path, params: Params) -> None:
    """Render, link, extract or fetch one data set into `folder`."""
    if source.name == "phantom":
        render_phantom(params.download.phantom, folder, params.runner)
    else:
        link_in(place_of(source, params.download), folder)


def agree(name: str, accepted: bool) -> None:
    """Show whose the data are and on which terms; raises TastError where an agreement is needed and not accepted."""
    if notice := licence_notice(name):
        log.info(notice)
    require_acceptance(name, accepted)


def render_phantom(phantom: Phantom, folder: Path, runner: Runner) -> None:
    waves = None if phantom.recorded_root is None else data_root(phantom.recorded_root)
    planned = plan_phantom(**phantom.model_dump() | {"recorded_root": waves})
    size = len(planned.sessions), phantom.seconds, phantom.layout
    log.info("rendering %d phantom sessions of %g s in the layout of %s", *size)
    with progress("render", len(planned.sessions)) as advance:
        work, pieces = partial(planned.write_sessions, folder=folder), [[session] for session in planned.sessions]
        do_each(work, pieces, on_result=lambda *_: advance(1, ""), **runner.here())
    planned.write_lists(folder)


def place_of(source: Source, download: Download) -> Path:
    """The folder or archive on this machine, once what lies elsewhere has been fetched."""
    if source.root is None:
        return fetch_public(source.name, download.base_url)
    if is_url(source.root):
        return fetch_url(source.root, downloads_of(source.root), download)
    if is_stored(source.root):
        with progress(f"fetch {source.name}", 100) as advance:
            return fetch_stored(source.root, downloads_of(source.root), progress=advance, sha256=download.sha256)
    root = Path(data_root(source.root))
    refuse_overlap(root, RAW)
    return root


def downloads_of(url: str) -> Path:
    """Where what comes from there is kept: a file of the same name from elsewhere is another file."""
    return DOWNLOADS / hashlib.sha256(url.encode()).hexdigest()[:16]


def fetch_public(name: str, base_url: str | None) -> Path:
    entry, folder = CATALOG[name], DOWNLOADS / name
    with progress(f"fetch {name}", 100) as advance:
        fetch_files(base_url or entry.base_url, entry.files, folder, progress=advance)
    return folder


def fetch_url(url: str, folder: Path, download: Download) -> Path:
    target = folder / file_name_of(url)
    credentials = {key: os.environ[name] for key, name in CREDENTIALS.items() if name in os.environ}
    with progress(f"fetch {target.name}", 100) as advance:
        fetch(url, target, progress=advance, sha256=download.sha256, credentials=credentials)
    return target


def link_in(root: Path, folder: Path) -> None:
    with progress(f"copy in {root.name}", 100) as advance:
        link_or_extract(root, folder, progress=advance, password=os.environ.get(ARCHIVE_PASSWORD))


def audit_into(folder: Path, root: Path, one: Description, runner: Runner) -> None:
    write_audit(audit_folder(one.layout, root, one.name, partial(looks, runner=runner)), folder)


def looks(videos: Sequence[VideoSource], runner: Runner) -> list[Look]:
    """At each of these videos, of which no more are decoded than are new."""
    keys = [key_of(video) for video in videos]
    by_key = dict(zip(keys, videos, strict=True))
    with known_looks(LOOKS) as known, progress("audit", len(by_key)) as advance:
        found = known.of(list(by_key))
        advance(len(found), "")
        new = [key for key in by_key if key not in found]

        def keep(number: int, look: Look) -> None:
            found[new[number]] = look
            known.keep({new[number]: look})
            advance(1, "")

        crew: dict[str, Any] = runner.here() if len(new) > FEW else {"workers": 1}
        do_each(look_at, [by_key[key] for key in new], on_result=keep, lost=lambda _, why: Look(None, why), **crew)
    return [found[key] for key in keys]


if __name__ == "__main__":
    run_stage(main)
