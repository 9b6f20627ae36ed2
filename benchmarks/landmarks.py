"""Whether the signal misses landmarks that are not looked for: steady and moving heads in worlds, read both ways.

    python -m benchmarks.landmarks [--worlds 8] [--seconds 16] [--workers 2] [--publish]    (13 min of a core)

Each recording, coded without loss, is preprocessed twice: with landmarks in EACH frame, and as params.yaml says.
After the mask: the pulse's signal-to-noise ratio in green, and red and blue over green by projection on green, whose errors are
against what lamp, sensor and colour matrix make of the pulse in linear light. --publish writes the table into
docs/performance.md. No setting was chosen on this seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.results import Row, write_between, write_rows
from benchmarks.worlds_probe import CHAIN, FACE_PX, HEIGHT_PX, WIDTH_PX, without_loss
from flows import running
from flows.progress import progress
from tast.crew.each import do_each
from tast.params import load_params
from tast.phantom.session import Session
from tast.preprocessing.pipeline import settings_of
from tast.preprocessing.steps import Settings
from tast.probe.probe import StepReading, motion_in, probe_session, world_sessions

PAGE = Path("docs/performance.md")
BEGIN, END = "<!-- landmarks: python -m benchmarks.landmarks --publish -->", "<!-- end of landmarks -->"
SEED = 45
EACH = {"landmarks_every_s": 0.0, "smooth_s": 0.27}
MOVING = ("talking", "slow_translation", "small_rotation", "medium_rotation")
GROUPS = ("steady", "moving")
RATIOS = {"log_proj": "red over green", "log_blue": "blue over green"}

Pair = tuple[StepReading, StepReading]  # with landmarks in each frame, and as params.yaml says


def read_both(session: Session, settings: Settings) -> Pair:
    before, now = (_masked(session, {**settings, "align": {**settings["align"], **changed}}) for changed in (EACH, {}))
    return before, now


def _masked(session: Session, settings: Settings) -> StepReading:
    return next(
        one for one in probe_session(session, settings, None, chains=(CHAIN,)) if (one.chain, one.step) == (CHAIN, "mask")
    )


def sessions(worlds: int, seconds: float) -> list[Session]:
    plan = {"width_px": WIDTH_PX, "height_px": HEIGHT_PX, "face_height_px": FACE_PX, "fps_hz": 30.0, "profile": "wide"}
    return [
        replace(session, world=without_loss(session.in_world))
        for scenarios in (None, MOVING)
        for session in world_sessions(worlds=worlds, scenarios=scenarios, subjects=worlds, seconds=seconds, seed=SEED, **plan)
    ]


def rows_of(pairs: Sequence[Pair], group: str) -> list[Row]:
    def of(name: str) -> tuple[np.ndarray, np.ndarray]:
        before, now = (np.array([getattr(pair[k], name) for pair in pairs]) for k in (0, 1))
        return before, now

    before, now = of("snr_db")
    found = [
        Row(f"{group}: recordings", len(pairs), "of two each"),
        Row(f"{group}: pulse SNR changes by, median", float(np.median(now - before)), "dB", must=-0.3),
    ]
    for name, ratio in RATIOS.items():
        before, now = of(name)
        moved = 100 * np.median(np.abs(np.expm1(now - before)))
        found += [
            Row(f"{group}: {ratio} changes by, median", float(moved), "%", better="lower", must=1.0),
            Row(f"{group}: {ratio}, error of its logarithm", _rms(now), "1", "landmarks in each frame", _rms(now) / _rms(before),
                better="lower"),
        ]  # fmt: skip
    return found


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))


def lines(found: Sequence[Row]) -> list[str]:
    """The table in Markdown."""
    body = [f"| {row.name} | {row.value:.3g} {row.unit} | {'' if row.ratio is None else f'{row.ratio:.3f}'} |" for row in found]
    return ["| | ten times a second | of that with landmarks in each frame |", "|---|---:|---:|", *body]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.landmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=16.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--publish", action="store_true", help=f"the table into {PAGE}")
    asked = parser.parse_args()
    every = sessions(asked.worlds, asked.seconds)
    work = partial(read_both, settings=settings_of(load_params().preprocess.model_dump()))
    with progress("read both ways", len(every)) as advance:
        pairs = do_each(work, every, workers=asked.workers, on_result=lambda *_: advance(1, ""))
    found = [
        row for group in GROUPS
        for row in rows_of([pair for one, pair in zip(every, pairs, strict=True) if motion_in(one.scenario) == group], group)
    ]  # fmt: skip
    write_rows("landmarks", found)
    if asked.publish:
        write_between(PAGE, BEGIN, END, lines(found))


if __name__ == "__main__":
    running.run(main)
