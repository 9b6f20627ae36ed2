"""MLflow's store locked, read only, damaged, put back from an older copy; servers that do not answer; two runs at once; objects
that DVC's cache has lost.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from filelock import FileLock

from tests.chaos.outcome import Outcome, Tries
from tests.chaos.published import summary
from tests.chaos.rooms.kills import dvc
from tests.chaos.workspace import OUTPUTS, Ended, Host, digests, finished, host_in, made
from tests.end_to_end.conftest import own_environment

ONE_LINE = "one line"
NO_SERVER = "http://127.0.0.1:9"  # the port of `discard`, where nobody listens


def run(tries: Tries) -> Iterator[Outcome]:
    folder = made(tries.folder / "project")
    with host_in(folder, publishes=True) as host:
        finished(host)
        host.done("source")
        dvc(folder, "commit", "--force", "--quiet")
        store = folder / ".tast/mlflow"
        host.done("publish")
        shutil.rmtree(store)
        yield from at_once(host, store, tries)
        yield older_copy(host, store)
        yield locked(host, store)
        yield damaged(host, store, tries)
        yield read_only(host, store)
        yield without_server(host)
        yield two_stages(host)
        yield lost_objects(host.folder)


def at_once(host: Host, store: Path, tries: Tries) -> Iterator[Outcome]:
    """Into an empty store, which each of the two would make."""
    host.done("publish")
    whole = summary(store)
    tried = held = 0
    first = ""
    with host_in(host.folder, publishes=True) as other:
        other.run("mend")
        for _ in range(tries.times(3)):
            if tries.over and tried:
                break
            shutil.rmtree(store)
            ended: list[Ended] = []
            beside = threading.Thread(target=lambda into: into.append(other.run("publish")), args=(ended,))
            beside.start()
            ended.append(host.run("publish"))
            beside.join()
            sound = all(one.rc == 0 for one in ended) and summary(store) == whole
            tried, held = tried + 1, held + sound
            first = first or ("" if sound else "; ".join(one.text.strip()[-150:] for one in ended))
    yield Outcome("two publish at once", "one run, one version", tried, held, note=first)


def older_copy(host: Host, store: Path) -> Outcome:
    """The database of before the publishing, beside the artifacts of after it."""
    shutil.rmtree(store)
    host.done("publish")
    whole = summary(store)
    database = store / "mlflow.db"
    with closing(sqlite3.connect(database)) as connection:
        for table in ("model_version_tags", "registered_model_aliases", "model_versions"):
            connection.execute(f"delete from {table}")
        connection.execute("delete from tags where key = 'tast.complete'")
        connection.commit()
    ended = host.run("publish")
    sound = ended.rc == 0 and summary(store)["titles"] == whole["titles"] and summary(store)["metrics"] == whole["metrics"]
    return Outcome("the database put back from a copy of before the registration", "it is completed, with the same numbers", 1,
                   int(sound), note="" if sound else ended.text.strip()[-200:])  # fmt: skip


def locked(host: Host, store: Path) -> Outcome:
    with closing(sqlite3.connect(store / "mlflow.db", isolation_level=None)) as connection:
        connection.execute("begin exclusive")
        ended = host.run("publish")
    again = host.run("publish")
    sound = ended.one_line and "locked" in ended.text and again.rc == 0
    return _told("a database that somebody holds locked", ended, sound)


def damaged(host: Host, store: Path, tries: Tries) -> Outcome:
    """Its first pages: what is turned elsewhere SQLite itself may not notice."""
    database = store / "mlflow.db"
    whole = database.read_bytes()
    tried = held = 0
    first, tracebacks = "", 0
    for content in (whole[: len(whole) // 3], b"\0" * 4096 + whole[4096:], whole[:50]):
        database.write_bytes(content)
        ended = host.run("publish")
        sound = ended.one_line
        tried, held, tracebacks = tried + 1, held + sound, tracebacks + ("Traceback" in ended.text)
        first = first or ("" if sound else f"exit {ended.rc}: {ended.text.strip()[-200:]}")
    database.write_bytes(whole)
    return Outcome("a database that is cut or has lost its first page", ONE_LINE, tried, held, tracebacks=tracebacks, note=first)


def read_only(host: Host, store: Path) -> Outcome:
    aside = store.with_name("aside")
    store.rename(aside)
    store.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=200m", "tmpfs", str(store)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        store.rmdir()
        aside.rename(store)
        return Outcome("a store that is read only", ONE_LINE, 0, 0, note="no tmpfs may be mounted here: not tried")
    try:
        shutil.copytree(aside, store, dirs_exist_ok=True)
        subprocess.run(["mount", "-o", "remount,ro", str(store)], check=True)
        ended = host.run("publish")
    finally:
        subprocess.run(["umount", "--lazy", str(store)], check=False)
        store.rmdir()
        aside.rename(store)
    return _told("a store that is read only", ended, ended.one_line)


def without_server(host: Host) -> Outcome:
    """MLflow's by its address; Prefect's too, of the real program."""
    told = [host.run("publish", environment={"MLFLOW_TRACKING_URI": NO_SERVER})]
    done = subprocess.run(
        [sys.executable, "-m", "flows.publish"], cwd=host.folder, capture_output=True, text=True, check=False,
        env=own_environment() | {"PREFECT_API_URL": f"{NO_SERVER}/api"},
    )  # fmt: skip
    told.append(Ended(done.returncode, 0.0, done.stderr))
    held = sum(one.one_line and "does not answer" in one.text for one in told)
    note = "" if held == len(told) else "; ".join(one.text.strip()[-150:] for one in told)
    return Outcome("MLflow's or Prefect's server is gone", f"{ONE_LINE}, within seconds", len(told), held, note=note)


def two_stages(host: Host) -> Outcome:
    whole = digests(host.folder, OUTPUTS["split"])
    with FileLock(host.folder / ".tast/stage.lock"):
        ended = host.run("split")
    again = host.run("split")
    sound = ended.one_line and "another stage is at work" in ended.text and again.rc == 0
    return _told("a stage beside another one", ended, sound and digests(host.folder, OUTPUTS["split"]) == whole)


def lost_objects(folder: Path) -> Outcome:
    """The split and its object in DVC's cache: `dvc checkout` says what is missing, `dvc repro` makes it again."""
    whole = digests(folder, OUTPUTS["split"])
    content = (folder / "data/split.json").read_bytes()
    (folder / "data/split.json").unlink()
    for one in (folder / ".dvc/cache").rglob("*"):
        if one.is_file() and one.read_bytes() == content:
            one.unlink()
    missing = subprocess.run(
        [sys.executable, "-m", "dvc", "checkout", "split"], cwd=folder, env=own_environment(), capture_output=True, text=True,
        check=False,
    )  # fmt: skip
    dvc(folder, "repro", "--quiet", "--single-item", "split")
    sound = missing.returncode != 0 and "Traceback" not in missing.stderr and digests(folder, OUTPUTS["split"]) == whole
    return Outcome("an object that DVC's cache has lost", "it is named; the next run makes the same bytes", 1, int(sound),
                   note="" if sound else missing.stderr[-200:])  # fmt: skip


def _told(fault: str, ended: Ended, sound: bool) -> Outcome:
    note = "" if sound else f"exit {ended.rc}: {ended.text.strip()[-200:]}"
    return Outcome(fault, ONE_LINE, 1, int(sound), tracebacks=int("Traceback" in ended.text), note=note)
