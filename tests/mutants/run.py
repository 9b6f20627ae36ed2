"""Faults planted one by one in copies of the tree, and what their tests make of them."""

from __future__ import annotations

import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.mutants.faults import ROOT, Fault

LONGEST_S = 240.0  # for the tests of one fault; a fault that makes them hang is noticed as well
TESTS_FAILED = 1  # pytest's exit code
FAILED = re.compile(r"^(?:FAILED|ERROR) (\S+)", re.MULTILINE)
KILLED, ALIVE, BROKEN, NOT_RUN = "killed", "alive", "does not apply", "not run"


@dataclass(frozen=True)
class Outcome:
    """What became of a fault: one of the four words above, the test that noticed or the reason, and how long it took."""

    fault: Fault
    result: str
    output: str = ""
    seconds: float = 0.0


class Unsound(Exception):
    """The tests fail without any fault, or do not run on the copy: nothing could be learned from them."""


def plant_all(
    faults: Sequence[Fault], *, jobs: int = 1, budget_s: float | None = None, root: Path = ROOT,
    on_outcome: Callable[[Outcome], None] = lambda outcome: None, checked_before: bool = True,
) -> list[Outcome]:  # fmt: skip
    """The outcome of each fault, in their order. `root` is copied once per job and never touched.

    budget_s: once so much time has passed, the rest is `not run`. checked_before: run all named tests without a fault first; one
    that fails anyway notices nothing, and raises Unsound.
    """
    end_s = None if budget_s is None else time.monotonic() + budget_s
    waiting: queue.SimpleQueue[int] = queue.SimpleQueue()
    for number in range(len(faults)):
        waiting.put(number)
    outcomes: dict[int, Outcome] = {}
    lock = threading.Lock()

    def work(copy: Path) -> None:
        while True:
            try:
                number = waiting.get_nowait()
            except queue.Empty:
                return
            late = end_s is not None and time.monotonic() > end_s
            outcome = Outcome(faults[number], NOT_RUN) if late else plant(faults[number], copy)
            with lock:
                outcomes[number] = outcome
                on_outcome(outcome)

    with tempfile.TemporaryDirectory(prefix="mutants-") as scratch:
        copies = [copy_tree(root, Path(scratch) / str(number)) for number in range(max(1, min(jobs, len(faults))))]
        if checked_before:
            require_sound(faults, copies)
        with ThreadPoolExecutor(len(copies)) as pool:
            for worker in [pool.submit(work, copy) for copy in copies]:
                worker.result()
    return [outcomes[number] for number in range(len(faults))]


def copy_tree(root: Path, target: Path) -> Path:
    """What git knows of the tree, and what it would if it were added; no link leads back."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=root, check=True, capture_output=True
    )
    for name in listed.stdout.decode().split("\0"):
        if name and (root / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(root / name, target / name)
    return target


def require_sound(faults: Sequence[Fault], copies: Sequence[Path]) -> None:
    """Raises Unsound where a named test fails on the tree as it is, or the code that it runs is not that of the copy."""
    copy = copies[0]
    where = subprocess.run(
        [sys.executable, "-c", "import tast, flows; print(tast.__file__, flows.__file__)"],
        cwd=copy, env=_environment(copy), check=True, capture_output=True, text=True,
    )  # fmt: skip
    if not all(Path(file).is_relative_to(copy) for file in where.stdout.split()):
        raise Unsound(f"tests would run the code of {where.stdout.split()[0]}, not that of the copy")
    tests = sorted({test for fault in faults for test in fault.tests})
    files = {test for test in tests if "::" not in test}
    tests = [test for test in tests if test in files or test.partition("::")[0] not in files]
    processes = ["-n", str(len(copies))] if len(copies) > 1 else []
    code, output = _pytest(copy, [*processes, *tests], limit_s=LONGEST_S * len(faults))
    if code:
        failed = ", ".join(FAILED.findall(output)) or output.strip()[-2000:]
        raise Unsound(f"without any fault pytest ends with exit code {code}: {failed}")


def plant(fault: Fault, copy: Path) -> Outcome:
    """Plants the fault in a copy of the tree, runs its tests up to the first that fails, and takes it out again."""
    path = copy / fault.file
    started = time.monotonic()
    try:
        source = path.read_text(encoding="utf-8")
        planted = fault.planted(source)
    except (OSError, ValueError) as error:
        return Outcome(fault, BROKEN, str(error))
    try:
        path.write_text(planted, encoding="utf-8")
        code, output = _pytest(copy, ["-x", *fault.tests], limit_s=LONGEST_S)
        if code is not None and code < 0:  # by a signal, as where memory is short
            code, output = _pytest(copy, ["-x", *fault.tests], limit_s=LONGEST_S)
    finally:
        path.write_text(source, encoding="utf-8")
    seconds = time.monotonic() - started
    if code is None:
        return Outcome(fault, KILLED, f"not done within {LONGEST_S:g} s", seconds)
    if code == TESTS_FAILED:
        noticed = FAILED.search(output)
        return Outcome(fault, KILLED, noticed[1] if noticed else "an error in a fixture", seconds)
    if code == 0:
        return Outcome(fault, ALIVE, "", seconds)
    last_line = (output.strip().splitlines() or ["no output"])[-1]
    return Outcome(fault, BROKEN, f"pytest ends with exit code {code}: {last_line}", seconds)


def _pytest(copy: Path, arguments: list[str], *, limit_s: float) -> tuple[int | None, str]:
    """Exit code (None where it took too long) and output of a pytest in a process group of its own, which ends with it."""
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-rfE", "--no-header", "--tb=short", *arguments]
    process = subprocess.Popen(
        command, cwd=copy, env=_environment(copy), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace", start_new_session=True,
    )  # fmt: skip
    try:
        output, _ = process.communicate(timeout=limit_s)
        return process.returncode, output
    except subprocess.TimeoutExpired:
        return None, ""
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()


def _environment(copy: Path) -> dict[str, str]:
    """The copy's code comes first; bytecode is not kept, since it is known by size and whole seconds only."""
    return {**os.environ, "PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
