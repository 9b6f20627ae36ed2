"""A measurement in a process of its own, whose instruction set is chosen before it imports numpy or torch.

A module that is measured so ends its main() in `answer(measure)` where it was started by `ask`.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from typing import Any

from tast import instruction_set

CHILD = "--child"


def ask(module: str, chosen: str, request: Mapping[str, Any], *, processes: int = 1) -> Any:
    """What `measure(request)` of the module gives, with the instruction set `chosen`; by the first of several processes.

    Raises CalledProcessError where it fails: what it said stands on stderr.
    """
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)] if processes > 1 else []
    command = [sys.executable, *launcher, "-m", module, CHILD, chosen, json.dumps(request)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def asked() -> bool:
    return sys.argv[1:2] == [CHILD]


def answer(measure: Callable[[dict[str, Any]], Any]) -> None:
    """In the process that was asked: choose, measure, and print what is found as the last line."""
    chosen, request = sys.argv[2:]
    instruction_set.choose(chosen)
    instruction_set.require(chosen)
    found = measure(json.loads(request))
    if os.environ.get("RANK", "0") == "0":
        print(json.dumps(found), flush=True)
