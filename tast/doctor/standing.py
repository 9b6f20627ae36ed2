"""Where one stands in a folder, and what to do next: what `tast` says without a command. From files alone, within a second."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tast import __version__
from tast.errors import TastError
from tast.params import load_params
from tast.texts import read_text
from tast.tracking.lock import flat, run_params
from tast.yaml_text import yaml_of

LOCK, PARAMS, SCORES, MODEL = "dvc.lock", "params.yaml", "reports/scores.json", "models/tast_net"
MOST_BYTES = 10_000_000  # of a file
MOST_NAMED = 3  # parameters in a line


def standing(folder: Path) -> list[tuple[str, str]]:
    """(what it is about, what is so) in the order to read them; those about "next" say a command and what it is for."""
    lines = [("TAST", f"{__version__}, in {folder.resolve()}")]
    if not (folder / "dvc.yaml").is_file():
        return [
            *lines,
            ("project", "none in this folder"),
            ("next", "`tast init FOLDER`: a new project, which `dvc repro` runs"),
            ("next", "`tast predict VIDEO --model FOLDER`: SpO2 of a video, by a model that you have"),
            ("next", "`tast phantom FOLDER` or `tast audit FOLDER --layout NAME`: data to try it on, and what a data set holds"),
        ]
    repro = "make repro" if (folder / "Makefile").is_file() else "dvc repro"
    try:
        return [*lines, *_in_project(folder, repro)]
    except TastError as error:
        return [*lines, ("mistake", str(error)), ("next", f"mend that, then `{repro}`")]


def _in_project(folder: Path, repro: str) -> list[tuple[str, str]]:
    params = load_params(folder / PARAMS)
    lines = [("data", " and ".join(f"{one.name}{f' at {one.root}' if one.root else ''}" for one in params.dataset.sources))]
    lines.append(("method", params.train.method))
    if not (folder / LOCK).is_file():
        return [*lines, ("results", "none yet"), ("next", f"`{repro}`: everything, from the data set to the report")]
    if not ((folder / SCORES).is_file() and (folder / MODEL).is_dir()):
        lines.append(("results", f"{LOCK} has a run, whose results are not here"))
        return [*lines, ("next", f"`dvc checkout` brings them from DVC's cache, `dvc pull` from a remote, `{repro}` makes them")]
    lines.append(("results", _scores(folder / SCORES)))
    changed = _changed_since(folder)
    if changed:
        more = f" and {len(changed) - MOST_NAMED} more" if len(changed) > MOST_NAMED else ""
        lines.append(("changed", f"in {PARAMS} since that run: {', '.join(changed[:MOST_NAMED])}{more}"))
        lines.append(("next", f"`{repro}`: what rests on that"))
    else:
        lines.append(("next", "reports/report.html: the page to look at first"))
        lines.append(("next", "`tast predict VIDEO`: SpO2 of a video by this model"))
        lines.append(("next", "`dvc exp run -S train.seed=1`: something else, then `dvc exp show`"))
    return lines


def _scores(file: Path) -> str:
    try:
        metrics: dict[str, Any] = json.loads(read_text(file, "the scores of a run", MOST_BYTES))
        test, constant = metrics["test"], metrics["constant"]
        return (
            f"RMSE {test['rmse']:.2f} % SpO2 of {test['n_subjects']} people whom it has not seen; "
            f"constant predictor {constant['rmse']:.2f}"
        )
    except (ValueError, KeyError, TypeError):
        return f"{file} holds no scores that can be read"


def _changed_since(folder: Path) -> list[str]:
    """Dotted keys of params.yaml whose value is not the one that the last run had."""
    used = run_params(read_text(folder / LOCK, "what DVC wrote", MOST_BYTES))
    here = flat(yaml_of(read_text(folder / PARAMS, "a YAML mapping", MOST_BYTES)), ".")
    return sorted(key for key, value in used.items() if here.get(key) != value)
