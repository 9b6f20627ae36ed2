"""A process that has imported the stages of the workspace it stands in, and runs each in a fork of itself, to be killed or not.

    python host.py SCRATCH < requests > answers       one JSON object a line; SCRATCH: a folder outside of the workspace

A stage's own start takes seconds, nearly all of them imports, in which there is nothing to lose; the fork begins where the
stage's main does. What runs in it is the real program with its lock, its log lines and its exit code; but for its workers, which
would import all anew: the jobs are done in the fork itself. Workers that die are a fault of their own.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import signal
import sys
import threading
import time
from collections.abc import Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import flows
from flows.mending import mend
from flows.running import run, run_stage

SCRATCH = Path(sys.argv[1])
LATER = SCRATCH / "imported_later.txt"
STAGES = ("download", "preprocess", "split", "train", "evaluate")


def body(name: str) -> Callable[[], object]:
    if name == "source":
        return lambda: run_stage(importlib.import_module("flows.stages.source").main)
    if name == "mend":
        return lambda: run(mend)
    if name == "train":
        return lambda: run_stage(importlib.import_module("flows.stages.train").train_and_save)
    if name in STAGES:
        return lambda: run_stage(importlib.import_module(f"flows.stages.{name}").main)
    return lambda: run(lambda: _checked(getattr(importlib.import_module(f"flows.{name}"), name).fn()))  # without Prefect's server


def _checked(state: Any) -> None:
    """A flow's body tells a TastError as a state that failed."""
    if state is not None and state.is_failed():
        sys.stderr.write(f"error: {state.message}\n")
        raise SystemExit(1)


def forked(
    name: str, kill_after_s: float | None, environment: dict[str, str], shim: dict[str, Any] | None, most_bytes: int | None,
    kill_when: str | None,
) -> dict[str, Any]:  # fmt: skip
    """rc: the exit status, negative of the signal that ended it. took_s: until then. text: what it wrote to stderr."""
    reading, writing = os.pipe()  # and no file: what limits the stage's files would limit that
    began_s = time.monotonic()
    child = os.fork()
    if child == 0:
        if most_bytes is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most_bytes, most_bytes))
        _child(name, writing, environment, shim)
    os.close(writing)
    said: list[bytes] = []
    listener = threading.Thread(target=_listen, args=(reading, said), daemon=True)
    listener.start()
    timer = threading.Timer(kill_after_s or 0, _kill, [child])
    if kill_after_s is not None:
        timer.start()
    if kill_when is not None:
        threading.Thread(target=_kill_when, args=(child, Path(kill_when)), daemon=True).start()
    _, status = os.waitpid(child, 0)
    took_s = time.monotonic() - began_s
    timer.cancel()  # another process may have that number later
    with suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)  # what it started, as a machine that goes down would
    _import_now()
    listener.join(5)
    text = b"".join(said).decode(errors="replace")
    return {"rc": os.waitstatus_to_exitcode(status), "took_s": took_s, "text": text}


def _kill_when(child: int, there: Path) -> None:
    while Path(f"/proc/{child}").exists():
        if there.exists():
            _kill(child)
            return
        time.sleep(0.005)


def _import_now() -> None:
    """What a stage imports on its way takes seconds in each fork: once is enough."""
    names = LATER.read_text().splitlines() if LATER.is_file() else []
    LATER.unlink(missing_ok=True)
    for name in names:
        try:
            importlib.import_module(name)
        except ImportError:  # of names that a package makes up as it is imported
            continue


def _kill(child: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)


def _listen(reading: int, said: list[bytes]) -> None:
    with os.fdopen(reading, "rb") as lines:
        said.extend(lines)


def _child(name: str, output: int, environment: dict[str, str], shim: dict[str, Any] | None) -> None:
    code = 1
    try:
        os.setpgid(0, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.update(environment)
        if shim:
            from power_cut import cut_at

            cut_at(**shim)
        before = set(sys.modules)
        body(name)()
        LATER.write_text("\n".join(sorted(set(sys.modules) - before)))  # for the next fork to have already
        code = 0
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else 1
    except BaseException:  # noqa: BLE001 whatever it is, it is told as Python would, and is the finding
        import traceback

        traceback.print_exc()
    finally:
        sys.stderr.flush()
        sys.stdout.flush()
        os._exit(code)


def main() -> None:
    requests, answers = sys.stdin, os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for name in STAGES:
        importlib.import_module(f"flows.stages.{name}")
    each: Any = importlib.import_module("tast.crew.each")
    each.local_crew = lambda *, workers, memory_gb=None, threads=1: nullcontext(each.ThisProcess(threads))
    if "--publish" in sys.argv:
        importlib.import_module("flows.publish")
        importlib.import_module("flows.promote")
    answers.write(json.dumps({"state": str(flows.STATE)}) + "\n")
    answers.flush()
    for line in requests:
        asked = json.loads(line)
        options = {name: asked.get(name) for name in ("kill_after_s", "shim", "most_bytes", "kill_when")}
        answer = forked(asked["stage"], environment=asked.get("environment", {}), **options)
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
