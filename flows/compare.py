"""Two results of this project side by side, on people that neither was trained or validated on; changes nothing.

    python -m flows.compare A [B] [--json] [--picture FILE.png]

A and B are each one of
    workspace                      the files as they lie here (B, where it is not given)
    HEAD~1, main, v1.2, 586930a    a git revision: what its dvc.lock names, from DVC's cache or a remote
    lower-rate                     an experiment, as `dvc exp show` names it
    0a6a...                        a run id of MLflow
    tast-net@champion, tast-net/3  a registered version; models:/ may stand before it

    tast compare HEAD~1 workspace
    tast compare lower-rate --picture lower-rate.png
    tast compare tast-net@champion tast-net/3 --json

Differences are B - A. Each has its 95 % interval from resampled people, the same for both, and the share of resamples in which B
is better. Two results that were tested on the same seconds are compared by their tables of predictions; two others predict this
workspace's clips of the people that neither has seen, or, where they cannot, meet on the seconds that both tables hold. Where all
of that fails, one line says why. The exit code is 0 for any answer, that one too, and 1 where a result is not to be had.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from flows.layout import CLIPS
from flows.predicted import predictions_by
from flows.results import WORKSPACE, Result, differing_code, differing_params, result_named
from flows.running import run
from tast.clip_store import ClipStore
from tast.errors import TastError
from tast.evaluation.contest import Entrant, new_to_all
from tast.evaluation.evaluate import plain
from tast.evaluation.predictions import digest_of_test, labelled
from tast.evaluation.versus import Difference, Group, Versus, picture, side_by_side, versus
from tast.files import whole_file
from tast.params import load_params
from tast.people import person_of
from tast.saved_model import load_model, preprocessing_differences, read_card
from tast.training.dataset import ClipDataset

log = logging.getLogger("flows.compare")  # __name__ is __main__ where it runs
HEADINGS = {
    "rmse": "RMSE", "mae": "MAE", "r": "R", "r_within": "r within people", "bias": "bias", "a_rms": "A_rms",
    "coverage": "in interval", "width": "its width",
}  # fmt: skip
MOST_FILES = 12  # of code, in the terminal
WIDTH = 200  # columns where there is no terminal


@dataclass(frozen=True)
class Meeting:
    """The seconds on which two results meet (None: there are none), and in words which those are, or why there are none."""

    rows: pd.DataFrame | None
    words: str


def meet(a: Result, b: Result) -> Meeting:
    """On the first of these that has people whom neither has seen: tests of both that are the same, this workspace's clips,
    seconds that both tables hold."""
    unknown = [side for side, one in (("A", a), ("B", b)) if read_card(one.model).people_seen is None]
    if unknown:
        return Meeting(None, f"the card of {' and of '.join(unknown)} does not name the people that it was trained on")
    reasons = []
    ways: list[tuple[str, Callable[[Result, Result], list[Entrant]]]] = [
        ("this workspace's clips, predicted now", predicted_here)
    ]
    if a.predictions is None or b.predictions is None:
        reasons.append(f"{'A' if a.predictions is None else 'B'} has no table of predictions")
    elif digest_of_test(a.predictions) == digest_of_test(b.predictions):
        ways.insert(0, ("the test recordings of both", from_tables))
    else:
        reasons.append("they were tested on other seconds")
        ways.append(("the seconds that both were tested on", from_tables))
    for words, entrants in ways:
        try:
            return Meeting(side_by_side(*entrants(a, b)), words)
        except TastError as error:
            reasons.append(str(error))
    return Meeting(None, "; ".join(reasons))


def from_tables(a: Result, b: Result) -> list[Entrant]:
    """Each with its own table of predictions."""
    return [Entrant(labelled(one.predictions), read_card(one.model).people_seen) for one in (a, b) if one.predictions is not None]


def predicted_here(a: Result, b: Result) -> list[Entrant]:
    """Both predict the recordings of all people of this workspace's clips whom neither has seen."""
    store, cards = ClipStore(CLIPS), [read_card(one.model) for one in (a, b)]
    for side, card in zip("AB", cards, strict=True):
        if differences := preprocessing_differences(card.preprocessing, store.preprocessing):
            raise TastError(f"{side} cannot read this workspace's clips: {differences}")
    clips = store.manifest[new_to_all(store.manifest, [card.people_seen or () for card in cards])]
    if clips.empty:
        n_people = person_of(store.manifest).nunique()
        raise TastError(f"all {n_people} people of this workspace's clips were seen by A or B in training")
    entrants = []
    for one in (a, b):
        model, card = load_model(one.model)
        dataset = ClipDataset(store, tuple(clips["clip_id"]), kind=card.input_kind, frame_size_px=card.frame_size_px)
        entrants.append(Entrant(labelled(predictions_by(model, card, dataset)), card.people_seen))
    return entrants


