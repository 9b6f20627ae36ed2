"""What a user is told in worlds left out: cameras, lamps and faces that no training saw, each video read as `predict` does.

    tast benchmark worlds                 (three quarters of an hour on two cores; what is done is kept, and not done again)
    tast benchmark worlds --dry-run       (what there is, and what is left to do)
    tast benchmark worlds --publish       (the tables into docs/worlds.md)

The set `left_out` of benchmarks/sets.py, with sealed seeds: a model is trained on people in home worlds, half of them coded as
worlds are and beginning anywhere, half with bits enough and beginning at rest (a fifth of all is left out, and scored without an
anchor); then people with other faces, who begin at rest, are filmed by other sensors, in worlds that nobody trained in: `clear`
with bits enough, `coded` as worlds are. Each is read once, anchored by what the oximeter showed in its first 10 s, or by `rest`
(97 %, assumed). A second counts as answered where a percentage with an interval is given. Beside the model stand the constant
(the mean of the training), who stays where the anchor was, and who goes on from there as the training's people from rest did on
average. How many bits are enough, tast/prediction/causes/recording.py says.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pandas as pd
from torch import nn

from benchmarks.published import DRAWS, DRAWS_SEED, KEEP, Plan, committed_code, facts_of, plan_of
from benchmarks.results import Row, write_between, write_rows
from benchmarks.sets import clips_folder, facts_of_videos, kept_clips, rendered
from flows import running
from flows.fitting import fit_model
from flows.predicted import predictions_by, train_mean_percent
from flows.progress import progress
from flows.tables.keys import key_of
from tast import instruction_set
from tast.anchors import SPAN_S, Reading, reading_of
from tast.closure import code_digest
from tast.crew.each import do_each
from tast.datasets.description import described
from tast.datasets.readers import read_downloaded
from tast.datasets.splits import make_split
from tast.errors import TastError
from tast.evaluation.metrics import bootstrap_intervals, mean_with_interval
from tast.files import whole_file, whole_folder
from tast.methods import code_of_method
from tast.params import Params, Phantom, load_params
from tast.people import person_of, recording_of
from tast.prediction.asked import Asked
from tast.prediction.causes.recording import bits_of_enough
from tast.prediction.predict import delivered, read_video
from tast.prediction.trace import PredictedTrace
from tast.preprocessing.clips import labels_per_second
from tast.records import FITZPATRICK, VideoRecord
from tast.saved_model import ModelCard, load_model, save_model
from tast.seconds import per_second
from tast.training.compute import compute_reproducibly
from tast.training.dataset import ClipDataset
from tast.training.inference import labelled

SET = "left_out"
RESTED, AWAY = "rested", ("clear", "coded", "other")  # phantoms of sets: from rest at home; elsewhere. The rest are home
PAGE = Path("docs/worlds.md")
BEGIN, END = "<!-- worlds left out: tast benchmark worlds --publish -->", "<!-- end of worlds left out -->"
RATES = ("lossless", "enough bits", "too few bits")
GIVEN = ("alone_percent", "read_percent", "lower_percent", "upper_percent", "rest_percent", "stays_percent")


@dataclass(frozen=True)
class Kept:
    """Where things are kept: named by all that decides them."""

    plan: Plan
    root: Path

    @property
    def model(self) -> Path:
        params = self.plan.params
        train = params.train.model_dump(mode="json"), params.split.model_dump(mode="json")
        code = [code_digest("flows.fitting"), code_of_method(params.train.method)]
        return self.root / f"{self.plan.name}-model-{key_of([train, str(self.clips), code])}"

    @property
    def clips(self) -> Path:
        return clips_folder(self.root, self.plan.name, self.home, self.plan.params)

    @property
    def home(self) -> dict[str, Phantom]:
        return {name: phantom for name, phantom in self.plan.phantoms.items() if name not in AWAY}

    @property
    def away(self) -> dict[str, Phantom]:
        return {name: phantom for name, phantom in self.plan.phantoms.items() if name in AWAY}

    @property
    def videos(self) -> Path:
        return self.root / f"{self.plan.name}-videos-{key_of(facts_of_videos(self.away))}"

    @property
    def readings(self) -> Path:
        made_of = [self.model.name, self.videos.name, code_digest("benchmarks.worlds")]
        return self.root / f"{self.plan.name}-read-{key_of(made_of)}"


@dataclass(frozen=True, eq=False)
class Home:
    """What home worlds give: the model's card, what it says without an anchor of people left out there, the mean of the training,
    and by the second, how far SpO2 lies from that of the first 10 s, on average over the training's people from rest."""

    card: ModelCard
    predictions: pd.DataFrame
    mean_percent: float
    course_percent: pd.Series


