"""A program whose whole process group ends with the process that started it, even where that one is killed without a word.

    python guard.py FD PROGRAM ARGUMENTS...

The starter keeps the other end of the pipe FD open as long as it lives; the kernel closes it whatever kills it. Standard library
only, and no import of this package: it stands beside every stage and server.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time

PATIENCE_S = 10.0  # from TERM to KILL
AFTERMATH_S = 0.5  # for the program's own children, once it has ended


def end_group_when_closed(pipe: int, orphaned: threading.Event) -> None:
    """Blocks until the starter is gone; then TERM to the own group, and KILL to what is left of it, this process included."""
    while os.read(pipe, 1):
        pass
    orphaned.set()
    os.killpg(0, signal.SIGTERM)
    time.sleep(PATIENCE_S)
    os.killpg(0, signal.SIGKILL)


def main() -> None:
    pipe, command = int(sys.argv[1]), sys.argv[2:]
    for number in (signal.SIGINT, signal.SIGTERM):  # the program's own matter; a handler, unlike SIG_IGN, is not inherited
        signal.signal(number, lambda *_: None)
    program = subprocess.Popen(command)
    orphaned = threading.Event()
    threading.Thread(target=end_group_when_closed, args=(pipe, orphaned), daemon=True).start()
    code = program.wait()
    if orphaned.is_set():
        time.sleep(AFTERMATH_S)
        os.killpg(0, signal.SIGKILL)
    raise SystemExit(code if code >= 0 else 128 - code)


if __name__ == "__main__":
    main()
