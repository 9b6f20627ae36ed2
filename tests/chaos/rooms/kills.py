"""SIGKILL at random moments: of every stage, of publish and promote, of a worker; then the next run.

Each stage is killed where its outputs of before still lie, and where DVC has removed them. After each kill whatever has its final
name is whole; after every few, the stage runs on and leaves the bytes of an undisturbed one.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from tests.chaos.outcome import Outcome, Tries
from tests.chaos.published import summary
from tests.chaos.workspace import OUTPUTS, STAGES, Host, digests, finished, halves, host_in, made, named, remove
from tests.end_to_end.conftest import own_environment, set_params

KILLS = {"download": 25, "preprocess": 35, "split": 55, "train": 55, "evaluate": 30, "publish": 12, "promote": 10}  # in all 222
IN_A_ROW = 5  # kills before the stage runs on
WHOLE = "what has a name is whole; the next run leaves the bytes of an undisturbed one"


def run(tries: Tries) -> Iterator[Outcome]:
    folder = made(tries.folder / "project")
    with host_in(folder, publishes=True) as host:
        took_s = finished(host)
        whole = {stage: digests(folder, OUTPUTS[stage]) for stage in STAGES}
        for stage in STAGES:
            yield killed_stage(host, stage, tries, took_s[stage], whole[stage])
        yield killed_workers(folder, tries, whole["preprocess"])
        yield from killed_publishing(host, tries)


def killed_stage(host: Host, stage: str, tries: Tries, took_s: float, whole: dict[str, str]) -> Outcome:
    folder, killed, held, lost, first = host.folder, 0, 0, 0, ""
    wanted = tries.times(KILLS[stage])
    attempts = 0
    while killed < wanted and not (tries.over and killed) and attempts < 3 * wanted:
        in_a_row, sound = 0, True
        removed = tries.random.random() < 0.5
        if tries.random.random() < 0.5:
            shutil.rmtree(folder / ".tast/cache", ignore_errors=True)
        while in_a_row < min(IN_A_ROW, wanted - killed) and attempts < 3 * wanted:
            attempts += 1
            if removed:
                remove(folder, OUTPUTS[stage])
            if not host.run(stage, kill_after_s=tries.random.uniform(0.01, took_s)).killed:
                continue
            in_a_row += 1
            found = named(folder, OUTPUTS[stage], whole)
            if other := [name for name, digest in found.items() if whole.get(name) != digest]:
                sound, first = False, first or f"half a file under a final name after a kill of {stage}: {', '.join(other)}"
            if not removed and found.keys() != whole.keys():
                sound, lost, first = False, lost + 1, first or f"a finished output was gone after a kill of {stage}"
        host.done("mend")
        again = host.run(stage)
        if again.rc or digests(folder, OUTPUTS[stage]) != whole or halves(folder):
            sound, first = False, first or f"after kills of {stage} the next run: {again.text[-300:] or halves(folder)}"
        killed, held = killed + in_a_row, held + (in_a_row if sound else 0)
    note = first or f"compared after each kill and, run on, after every {IN_A_ROW}"
    return Outcome(f"SIGKILL of stage {stage}", WHOLE, killed, held, lost=lost, note=note)


def killed_workers(folder: Path, tries: Tries, whole: dict[str, str]) -> Outcome:
    """Of the real stage preprocess, with two workers and nothing in the cache: one is killed, wherever it is."""
    before = (folder / "params.yaml").read_bytes()
    set_params(folder / "params.yaml", {"runner.workers": 2})
    tried = held = 0
    first = ""
    for _ in range(tries.times(6)):
        if tries.over and tried:
            break
        shutil.rmtree(folder / ".tast/cache", ignore_errors=True)
        stage = subprocess.Popen(
            [sys.executable, "-m", "flows.stages.preprocess"], cwd=folder, env=own_environment(), stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        killed = _kill_a_worker(stage, tries)
        _, text = stage.communicate()
        tried += killed
        sound = stage.returncode == 0 and digests(folder, OUTPUTS["preprocess"]) == whole and not halves(folder)
        held += killed and sound
        first = first or ("" if sound else f"exit {stage.returncode}: {text.strip()[-200:]}")
    (folder / "params.yaml").write_bytes(before)
    return Outcome("SIGKILL of a worker of stage preprocess", "its video is done again; the same bytes", tried, held, note=first)


def _kill_a_worker(stage: subprocess.Popen[str], tries: Tries) -> bool:
    """Once there is one, some time later; False where the stage was through before."""
    patience_s = tries.random.uniform(0.0, 4.0)
    while stage.poll() is None:
        workers = [one for one in psutil.Process(stage.pid).children() if _is_worker(one)]
        if workers:
            time.sleep(patience_s)
            with suppress(psutil.NoSuchProcess):
                tries.random.choice(workers).kill()
                return True
        time.sleep(0.05)
    return False


def _is_worker(process: psutil.Process) -> bool:
    try:
        return any("spawn_main" in part for part in process.cmdline())
    except psutil.NoSuchProcess:  # gone meanwhile, or not yet collected
        return False


def killed_publishing(host: Host, tries: Tries) -> Iterator[Outcome]:
    """Into a new MLflow store each time; what comes of it is compared with an undisturbed one, less identifiers and times."""
    folder = host.folder
    host.done("source")
    dvc(folder, "commit", "--force", "--quiet")
    took_s = {name: host.done(name).took_s for name in ("publish", "promote")}
    store = folder / ".tast/mlflow"
    whole = summary(store)
    for name in ("publish", "promote"):
        killed, held, first, attempts, wanted = 0, 0, "", 0, tries.times(KILLS[name])
        while killed < wanted and not (tries.over and killed) and attempts < 3 * wanted:
            shutil.rmtree(store)
            if name == "promote":
                host.done("publish")
            in_a_row = 0
            while in_a_row < min(IN_A_ROW, wanted - killed) and attempts < 3 * wanted:
                attempts += 1
                if not host.run(name, kill_after_s=tries.random.uniform(0.01, took_s[name])).killed:
                    break  # it is through, and would only say so again
                in_a_row += 1
            ended = [host.run("publish"), host.run("promote")]
            sound = not any(one.rc for one in ended) and summary(store) == whole
            first = first or ("" if sound else f"after kills: {ended[0].text[-200:]}{ended[1].text[-200:]}")
            killed, held = killed + in_a_row, held + (in_a_row if sound else 0)
        expected = "one complete run, one version, the same numbers, titles and files"
        yield Outcome(f"SIGKILL of {name}", expected, killed, held, note=first)


def dvc(folder: Path, *arguments: str) -> None:
    subprocess.run([sys.executable, "-m", "dvc", *arguments], cwd=folder, env=own_environment(), check=True, capture_output=True)
