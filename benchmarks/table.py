"""Every method of the paper's tables on the same seconds of the same people: Markdown, CSV, LaTeX and HTML by one command.

    tast table                                      (on this project's own videos, as params.yaml's section table has it)
    tast table --methods tast_net mathew/mix_last   (these, with the preset for processors or the named one)
    tast table --protocol subject_independent clip_random      (and clips dealt at random, as much of the field does)
    tast table --report                             (and one page of all methods, each with its bias and what refusing is worth)
    tast table --dry-run                            (what would be trained, and what is there)
    tast table --set pure_wide --sealed             (phantoms with the sealed seeds, whom no choice was made on)
    tast table --set pure_wide --sealed --publish   (and its section of docs/results.md)

On this project's own videos, each training and each table is a stage of DVC: what is asked for is written into params.yaml, as
many trainings at a time as there are cores are run, and `dvc repro` records them; from then on it keeps the table up to date.

On a set, trainings and the clips that a method needs are kept (--keep) by all that decides them. Either way an interrupted table
goes on where it stopped, and another method trains its own models only; the first seed of every method comes before the second of
any. The constant and the methods without a network always stand beside the others.
"""

from __future__ import annotations

import argparse
import json
import logging
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.published import FOLDS, KEEP, TRAINING_SEEDS, committed_code, plan_of
from benchmarks.recorded import RECORDED_ROOT
from benchmarks.results_page import write_section
from benchmarks.sets import PLAIN_SETS, SETS, clips_folder, kept_clips, params_of_set, phantoms_of
from flows import running
from flows.layout import RAW, TABLES
from flows.mending import mend
from flows.progress import progress
from flows.stages.source import look_outside
from flows.stages.table import data_set_of
from flows.tables.clips import clips_beside, folder_beside
from flows.tables.keys import content_digest
from flows.tables.methods import (
    ANCHORED,
    DRAWS,
    DRAWS_SEED,
    LIKE,
    anchored_note,
    anchored_results,
    note_of,
    results_of,
    side_by_side,
    table_of,
    write_table,
)
from flows.tables.rows import Row, all_rows, row_named
from flows.tables.trainings import train_and_predict
from flows.tables.trials import KEPT, Trial, run_of, split_of, trials_of
from tast import instruction_set
from tast.anchors import SPAN_S
from tast.clip_store import ClipStore
from tast.crew.each import do_each, workers_that_fit
from tast.errors import TastError
from tast.evaluation.methods_page import render_methods
from tast.evaluation.report import PROTOCOL_WARNINGS
from tast.evaluation.table import MethodResult
from tast.files import whole_file
from tast.params import Params, Protocol, changed, load_params
from tast.params_text import rewritten

PARAMS = Path("params.yaml")
REFERENCE = "tast_net"
OUT = Path("reports/sets")
DEFAULT_PROTOCOL = "subject_independent"


@dataclass(frozen=True)
class Place:
    """A set of phantoms below `keep`: their videos, and clips of them with any preprocessing."""

    keep: Path
    params: Params
    set: str
    phantoms: Mapping[str, Any]

    def folder(self, row: Row) -> Path:
        """Where the clips are that a row is trained on, or would be."""
        return clips_folder(self.keep, self.set, self.phantoms, self._params(row))

    def clips(self, row: Row) -> tuple[ClipStore, str]:
        """A row's clips, made unless they are there, and their content's digest."""
        there = self.folder(row).is_dir()
        store = (
            ClipStore(self.folder(row)) if there
            else kept_clips(self.keep, self.set, self.phantoms, self._params(row), keep_videos=True)
        )  # fmt: skip
        return store, content_digest(store.folder)

    def _params(self, row: Row) -> Params:
        return self.params.model_copy(update={"preprocess": row.preprocess})


def by_seed(trials: Sequence[Trial]) -> list[Trial]:
    """The first seed of all before the second of any."""
    return sorted(trials, key=lambda one: one.seed)


def train_all(trials: Sequence[Trial], workers: int) -> dict[tuple[str, str], pd.DataFrame]:
    """(row, run) -> what each trial predicts of its test people; what is done already costs nothing."""
    trainings = [trial.training for trial in trials]
    with progress("table", len(trials)) as advance:
        predicted = do_each(
            train_and_predict,
            trainings,
            workers=workers,
            threads=None,
            on_result=lambda number, _: advance(1, str(trials[number])),
        )
    return {(trial.row.name, trial.run): rows for trial, rows in zip(trials, predicted, strict=True)}


