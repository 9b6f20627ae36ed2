"""The figures that are published: each set with sealed seeds, people whom no choice was made on; JSON, and docs/figures.md.

    python -m benchmarks.published                     (every set, one after the other: some hours)
    python -m benchmarks.published pure_wide narrow    (these)
    python -m benchmarks.published --dry-run           (what there is, whether it is stale, what is left to do)

Nothing can be chosen: parameters are those of params.yaml and of the set, as they are committed, and code that differs from the
commit is refused. Folds and training seeds are fixed below. Rendered sessions, clips and finished trainings are kept (--keep) by
all that decides them, so that an interrupted run goes on. The JSON names commit, parameters, code, libraries and seeds, by which
a figure of other code is seen to be stale (--dry-run says so).

Every score is of the seconds of the recordings of all runs together, each person's interval, bias and slope included; 95 %
intervals are over resampled people. r within people and within recordings is that of repeated measures, each training for itself.
"""

from __future__ import annotations

import argparse
import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pandas as pd
from rich.console import Console
from rich.table import Table

from benchmarks.recorded import RECORDED_ROOT
from benchmarks.results import RESULTS
from benchmarks.runs import CONSTANT, METHODS, OURS, Run, folds_of, planned, run_all
from benchmarks.seeds import SEALED
from benchmarks.sets import PLAIN_SETS, SETS, clips_folder, facts_of_clips, kept_clips, params_of_set, phantoms_of
from flows import STATE, running
from flows.tables.keys import content_digest, key_of
from tast import instruction_set
from tast.clip_store import ClipStore
from tast.closure import code_digest
from tast.errors import BadInput, TastError
from tast.evaluation.evaluate import interval_facts, plain
from tast.evaluation.metrics import bootstrap_intervals, compare_paired, correlation_within, score
from tast.files import whole_file
from tast.methods import code_of_method
from tast.params import Params, Phantom, changed, load_params
from tast.people import person_of, recording_of
from tast.provenance import computed_with
from tast.training.interval import COVERAGE

TRAINING_SEEDS = (0, 1, 2)
FOLDS = 2  # of five, where a protocol has no other number: half an hour a set on two cores
THREADS = 1  # of each training, as many at a time as there are cores
DRAWS, DRAWS_SEED = 1000, 0  # of the bootstrap over people
COMMITTED = ("tast", "flows", "benchmarks", ":!benchmarks/results", "params.yaml", "requirements.lock")
KEEP = STATE / "sets"  # shared with benchmarks/table.py
PAGE = Path("docs/figures.md")
BEGIN, END = "<!-- table of benchmarks/published.py: begin -->", "<!-- table of benchmarks/published.py: end -->"


@dataclass(frozen=True)
class Plan:
    """A set as it is published. phantoms: with the sealed seeds, by their names as data sets."""

    name: str
    params: Params
    phantoms: dict[str, Phantom]

    @property
    def result(self) -> Path:
        return RESULTS / f"published_{self.name}.json"


def plan_of(name: str, params: Params, recorded_root: Path = RECORDED_ROOT) -> Plan:
    """The set with its sealed seeds in place of those of development, which params.yaml is held to."""
    seeds, chosen = SEALED[name], params_of_set(params, name, recorded_root)
    chosen = chosen.model_copy(update={"train": chosen.train.model_copy(update={"threads": THREADS})})
    others = {other: {**changes, "seed": seeds.others[other]} for other, changes in SETS[name].others.items()}
    phantoms = phantoms_of(chosen, others)
    phantoms["phantom"] = phantoms["phantom"].model_copy(update={"seed": seeds.phantom})
    return Plan(name, chosen, phantoms)


def facts_of(plan: Plan) -> dict[str, Any]:
    """What the figures depend on, and what makes them stale where it changes."""
    return {
        "params": key_of([plan.params.train.model_dump(mode="json"), plan.params.split.model_dump(mode="json")]),
        "clips": key_of(facts_of_clips(plan.phantoms, plan.params)),
        "code": key_of([code_digest("benchmarks.published"), code_of_method(plan.params.train.method)]),
        "computed": computed_with(),
    }


