"""Stage installed, of projects that `tast init` made alone: the code that each stage rests on, which is the installed package's.

DVC does not look there by itself: it runs this stage every time, and goes on only where the code of a stage is another one.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from flows.running import run_stage
from flows.stage_deps import read_stages
from tast.closure import ROOT, closure
from tast.files import holds, whole_file
from tast.starter.project import CODE, INSTALLED


def main() -> None:
    write_code(Path(CODE))


def write_code(folder: Path) -> None:
    """A file for each other stage of dvc.yaml: path in the package -> md5. One that says so already is left as it is."""
    for name in [one for one in read_stages() if one != INSTALLED]:
        files = closure(f"flows.stages.{name}")
        code = {file.as_posix(): hashlib.md5((ROOT / file).read_bytes(), usedforsecurity=False).hexdigest() for file in files}
        text = json.dumps(code, indent=1) + "\n"
        if not holds(folder / f"{name}.json", text):
            with whole_file(folder / f"{name}.json") as part:
                part.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    run_stage(main)