def trained(kept: Kept) -> Home:
    """The model is in its folder then."""
    params, store = kept.plan.params, kept_clips(kept.root, kept.plan.name, kept.home, kept.plan.params)
    split = make_split(store.manifest, **params.split.model_dump())
    parts = {
        name: ClipDataset(store, ids, kind=params.train.input, frame_size_px=params.train.frame_size_px)
        for name, ids in split.parts.items()
    }
    if not kept.model.is_dir():
        compute_reproducibly(params.train.seed, params.train.threads)
        with progress("train", params.train.epochs) as advance:
            model, _, card = fit_model(
                params.train, store, parts["train"], parts["val"], kept.root / "checkpoints" / kept.model.name,
                on_epoch=lambda record: advance(1, f"validation RMSE {record.val_rmse_percent:.2f} %"),
            )  # fmt: skip
        with whole_folder(kept.model) as folder:
            save_model(folder, model, card)
    model, card = load_model(kept.model)
    predictions = predictions_by(model, card, parts["test"])
    return Home(card, predictions, train_mean_percent(store, split), mean_course(labelled(parts["train"])))


def mean_course(labels: pd.DataFrame) -> pd.Series:
    """By second since the first frame, of the recordings from rest among these clips' (as tast.training.inference.labelled)."""
    seconds = per_second(labels[labels["dataset"] == RESTED], ["true_percent"])
    first = seconds["true_percent"].where(seconds["second"] < SPAN_S).groupby(recording_of(seconds)).transform("mean")
    return (seconds["true_percent"] - first).groupby(seconds["second"]).mean()


def read_all(kept: Kept, workers: int, subject_id: str | None = None) -> pd.DataFrame:
    """A row for each second of the other people's recordings, refused ones included, with the facts of its world.

    subject_id: of the one person to be read; None: everybody.
    """
    raw = rendered(kept.videos, kept.away, workers)
    params = kept.plan.params.preprocess
    records, unread = read_downloaded(raw, described(raw), (params.spo2_min_percent, params.spo2_max_percent))
    if unread:
        raise TastError(f"{unread[0].record_id}: {unread[0].reason}; expected recordings that can be read")
    records = [record for record in records if subject_id in (None, record.subject_id)]
    work = partial(read_one, model_folder=kept.model, label_delay_s=params.label_delay_s, folder=kept.readings)
    with progress("read", len(records)) as advance:
        tables = do_each(work, records, workers=workers, on_result=lambda *_: advance(1, ""))
    worlds = pd.concat([pd.read_csv(raw / name / "worlds.csv").assign(dataset=name) for name in kept.away])
    rows = pd.concat(tables, ignore_index=True).rename(columns={"camera": "world"})
    rows = rows.merge(worlds[["dataset", "world", "lamp", "coding"]], on=["dataset", "world"], validate="many_to_one")
    return rows.assign(world=rows["dataset"] + " " + rows["world"])


def read_one(record: VideoRecord, *, model_folder: Path, label_delay_s: float, folder: Path) -> pd.DataFrame:
    """The seconds of one recording after its first 10 s, as they are told; kept in the folder."""
    path = folder / f"{record.record_id}.parquet"
    if not path.is_file():
        with whole_file(path) as part:
            _read(record, model_folder, label_delay_s).to_parquet(part, index=False)
    return pd.read_parquet(path)


def _read(record: VideoRecord, model_folder: Path, label_delay_s: float) -> pd.DataFrame:
    facts = {
        "dataset": record.dataset, "subject_id": record.subject_id, "record_id": record.record_id, "camera": record.camera,
        "skin_type": record.skin_type,
    }  # fmt: skip
    model, card = _loaded(model_folder)
    try:
        trace = read_video(record.record_id, record.video, model, card)
        true = np.array([labels_per_second(record.spo2, at_s + label_delay_s, 1)[0] for at_s in trace.start_s])
        return told(trace, true).assign(**facts)
    except TastError as error:
        reason = str(error).removeprefix(f"{record.record_id}: ")
        times_s = np.arange(SPAN_S, np.floor(record.spo2.times_s[-1] - label_delay_s))
        true = np.array([labels_per_second(record.spo2, at_s + label_delay_s, 1)[0] for at_s in times_s])
        missing = dict.fromkeys(GIVEN, np.nan)
        return pd.DataFrame({"start_s": times_s, "true_percent": true, **missing, "refused": reason, "rate": "", **facts})