def of_set(asked: argparse.Namespace) -> None:
    """The tables of a set of phantoms, one for each protocol, below --out."""
    place = place_of(asked, load_params())
    protocols = asked.protocol or [place.params.split.protocol]
    names = list(dict.fromkeys([REFERENCE, *(asked.methods or all_rows())]))
    rows = [row_named(name, place.params) for name in names]
    seeds, folds = list(TRAINING_SEEDS)[: asked.seeds or len(TRAINING_SEEDS)], list(range(asked.folds or FOLDS))
    kept = asked.keep / "trainings"
    if asked.dry_run:
        ready = {row.name: place.clips(row) for row in rows if place.folder(row).is_dir()}
        for protocol in protocols:
            trials = _trials([row for row in rows if row.name in ready], ready, protocol, folds, seeds, kept)
            show_plan(protocol, rows, trials, len(seeds) * len(folds))
        return
    begin_s = time.monotonic()
    stores = {row.name: place.clips(row) for row in rows}
    like = LIKE.get(place.params.download.phantom.layout, "")
    tables, all_facts = {}, {}
    for protocol in protocols:
        trials = _trials(rows, stores, protocol, folds, seeds, kept)
        todo = sum(not one.training.is_done for one in trials)
        predicted = train_all(by_seed(trials), asked.workers or workers_that_fit(1))
        store = stores[REFERENCE][0]
        splits = {run_of(seed, fold): split_of(rows[0], store, protocol, fold) for seed in seeds for fold in folds}
        facts = {
            "set": asked.set, "sealed": asked.sealed, "protocol": protocol, "seeds": seeds, "folds": folds,
            "methods": {row.name: {"method": row.method, "preset": row.preset} for row in rows},
        }  # fmt: skip
        if asked.people:
            facts["people"] = {name: one.subjects for name, one in place.phantoms.items()}
        results = results_of(rows, predicted, store, splits, like)
        tables[protocol] = write_table((asked.out or OUT / asked.set) / protocol, results, facts)
        all_facts[protocol] = facts | {"trained": todo}
        if asked.report:
            write_page((asked.out or OUT / asked.set) / f"{protocol}.html", results, tables[protocol], facts)
    if asked.publish:
        how = {
            "command": shlex.join(["tast", "table", *sys.argv[1:]]), "commit": committed_code(),
            "trained": sum(facts["trained"] for facts in all_facts.values()), "seconds": time.monotonic() - begin_s,
        }  # fmt: skip
        write_section(asked.set, tables, {protocol: facts | how for protocol, facts in all_facts.items()})
    show(asked.out or OUT / asked.set, tables, anchored=asked.anchored)


def write_page(file: Path, results: Sequence[MethodResult], table: pd.DataFrame, facts: Mapping[str, Any]) -> None:
    """All methods of a table on one page of HTML, each with its bias and its risk."""
    protocol, anchored_methods = str(facts["protocol"]), anchored_results(results)
    anchored = table_of(anchored_methods) if anchored_methods else None
    page = render_methods(
        results, table, title=protocol.replace("_", "-"), note=note_of(table, facts),
        warning=PROTOCOL_WARNINGS.get(protocol, ""), draws=DRAWS, seed=DRAWS_SEED, anchored=anchored,
        anchored_note="" if anchored is None else anchored_note(anchored),
    )  # fmt: skip
    with whole_file(file) as part:
        part.write_text(page, encoding="utf-8")


def place_of(asked: argparse.Namespace, params: Params) -> Place:
    """Where the set's videos are, with its parameters; of each of its phantoms the first --people."""
    if asked.sealed:
        committed_code()  # what is shown of sealed people must be what stands in a commit, as published.py has it
        plan = plan_of(asked.set, params, asked.recorded_root)
        made, phantoms = plan.params, plan.phantoms
    else:
        made = params_of_set(params, asked.set, asked.recorded_root)
        phantoms = phantoms_of(made, SETS[asked.set].others)
    if asked.people:
        phantoms = {name: one.model_copy(update={"subjects": min(asked.people, one.subjects)}) for name, one in phantoms.items()}
    return Place(asked.keep, made, asked.set, phantoms)


