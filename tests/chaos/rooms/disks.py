"""A disk that is full (a tmpfs), read only, or gives each file so much and no more; and a worker without memory.

A stage ends in one line that says so; what was finished stays as it was. With room again it leaves an undisturbed run's bytes.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.chaos.outcome import Outcome, Tries
from tests.chaos.workspace import OUTPUTS, STAGES, Ended, Host, digests, finished, halves, host_in, made, named
from tests.end_to_end.conftest import own_environment, set_params

PAGE = 4096
FULL = {"download": 3, "preprocess": 4, "split": 4, "train": 6, "evaluate": 4}
EXPECTED = "one line; what was finished is as it was; with room again the bytes of an undisturbed run"


def run(tries: Tries) -> Iterator[Outcome]:
    folder = tries.folder / "disk"
    folder.mkdir()
    if not _mount(folder, "size=400m"):
        yield Outcome("a full disk", EXPECTED, 0, 0, note="no tmpfs may be mounted here: not tried")
        return
    try:
        with host_in(made(folder / "project")) as host:
            finished(host)
            for stage in STAGES:
                yield full(host, stage, tries)
            for stage in STAGES:
                yield read_only(host, stage, tries)
            yield limited(host, tries)
            yield without_memory(host.folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=False)


def full(host: Host, stage: str, tries: Tries) -> Outcome:
    """Room for a random part of what the stage writes."""
    disk, outputs = host.folder.parent, OUTPUTS[stage]
    whole = digests(host.folder, outputs)
    needed = sum((host.folder / name).stat().st_size for name in whole)
    tried = held = lost = tracebacks = 0
    first = ""
    for _ in range(tries.times(FULL[stage])):
        if tries.over and tried:
            break
        shutil.rmtree(host.folder / ".tast/cache", ignore_errors=True)
        used = shutil.disk_usage(disk).used
        _mount(disk, f"remount,size={(used + tries.random.randrange(needed // 2 + 1)) // PAGE * PAGE + PAGE}")
        ended = host.run(stage)
        _mount(disk, "remount,size=400m")
        kept = named(host.folder, outputs, whole) == whole
        again = host.run(stage)
        sound = kept and _told(ended) and again.rc == 0 and digests(host.folder, outputs) == whole and not halves(host.folder)
        tried, held, lost, tracebacks = tried + 1, held + sound, lost + (not kept), tracebacks + ("Traceback" in ended.text)
        if not sound:
            first = first or f"exit {ended.rc}: {ended.text.strip()[-220:]}"
    return Outcome(
        f"a disk that fills up under stage {stage}", EXPECTED, tried, held, lost=lost, tracebacks=tracebacks, note=first
    )


def read_only(host: Host, stage: str, tries: Tries) -> Outcome:
    disk, outputs = host.folder.parent, OUTPUTS[stage]
    whole = digests(host.folder, outputs)
    _mount(disk, "remount,ro")
    ended = host.run(stage)
    _mount(disk, "remount,rw")
    sound = ended.one_line and named(host.folder, outputs, whole) == whole
    note = "" if sound else f"exit {ended.rc}: {ended.text.strip()[-220:]}"
    return Outcome(f"a disk that is read only under stage {stage}", EXPECTED, 1, int(sound),
                   tracebacks=int("Traceback" in ended.text), note=note)  # fmt: skip


def limited(host: Host, tries: Tries, stages: tuple[str, ...] = STAGES) -> Outcome:
    """The limit of a file's size (RLIMIT_FSIZE) stands for a quota: both refuse a write in the middle of a file."""
    tried = held = tracebacks = 0
    first = ""
    for stage in stages:
        outputs = OUTPUTS[stage]
        whole = digests(host.folder, outputs)
        largest = max((host.folder / name).stat().st_size for name in whole)
        shutil.rmtree(host.folder / ".tast/cache", ignore_errors=True)
        ended = host.run(stage, most_bytes=tries.random.randrange(64, max(65, largest // 2)))
        kept = named(host.folder, outputs, whole) == whole
        host.done(stage)
        sound = _told(ended) and kept and digests(host.folder, outputs) == whole
        tried, held, tracebacks = tried + 1, held + sound, tracebacks + ("Traceback" in ended.text)
        if not sound:
            first = first or f"{stage}: exit {ended.rc}: {ended.text.strip()[-220:]}"
    return Outcome("files may not grow beyond a size", EXPECTED, tried, held, tracebacks=tracebacks, note=first)


def without_memory(folder: Path) -> Outcome:
    """A worker of the real stage that holds more than it may: its video is named, and the stage says how many it lost."""
    before = (folder / "params.yaml").read_bytes()
    set_params(folder / "params.yaml", {"runner.memory_gb": 0.02})
    done = subprocess.run(
        [sys.executable, "-m", "flows.stages.preprocess"], cwd=folder, env=own_environment(), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    (folder / "params.yaml").write_bytes(before)
    ended = Ended(done.returncode, 0.0, done.stderr)
    held = ended.one_line and "worker killed (needs more than 0.02 GB: memory_gb)" in ended.text
    note = "" if held else ended.text[-220:]
    return Outcome("workers of stage preprocess without memory", "one line that names the limit", 1, int(held), note=note)


def _told(ended: Ended) -> bool:
    """In one line; or there was room enough after all."""
    return ended.rc == 0 or ended.one_line


def _mount(folder: Path, options: str) -> bool:
    command = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(folder)]
    return subprocess.run(command, check=False, capture_output=True).returncode == 0
