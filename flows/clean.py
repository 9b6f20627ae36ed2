"""Remove what the pipeline made: outputs, caches, run history. The environment, the code and your data stay."""

from __future__ import annotations

import shutil
from pathlib import Path

from flows import STATE

MADE = (Path("data"), Path("models"), Path("reports"), STATE, Path(".dvc/cache"), Path(".dvc/tmp"))


def clean() -> list[Path]:
    """Delete every folder that the pipeline makes; returns those that were there."""
    found = [folder for folder in MADE if folder.exists()]
    for folder in found:
        shutil.rmtree(folder)
    return found


if __name__ == "__main__":
    print("removed: " + (", ".join(folder.name for folder in clean()) or "nothing, all clean"))
