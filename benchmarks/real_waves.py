"""Real waves of real people on rendered heads: each person left out, read in home worlds without an anchor, elsewhere with one.

    tast benchmark real_waves                 (half an hour of one core; what is done is kept, and not done again)
    tast benchmark real_waves --dry-run       (what there is, and what is left to do)
    tast benchmark real_waves --publish       (the tables into docs/worlds.md)

The set `recorded_worlds` of benchmarks/sets.py, with sealed seeds. Wave and SpO2 are those of oximetry_phone_cam, a finger on a
phone while oxygen was lowered; what they do to a face's light, the world's optics say (tast/phantom/recorded.py), so that no
figure here tells how well a living face's colours can be read. Each person is left out in turn: a model is trained on the others'
waves, on several heads of each in home worlds, and reads the one left out (a) on heads in the same worlds, not anchored, and (b)
on other heads under sensors that no training saw, anchored by what the oximeter showed in the first 10 s. Pieces lie where SpO2
moves most: of most half minutes of these recordings, "stays where the anchor was" is right within a point.

What stands in the way is asked beside it: what a line makes of the light of one moment, what is left where each recording's level
or slope is known, and what the finger's own colours say, anchored and not, without any rendering.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.published import DRAWS, DRAWS_SEED, KEEP, committed_code, plan_of
from benchmarks.recorded import RECORDED_ROOT
from benchmarks.results import Row, write_between, write_rows
from benchmarks.worlds import Kept, lines, read_all, show_plan, trained
from flows import running
from tast import instruction_set
from tast.clip_store import ClipStore
from tast.datasets.finger_series import FingerSeries
from tast.datasets.oximetry_phone_cam import CAMERA_FPS_HZ, read_oximetry_phone_cam
from tast.evaluation.clinical import hypoxia_intervals
from tast.evaluation.metrics import HYPOXIA_PERCENT, Interval, bootstrap_intervals, detect_hypoxia, mean_with_interval, score
from tast.evaluation.series import BLUE, GREEN, RED, WINDOW_S, leave_one_person_out, standard_deviation_ratio, windows_of
from tast.params import changed, load_params
from tast.people import person_of, recording_of
from tast.phantom.recorded import piece_starts_s, pulsation, subject_numbers
from tast.pulse_rate import clearest_rate
from tast.records import FloatArray
from tast.training.dataset import ClipDataset

SET = "recorded_worlds"
PAGE = Path("docs/worlds.md")
BEGIN, END = "<!-- real waves: tast benchmark real_waves --publish -->", "<!-- end of real waves -->"
PEOPLE = 6  # of the public set
FAR_PERCENT = 10.0  # a recording in which SpO2 moves so far is one of those that an alarm is for
SAME_PER_MIN = 5.0  # a pulse rate that is the oximeters'
HOME_MAE, AWAY_MAE, SENSITIVITY, SPECIFICITY = 5.0, 3.5, 0.81, 0.79  # bars; all but AWAY_MAE: the CNN of Hoffman et al. 2022


def each_left_out(kept: Kept, people: int) -> list[Kept]:
    """The same with one person after the other as the test."""
    split = kept.plan.params.split
    plans = [
        replace(kept.plan, params=kept.plan.params.model_copy(update={"split": split.model_copy(update={"fold": fold})}))
        for fold in range(people)
    ]
    return [Kept(plan, kept.root) for plan in plans]


def read_everybody(folds: Sequence[Kept], workers: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Of all people, each by the model that has not met them: a row per second in home worlds, as flows.predicted gives it, and
    elsewhere, as benchmarks.worlds.read_all does; mean_percent: of that model's training."""
    home, away = [], []
    for kept in folds:
        at_home = trained(kept)
        (subject_id,) = at_home.predictions["subject_id"].unique()
        home.append(at_home.predictions.assign(mean_percent=at_home.mean_percent))
        away.append(read_all(kept, workers, subject_id).assign(mean_percent=at_home.mean_percent))
    return pd.concat(home, ignore_index=True), pd.concat(away, ignore_index=True)


