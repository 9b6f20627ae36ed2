"""What the light of many rendered faces teaches about a change of SpO2: made once, and kept in tast/training/data.

    python -m benchmarks.light_prior [--people 400] [--keep FOLDER]     (2 s of a core for each person; what is done is kept)
    python -m benchmarks.light_prior --write --publish                  (the curve into tast/training/data/light_prior.json, the
                                                                         table into docs/prediction.md)

How many points of SpO2 a change of colour is worth differs between people, cameras and lamps, and shows in the colours; but to
learn how takes more people than a data set has. So people with heads of their own are filmed, each in a world of his own, as
seldom as the face can still be followed, for only the steady light is asked: RATE_HZ. Each is aligned and masked as in the
pipeline; nothing is coded. From windows of 8 s a curve is fitted (tast.training.light_prior) that tells the change of SpO2 from
the light of two moments. People are left out, a fifth at a time, to show what it is worth, beside a line and fewer people.

Half of them begin anywhere, half from rest, as people do of whom an oximeter is read once: who has seen small changes alone
takes large ones for noise (of people from rest under other sensors .56 of who stays was left, and .49 with both).

Sensors are those that the benchmarks' people at home have (benchmarks.sets.HOME_POOLS), faces nobody else has, and the seed is
one of development: nothing that is tested elsewhere was seen.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.anchored import masked_face
from benchmarks.published import KEEP
from benchmarks.results import Row, write_between, write_rows
from benchmarks.sets import HOME_POOLS
from flows import running
from flows.progress import progress
from flows.tables.keys import key_of
from tast.anchors import SPAN_S
from tast.closure import code_digest
from tast.crew.each import do_each
from tast.files import whole_file
from tast.params import load_params
from tast.phantom.session import Session, in_worlds, phantom_sessions, truth
from tast.preprocessing.pipeline import settings_of
from tast.preprocessing.steps import Settings
from tast.records import FaceLight, FloatArray
from tast.training.change_reader import steady_colours
from tast.training.change_scale import fit_change_scale
from tast.training.light_prior import LightCurve, LightPrior, fit_light_curve, write_prior

PAGE = Path("docs/prediction.md")
BEGIN, END = "<!-- light prior: python -m benchmarks.light_prior --publish -->", "<!-- end of light prior -->"
SEED, SECONDS, RATE_HZ = 33, 40.0, 5.0
PROFILES = ("wide", "from_rest")  # take turns
FACES = (2001, 6001)
WINDOW_S = 8
FACE, FOLDS, SHARES = slice(3), 5, (0.1, 0.3, 1.0)


def light_of(numbered: tuple[int, Session], settings: Settings, folder: Path) -> tuple[FloatArray, ...] | None:
    """times_s (T,), light of skin and background (T, 3), SpO2 (T,) of one person; None where the face cannot be followed.

    Kept in the folder.
    """
    number, session = numbered
    path = folder / f"{number}.npz"
    if not path.is_file():
        with whole_file(path) as part, part.open("wb") as file:
            np.savez(file, *(_filmed(session, settings) or ()))
    with np.load(path) as kept:
        return tuple(kept[name] for name in kept.files) or None


def _filmed(session: Session, settings: Settings) -> tuple[FloatArray, ...] | None:
    masked = masked_face(session, settings)
    if masked is None:
        return None
    light = masked.light
    assert light is not None
    return masked.times_s, light.skin, light.background, truth(session, masked.times_s).spo2_percent


def people(count: int) -> list[Session]:
    """Each in a world of his own."""
    planned = [
        phantom_sessions(
            seed=SEED, subjects=count, sessions=1, seconds=SECONDS, fps_hz=30.0, width_px=320, height_px=240, face_height_px=120,
            profile=profile, scenarios="all",
        )
        for profile in PROFILES
    ]  # fmt: skip
    sessions = tuple(planned[number % len(PROFILES)][number] for number in range(count))
    in_their_worlds = in_worlds(sessions, count=count, sensors=HOME_POOLS["sensors"], faces=FACES)
    return [replace(session, fps_hz=RATE_HZ) for session in in_their_worlds]


def film_all(count: int, keep: Path, workers: int) -> list[tuple[FloatArray, ...]]:
    settings = settings_of(load_params(Path("params.yaml")).model_dump()["preprocess"])
    code = [code_digest("tast.phantom.filmed"), code_digest("tast.preprocessing.steps"), SEED, SECONDS, RATE_HZ, FACES, PROFILES]
    work = partial(light_of, settings=settings, folder=keep / f"light-{key_of(code)}")
    with progress("film", count) as advance:
        found = do_each(work, list(enumerate(people(count))), workers=workers, on_result=lambda *_: advance(1, ""))
    return [one for one in found if one is not None]


@dataclass(frozen=True, eq=False)
class Moments:
    """Windows of WINDOW_S: light (N, 6) (tast.training.change_reader.steady_colours), spo2_percent (N,), person (N,), and
    is_anchor (N,), whether it lies within the first SPAN_S of its person's recording."""

    light: FloatArray
    spo2_percent: FloatArray
    person: npt.NDArray[np.intp]
    is_anchor: npt.NDArray[np.bool_]

    def of(self, chosen: npt.NDArray[np.bool_]) -> Moments:
        return Moments(self.light[chosen], self.spo2_percent[chosen], self.person[chosen], self.is_anchor[chosen])

    def curve(self, columns: slice = slice(None)) -> LightCurve:
        return fit_light_curve(self.light[:, columns], self.spo2_percent, self.person, self.is_anchor)