def told(trace: PredictedTrace, true_percent: np.ndarray) -> pd.DataFrame:
    """What is given of a trace whose first 10 s are known as an oximeter shows them, in whole percent; those seconds left out.

    Raises VideoRejected as tast.prediction.predict.delivered does.
    """
    first = trace.start_s < trace.start_s[0] + SPAN_S
    shown = float(np.rint(np.nanmean(true_percent[first])))
    begin_s = float(trace.start_s[0])
    read = delivered(trace, Asked(anchor=[Reading(begin_s, begin_s + SPAN_S, shown, reading_of("97").sd_percent)]))
    rest = delivered(trace, Asked(anchor=[replace(reading_of("rest"), begin_s=begin_s, end_s=begin_s + SPAN_S)]))
    assert trace.source is not None
    enough = bits_of_enough(trace.source)
    table = pd.DataFrame({
        "start_s": trace.start_s, "true_percent": true_percent, "alone_percent": trace.spo2_percent,
        "read_percent": read.spo2_percent, "lower_percent": read.lower_percent, "upper_percent": read.upper_percent,
        "rest_percent": rest.spo2_percent, "stays_percent": shown, "refused": "; ".join(trace.findings.outside()),
        "rate": RATES[0] if np.isinf(enough) else RATES[1 if enough >= 1 else 2],
    })  # fmt: skip
    return table[~first]


@lru_cache(maxsize=1)
def _loaded(model_folder: Path) -> tuple[nn.Module, ModelCard]:
    return load_model(model_folder)


def rows_of(seconds: pd.DataFrame, at_home: Home) -> list[Row]:
    """seconds: as read_all gives them."""
    mean_percent, home = at_home.mean_percent, at_home.predictions
    moved = at_home.course_percent.reindex(np.floor(seconds["start_s"]).astype(int), method="nearest").to_numpy()
    seconds = seconds.assign(course_percent=seconds["stays_percent"] + moved)
    known = seconds[seconds["true_percent"].notna()]
    answered = known[known["lower_percent"].notna()]
    high = answered[answered["rate"] != RATES[2]]
    wanted = known.groupby("world")["rate"].transform(lambda rates: rates.where(rates != "").mode().get(0, RATES[2])) != RATES[2]
    home = home[home["true_percent"].notna()]
    found = [
        Row("people left out", person_of(known).nunique(), "people", must=48),
        Row("worlds left out", known["world"].nunique(), "worlds", must=12),
        Row("answered, of enough bits or lossless", *_share(known[wanted], "lower_percent"), must=0.7),
        Row("answered, of all", *_share(known, "lower_percent")),
        *_errors("anchored by a reading, of enough bits or lossless", high, "read_percent", mean_percent, (0.35, 0.6)),
        *_errors("anchored by a reading, of all that is answered", answered, "read_percent", mean_percent, (0.6, None)),
        *_errors("anchored by rest assumed, of enough bits or lossless", high, "rest_percent", mean_percent, (0.5, None)),
        *_errors("nothing known, not told", known[known["alone_percent"].notna()], "alone_percent", mean_percent, (None, None)),
        *_errors("home worlds, no anchor", home, "predicted_percent", mean_percent, (0.4, None)),
        Row("r within recordings, of enough bits or lossless, median", _median_r(high, "read_percent"), "1", must=0.9),
        Row("r within recordings, of the course from rest, median", _median_r(high, "course_percent"), "1"),
        _covered("all", answered, 0.85),
    ]
    for what in ("rate", "skin_type", "lamp", "coding"):
        order = RATES if what == "rate" else FITZPATRICK if what == "skin_type" else sorted(answered[what].unique())
        bar = None if what == "coding" else 0.8
        found += [_covered(name, part, bar) for name in order if len(part := answered[answered[what] == name])]
    width = (answered["upper_percent"] - answered["lower_percent"]).mean()
    return [*found, Row("width of the interval, mean", float(width), "points of SpO2")]


def _errors(
    name: str, rows: pd.DataFrame, column: str, mean_percent: float, bars: tuple[float | None, float | None]
) -> list[Row]:
    if rows.empty:
        return []
    true = rows["true_percent"].to_numpy(dtype=np.float64)

    def rmse(given: np.ndarray | float) -> float:
        return float(np.sqrt(np.mean((given - true) ** 2)))

    value, interval = rmse(rows[column].to_numpy()), _interval(true, rows[column], person_of(rows))
    unit = f"points of SpO2, 95 % {interval}"
    found = [Row(name, value, unit, "the constant", value / rmse(mean_percent), better="lower", must=bars[0])]
    if column == "read_percent":
        stays = rmse(rows["stays_percent"].to_numpy())
        found.append(Row(f"{name}, beside", value, unit, "stays there", value / stays, better="lower", must=bars[1]))
        course = value / rmse(rows["course_percent"].to_numpy())
        found.append(Row(f"{name}, beside", value, unit, "the course from rest", course, better="lower"))
    return found