def home_rows(home: pd.DataFrame) -> list[Row]:
    """Not anchored, in worlds that the training knows."""
    known = home[home["true_percent"].notna()]
    recording, name = recording_of(known), "home worlds, not anchored"
    of_person = known.groupby(person_of(known))["true_percent"].transform("mean")
    of_recording = known.groupby(recording)["true_percent"].transform("mean")
    off = known["predicted_percent"] - known["true_percent"]
    levelled = known["predicted_percent"] - off.groupby(recording).transform("mean")
    return [
        mae_row(name, known, known["predicted_percent"], must=HOME_MAE),
        mae_row("home worlds, the mean of the training", known, known["mean_percent"]),
        mae_row("home worlds, each person's own mean, which nobody has", known, of_person),
        mae_row("home worlds, not anchored, if each recording's level were known", known, levelled),
        mae_row("home worlds, that level alone", known, of_recording),
        *hypoxia_rows(name, known, known["predicted_percent"]),
    ]


def away_rows(away: pd.DataFrame) -> list[Row]:
    """Under sensors that no training saw, seconds after the first 10 s."""
    known = away[away["true_percent"].notna()]
    read, answered = known[known["read_percent"].notna()], known["lower_percent"].notna().astype(float)
    inside, name = read[read["lower_percent"].notna()], "other worlds, anchored"
    moves = known.groupby(recording_of(known))["true_percent"].agg(np.ptp)
    far = recording_of(read).map(moves) >= FAR_PERCENT
    recordings = [one for _, one in read.groupby(recording_of(read)) if one["true_percent"].std() > 0]
    r = [one["read_percent"].corr(one["true_percent"]) for one in recordings]
    share, interval = mean_with_interval(answered, person_of(known), draws=DRAWS, seed=DRAWS_SEED)
    return [
        Row("other worlds: SpO2 moves within a recording by, median", float(moves.median()), "points of SpO2"),
        Row("other worlds: answered", share, f"of {len(known)} s, 95 % {_text(interval)}"),
        mae_row(f"{name}, of all that is read", read, read["read_percent"], must=AWAY_MAE),
        mae_row("other worlds, stays where the anchor was", read, read["stays_percent"]),
        mae_row("other worlds, the mean of the training", read, read["mean_percent"]),
        mae_row("other worlds, not anchored, not told", read, read["alone_percent"]),
        mae_row(f"{name}, if each recording's own slope were known", read, own_slopes(read)),
        *[mae_row(f"{what}, where SpO2 moves by {side} {FAR_PERCENT:g} points", part, part[column])
          for side, part in (("at least", read[far]), ("less than", read[~far])) if len(part)
          for what, column in ((name, "read_percent"), ("other worlds, stays", "stays_percent"))],
        *([mae_row(f"{name}, of what is answered", inside, inside["read_percent"]),
           mae_row("other worlds, stays, of what is answered", inside, inside["stays_percent"])] if len(inside) else []),
        Row(f"{name}: r within recordings, median", float(np.nanmedian(r)) if r else float("nan"), "1"),
        *hypoxia_rows(name, read, read["read_percent"]),
        *hypoxia_rows("other worlds, stays where the anchor was", read, read["stays_percent"], bars=False),
    ]  # fmt: skip


def own_slopes(read: pd.DataFrame) -> pd.Series:
    """(N,) percent, if it were known of each recording how many points of SpO2 its change is worth: by least squares."""
    given, true = read["read_percent"] - read["stays_percent"], read["true_percent"] - read["stays_percent"]
    recording = recording_of(read)
    power = (given**2).groupby(recording).transform("sum")
    slope = (given * true).groupby(recording).transform("sum") / power.where(power > 0)
    return read["stays_percent"] + slope.fillna(0.0) * given


