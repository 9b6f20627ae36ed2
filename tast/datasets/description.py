"""Which data set lies in a folder of downloaded data, in which reader's layout: dataset.json beside the files themselves."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from tast.datasets.layout import load_json
from tast.errors import BadInput

FILE = "dataset.json"


@dataclass(frozen=True)
class Description:
    """layout: a key of READERS. name: of the data set, and of the folder that holds its files."""

    layout: str
    name: str


def describe(raw: Path, description: Description) -> None:
    (raw / FILE).write_text(json.dumps(asdict(description), indent=2, sort_keys=True) + "\n", encoding="utf-8")


def described(raw: Path) -> Description:
    """What `describe` wrote. Raises BadInput where raw holds no downloaded data set."""
    path = raw / FILE
    if not path.is_file():
        raise BadInput(path, "no such file", "a downloaded data set (run the download stage: `dvc repro download`)")
    return Description(**load_json(path))
