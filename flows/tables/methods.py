"""From trials to the table of methods: rows with a network beside what needs none, scored on the seconds that all speak of."""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch

from flows.fitting import new_network
from flows.tables.rows import Row
from tast.anchors import SPAN_S
from tast.clip_store import ClipStore
from tast.datasets.splits import Split
from tast.evaluation import run_interval
from tast.evaluation.anchored import anchored_predictions
from tast.evaluation.baselines import ratio_predictions
from tast.evaluation.classical import predictions
from tast.evaluation.run_interval import interval_in
from tast.evaluation.table import ANCHORED_BY, PREDICTED, MethodResult, as_html, as_latex, as_markdown, results_table
from tast.files import whole_folder
from tast.methods.method import method_named
from tast.params import Train
from tast.seconds import KEY
from tast.training import change_scale

CONSTANT = "constant"
ANCHORED = "anchored"  # files beside those of the table
STAYS = "stays"  # the row of who says that SpO2 is what it was in the anchor
BATCHES = (1, 16)  # clips at a time, of the time per frame
REPEATS = 5
DRAWS, DRAWS_SEED = 5000, 0  # of the bootstrap over people; of 1000 Holm's smallest p among 28 rows is .056
WHAT_PROTOCOLS_SHOW = (
    "Where clips are dealt at random, seconds of the same person, camera and recording lie on both sides, and overlapping clips "
    "share their seconds. A network that knows the recording again scores well there and has read nothing: what a method gains "
    "from subject_independent to clip_random it owes to whom it has seen. Figures published of clips dealt at random can "
    "be compared with the latter alone."
)
LIKE = {"pure": "pure", "vipl_hr": "vipl_hr"}  # a data set, or a phantom's layout -> whose published figures stand beside it


def results_of(
    rows: Sequence[Row],
    predicted: Mapping[tuple[str, str], pd.DataFrame],
    store: ClipStore,
    splits: Mapping[str, Split],
    like: str,
) -> list[MethodResult]:
    """Every row, and every method without a network, on the seconds that all speak of; the first row is the reference.

    predicted: (row, run) -> what that trial predicts of its test people (flows.tables.trainings). store: the reference's clips.
    splits: run -> the reference's split. like: the data set whose published figures stand beside ours. Cost in milliseconds is
    measured now.
    """
    reference = rows[0].name
    tables = {row.name: [predicted[row.name, run].assign(run=run) for run in splits] for row in rows}
    for run, split in splits.items():
        for name, table in without_network(store, split, run, predicted[reference, run]).items():
            tables.setdefault(name, []).append(table)
    whole = {name: pd.concat(parts, ignore_index=True) for name, parts in tables.items()}
    common = whole[reference][["run", *KEY]]
    for table in whole.values():
        common = common.merge(table[["run", *KEY]], on=["run", *KEY])
    with_network = {row.name: row for row in rows}
    return [_result(name, common.merge(whole[name], on=["run", *KEY]), with_network.get(name), like) for name in whole]


def table_of(results: Sequence[MethodResult]) -> pd.DataFrame:
    """One line for each (tast.evaluation.table); beside who stays where that one is among them."""
    stays = STAYS if any(one.name == STAYS for one in results) else None
    return results_table(results, reference=results[0].name, draws=DRAWS, seed=DRAWS_SEED, stays=stays)


def anchored_results(results: Sequence[MethodResult]) -> list[MethodResult]:
    """Every method anchored by the labels of each recording's first seconds, on the seconds after these, and who reads nothing.

    None where no recording is longer than an anchor. The interval of each is that of anchored predictions, where its training
    found one (tast.evaluation.run_interval); who needs no network has none.
    """
    anchored = [replace(one, predictions=_anchored(one.predictions), published={}) for one in results]
    reference = anchored[0].predictions
    if reference.empty:
        return []
    nothing = reference.assign(lower_percent=np.nan, upper_percent=np.nan)  # neither of these two promises anything
    stays = MethodResult(STAYS, nothing.assign(predicted_percent=reference["stays_percent"]))
    unmoved = nothing.assign(predicted_percent=reference["constant_percent"])  # so that an anchor's worth can be seen
    return [replace(one, predictions=unmoved) if one.name == CONSTANT else one for one in anchored] + [stays]


def _anchored(predictions: pd.DataFrame) -> pd.DataFrame:
    runs = [anchored_predictions(one, interval_in(one)).assign(run=name) for name, one in predictions.groupby("run", sort=True)]
    return pd.concat(runs, ignore_index=True)


