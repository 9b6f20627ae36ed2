"""What follows SpO2 from a known moment on, in worlds never seen: the colours of the pulse, or those of the skin itself.

    python -m benchmarks.anchored [--people 60] [--worlds 20] [--seconds 40] [--publish]

People with heads of their own are filmed in worlds of lamps and cameras, and their frames aligned and masked as in the pipeline;
uncoded: no codec is asked. A window of 8 s is the logarithms of: red and blue over green in the pulse, and in the light of
the masked face, the face's brightness, and the same of the background (tast/preprocessing/surroundings.py). A straight line
(scikit-learn's ridge) reads the change of SpO2 from the changes of some of these since the anchor, the windows within the first
10 s, whose SpO2 is known. Worlds are left out, a fifth at a time. Two rows more say what more people would be worth, and what it
costs that nobody knows how many points a change of colour is worth in a person and a world. --publish writes the table into
docs/phantom.md.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from benchmarks.results import Row, write_between, write_rows
from flows.progress import progress
from tast.anchors import SPAN_S
from tast.crew.each import do_each
from tast.errors import VideoRejected
from tast.evaluation.metrics import bootstrap_intervals
from tast.params import load_params
from tast.phantom.filmed import eight_bits, filmed
from tast.phantom.session import Session, in_worlds, phantom_sessions, truth
from tast.preprocessing.pipeline import settings_of
from tast.preprocessing.steps import Settings, after_each_step
from tast.records import FaceVideo, FloatArray
from tast.training.change_reader import window_colours

PAGE = Path("docs/phantom.md")
BEGIN, END = "<!-- anchored: python -m benchmarks.anchored --publish -->", "<!-- end of anchored -->"
WINDOW_S, FOLDS, DRAWS = 8, 5, 2000

PULSE, SKIN, BRIGHT, BACKGROUND = [0, 1], [2, 3], [4], [5, 6, 7]
ALL = "all of it"
READERS = {  # name -> columns of a window
    "the pulse's red and blue over green": PULSE,
    "the skin's red and blue over green": SKIN,
    "the skin's, beside the background's": SKIN + BACKGROUND[:2],
    "the skin's and its brightness, beside the background's": SKIN + BRIGHT + BACKGROUND,
    ALL: PULSE + SKIN + BRIGHT + BACKGROUND,
}


@dataclass(frozen=True, eq=False)
class Person:
    """Windows of one recording: colours (N, 8) logarithms, percent (N,) mean SpO2, begin_s (N,) since the first frame."""

    world: int
    colours: FloatArray
    percent: FloatArray
    begin_s: FloatArray

    @property
    def anchored(self) -> tuple[FloatArray, FloatArray, float]:
        """Changes of colours and of SpO2 since the anchor, of the windows that begin after it; the anchor's SpO2."""
        inside, after = self.begin_s + WINDOW_S <= SPAN_S, self.begin_s >= SPAN_S
        known = float(self.percent[inside].mean())
        return self.colours[after] - self.colours[inside].mean(axis=0), self.percent[after] - known, known


def masked_face(session: Session, settings: Settings) -> FaceVideo | None:
    """Filmed, aligned and masked, with its light, uncoded; None where the face cannot be followed."""
    pictures = ((time_s, eight_bits(picture)) for time_s, picture in filmed(session, session.in_world))
    try:
        steps = after_each_step(session.name, pictures, settings)
        faces: dict[str, FaceVideo] = {}
        while "mask" not in faces:
            name, faces[name] = next(steps)
    except VideoRejected:
        return None
    return faces["mask"]


def person_of(numbered: tuple[int, Session], settings: Settings) -> Person | None:
    """None where the face cannot be followed."""
    world, session = numbered
    masked = masked_face(session, settings)
    if masked is None:
        return None
    light = masked.light
    assert light is not None
    begins = np.arange(int(session.seconds) - WINDOW_S)
    windows = [slice(*np.searchsorted(masked.times_s, [begin, begin + WINDOW_S])) for begin in begins]
    colours = np.array([window_colours(light[one], session.fps_hz) for one in windows])
    percent = truth(session, masked.times_s).spo2_percent
    return Person(world, colours, np.array([percent[one].mean() for one in windows]), begins.astype(np.float64))


