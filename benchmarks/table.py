"""Every method of the paper's tables on the same seconds of the same people: Markdown, CSV, LaTeX and HTML by one command.

    tast table                                      (all methods, on this project's own videos)
    tast table --dry-run                            (what would be trained, and what is there)
    tast table --methods tast_net mathew/mix_last   (these, with the first or the named preset; the constant always stands there)
    tast table --set pure_wide --sealed             (phantoms with the sealed seeds, whom no choice was made on)
    tast table --protocol clip_random               (clips dealt at random, as much of the field does: optimistic, and named so)

Nobody who is scored was trained or stopped on, unless the protocol says so. Trainings, and the clips that a method needs
otherwise than params.yaml has them, are kept (--keep) by all that decides them: an interrupted table goes on where it stopped,
and another method trains its own models only. The first seed of every method comes before the second of any.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch
from rich.console import Console
from rich.table import Table

from benchmarks.published import FOLDS, TRAINING_SEEDS, committed_code, plan_of
from benchmarks.recorded import RECORDED_ROOT
from benchmarks.sets import SETS, clips_folder, kept_clips, params_of_set, phantoms_of
from flows import STATE, running
from flows.ablate import clips_of
from flows.layout import RAW
from flows.processes import in_processes, trainings_at_a_time
from flows.progress import progress
from flows.side_clips import content_digest, make_clips
from flows.side_trainings import SideTraining, key_of_training, network_of, said_by
from flows.stages.train import new_network
from tast import instruction_set
from tast.clip_store import ClipStore
from tast.datasets.splits import Split, make_split
from tast.errors import TastError
from tast.evaluation.baselines import ratio_predictions
from tast.evaluation.classical import predictions
from tast.evaluation.table import SAID, MethodResult, as_html, as_latex, as_markdown, results_table
from tast.files import whole_folder
from tast.methods import own_names
from tast.methods.method import method_named
from tast.params import Params, changed, load_params
from tast.seconds import KEY

log = logging.getLogger("benchmarks.table")
KEEP = STATE / "table"
OUT = Path("reports/table")
REFERENCE = "tast_net"
CONSTANT = "constant"
BATCHES = (1, 16)  # clips at a time, of the time per frame
REPEATS = 5
LIKE = {"pure": "pure", "vipl_hr": "vipl_hr"}  # layout of a set -> the data set whose published figures stand beside it


@dataclass(frozen=True)
class Candidate:
    """A method with a preset, and the parameters that it is trained with. name: as the table calls it."""

    name: str
    method: str
    preset: str
    params: Params


@dataclass(frozen=True)
class Planned:
    """One training of a candidate."""

    candidate: Candidate
    fold: int
    seed: int
    training: SideTraining

    @property
    def run(self) -> str:
        return f"{self.fold}/{self.seed}"

    def __str__(self) -> str:
        return f"{self.candidate.name}, fold {self.fold}, seed {self.seed}"


@dataclass(frozen=True)
class Place:
    """Where the videos are: a set of phantoms below `keep`, or this project's own where set is None."""

    keep: Path
    params: Params
    set: str | None = None
    phantoms: Mapping[str, Any] | None = None

    def folder(self, params: Params) -> Path:
        """Where the clips are that these parameters make of the videos, or would be."""
        if self.set is not None and self.phantoms is not None:
            return clips_folder(self.keep, self.set, self.phantoms, params)
        return clips_of(params, "")[0]

    def clips(self, params: Params) -> ClipStore:
        """The clips that these parameters make of the videos, made unless they are there."""
        folder = self.folder(params)
        if folder.is_dir():
            return ClipStore(folder)
        if self.set is not None and self.phantoms is not None:
            return kept_clips(self.keep, self.set, self.phantoms, params, keep_videos=True)
        log.info("clips with other preprocessing are made: %s", folder.name)
        return make_clips(RAW, folder, params.preprocess, params.runner.workers)