def without_network(store: ClipStore, split: Split, run: str, truth: pd.DataFrame) -> dict[str, pd.DataFrame]:
    """What is fitted on the training people of the split alone: the constant, colour ratios, the classical methods."""
    of_network = {"predicted_percent", "changing_percent", *change_scale.COLUMNS, *run_interval.COLUMNS}
    base = truth.drop(columns=[name for name in truth if name in of_network])
    base = base.assign(lower_percent=float("nan"), upper_percent=float("nan"), run=run)
    tables = {CONSTANT: base.assign(predicted_percent=base["constant_percent"])}
    others = {**ratio_predictions(store, split.train, split.test), **predictions(store, split.train, split.test)}
    for name in sorted(others.keys() - {CONSTANT}):
        tables[name] = base.merge(others[name][[*KEY, "predicted_percent"]], on=KEY, validate="one_to_one")
    return tables


def _result(name: str, table: pd.DataFrame, row: Row | None, like: str) -> MethodResult:
    """A second of which a method says nothing is given the constant, and counted."""
    silent = ~table["predicted_percent"].notna()
    rows = table.assign(predicted_percent=table["predicted_percent"].where(~silent, table["constant_percent"]))
    rows = rows.reindex(columns=[*PREDICTED, *ANCHORED_BY])
    if row is None:
        return MethodResult(name, rows, abstained=int(silent.sum()))
    reported = method_named(row.method).reported
    published = {score: value for (data, score), value in (reported.scores.items() if reported else ()) if data == like}
    clips = row.preprocess.clips
    parameters, costs = cost_of(row.train, frames=round(clips.fps_hz * clips.length_s), seconds=clips.length_s)
    return MethodResult(name, rows, parameters, costs, int(silent.sum()), published)


def cost_of(train: Train, *, frames: int, seconds: int) -> tuple[int, dict[int, float]]:
    """Parameters of the network, and milliseconds of this machine per frame, by clips at a time; one thread."""
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        network = new_network(train, frames=frames, seconds=seconds).eval()
        threads = torch.get_num_threads()
        torch.set_num_threads(1)
        costs = {}
        for batch in BATCHES:
            video = torch.randn(batch, 3, frames, train.frame_size_px, train.frame_size_px)
            network(video)  # what is prepared once is not counted
            costs[batch] = 1e3 * statistics.median(_timed(network, video) for _ in range(REPEATS)) / (batch * frames)
        torch.set_num_threads(threads)
    return sum(one.numel() for one in network.parameters()), costs


def _timed(network: torch.nn.Module, video: torch.Tensor) -> float:
    begin_s = time.process_time()
    network(video)
    return time.process_time() - begin_s


def write_table(folder: Path, results: Sequence[MethodResult], facts: Mapping[str, Any]) -> pd.DataFrame:
    """table.md, .csv, .tex, .html and facts.json, all or none; and the same of all methods anchored, as anchored.*, where some
    recording is longer than an anchor. facts: protocol, seeds, folds, and what else is known. Returns the table.
    """
    table = table_of(results)
    with whole_folder(folder) as made:
        _write(made, "table", table, f"{note_of(table, facts)}\n{reading_of(table)}")
        if anchored := anchored_results(results):
            of_anchored = table_of(anchored)
            _write(made, ANCHORED, of_anchored, f"{note_of(of_anchored, facts)}\n{anchored_note(of_anchored)}")
        (made / "facts.json").write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return table


def _write(folder: Path, name: str, table: pd.DataFrame, below: str) -> None:
    reference = str(table["method"].iloc[0])
    (folder / f"{name}.md").write_text(f"{as_markdown(table, reference)}\n{below}", encoding="utf-8")
    table.to_csv(folder / f"{name}.csv", index=False, float_format="%.6g")
    (folder / f"{name}.tex").write_text(as_latex(table, reference), encoding="utf-8")
    (folder / f"{name}.html").write_text(as_html(table, reference), encoding="utf-8")