def light_rows(store: ClipStore) -> list[Row]:
    """A straight line from the light of one moment to SpO2, fitted on the other people's clips of all home worlds: of colours as
    they are, and less their mean in each world, which is known of a known world."""
    clips = ClipDataset(store, list(store.manifest["clip_id"]), kind="pulse_locked", frame_size_px=16)
    table, colours = clips.clips, clips.colours[:, np.isfinite(clips.colours).all(axis=0)]
    frame = table.assign(true_percent=np.nanmean(clips.spo2_percent, axis=1).astype(np.float64))
    person, world, true = person_of(table).to_numpy(), table["camera"].to_numpy(), frame["true_percent"].to_numpy()
    given = np.empty((2, len(true)))
    for one in np.unique(person):
        test = person == one
        for row, light in enumerate((colours, _less_means(colours, world, ~test))):
            line = make_pipeline(StandardScaler(), Ridge(1.0)).fit(light[~test], true[~test])
            given[row, test] = line.predict(light[test])
    names = "a line on the light of one moment", "a line on the light of one moment, less each world's mean"
    return [mae_row(f"home worlds, {name}", frame, one) for name, one in zip(names, given, strict=True)]


def _less_means(colours: FloatArray, world: npt.NDArray[np.object_], counted: npt.NDArray[np.bool_]) -> FloatArray:
    """(N, colours) less the mean in each world of those that are counted (N,)."""
    means = {one: colours[counted & (world == one)].mean(axis=0) for one in np.unique(world)}
    return colours - np.array([means[one] for one in world])


def wave_rows(recordings: Sequence[FingerSeries]) -> list[Row]:
    """Whether everybody's waves can be used: how often the strongest rate of green in 10 s is that of the oximeters."""
    shares = {}
    for recording in recordings:
        green = pulsation(recording.times_s, recording.rgb)[:, GREEN]
        starts_s = piece_starts_s(recording, WINDOW_S).astype(int)
        windows = [green[int(start_s * CAMERA_FPS_HZ) :][: int(WINDOW_S * CAMERA_FPS_HZ)] for start_s in starts_s]
        given = np.array([60 * clearest_rate(window, CAMERA_FPS_HZ)[1] for window in windows])
        shown = np.array([np.nanmedian(recording.pulse_per_min[start_s : start_s + WINDOW_S]) for start_s in starts_s])
        shares[f"{recording.subject_id} {recording.hand}".strip()] = float(np.mean(np.abs(given - shown) <= SAME_PER_MIN))
    worst, name = min(shares, key=lambda one: shares[one]), "the fingers' waves: rate within 5 a minute of the oximeters'"
    return [
        Row(name, float(np.mean(list(shares.values()))), f"of windows of {WINDOW_S} s, {len(shares)} recordings"),
        Row(f"{name}, the worst recording", shares[worst], f"of windows of {WINDOW_S} s, {worst}"),
    ]


def finger_rows(recordings: Sequence[FingerSeries], seconds: int, pieces: int) -> list[Row]:
    """What the finger's own colours say in pieces like those above, windows of 10 s, a line fitted on the other people's: of one
    moment, and of the change since the piece's first window, whose SpO2 is known."""
    colours, percent, person, piece = [], [], [], []
    for recording in recordings:
        for start_s in piece_starts_s(recording, seconds, pieces).astype(int):
            frames = slice(int(start_s * CAMERA_FPS_HZ), int((start_s + seconds) * CAMERA_FPS_HZ))
            windows = windows_of(recording.rgb[frames], CAMERA_FPS_HZ, recording.spo2_percent[start_s : start_s + seconds])
            ratios = [np.log(standard_deviation_ratio(windows, upper, GREEN)) for upper in (RED, BLUE)]
            colours.append(np.hstack([*ratios, np.log(windows.dc)]))
            percent.append(windows.spo2_percent)
            person += [recording.subject_id] * len(windows)
            piece += [f"{recording.subject_id} {recording.hand} {start_s}"] * len(windows)
    frame = pd.DataFrame({"dataset": "finger", "subject_id": person, "record_id": piece, "true_percent": np.concatenate(percent)})
    light, people = np.vstack(colours), frame["subject_id"].to_numpy()
    of_one_moment = leave_one_person_out(light, frame["true_percent"].to_numpy(), people)
    first = np.array([np.flatnonzero(frame["record_id"] == one)[0] for one in frame["record_id"]])
    after = first != np.arange(len(frame))
    known = frame["true_percent"].to_numpy()[first]
    change = leave_one_person_out((light - light[first])[after], (frame["true_percent"] - known).to_numpy()[after], people[after])
    later = frame[after]
    return [
        mae_row("the finger's own colours, one moment", frame, pd.Series(of_one_moment)),
        mae_row("the finger's own colours, anchored", later, pd.Series(known[after] + change, later.index)),
        mae_row("the finger: stays where the anchor was", later, pd.Series(known[after], later.index)),
    ]


