"""Turned bits, half files and files that are gone, in every kind of artefact that is read again.

A stage that reads it ends in one line that names the file, or in the bytes of an undisturbed run; never in others.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.outcome import Outcome, Tries
from tests.chaos.rooms.kills import dvc
from tests.chaos.workspace import OUTPUTS, Ended, Host, digests, finished, host_in, made

EACH = 12  # tries of each kind
EXPECTED = "one line that names the file, or the bytes of an undisturbed run"


@dataclass(frozen=True)
class Kind:
    """Files of one kind: a pattern below the workspace, the stage that reads them, whether they may also be gone."""

    name: str
    pattern: str
    reader: str
    gone_too: bool = True


KINDS = (
    Kind("pictures of the data set", "data/raw/**/*.png", "preprocess"),
    Kind("readings of the data set", "data/raw/**/*.json", "preprocess"),
    Kind("facts of the audit", "data/audit/audit.json", "evaluate"),
    Kind("clips", "data/clips/*.npy", "train"),
    Kind("light beside the clips", "data/clips/light/*.npy", "train"),
    Kind("manifest", "data/clips/manifest.parquet", "split"),
    Kind("parameters of the clips", "data/clips/preprocessing.json", "train"),
    Kind("digests of the clips", "data/clips/digests.json", "split"),
    Kind("split", "data/split.json", "train"),
    Kind("weights", "models/**/model.safetensors", "evaluate"),
    Kind("model card", "models/**/model.json", "evaluate"),
    Kind("item cache", ".tast/cache/*/*.npy", "preprocess"),
    Kind("index of the item cache", ".tast/cache/*/*.json", "preprocess"),
    Kind("looks at videos of before", ".tast/looks.db", "download"),
    Kind("checkpoint", ".tast/checkpoints/checkpoint.pt", "train"),
    Kind("predictions", "reports/predictions.parquet", "promote"),
    Kind("scores", "reports/metrics.json", "publish"),
    Kind("learning curve", "reports/learning_curve.csv", "evaluate"),
    Kind("learning curve", "reports/learning_curve.csv", "publish"),
    Kind("samples of the machine", ".tast/system_metrics/*.csv", "publish", gone_too=False),
    Kind("dvc.lock", "dvc.lock", "publish", gone_too=False),
)


def run(tries: Tries) -> Iterator[Outcome]:
    folder = made(tries.folder / "project")
    with host_in(folder, publishes=True) as host:
        finished(host)
        host.done("source")
        dvc(folder, "commit", "--force", "--quiet")
        for name in ("publish", "promote"):
            host.done(name)
        for kind in KINDS:
            if kind.name == "checkpoint":
                _leave_checkpoint(host)
            yield damaged(host, kind, tries)


def damaged(host: Host, kind: Kind, tries: Tries) -> Outcome:
    tried = held = silent = tracebacks = 0
    first = ""
    outputs = OUTPUTS.get(kind.reader, ())
    files = sorted(one for one in host.folder.glob(kind.pattern) if one.is_file() and one.name != "digests.json") or sorted(
        host.folder.glob(kind.pattern)
    )
    whole = digests(host.folder, outputs)
    for number in range(tries.times(EACH)):
        if (tries.over and tried) or not files:
            break
        file = tries.random.choice(files)
        sound, links = file.read_bytes(), file.stat().st_nlink
        how = ("turned", "turned", "half", "gone" if kind.gone_too else "half")[number % 4]
        _replace(file, HOW[how](sound, tries))
        ended = host.run(kind.reader)
        same = ended.rc == 0 and digests(host.folder, outputs) == whole
        named = ended.one_line and (file.name in ended.text or file.parent.name in ended.text)
        _replace(file, sound)
        tried, held = tried + 1, held + (same or named)
        silent += ended.rc == 0 and not same
        tracebacks += "Traceback" in ended.text
        if not (same or named):
            first = first or f"{how} {file.name} (links {links}): exit {ended.rc} {_last(ended)}"
        if digests(host.folder, outputs) != whole:
            host.done(kind.reader)
    return Outcome(f"{kind.name}, read by {kind.reader}", EXPECTED, tried, held, silent=silent, tracebacks=tracebacks, note=first)


def _turned(content: bytes, tries: Tries) -> bytes:
    bit = tries.random.randrange(8 * len(content))
    return content[: bit // 8] + bytes([content[bit // 8] ^ 1 << bit % 8]) + content[bit // 8 + 1 :]


def _half(content: bytes, tries: Tries) -> bytes:
    return content[: tries.random.randrange(len(content))]


HOW: dict[str, Callable[[bytes, Tries], bytes | None]] = {"turned": _turned, "half": _half, "gone": lambda content, tries: None}


def _replace(file: Path, content: bytes | None) -> None:
    """A file of its own: what else is linked to the old one keeps its bytes."""
    file.unlink(missing_ok=True)
    file.parent.mkdir(parents=True, exist_ok=True)  # a training that is done removes its checkpoint's folder
    if content is not None:
        file.write_bytes(content)


def _leave_checkpoint(host: Host) -> None:
    """A training that was killed after an epoch: its checkpoint, which is put back for each try."""
    shutil.rmtree(host.folder / ".tast/checkpoints", ignore_errors=True)
    host.run("train", kill_when=".tast/checkpoints/checkpoint.pt")


def _last(ended: Ended) -> str:
    return (ended.text.strip().splitlines() or [""])[-1][:160]
