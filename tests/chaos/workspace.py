"""The smallest project in which every stage runs, one warm process that runs its stages, and what they leave, by digests."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.layout import CURVE, HISTORY
from tast.csv_tables import read_csv
from tast.errors import BadInput
from tast.files import HALF
from tests.end_to_end.conftest import clone, own_environment, set_params

HOST = Path(__file__).with_name("host.py")
STAGES = ("download", "preprocess", "split", "train", "evaluate")
TINY: dict[str, Any] = {
    "download.phantom.layout": "pure", "download.phantom.worlds": None, "download.phantom.subjects": 4,
    "download.phantom.seconds": 6, "download.phantom.fps_hz": 15, "download.phantom.width_px": 128,
    "download.phantom.height_px": 128, "download.phantom.face_height_px": 96, "download.phantom.scenarios": ["steady"],
    "preprocess.clips.length_s": 4, "preprocess.clips.size_px": 16, "split.protocol": "subject_independent", "split.folds": 3,
    "train.epochs": 2, "train.threads": 1, "train.frame_size_px": 8, "evaluate.bootstrap": 20, "runner.workers": 1,
}  # fmt: skip
OUTPUTS = {
    "download": ("data/raw", "data/audit"), "preprocess": ("data/clips", "reports/contact_sheets"), "split": ("data/split.json",),
    "train": ("models", "reports/learning_curve.csv"),
    "evaluate": (
        "reports/predictions.parquet", "reports/metrics.json", "reports/scores.json", "reports/plot_data", "reports/report.html",
        "reports/plots",
    ),
}  # fmt: skip
GROWS = HISTORY.as_posix()  # row by row while a model is trained


@dataclass(frozen=True)
class Ended:
    """rc: exit status, negative of a signal. took_s: until it ended. text: all that it wrote to the terminal."""

    rc: int
    took_s: float
    text: str

    @property
    def killed(self) -> bool:
        return self.rc == -9

    @property
    def one_line(self) -> bool:
        """A mistake told as it should be: exit code 1, one line that begins with error:, no traceback."""
        told = [line for line in self.text.splitlines() if line.startswith("error: ")]
        return self.rc == 1 and len(told) == 1 and "Traceback" not in self.text


class Host:
    """The warm process of one workspace."""

    def __init__(self, folder: Path, *, publishes: bool = False, **environment: str) -> None:
        self.folder = folder
        self._scratch = tempfile.TemporaryDirectory(prefix="chaos-host-")
        command = [sys.executable, str(HOST), self._scratch.name, *(["--publish"] if publishes else [])]
        self._process = subprocess.Popen(
            command, cwd=folder, env=own_environment() | {"PYTHONPATH": str(folder), "PYTHONHASHSEED": "0"} | environment,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        self._answer()

    def run(
        self, stage: str, *, kill_after_s: float | None = None, environment: dict[str, str] | None = None,
        shim: dict[str, Any] | None = None, most_bytes: int | None = None, kill_when: str | None = None,
    ) -> Ended:  # fmt: skip
        asked = {"stage": stage, "kill_after_s": kill_after_s, "environment": environment or {}}
        asked |= {"shim": shim, "most_bytes": most_bytes, "kill_when": kill_when}
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asked) + "\n")
        self._process.stdin.flush()
        return Ended(**self._answer())

    def done(self, stage: str, **options: Any) -> Ended:
        """Raises AssertionError where the stage fails."""
        ended = self.run(stage, **options)
        assert ended.rc == 0, f"{stage} ended with {ended.rc}:\n{ended.text[-2000:]}"
        return ended

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(60)
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._scratch.cleanup()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the host in {self.folder} ended with {self._process.wait(10)}"
        return dict(json.loads(line))


@contextmanager
def host_in(folder: Path, *, publishes: bool = False, **environment: str) -> Iterator[Host]:
    host = Host(folder, publishes=publishes, **environment)
    try:
        yield host
    finally:
        host.close()


def made(folder: Path) -> Path:
    """A workspace in `folder`, no stage of which has run."""
    workspace = clone(folder)
    set_params(folder / "params.yaml", TINY)
    return workspace.folder


def finished(host: Host) -> dict[str, float]:
    """Every stage run once; seconds that each took when it ran again, with caches warm."""
    for stage in STAGES:
        host.done(stage)
    return {stage: host.done(stage).took_s for stage in STAGES}


def digests(folder: Path, outputs: Sequence[str]) -> dict[str, str]:
    """Of every file of these outputs that is there."""
    files = [
        one for name in outputs for one in ([folder / name] if (folder / name).is_file() else (folder / name).rglob("*"))
        if one.is_file()
    ]  # fmt: skip
    return {one.relative_to(folder).as_posix(): hashlib.sha256(one.read_bytes()).hexdigest() for one in sorted(files)}


def named(folder: Path, outputs: Sequence[str], whole: dict[str, str]) -> dict[str, str]:
    """`digests` after a run that did not end, of what has its final name: a sound beginning of what GROWS counts as the whole."""
    found = {name: one for name, one in digests(folder, outputs).items() if not any(map(HALF.fullmatch, Path(name).parts))}
    if GROWS in found and GROWS in whole:
        with suppress(BadInput):
            read_csv(folder / GROWS, CURVE)
            found[GROWS] = whole[GROWS]
    return found


def remove(folder: Path, outputs: Sequence[str]) -> None:
    """As DVC does before it runs a stage."""
    for name in outputs:
        path = folder / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def halves(folder: Path) -> list[str]:
    tops = ("data", "models", "reports")
    return sorted(one.relative_to(folder).as_posix() for top in tops for one in (folder / top).rglob(".*.part"))


def since(began_s: float) -> float:
    return time.monotonic() - began_s