def moments(filmed_people: Sequence[tuple[FloatArray, ...]]) -> Moments:
    rows = [
        (steady_colours(FaceLight(skin[one], background[one])), spo2[one].mean(), person, begin_s + WINDOW_S <= SPAN_S)
        for person, (times_s, skin, background, spo2) in enumerate(filmed_people)
        for begin_s in range(int(SECONDS) - WINDOW_S)
        if (one := (times_s >= begin_s) & (times_s < begin_s + WINDOW_S)).sum() >= WINDOW_S
    ]
    light = np.array([row[0] for row in rows])
    percent, person, is_anchor = (np.array(column) for column in list(zip(*rows, strict=True))[1:])
    return Moments(light, percent, person, is_anchor).of(np.isfinite(light).all(axis=1))


def changes(given: FloatArray, of: Moments) -> FloatArray:
    """(N,) given less its mean over the person's anchor."""
    at_anchor = pd.Series(np.where(of.is_anchor, given, np.nan)).groupby(of.person).transform("mean")
    return np.asarray(given - at_anchor.to_numpy())


def rows_of(every: Moments) -> list[Row]:
    """What the curve reads of people and worlds left out, a fifth at a time, and what fewer people or a straight line would."""
    after = ~every.is_anchor
    true = changes(every.spo2_percent, every)
    level = every.spo2_percent - true
    stays = _rmse(true[after])
    found = [Row("people", len(np.unique(every.person)), "each in a world of his own"), Row("stays: RMSE", stays, "points")]
    drawn = np.random.default_rng(SEED).random(int(every.person.max()) + 1)[every.person]  # of each person
    for name, columns in (("the face alone", FACE), ("face and background", slice(None))):
        for share in SHARES if columns == slice(None) else SHARES[-1:]:
            read = np.empty(len(true))
            for others, left_out in GroupKFold(FOLDS).split(every.light, groups=every.person):
                fewer = np.isin(np.arange(len(true)), others) & (drawn < share)
                read[left_out] = every.of(fewer).curve(columns).read(every.light[left_out][:, columns])
            moved = changes(read, every)
            whom = "" if share == 1 else f", of {share:.0%} of the people"
            found.append(_beside(f"{name}{whom}", (moved - true)[after], stays))
    scale = fit_change_scale(moved[after], true[after], level[after])
    if scale is not None:
        found.append(_beside("the same, scaled", scale.change(moved[after], level[after]) - true[after], stays))
    read = np.empty(len(true))
    for others, left_out in GroupKFold(FOLDS).split(every.light, groups=every.person):
        chosen = others[after[others]]
        moved = np.stack([changes(column, every) for column in every.light.T], axis=1)
        read[left_out] = make_pipeline(StandardScaler(), Ridge(1.0)).fit(moved[chosen], true[chosen]).predict(moved[left_out])
    return [*found, _beside("a straight line", (read - true)[after], stays)]


def _beside(name: str, off: FloatArray, stays: float) -> Row:
    return Row(f"{name}: RMSE", _rmse(off), "points", "stays", _rmse(off) / stays, better="lower")


def lines(found: Sequence[Row]) -> list[str]:
    """The table in Markdown."""
    people = next(row for row in found if row.name == "people")
    of_whom = f"{people.value:.0f} people, {people.unit}, left out a fifth at a time."
    body = [
        f"| {row.name.removesuffix(': RMSE')} | {row.value:.2f} | {1 if row.ratio is None else row.ratio:.2f} |"
        for row in found
        if row.name.endswith(": RMSE")
    ]
    return [of_whom, "", "| read by | RMSE, points | of stays |", "|---|---:|---:|", *body]


def _rmse(off: FloatArray) -> float:
    return float(np.sqrt(np.mean(off**2)))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.light_prior", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=400)
    parser.add_argument("--keep", type=Path, default=KEEP, help=f"folder for what was filmed; {KEEP}")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--write", action="store_true", help="the curve into tast/training/data/light_prior.json")
    parser.add_argument("--publish", action="store_true", help=f"the table into {PAGE}")
    asked = parser.parse_args()
    every = moments(film_all(asked.people, asked.keep, asked.workers))
    found = rows_of(every)
    write_rows("light_prior", found)
    if asked.write:
        write_prior(LightPrior(every.curve(), every.curve(FACE), len(np.unique(every.person))))
    if asked.publish:
        write_between(PAGE, BEGIN, END, lines(found))


if __name__ == "__main__":
    running.run(main)
