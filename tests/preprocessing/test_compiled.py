"""Machine code that is kept on disk is that of the present sources."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
MAGNIFY = """
import numpy as np
from tast.preprocessing.banded import no_way_up
from tast.preprocessing.causal import CausalBandPass
frames = np.full((40, 4, 16, 3), 100, np.uint8)
result = np.empty_like(frames)
CausalBandPass(30, 0.4, 4, order=1).magnify(frames, 1.0, np.zeros((40, 0, 0, 3), np.float32), no_way_up(4, 16), result)
print(result.sum())
"""


def magnified(tree: Path) -> int:
    command = [sys.executable, "-c", MAGNIFY]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    done = subprocess.run(
        command, cwd=tree, env=environment | {"PYTHONPATH": str(tree)}, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def test_an_edit_of_what_a_kept_function_calls_is_compiled(tmp_path: Path) -> None:
    shutil.copytree(PROJECT / "tast", tmp_path / "tast", ignore=shutil.ignore_patterns("__pycache__"))
    assert magnified(tmp_path) == 100 * 40 * 4 * 16 * 3
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")}
    assert kept and magnified(tmp_path) == 100 * 40 * 4 * 16 * 3
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nbc")} == kept  # what is kept was used
    called = tmp_path / "tast/preprocessing/compiled.py"
    before = called.read_text()
    called.write_text(before.replace("np.float32(frame[k]) + part[k]", "np.float32(frame[k]) + part[k] + np.float32(7)"))
    assert called.read_text() != before and magnified(tmp_path) == 107 * 40 * 4 * 16 * 3