def candidates(params: Params, wanted: Sequence[str]) -> list[Candidate]:
    """METHOD or METHOD/PRESET, each with its preset over the parameters; the reference first.

    Raises TastError for unknown ones.
    """
    found = {}
    for name in dict.fromkeys([REFERENCE, *wanted]):
        method_name, _, preset = name.partition("/")
        try:
            method = method_named(method_name)
        except ValueError as error:
            raise TastError(str(error)) from None
        preset = preset or cpu_preset(method.presets)
        if preset not in method.presets:
            raise TastError(f"{preset!r} is no preset of {method_name}; it has {', '.join(method.presets)}")
        made = changed(params, {"train.method": method_name, **method.presets[preset], "train.threads": 1})
        found[name] = Candidate(name, method_name, preset, made)
    return list(found.values())


def cpu_preset(presets: Mapping[str, Any]) -> str:
    """`small` where there is one: what processors can train; else the first."""
    return "small" if "small" in presets else next(iter(presets))


def all_methods() -> list[str]:
    """Every method of this project, as processors can train it; of one with several structures, each of them."""
    names = []
    for name in own_names():
        presets = method_named(name).presets
        names += [name] if "small" in presets else [f"{name}/{preset}" for preset in presets if preset != "paper"]
    return names


def planned(
    chosen: Sequence[Candidate], stores: Mapping[str, ClipStore], folds: int, seeds: Sequence[int], kept: Path
) -> list[Planned]:
    """A training of each candidate for each fold and seed, the first seed of all before the second of any."""
    contents = {folder: content_digest(folder) for folder in {store.folder for store in stores.values()}}
    runs = []
    for seed in seeds:
        for fold in range(folds):
            for one in chosen:
                store = stores[one.name]
                train = one.params.train.model_copy(update={"seed": seed})
                split = make_split(store.manifest, **(one.params.split.model_dump() | {"fold": fold}))
                key = key_of_training(train, network_of(train, store), split, contents[store.folder])
                runs.append(Planned(one, fold, seed, SideTraining(train, store.folder, split, kept, key)))
    return runs


def train_all(runs: Sequence[Planned], workers: int) -> dict[tuple[str, str], pd.DataFrame]:
    """(name, run) -> what each training said of its test people; what is done already costs nothing."""
    said = {}
    with progress("table", len(runs)) as advance:
        for run, rows in zip(runs, in_processes(said_by, [one.training for one in runs], workers), strict=True):
            said[run.candidate.name, run.run] = rows.assign(run=run.run)
            advance(1, str(run))
    return said