def sentence(meeting: Meeting, found: Versus | None) -> str:
    if found is None:
        return f"A and B cannot be compared: {meeting.words}."
    rmse = found.measures["rmse"]
    whom = f"{len(found.people)} {'person' if len(found.people) == 1 else 'people'} that neither has seen"
    figures = f"RMSE {rmse.b:.3f} % against {rmse.a:.3f} % on {whom}"
    if not math.isfinite(rmse.low):
        return f"{figures}: no interval of a single person."
    figures += f", difference {_interval(rmse)}, lower in {rmse.b_better:.0%} of resamples"
    if rmse.low <= 0 <= rmse.high:
        return f"No sure difference between A and B: {figures}."
    return f"B is {'better' if rmse.high < 0 else 'worse'} than A: {figures}."


def as_json(a: Result, b: Result, meeting: Meeting, found: Versus | None) -> dict[str, Any]:
    return dict(plain({
        **{side: {"name": one.name, "is": one.description, "test_rmse": one.test_rmse} for side, one in (("a", a), ("b", b))},
        "comparable": found is not None,
        "sentence": sentence(meeting, found),
        "on": None if found is None else meeting.words,
        **(asdict(found) if found is not None else {}),
        "parameters": {key: {"a": values[0], "b": values[1]} for key, values in differing_params(a, b).items()},
        "code": differing_code(a, b),
    }))  # fmt: skip


def show(console: Console, a: Result, b: Result, meeting: Meeting, found: Versus | None) -> None:
    for side, one in (("A", a), ("B", b)):
        of_its_test = "" if one.test_rmse is None else f"; RMSE of its own test {one.test_rmse:.3f} %"
        console.print(f"{side}: {one.name} ({one.description}{of_its_test})")
    if found is not None:
        console.print(measures_table(found, meeting.words))
        console.print(groups_table({"scenario": found.scenarios, "band": found.bands}))
    if params := differing_params(a, b):
        table = Table("parameter", "A", "B")
        for key, values in params.items():
            table.add_row(key, *("-" if value is None else value for value in values))
        console.print(table)
    else:
        console.print("parameters: the same")
    code = differing_code(a, b)
    if code:
        more = f" and {len(code) - MOST_FILES} more" if len(code) > MOST_FILES else ""
        console.print(f"code differs: {', '.join(code[:MOST_FILES])}{more}")
    else:
        console.print("code: " + ("unknown of one of them" if code is None else "the same"))
    console.print(sentence(meeting, found))


def measures_table(found: Versus, what: str) -> Table:
    counts = f"{found.n_seconds} seconds of {found.n_recordings} recordings of {len(found.people)} people"
    caption = f"{counts}: {what}; errors in % SpO2"
    table = Table("", "A", "B", "B - A [95 %]", "B better", caption=caption, caption_justify="left")
    for name, heading in HEADINGS.items():
        of = found.measures[name]
        table.add_row(heading, _number(of.a), _number(of.b), _interval(of), _share(of.b_better))
    return table


def groups_table(of_kind: Mapping[str, Mapping[str, Group]]) -> Table:
    table = Table("RMSE by", "people", "seconds", "A", "B", "B - A [95 %]", "B better")
    for kind, groups in of_kind.items():
        for name, group in groups.items():
            of = group.rmse
            table.add_row(
                f"{kind} {name}", str(group.n_people), str(group.n_seconds), _number(of.a), _number(of.b), _interval(of),
                _share(of.b_better),
            )  # fmt: skip
    return table


def _number(value: float, sign: str = "") -> str:
    return f"{value:{sign}.3f}" if math.isfinite(value) else "-"


def _interval(of: Difference) -> str:
    if not math.isfinite(of.low):
        return _number(of.difference, "+")
    return f"{_number(of.difference, '+')} [{_number(of.low, '+')}, {_number(of.high, '+')}]"


def _share(value: float) -> str:
    return f"{value:.0%}" if math.isfinite(value) else "-"


def png_file(text: str) -> Path:
    """The type of an argument, for argparse."""
    if Path(text).suffix.lower() != ".png":
        raise argparse.ArgumentTypeError(f"{text!r} is no name of a picture, such as compared.png")
    return Path(text)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tast compare", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("a", metavar="A")
    parser.add_argument("b", metavar="B", nargs="?", default=WORKSPACE)
    parser.add_argument("--json", action="store_true", help="all figures as JSON on stdout")
    parser.add_argument("--picture", type=png_file, metavar="FILE.png", help="errors of each person and traces of both, drawn")
    asked = parser.parse_args()
    rules = load_params().promote
    with tempfile.TemporaryDirectory() as scratch:
        a, b = (result_named(name, Path(scratch, side)) for side, name in (("a", asked.a), ("b", asked.b)))
        meeting = meet(a, b)
    found = None if meeting.rows is None else versus(meeting.rows, draws=rules.draws, seed=rules.seed)
    if asked.picture is not None and meeting.rows is not None:
        with whole_file(asked.picture) as part:
            part.write_bytes(picture(meeting.rows, a.name, b.name))
    elif asked.picture is not None:
        log.warning("%s is not drawn: there are no seconds to draw", asked.picture)
    if asked.json:
        print(json.dumps(as_json(a, b, meeting, found), indent=2))
    else:
        show(Console(width=None if sys.stdout.isatty() else WIDTH, markup=False, highlight=False), a, b, meeting, found)


if __name__ == "__main__":
    run(main)