def anchored_note(table: pd.DataFrame) -> str:
    """What an anchored table is of, and which of its rows surely read a change."""
    better, rmse = table.loc[table["from_stays_high"] < 0, "method"], table.set_index("method")["rmse"]
    listed = ", ".join(f"{name} ({rmse[name]:.2f})" for name in better) or "none"
    return (
        f"Anchored: what a method gives is moved, for each recording, to agree with the mean label of its first {SPAN_S:g} s, "
        f"which are not scored; {STAYS} says that SpO2 is what it was there, and the constant is anchored by nothing. in "
        "interval: of the 90 % interval of a network's anchored predictions, from its own validation people. Better than "
        f"{STAYS} ({rmse[STAYS]:.2f}) with the whole interval of the difference: {listed}.\n"
    )


def note_of(table: pd.DataFrame, facts: Mapping[str, Any]) -> str:
    """What the numbers are of, in a paragraph below the table."""
    first = table.iloc[0]
    seeds, folds = (", ".join(map(str, facts[name])) for name in ("seeds", "folds"))
    who = (
        "clips dealt at random, so that test people were trained on: optimistic" if facts["protocol"] == "clip_random"
        else "nobody who is scored was trained or stopped on"
    )  # fmt: skip
    return (
        f"Errors in % SpO2, of {first['people']} test people's {first['seconds']} labelled seconds, all runs together (seeds "
        f"{seeds}; folds {folds}). Protocol {facts['protocol']}: {who}. [95 %]: over resampled people; difference: of RMSE from "
        f"{first['method']}'s, the same people drawn for both, p after Holm over the methods. skill: 1 - RMSE over that of the "
        "training mean. A_rms: ISO 80601-2-61, of seconds whose truth is 70 to 100 %. in interval: share of the seconds that the "
        "90 % interval holds. ms/frame: one thread of this machine. Published figures are the papers' own, of other people.\n"
    )


EXPLAINED = ("ratio_chrom", "ratio_pos", "apbv")  # in docs/methods.md, by tests: why they cannot follow the phantom's pulse


def reading_of(table: pd.DataFrame) -> str:
    """Markdown: which rows surely beat the reference, which are worse than the constant, and what the rows `/locked` say of them.

    A row METHOD/locked is a method on this project's own input, with a recipe for it; of several structures, with one of them.
    """
    reference, rmse = str(table["method"].iloc[0]), table.set_index("method")["rmse"]
    constant = rmse[CONSTANT]

    def listed(names: Sequence[str]) -> str:
        return ", ".join(f"{name} ({rmse[name]:.2f})" for name in names) or "none"

    better = list(table.loc[table["difference_high"] < 0, "method"])
    beaten = int((table["difference_low"] > 0).sum())
    worse = [name for name in rmse.index if rmse[name] > constant]
    locked = {name.removesuffix("/locked"): name for name in rmse.index if name.endswith("/locked") and rmse[name] < constant}
    mended = {name: locked[method] for name in worse if (method := name.partition("/")[0]) in locked and name != locked[method]}
    lines = [
        f"{reference} ({rmse[reference]:.2f}) beats {beaten} of the {len(rmse) - 1} other rows with the whole interval of the "
        f"difference; with the whole interval better than it: {listed(better)}.",
        f"No better than the constant ({constant:.2f}): {listed(worse)}.",
    ]
    if mended:
        lines.append(
            f"The same methods on pulse_locked, with a recipe for it: {listed(list(dict.fromkeys(mended.values())))}. What "
            f"{', '.join(mended)} lack is not another method."
        )
    if explained := [name for name in EXPLAINED if name in worse]:
        lines.append(f"Why {', '.join(explained)} cannot follow on a phantom: docs/methods.md, The table.")
    return " ".join(lines) + "\n"


def side_by_side(tables: Mapping[str, pd.DataFrame]) -> str:
    """Markdown: each method's RMSE, R and r within people under each protocol, and what the difference between them means."""
    protocols = list(tables)
    scores = {"rmse": "RMSE", "r": "R", "r_within": "r within people", "skill": "skill"}
    headings = ["method", *(f"{label}, {protocol}" for protocol in protocols for label in scores.values())]
    by_method = {protocol: table.set_index("method") for protocol, table in tables.items()}
    lines = [headings, ["---", *["---:"] * (len(headings) - 1)]]
    for method in tables[protocols[0]]["method"]:
        values = [by_method[protocol].at[method, score] for protocol in protocols for score in scores]
        lines.append([method, *("-" if pd.isna(value) else f"{value:.2f}" for value in values)])
    return "".join(f"| {' | '.join(line)} |\n" for line in lines) + f"\n{WHAT_PROTOCOLS_SHOW}\n"
