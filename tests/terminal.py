"""Programs run as a person meets them: in a real terminal (a pseudo-terminal of this machine), or into a pipe."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Mapping, Sequence
from pathlib import Path

COLOUR = re.compile(r"\x1b\[(?:\d+;)*(?:3[0-8]|4[0-8]|9[0-7]|10[0-7])(?:;\d+)*m")
ESCAPE = "\x1b["
TAST = (sys.executable, "-m", "tast")


def environment(**changed: str) -> dict[str, str]:
    """This process's, less what decides on colours or names servers."""
    dropped = ("NO_COLOR", "FORCE_COLOR", "COLUMNS", "TTY_COMPATIBLE", "PREFECT_API_URL", "MLFLOW_TRACKING_URI", "TAST_CACHE")
    kept = {name: value for name, value in os.environ.items() if name not in dropped}
    return kept | {"TERM": "xterm-256color"} | changed


def in_terminal(command: Sequence[str], folder: Path, env: Mapping[str, str], columns: int = 120) -> tuple[str, int]:
    """(all that it writes, its exit code), with stdin, stdout and stderr on one terminal."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    process = subprocess.Popen(command, stdin=its, stdout=its, stderr=its, cwd=folder, env=dict(env), start_new_session=True)
    os.close(its)
    written = b""
    while chunk := _read(ours):
        written += chunk
    os.close(ours)
    return written.decode(), process.wait(300)


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 2**16)
    except OSError:  # the other end is closed
        return b""


def in_pipe(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, env=dict(env), capture_output=True, text=True, timeout=300, check=False)
