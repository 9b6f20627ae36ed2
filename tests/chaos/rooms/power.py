"""Power cuts at random steps of what a stage does to the disk, by tests.chaos.power_cut.

After a cut behind a stage that has said that it is done, all of it is there. After one in its middle, what has a final name is
whole, and the next run leaves the bytes of an undisturbed one.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from tast.files import HALF
from tests.chaos.outcome import Outcome, Tries
from tests.chaos.power_cut import lose
from tests.chaos.workspace import OUTPUTS, STAGES, Host, digests, finished, halves, host_in, made, named, remove

CUTS = {"download": 6, "preprocess": 8, "split": 16, "train": 16, "evaluate": 10}
BEHIND = {"download": 3, "preprocess": 4, "split": 8, "train": 8, "evaluate": 5}
FOLDERS = ("data", "models", "reports", ".tast/cache", ".tast/checkpoints")
MOST_STEPS = {"download": 420, "preprocess": 80, "split": 5, "train": 24, "evaluate": 24}  # where the cut falls, at the latest


def run(tries: Tries) -> Iterator[Outcome]:
    folder = made(tries.folder / "project")
    with host_in(folder) as host:
        finished(host)
        whole = {stage: digests(folder, OUTPUTS[stage]) for stage in STAGES}
        for stage in STAGES:
            yield cut(host, stage, tries, whole[stage], behind=True)
            yield cut(host, stage, tries, whole[stage], behind=False)


def cut(host: Host, stage: str, tries: Tries, whole: dict[str, str], *, behind: bool) -> Outcome:
    folder, record, before = host.folder, tries.folder / "synced.json", tries.folder / "before"
    tried = held = lost = 0
    first = ""
    for _ in range(tries.times((BEHIND if behind else CUTS)[stage])):
        if tries.over and tried:
            break
        if removed := tries.random.random() < 0.5:
            remove(folder, OUTPUTS[stage])
            shutil.rmtree(folder / ".tast/cache", ignore_errors=True)
        _keep(folder, before)
        step = 10**9 if behind else tries.random.randint(1, MOST_STEPS[stage])
        shim = {"step": step, "folders": [str(folder / one) for one in FOLDERS], "record": str(record)}
        done = host.run(stage, shim=shim).rc == 0
        for name in FOLDERS:
            if (folder / name).is_dir():
                lose(folder / name, before / name, record, tries.random)
        found = digests(folder, OUTPUTS[stage]) if done else named(folder, OUTPUTS[stage], whole)
        ended = {name: digest for name, digest in found.items() if not any(HALF.fullmatch(one) for one in Path(name).parts)}
        kept = found == whole if done else all(whole.get(name) == digest for name, digest in ended.items())
        kept = kept and (removed or done or ended.keys() >= whole.keys())
        host.done("mend")
        again = host.run(stage)
        sound = kept and again.rc == 0 and digests(folder, OUTPUTS[stage]) == whole and not halves(folder)
        tried, held, lost = tried + 1, held + sound, lost + (not kept)
        if not sound:
            others = sorted(name for name in found.keys() | whole.keys() if found.get(name) != whole.get(name))
            first = first or f"cut at step {step}, done {done}, removed {removed}, not as before {others}, next run {again.rc}"
            remove(folder, OUTPUTS[stage])
            host.done(stage)
    if behind:
        return Outcome(f"power cut right behind stage {stage}", "all that it made is there", tried, held, lost=lost, note=first)
    expected = "what has a name is whole; the next run leaves the bytes of an undisturbed one"
    return Outcome(f"power cut within stage {stage}", expected, tried, held, lost=lost, note=first)


def _keep(folder: Path, before: Path) -> None:
    """A copy by hard links: what is replaced later keeps its old bytes here."""
    shutil.rmtree(before, ignore_errors=True)
    for name in FOLDERS:
        if (folder / name).is_dir():
            shutil.copytree(folder / name, before / name, copy_function=os.link)