def _interval(true: np.ndarray, given: pd.Series, people: pd.Series) -> str:
    interval = bootstrap_intervals(true, given, people, draws=DRAWS, seed=DRAWS_SEED)["rmse"]
    return f"{interval.low:.2f} to {interval.high:.2f}"


def _share(rows: pd.DataFrame, column: str) -> tuple[float, str]:
    return _mean(rows[column].notna().astype(float), rows)


def _mean(values: pd.Series, rows: pd.DataFrame) -> tuple[float, str]:
    """Over the seconds of rows; of whom, and its interval over people."""
    people = person_of(rows)
    mean, interval = mean_with_interval(values, people, draws=DRAWS, seed=DRAWS_SEED)
    of = f"of {len(rows)} s, {people.nunique()} people"
    return mean, of if people.nunique() < 2 else f"{of}, 95 % {interval.low:.2f} to {interval.high:.2f}"


def _covered(name: str, rows: pd.DataFrame, must: float | None) -> Row:
    inside = rows["true_percent"].between(rows["lower_percent"], rows["upper_percent"]).astype(float)
    return Row(f"in the 90 % interval: {name}", *_mean(inside, rows), must=must)


def _median_r(rows: pd.DataFrame, column: str) -> float:
    moving = [one for _, one in rows.groupby(recording_of(rows)) if one["true_percent"].std() > 0]
    return float(np.median([one[column].corr(one["true_percent"]) for one in moving])) if moving else float("nan")


def lines(found: Sequence[Row]) -> list[str]:
    """Markdown: each row, what it is measured by, and whether it holds."""
    table = ["| | value | | of | bar | |", "|---|---:|---|---:|---:|---|"]
    for row in found:
        measured = row.value if row.ratio is None else row.ratio
        holds = "" if row.must is None else "holds" if _holds(measured, row) else "**falls short**"
        beside = "" if row.ratio is None else f"{row.ratio:.2f} of {row.peer}'s"
        bar = "" if row.must is None else str(row.must)
        table.append(f"| {row.name} | {row.value:.3g} | {row.unit} | {beside} | {bar} | {holds} |")
    return table


def _holds(measured: float, row: Row) -> bool:
    assert row.must is not None
    return measured <= row.must if row.better == "lower" else measured >= row.must


def measure(kept: Kept, workers: int) -> list[Row]:
    home = trained(kept)
    seconds = read_all(kept, workers)
    for reason, share in (seconds["refused"].replace("", np.nan).value_counts() / len(seconds)).items():
        print(f"{share:.1%} of the seconds: {reason}")
    share = 1.0 if home.card.change is None else home.card.change.network_share
    return [*rows_of(seconds, home), Row("share of a change that is the network's", share, "1")]


def show_plan(kept: Kept) -> None:
    places: dict[str, Callable[[], bool]] = {
        "clips of home worlds": kept.clips.is_dir, "model": kept.model.is_dir,
        "videos of other worlds": kept.videos.is_dir, "their readings": kept.readings.is_dir,
    }  # fmt: skip
    for name, there in places.items():
        print(f"{name}: {'there, as far as it got' if there() else 'to be made'}")


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tast benchmark worlds", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--keep", type=Path, default=KEEP, help=f"folder for clips, videos, the model and what was read; {KEEP}")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--dry-run", action="store_true", help="say what there is and what is left to do, and do nothing")
    parser.add_argument("--publish", action="store_true", help=f"the table into {PAGE}")
    asked = parser.parse_args()
    params: Params = load_params()
    kept = Kept(plan_of(SET, params), asked.keep)
    if asked.dry_run:
        show_plan(kept)
        return
    commit = committed_code()
    instruction_set.require(params.compute.instruction_set)
    found = measure(kept, asked.workers)
    write_rows("worlds", found)
    if asked.publish:
        head = [f"`tast benchmark worlds`, of commit {commit[:9]}, clips {json.dumps(facts_of(kept.plan)['clips'])[1:9]}.", ""]
        write_between(PAGE, BEGIN, END, [*head, *lines(found)])


if __name__ == "__main__":
    running.run(main)