def of_own_videos(asked: argparse.Namespace) -> None:
    """What is asked for into params.yaml, the trainings side by side, then DVC's stages, which find them done."""
    before = load_params()
    wanted = {
        "table.methods": asked.methods and list(dict.fromkeys(asked.methods)),
        "table.protocols": asked.protocol or (None if before.table.protocols else [DEFAULT_PROTOCOL]),
        "table.seeds": asked.seeds and list(range(asked.seeds)),
        "table.folds": asked.folds and list(range(asked.folds)),
    }
    changes = {key: value for key, value in wanted.items() if value}
    params = changed(before, changes)
    rows = [row_named(name, params) for name in params.table.methods]
    if asked.dry_run:
        ready = {row.name: clips_beside(row.preprocess, KEPT, 1) for row in rows if _are_there(row)}
        for protocol in params.table.protocols:
            trials = own_trials([row for row in rows if row.name in ready], ready, params, protocol)
            show_plan(protocol, rows, trials, len(params.table.seeds) * len(params.table.folds))
        return
    text, differing = rewritten(PARAMS, changes)
    for key, (old, new) in differing.items():
        print(f"params.yaml: {key}: {list(old)} -> {new}")
    with whole_file(PARAMS) as part:
        part.write_text(text, encoding="utf-8")
    look_outside(params)
    mend()
    try:
        repro("download")
        stores = {row.name: clips_beside(row.preprocess, KEPT, params.runner.workers) for row in rows}
        trials = [one for protocol in params.table.protocols for one in own_trials(rows, stores, params, protocol)]
        todo = [one for one in by_seed(trials) if not one.training.is_done]
        train_all(todo, asked.workers or workers_that_fit(1))
        repro(*(f"table@{protocol}" for protocol in params.table.protocols))
    finally:
        mend()
    tables: dict[str, pd.DataFrame] = {
        protocol: pd.read_csv(TABLES / protocol / "table.csv") for protocol in params.table.protocols
    }
    for name, table in tables.items() if asked.report else ():
        write_own_page(rows, stores, params, name, table)
    show(TABLES, tables, anchored=asked.anchored)


def write_own_page(
    rows: Sequence[Row], stores: Mapping[str, tuple[ClipStore, str]], params: Params, protocol: str, table: pd.DataFrame
) -> None:
    """Of trainings that are done, and of the table that stands in its folder."""
    asked, store = params.table, stores[rows[0].name][0]
    splits = {run_of(seed, fold): split_of(rows[0], store, protocol, fold) for seed in asked.seeds for fold in asked.folds}
    predicted = train_all(own_trials(rows, stores, params, protocol), 1)
    facts = json.loads((TABLES / protocol / "facts.json").read_text(encoding="utf-8"))
    write_page(TABLES / f"{protocol}.html", results_of(rows, predicted, store, splits, data_set_of(store)), table, facts)


def _are_there(row: Row) -> bool:
    return RAW.is_dir() and folder_beside(row.preprocess, KEPT).is_dir()


def own_trials(rows: Sequence[Row], stores: Mapping[str, tuple[ClipStore, str]], params: Params, protocol: str) -> list[Trial]:
    return _trials(rows, stores, protocol, params.table.folds, params.table.seeds, KEPT / "trainings")


def _trials(
    rows: Sequence[Row], stores: Mapping[str, tuple[ClipStore, str]], protocol: str, folds: Sequence[int], seeds: Sequence[int],
    kept: Path,
) -> list[Trial]:  # fmt: skip
    return [
        trial
        for row in rows
        for trial in trials_of(row, *stores[row.name], protocol=protocol, folds=folds, seeds=seeds, kept=kept)
    ]


def repro(*targets: str) -> None:
    """Raises TastError where DVC fails; its lines are above."""
    if subprocess.run([sys.executable, "-m", "dvc", "repro", "--quiet", *targets], check=False).returncode:
        raise TastError(f"`dvc repro {' '.join(targets)}` failed; its last lines are above")