def publish(plan: Plan, keep: Path, workers: int | None = None) -> dict[str, Any]:
    """Render, preprocess, train and score, so many trainings at a time; the content of the set's JSON, which is written."""
    facts, commit = facts_of(plan), committed_code()
    store = kept_clips(keep, plan.name, plan.phantoms, plan.params)
    folds = folds_of(plan.params, store, FOLDS)
    runs = run_all(plan.params, store, folds, TRAINING_SEEDS, keep / "trainings", workers)
    predictions = pd.concat([run.predictions for run in runs], ignore_index=True)
    result: dict[str, Any] = plain(
        {
            "set": plan.name,
            "command": f"tast benchmark published {plan.name}",
            "commit": commit,
            **facts,
            "seeds": {"training": list(TRAINING_SEEDS), **{name: phantom.seed for name, phantom in plan.phantoms.items()}},
            "folds": folds,
            "runs": len(runs),
            "people": int(person_of(predictions).nunique()),
            "recordings": int(recording_of(predictions).nunique()),
            "seconds": len(predictions) // len(TRAINING_SEEDS),
            "clips_content": content_digest(store.folder),
            "methods": [scores_of(runs, method) for method in METHODS],
        }
    )
    with whole_file(plan.result) as part:
        part.write_text(json.dumps(result, indent=1, allow_nan=False) + "\n")
    return result


def scores_of(runs: Sequence[Run], method: str) -> dict[str, Any]:
    """One method's row, of the seconds of all runs together: errors in percent SpO2; NaN where a score is not defined."""
    predictions = pd.concat([run.predictions.assign(run=f"{run.fold}/{run.seed}") for run in runs], ignore_index=True)
    true, predicted, people = predictions["true_percent"], predictions[method], person_of(predictions)
    pooled, draws = score(true, predicted), {"draws": DRAWS, "seed": DRAWS_SEED}
    rmse = bootstrap_intervals(true, predicted, people, **draws)["rmse"]
    against = compare_paired(true, predicted, predictions[CONSTANT], people, **draws)
    row: dict[str, Any] = {
        "method": method, "rmse": pooled.rmse, "rmse_low": rmse.low, "rmse_high": rmse.high, "mae": pooled.mae,
        "pearson_r": pooled.pearson_r, "bias": pooled.bias, "slope": pooled.slope, "share_of_constant_removed": against.skill,
        "difference_from_constant": asdict(against.rmse_difference_interval),
        "rmse_of_runs": [run.scores(method).rmse for run in runs],
    }  # fmt: skip
    for name, groups in {"people": people, "recordings": recording_of(predictions)}.items():
        value, interval = correlation_within(true, predicted, predictions["run"] + "/" + groups, people, **draws)
        row |= {f"r_within_{name}": value, f"r_within_{name}_interval": asdict(interval)}
    if method == CONSTANT:  # one in each run: between runs it differs, and follows nothing
        row |= {"pearson_r": float("nan"), "slope": 0.0}
    return row | ({"interval": interval_facts(predictions, COVERAGE, **draws)} if method == OURS else {})


def committed_code() -> str:
    """The commit that the code is. Raises TastError where it differs from the working tree, or there is no repository."""
    changes = [line[3:] for line in _git("status", "--porcelain", "--", *COMMITTED).splitlines()]
    if changes:
        raise TastError(f"figures are published of committed code alone; not committed: {', '.join(changes[:5])}")
    return _git("rev-parse", "HEAD").strip()