def mae_row(name: str, rows: pd.DataFrame, given: pd.Series | FloatArray, must: float | None = None) -> Row:
    """Mean absolute error of what is given (N,) of rows' seconds, with its interval over people."""
    pairs = rows["true_percent"].to_numpy(dtype=np.float64), np.asarray(given, dtype=np.float64)
    interval = bootstrap_intervals(*pairs, person_of(rows), draws=DRAWS, seed=DRAWS_SEED)["mae"]
    return Row(f"{name}: MAE", score(*pairs).mae, f"points of SpO2, 95 % {_text(interval)}", better="lower", must=must)


def hypoxia_rows(name: str, rows: pd.DataFrame, given: pd.Series, *, bars: bool = True) -> list[Row]:
    true = rows["true_percent"].to_numpy(dtype=np.float64)
    found = detect_hypoxia(true, given)
    intervals = hypoxia_intervals(true, given, person_of(rows), draws=DRAWS, seed=DRAWS_SEED)
    return [
        Row(
            f"{name}: {what} below {HYPOXIA_PERCENT:g} %",
            value,
            f"of {n} s, 95 % {_text(intervals[what])}",
            must=bar if bars else None,
        )
        for what, value, n, bar in (
            ("sensitivity", found.sensitivity, found.n_below, SENSITIVITY),
            ("specificity", found.specificity, found.n_not_below, SPECIFICITY),
        )
    ]


def _text(interval: Interval) -> str:
    return f"{interval.low:.2f} to {interval.high:.2f}"


def measure(kept: Kept, recordings: Sequence[FingerSeries], workers: int) -> list[Row]:
    people = len(subject_numbers(recordings))
    home, away = read_everybody(each_left_out(kept, people), workers)
    for reason, share in (away["refused"].replace("", np.nan).value_counts() / len(away)).items():
        print(f"{share:.1%} of the seconds in other worlds: {reason}")
    (at_home,), (elsewhere,) = kept.home.values(), kept.away.values()
    return [
        Row("people, each left out in turn", people, "people", must=PEOPLE),
        Row("recordings in home worlds", recording_of(home).nunique(), f"of {at_home.seconds:g} s"),
        Row("recordings in other worlds", recording_of(away).nunique(), f"of {elsewhere.seconds:g} s"),
        *wave_rows(recordings),
        *home_rows(home),
        *light_rows(ClipStore(kept.clips)),
        *away_rows(away),
        *finger_rows(recordings, int(elsewhere.seconds), elsewhere.moving_pieces or 1),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="tast benchmark real_waves", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--recorded-root", type=Path, default=RECORDED_ROOT, help=f"oximetry_phone_cam; {RECORDED_ROOT}")
    parser.add_argument("--keep", type=Path, default=KEEP, help=f"folder for clips, videos, models and what was read; {KEEP}")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--dry-run", action="store_true", help="say what there is and what is left to do, and do nothing")
    parser.add_argument("--publish", action="store_true", help=f"the table into {PAGE}")
    asked = parser.parse_args()
    params = changed(load_params(), {"runner.workers": asked.workers})
    recordings = read_oximetry_phone_cam(asked.recorded_root)
    kept = Kept(plan_of(SET, params, asked.recorded_root), asked.keep)
    if asked.dry_run:
        for number, one in zip(subject_numbers(recordings), each_left_out(kept, len(subject_numbers(recordings))), strict=True):
            print(f"fold of {number}:")
            show_plan(one)
        return
    commit = committed_code()
    instruction_set.require(params.compute.instruction_set)
    found = measure(kept, recordings, asked.workers)
    write_rows("real_waves", found)
    if asked.publish:
        write_between(PAGE, BEGIN, END, [f"`tast benchmark real_waves`, of commit {commit[:9]}.", "", *lines(found)])


if __name__ == "__main__":
    running.run(main)