def show_plan(protocol: str, rows: Sequence[Row], trials: Sequence[Trial], each: int) -> None:
    """What is done and what is left of each row's trainings; of one whose clips are not there yet, all is."""
    shown = Table("method", "preset", "clips", "trainings done", "to do", title=f"table, {protocol}")
    for row in rows:
        of_row = [one for one in trials if one.row.name == row.name]
        done = sum(one.training.is_done for one in of_row)
        shown.add_row(row.name, row.preset or "-", "there" if of_row else "to make", str(done), str(each - done))
    Console().print(shown)


def show(folder: Path, tables: Mapping[str, pd.DataFrame], *, anchored: bool) -> None:
    """Print the tables, of all methods anchored too where that is wanted; of several protocols also what they say of the same
    methods, side by side, which is kept.
    """
    for protocol in tables:
        print((folder / protocol / "table.md").read_text(encoding="utf-8"))
        if anchored:
            print(anchored_text(folder / protocol))
        page = folder / f"{protocol}.html"
        print(f"In {folder / protocol}: Markdown, CSV, LaTeX, HTML" + (f"; the page: {page}" if page.is_file() else "") + "\n")
    if len(tables) > 1:
        text = side_by_side(tables)
        with whole_file(folder / "protocols.md") as part:
            part.write_text(text, encoding="utf-8")
        print(text)


def anchored_text(folder: Path) -> str:
    file = folder / f"{ANCHORED}.md"
    if not file.is_file():
        return f"No method can be anchored: no recording is longer than the {SPAN_S:g} s of an anchor.\n"
    return file.read_text(encoding="utf-8")


def first_time(heard: set[str]) -> Callable[[logging.LogRecord], bool]:
    """A filter that lets a line through once: each row's split says the same of its protocol. heard: lines so far."""

    def is_new(record: logging.LogRecord) -> bool:
        before = len(heard)
        heard.add(record.getMessage())
        return len(heard) > before

    return is_new


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tast table", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", metavar="METHOD[/PRESET]",
                        help="the rows; `configured` is params.yaml's section train; on a set beside tast_net")  # fmt: skip
    parser.add_argument("--protocol", nargs="+", choices=get_args(Protocol), metavar="PROTOCOL",
                        help=f"a table of each: {', '.join(get_args(Protocol))}")  # fmt: skip
    parser.add_argument("--seeds", type=int, help=f"how many seeds of each training; on a set {len(TRAINING_SEEDS)}")
    parser.add_argument("--folds", type=int, help=f"how many of the folds are tested; on a set {FOLDS}")
    parser.add_argument("--set", choices=PLAIN_SETS, help="phantoms made for this; without it, this project's own videos")
    parser.add_argument("--people", type=int,
                        help="of a set the first so many people alone: on vipl's 107 all methods take days")  # fmt: skip
    parser.add_argument("--sealed", action="store_true", help="with the set's sealed seeds, for figures that are published")
    parser.add_argument("--publish", action="store_true", help="of a sealed set: its section of docs/results.md as well")
    parser.add_argument("--recorded-root", type=Path, default=RECORDED_ROOT, help="folder of oximetry_phone_cam, for a set")
    parser.add_argument("--keep", type=Path, default=KEEP, help=f"folder for a set's clips and finished trainings; {KEEP}")
    parser.add_argument("--out", type=Path, help=f"folder of a set's tables; {OUT}/SET")
    parser.add_argument("--workers", type=int, help="trainings at a time; as many as cores")
    parser.add_argument("--report", action="store_true", help="one page of all methods as well, beside the tables' folders")
    parser.add_argument("--anchored", action="store_true",
                        help="print as well what all methods are worth once a recording's first seconds are known")  # fmt: skip
    parser.add_argument("--dry-run", action="store_true", help="say what would be trained, and train nothing")
    asked = parser.parse_args()
    if asked.sealed and asked.set is None:
        parser.error(f"--sealed needs --set, one of {', '.join(PLAIN_SETS)}")
    if asked.people is not None and (asked.set is None or asked.people < 1):
        parser.error(f"--people {asked.people}: expected at least 1, and --set")
    if asked.publish and not asked.sealed:
        parser.error("--publish needs --sealed: what is published is of people whom no choice was made on")
    return asked


def main() -> None:
    asked = arguments()
    logging.getLogger("tast.datasets.splits").addFilter(first_time(set()))
    instruction_set.require(load_params().compute.instruction_set)
    if asked.set is None:
        of_own_videos(asked)
    else:
        of_set(asked)


if __name__ == "__main__":
    running.run(main)