def beside(store: ClipStore, split: Split, run: str, truth: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What needs no network, fitted on the training people of the split: the constant, colour ratios, the classical methods."""
    base = truth.drop(columns="predicted_percent").assign(lower_percent=float("nan"), upper_percent=float("nan"), run=run)
    tables = {CONSTANT: base.assign(predicted_percent=base["constant_percent"])}
    others = {**ratio_predictions(store, split.train, split.test), **predictions(store, split.train, split.test)}
    for name in sorted(others.keys() - {CONSTANT}):
        tables[name] = base.merge(others[name][[*KEY, "predicted_percent"]], on=KEY, validate="one_to_one")
    return tables


def results_of(
    runs: Sequence[Planned], said: Mapping[tuple[str, str], pd.DataFrame], stores: Mapping[str, ClipStore], like: str
) -> list[MethodResult]:
    """Every method on the seconds that all of them were asked about."""
    tables: dict[str, list[pd.DataFrame]] = {}
    for run in runs:
        tables.setdefault(run.candidate.name, []).append(said[run.candidate.name, run.run])
    for run in (one for one in runs if one.candidate.name == REFERENCE):
        others = beside(stores[REFERENCE], run.training.split, run.run, said[REFERENCE, run.run])
        for name, table in others.items():
            tables.setdefault(name, []).append(table)
    whole = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    common = whole[REFERENCE][["run", *KEY]]
    for table in whole.values():
        common = common.merge(table[["run", *KEY]], on=["run", *KEY])
    chosen = {run.candidate.name: run.candidate for run in runs}
    return [_result(name, common.merge(table, on=["run", *KEY]), chosen.get(name), stores, like) for name, table in whole.items()]


def _result(
    name: str, table: pd.DataFrame, candidate: Candidate | None, stores: Mapping[str, ClipStore], like: str
) -> MethodResult:
    silent = ~table["predicted_percent"].notna()
    rows = table.assign(predicted_percent=table["predicted_percent"].where(~silent, table["constant_percent"]))[list(SAID)]
    if candidate is None:
        return MethodResult(name, rows, abstained=int(silent.sum()))
    reported = method_named(candidate.method).reported
    published = {score: value for (data, score), value in (reported.scores.items() if reported else ()) if data == like}
    parameters, costs = cost_of(candidate.params, stores[candidate.name])
    return MethodResult(name, rows, parameters, costs, int(silent.sum()), published)


def cost_of(params: Params, store: ClipStore) -> tuple[int, dict[int, float]]:
    """Parameters of a candidate's network, and milliseconds of this machine per frame, by clips at a time; one thread."""
    clip = store.manifest.iloc[0]
    frames, size = int(clip["n_frames"]), params.train.frame_size_px
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        network = new_network(params.train, frames=frames, seconds=len(clip["spo2_percent"])).eval()
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        costs = {}
        for batch in BATCHES:
            video = torch.randn(batch, 3, frames, size, size)
            network(video)  # what is prepared once is not counted
            costs[batch] = 1e3 * statistics.median(_timed(network, video) for _ in range(REPEATS)) / (batch * frames)
        torch.set_num_threads(threads)
    return sum(one.numel() for one in network.parameters()), costs


def _timed(network: torch.nn.Module, video: torch.Tensor) -> float:
    begin_s = time.process_time()
    network(video)
    return time.process_time() - begin_s


def write(folder: Path, table: pd.DataFrame, facts: Mapping[str, Any], note: str) -> None:
    """table.md, .csv, .tex, .html and .json (the facts), all or none."""
    with whole_folder(folder) as made:
        (made / "table.md").write_text(as_markdown(table, REFERENCE) + "\n" + note, encoding="utf-8")
        table.to_csv(made / "table.csv", index=False, float_format="%.6g")
        (made / "table.tex").write_text(as_latex(table, REFERENCE), encoding="utf-8")
        (made / "table.html").write_text(as_html(table, REFERENCE), encoding="utf-8")
        (made / "facts.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def note_of(table: pd.DataFrame, protocol: str, seeds: Sequence[int], folds: int) -> str:
    """What the numbers are of, in a paragraph below the table."""
    first = table.iloc[0]
    who = (
        "clips dealt at random, so that test people were trained on: optimistic" if protocol == "clip_random"
        else "nobody who is scored was trained or stopped on"
    )  # fmt: skip
    return (
        f"Errors in % SpO2, of {first['people']} test people's {first['seconds']} labelled seconds, all runs together (seeds "
        f"{', '.join(map(str, seeds))}; {folds} of five folds). Protocol {protocol}: {who}. [95 %]: over resampled people; "
        f"difference: of RMSE from {REFERENCE}'s, the same people drawn for both, p after Holm over the methods. skill: 1 - RMSE "
        "over that of the training mean. A_rms: ISO 80601-2-61, of seconds whose truth is 70 to 100 %. in interval: share of the "
        "seconds that the 90 % interval holds. ms/frame: one thread of this machine. Published figures are the papers' own, of "
        "other people.\n"
    )


def show_plan(chosen: Sequence[Candidate], runs: Sequence[Planned], each: int) -> None:
    """What is done and what is left of each candidate's trainings; of one whose clips are not there yet, all is."""
    shown = Table("method", "preset", "clips", "trainings done", "to do", title="table")
    for one in chosen:
        own = [run for run in runs if run.candidate.name == one.name]
        done = sum(run.training.is_done for run in own)
        shown.add_row(one.name, one.preset, "there" if own else "to make", str(done), str(each - done))
    Console().print(shown)


def place_of(asked: argparse.Namespace, params: Params) -> Place:
    """Where the videos are, with the parameters of the set and of the command line."""
    if asked.set is None:
        place = Place(asked.keep, params)
    elif asked.sealed:
        committed_code()  # what is shown of sealed people must be what stands in a commit, as published.py has it
        plan = plan_of(asked.set, params, asked.recorded_root)
        place = Place(asked.keep, plan.params, asked.set, plan.phantoms)
    else:
        made = params_of_set(params, asked.set, asked.recorded_root)
        place = Place(asked.keep, made, asked.set, phantoms_of(made, SETS[asked.set].tested_on))
    if asked.protocol:
        place = Place(place.keep, changed(place.params, {"split.protocol": asked.protocol}), place.set, place.phantoms)
    return place


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tast table", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--methods", nargs="+", metavar="METHOD[/PRESET]", help="these beside tast_net; all of them by default")
    parser.add_argument("--set", choices=SETS, help="phantoms made for this; without it, this project's own videos")
    parser.add_argument("--sealed", action="store_true", help="with the set's sealed seeds, for figures that are published")
    parser.add_argument("--protocol", help="in place of the set's or of params.yaml's: subject_independent, clip_random, ...")
    parser.add_argument("--seeds", type=int, default=len(TRAINING_SEEDS), help="how many seeds of each training; 3")
    parser.add_argument("--folds", type=int, default=FOLDS, help="how many of the five folds are tested; 2")
    parser.add_argument("--recorded-root", type=Path, default=RECORDED_ROOT, help="folder of oximetry_phone_cam")
    parser.add_argument("--keep", type=Path, default=KEEP, help=f"folder for clips and finished trainings; {KEEP}")
    parser.add_argument("--workers", type=int, help="trainings at a time; as many as cores")
    parser.add_argument("--out", type=Path, help=f"folder of the tables; {OUT}/SET-PROTOCOL")
    parser.add_argument("--dry-run", action="store_true", help="say what would be trained, and train nothing")
    asked = parser.parse_args()
    if asked.sealed and asked.set is None:
        parser.error(f"--sealed needs --set, one of {', '.join(SETS)}")
    return asked


def main() -> None:
    asked = arguments()
    params = load_params()
    instruction_set.require(params.compute.instruction_set)
    place = place_of(asked, params)
    chosen = candidates(place.params, asked.methods or all_methods())
    seeds = list(TRAINING_SEEDS)[: asked.seeds]
    if asked.dry_run:
        ready = [one for one in chosen if place.folder(one.params).is_dir()]
        there = {one.name: place.clips(one.params) for one in ready}
        show_plan(chosen, planned(ready, there, asked.folds, seeds, asked.keep / "trainings"), len(seeds) * asked.folds)
        return
    stores = {one.name: place.clips(one.params) for one in chosen}
    runs = planned(chosen, stores, asked.folds, seeds, asked.keep / "trainings")
    said = train_all(runs, asked.workers or trainings_at_a_time(1))
    protocol = place.params.split.protocol
    like = LIKE.get(place.params.download.phantom.layout if place.set else place.params.dataset.name, "")
    table = results_table(results_of(runs, said, stores, like), reference=REFERENCE, draws=1000, seed=0)
    note = note_of(table, protocol, seeds, asked.folds)
    facts = {
        "set": asked.set, "sealed": asked.sealed, "protocol": protocol, "seeds": seeds, "folds": asked.folds,
        "methods": {one.name: {"method": one.method, "preset": one.preset} for one in chosen},
    }  # fmt: skip
    folder = asked.out or OUT / f"{asked.set or 'own'}-{protocol}"
    write(folder, table, facts, note)
    print((folder / "table.md").read_text())


if __name__ == "__main__":
    running.run(main)
