"""Process groups end whole; a real Prefect server answers and is gone afterwards."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from flows.servers import _wait_until_healthy, end_group, free_port, guarded, prefect_server
from tast.doctor_project import check_prefect
from tast.errors import TastError

PARENT_WITH_CHILD = (
    "import subprocess, sys, time; child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)']);"
    "print(child.pid, flush=True); time.sleep(600)"
)


def alive(pid: int) -> bool:
    """Running, and not a zombie whose parent has yet to read its end."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_end_group_ends_the_child_of_the_child() -> None:
    process = subprocess.Popen([sys.executable, "-c", PARENT_WITH_CHILD], stdout=subprocess.PIPE, start_new_session=True)
    assert process.stdout is not None
    grandchild = int(process.stdout.readline())
    assert alive(grandchild)
    end_group(process)
    process.stdout.close()
    deadline = time.monotonic() + 5
    while alive(grandchild) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not alive(grandchild)
    assert process.poll() is not None


def test_a_guarded_group_ends_even_where_its_starter_is_killed() -> None:
    """The starter is killed without a word; program and grandchild, which ignores TERM, are gone soon after."""
    stubborn = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(600)"
    program = (
        "import subprocess, sys, time;"
        f"child = subprocess.Popen([sys.executable, '-c', {stubborn!r}], stdout=subprocess.PIPE);"
        "child.stdout.readline(); print(child.pid, flush=True); time.sleep(600)"
    )
    starter = (
        "import sys, time; from flows.servers import guarded\n"
        f"with guarded([sys.executable, '-c', {program!r}]) as process:\n    print(process.pid, flush=True); time.sleep(600)"
    )
    process = subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids = [int(process.stdout.readline()) for _ in range(2)]
    assert all(alive(pid) for pid in pids)
    process.kill()
    process.wait()
    process.stdout.close()
    deadline = time.monotonic() + 20
    while any(alive(pid) for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(alive(pid) for pid in pids)


def test_a_guarded_programs_code_is_its_own() -> None:
    for code in (0, 3):
        with guarded([sys.executable, "-c", f"raise SystemExit({code})"]) as process:
            assert process.wait() == code


def test_a_server_that_dies_at_once_is_told_with_its_log(tmp_path: Path) -> None:
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], start_new_session=True)
    with pytest.raises(TastError, match=r"ended with code 3; see .*prefect\.log"):
        _wait_until_healthy("prefect", process, f"http://127.0.0.1:{free_port()}", 20, tmp_path / "prefect.log")


def test_a_prefect_server_answers_and_is_gone_afterwards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PREFECT_HOME", str(tmp_path))
    with prefect_server() as address, urllib.request.urlopen(f"{address}/api/health", timeout=5) as answer:
        assert answer.read() == b"true"
        with urllib.request.urlopen(f"{address}/ui-settings", timeout=5) as settings:
            assert f'"api_url":"{address}/api"' in settings.read().decode()  # what its page asks
        assert check_prefect({"PREFECT_API_URL": f"{address}/api"}).detail == f"{address}/api answers"  # `tast doctor`
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(f"{address}/api/health", timeout=2)
    assert os.environ["PREFECT_HOME"] == str(tmp_path)