def rows(people: Sequence[Person]) -> list[Row]:
    changes = [one.anchored for one in people]
    number = np.repeat(np.arange(len(people)), [len(colours) for colours, _, _ in changes])
    colours = np.concatenate([one for one, _, _ in changes])
    change = np.concatenate([one for _, one, _ in changes])
    true = change + np.array([known for _, _, known in changes])[number]
    world = np.array([one.world for one in people])[number]
    folds = list(GroupKFold(FOLDS).split(colours, groups=world))
    constant, stays = np.empty(len(true)), true - change
    for train, test in folds:
        constant[test] = true[train].mean()
    spread = rmse_of(true, constant)
    found = [
        _row("the constant", true, constant, number, spread),
        _row("stays where the anchor was", true, stays, number, spread),
    ]
    persons = [number == k for k in range(len(people))]
    for name, columns in READERS.items():
        read = _left_out(colours[:, columns], change, folds)
        found.append(_row(name, true, stays + read, number, spread))
        followed = [np.corrcoef(read[one], change[one])[0, 1] for one in persons]
        found.append(Row(f"{name}: r within recordings, median", float(np.nanmedian(followed)), "1"))
    half = [(train[number[train] % 2 == 0], test) for train, test in folds]
    found.append(_row(f"{ALL}, fitted on half of the people", true, stays + _left_out(colours, change, half), number, spread))
    read = _left_out(colours, change, folds)
    slopes = np.array([read[one] @ change[one] / (read[one] @ read[one]) for one in persons])
    found.append(_row(f"{ALL}, if each one's own slope were known", true, stays + slopes[number] * read, number, spread))
    return [Row("people", len(people), "1"), Row("worlds", len(set(world)), "1"), *found]


def _left_out(colours: FloatArray, change: FloatArray, folds: Sequence[tuple[FloatArray, FloatArray]]) -> FloatArray:
    """The change (N,) that is read in each fold's test by a line fitted on its training."""
    read = np.empty(len(change))
    for train, test in folds:
        reader = make_pipeline(StandardScaler(), Ridge(1.0)).fit(colours[train], change[train])
        read[test] = reader.predict(colours[test])
    return read


def rmse_of(true: FloatArray, given: FloatArray) -> float:
    return float(np.sqrt(np.mean((given - true) ** 2)))


def _row(name: str, true: FloatArray, given: FloatArray, number: FloatArray, spread: float) -> Row:
    interval = bootstrap_intervals(true, given, number.astype(str), draws=DRAWS, seed=0)["rmse"]
    value = rmse_of(true, given)
    unit = f"points of SpO2, 95 % {interval.low:.2f} to {interval.high:.2f}"
    return Row(name, value, unit, "the constant", value / spread, better="lower")


def lines(found: list[Row]) -> list[str]:
    """The table in Markdown."""
    values = {row.name: row.value for row in found}
    head = [
        f"{values['people']:.0f} people in {values['worlds']:.0f} worlds, each world read by what was fitted in others.", "",
        "| read from | RMSE, points | 95 % | of the constant's | r within recordings |", "|---|---|---|---|---|",
    ]  # fmt: skip
    body = []
    for row in found:
        if row.ratio is not None:
            r = values.get(f"{row.name}: r within recordings, median")
            span = row.unit.partition("95 % ")[2]
            body.append(f"| {row.name} | {row.value:.2f} | {span} | {row.ratio:.2f} | {'-' if r is None else f'{r:.2f}'} |")
    return [*head, *body]


def publish(found: list[Row], page: Path = PAGE) -> None:
    """Put the table into the page, between its two marks."""
    write_between(page, BEGIN, END, lines(found))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.anchored", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--worlds", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=40.0)
    parser.add_argument("--seed", type=int, default=26)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--publish", action="store_true", help=f"the table into {PAGE}")
    arguments = parser.parse_args()
    sessions = in_worlds(
        phantom_sessions(
            seed=arguments.seed, subjects=arguments.people, sessions=1, seconds=arguments.seconds, fps_hz=30.0, width_px=320,
            height_px=240, face_height_px=120, profile="wide", scenarios="all",
        ),
        count=arguments.worlds,
    )  # fmt: skip
    settings = settings_of(load_params(Path("params.yaml")).model_dump()["preprocess"])
    numbered = [(number % arguments.worlds, session) for number, session in enumerate(sessions)]
    with progress("film", len(numbered)) as advance:
        found = do_each(
            partial(person_of, settings=settings), numbered, workers=arguments.workers, on_result=lambda *_: advance(1, "")
        )
    measured = rows([one for one in found if one is not None])
    write_rows("anchored", measured)
    if arguments.publish:
        publish(measured)


if __name__ == "__main__":
    main()