def _git(*arguments: str) -> str:
    done = subprocess.run(["git", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise TastError(f"git {arguments[0]}: {done.stderr.strip()}; expected a checkout of the project's repository")
    return done.stdout


def read_results() -> dict[str, dict[str, Any]]:
    """The JSON of the sets that have been published, in the order of SEALED."""
    paths = {name: RESULTS / f"published_{name}.json" for name in SEALED}
    return {name: json.loads(path.read_text()) for name, path in paths.items() if path.is_file()}


def tables(results: Mapping[str, Mapping[str, Any]]) -> str:
    """Markdown of what has been published: TAST-Net on each set, then every method's error and R; nothing without any."""
    if not results:
        return ""
    headings = ("set", "people", "RMSE [95 %]", "MAE", "R", "r within people", "r within recordings")
    ours = [[*headings, "in 90 % interval (worst person)", "its width"], ["---", *["---:"] * 8]]
    beside = [["RMSE (R)", *METHODS], ["---", *["---:"] * len(METHODS)]]
    for name, result in results.items():
        rows = {row["method"]: row for row in result["methods"]}
        net, interval = rows[OURS], rows[OURS]["interval"]
        rmse = f"{_number(net['rmse'])} [{_number(net['rmse_low'])}, {_number(net['rmse_high'])}]"
        ours.append([
            f"`{name}`", str(result["people"]), rmse,
            *(_number(net[key]) for key in ("mae", "pearson_r", "r_within_people", "r_within_recordings")),
            f"{_number(interval['coverage'])} ({_number(interval['worst_coverage'])})", _number(interval["width_percent"]),
        ])  # fmt: skip
        beside.append([f"`{name}`", *(_error_and_r(rows[method]) for method in METHODS)])
    return "\n\n".join("\n".join(f"| {' | '.join(line)} |" for line in table) for table in (ours, beside))


def write_page(results: Mapping[str, Mapping[str, Any]], page: Path = PAGE) -> None:
    """Put the tables between the page's markers. Raises BadInput where it has none."""
    text = page.read_text(encoding="utf-8")
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise BadInput(page, "no place for the table of published figures", f"the lines {BEGIN} and {END}")
    with whole_file(page) as part:
        part.write_text(f"{text[: text.index(BEGIN)]}{BEGIN}\n{tables(results)}\n{text[text.index(END) :]}", encoding="utf-8")


def published_in(page: Path) -> str:
    """The tables that stand between the page's markers."""
    return page.read_text(encoding="utf-8").partition(BEGIN)[2].partition(END)[0].strip()


def _error_and_r(row: Mapping[str, Any]) -> str:
    return _number(row["rmse"]) + ("" if row["pearson_r"] is None else f" ({_number(row['pearson_r'])})")


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def show_plan(plans: Sequence[Plan], keep: Path) -> None:
    """What would be done, and which figures are there; nothing is."""
    table = Table("set", "phantom seeds", "clips", "trainings done", "figures", title="published")
    for plan in plans:
        folder = clips_folder(keep, plan.name, plan.phantoms, plan.params)
        clips, trainings = "to render", ""
        if folder.is_dir():
            store = ClipStore(folder)
            folds = folds_of(plan.params, store, FOLDS)
            runs = planned(plan.params, store, folds, TRAINING_SEEDS, keep / "trainings")
            clips, trainings = "kept", f"{sum(run.is_done for run in runs)} of {len(runs)}"
        table.add_row(plan.name, " ".join(str(one.seed) for one in plan.phantoms.values()), clips, trainings, standing_of(plan))
    Console().print(table)


def standing_of(plan: Plan) -> str:
    """Whether the set's figures are those that the present code would give: "none", "up to date", or what has changed since."""
    if not plan.result.is_file():
        return "none"
    result, facts = json.loads(plan.result.read_text()), facts_of(plan)
    others = [name for name, fact in facts.items() if result.get(name) != fact]
    return f"of {result['commit'][:9]}, other {', '.join(others)} now" if others else "up to date"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="tast benchmark published", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("sets", nargs="*", metavar="SET", help=f"some of {', '.join(PLAIN_SETS)}; all of them by default")
    parser.add_argument("--recorded-root", type=Path, default=RECORDED_ROOT, help="folder of oximetry_phone_cam, for `recorded`")
    parser.add_argument("--keep", type=Path, default=KEEP, help=f"folder for clips and finished trainings; {KEEP}")
    parser.add_argument("--workers", type=int, help="processes at a time; runner.workers, and for trainings as many as cores")
    parser.add_argument("--clips-only", action="store_true", help="render and preprocess, and train nothing yet")
    parser.add_argument("--dry-run", action="store_true", help="say what there is and what is left to do, and do nothing")
    asked = parser.parse_args()
    if unknown := [name for name in asked.sets if name not in PLAIN_SETS]:
        parser.error(f"no set {', '.join(unknown)}; known are {', '.join(PLAIN_SETS)}")
    return asked


def main() -> None:
    asked = arguments()
    params = load_params()
    if asked.workers is not None:
        params = changed(params, {"runner.workers": asked.workers})
    plans = [plan_of(name, params, asked.recorded_root) for name in asked.sets or PLAIN_SETS]
    if asked.dry_run:
        show_plan(plans, asked.keep)
        return
    committed_code()  # before anything is rendered
    instruction_set.require(params.compute.instruction_set)
    for plan in plans:
        if asked.clips_only:
            kept_clips(asked.keep, plan.name, plan.phantoms, plan.params)
        else:
            publish(plan, asked.keep, asked.workers)
            write_page(read_results())
            print(tables(read_results()))


if __name__ == "__main__":
    running.run(main)
