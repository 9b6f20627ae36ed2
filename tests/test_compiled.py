"""What is compiled is found again by the code's content, wherever the code lies, and by nothing less."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tast.closure import ROOT, closure

MODULE = "tast.preprocessing.causal"  # calls compiled functions of another module
HITS = f"""
import numpy as np
import {MODULE}
from tast.preprocessing.compiled import add, add_values
frame = np.full((2, 3), 250, np.uint8)
result = np.empty_like(frame)
add(frame, np.full((2, 3), 9, np.float32), result)
print(int(result[0, 0]), sum(add_values.stats.cache_hits.values()))
"""


def tree(folder: Path) -> Path:
    for file in closure(MODULE):
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / file, folder / file)
    return folder


def run(folder: Path, kept: Path) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", HITS], cwd=folder, env=os.environ | {"NUMBA_CACHE_DIR": str(kept), "PYTHONPATH": str(folder)},
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    return done.stdout.split()


def test_a_copy_compiles_nothing_and_other_code_is_compiled(tmp_path: Path) -> None:
    first, copy, kept = tree(tmp_path / "first"), tree(tmp_path / "copies/second"), tmp_path / "kept"
    assert run(first, kept) == ["255", "0"]
    assert run(copy, kept) == ["255", "1"]
    file = copy / "tast/preprocessing/compiled.py"
    file.write_text(file.read_text().replace("np.float32(frame[k]) + part[k]", "np.float32(frame[k]) - part[k]"))
    assert run(copy, kept) == ["241", "0"]
