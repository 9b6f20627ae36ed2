"""What each step, from the camera to the store, keeps of the pulse and of both ratios in twelve worlds.

    python -m benchmarks.worlds_probe [--worlds 12] [--seconds 16] [--publish]

One steady person a world, 320x240, face 120 px. Each recording is written twice: in a coding without loss, for what the camera
alone has left, and in its world's. After each step of the pipeline: the pulse's signal-to-noise ratio in green, and the error of
red over green and blue over green by projection on green, against what the lamp, the sensor and the colour matrix make of the
pulse in linear light. --publish writes the table into docs/performance.md.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.results import Row, write_between, write_rows
from tast.params import load_params
from tast.phantom.session import Session
from tast.phantom.world import World
from tast.preprocessing.pipeline import settings_of
from tast.preprocessing.steps import Settings
from tast.probe.probe import StepReading, probe_session, world_sessions
from tast.video.coding import Coding

PAGE = Path("docs/performance.md")
BEGIN, END = "<!-- worlds: python -m benchmarks.worlds_probe --publish -->", "<!-- end of worlds -->"
SEED, WIDTH_PX, HEIGHT_PX, FACE_PX = 15, 320, 240, 120
CHAIN = "pipeline"
# What is shown: heading -> whether the world's coding was used, the step.
STAGES = {
    "camera alone, masked": (False, "mask"),
    "coded, aligned": (True, "align"),
    "masked": (True, "mask"),
    "magnified": (True, "magnify"),
    "stored": (True, "store, load"),
}


@dataclass(frozen=True, eq=False)
class Kept:
    """A world and what is left after each of STAGES."""

    world: World
    after: dict[str, StepReading]


def without_loss(world: World) -> World:
    coding = Coding("hevc", ".mp4", quality=0, bits=world.coding.bits, subsampling="420", matrix="bt709")
    return replace(world, coding=coding)


def kept_in(session: Session, settings: Settings) -> Kept:
    readings = {
        coded: {
            reading.step: reading for reading in probe_session(one, settings, None, chains=(CHAIN,)) if reading.chain == CHAIN
        }
        for coded, one in ((True, session), (False, replace(session, world=without_loss(session.in_world))))
    }
    return Kept(session.in_world, {name: readings[coded][step] for name, (coded, step) in STAGES.items()})


def measure(worlds: int, seconds: float) -> Iterator[Kept]:
    plan = {"width_px": WIDTH_PX, "height_px": HEIGHT_PX, "face_height_px": FACE_PX, "fps_hz": 30.0, "profile": "wide"}
    settings = settings_of(load_params().preprocess.model_dump())
    for session in world_sessions(worlds=worlds, scenarios=None, subjects=worlds, seconds=seconds, seed=SEED, **plan):
        yield kept_in(session, settings)


def rows(kept: Sequence[Kept]) -> list[Row]:
    result = []
    for name in STAGES:
        after = [one.after[name] for one in kept]
        result.append(Row(f"{name}: pulse SNR, median", statistics.median(r.snr_db for r in after), "dB"))
        for channel, errors in (("red", [r.log_proj for r in after]), ("blue", [r.log_blue for r in after])):
            typical = statistics.median(map(abs, errors))
            result.append(Row(f"{name}: error of {channel} over green, median", typical, "1", better="lower"))
    return result


def lines(kept: Sequence[Kept]) -> list[str]:
    """The table in Markdown; of each stage SNR in dB, then the errors of red and of blue over green in per cent."""
    heading = ["world", "lamp", "camera", "coding", "bit/px", *STAGES]
    table = [heading, ["---"] * len(heading)]
    for one in kept:
        world = one.world
        rate = f"{world.coding.bits_per_pixel:.2f}" if world.coding.bits_per_pixel else f"quality {world.coding.quality}"
        facts = [str(world.number), world.lamp.family, f"{world.camera.kind}, {world.camera.tone}", world.coding.label, rate]
        table.append(facts + [_cell(one.after[name]) for name in STAGES])
    medians = [
        f"{statistics.median(r.snr_db for r in after):.0f} / {_percent(statistics.median(abs(r.log_proj) for r in after))[1:]}"
        f" / {_percent(statistics.median(abs(r.log_blue) for r in after))[1:]}"
        for after in ([one.after[name] for one in kept] for name in STAGES)
    ]
    table.append(["median, of sizes", "", "", "", "", *medians])
    return [f"| {' | '.join(row)} |" for row in table]


def _cell(reading: StepReading) -> str:
    return f"{reading.snr_db:.0f} / {_percent(reading.log_proj)} / {_percent(reading.log_blue)}"


def _percent(log: float) -> str:
    return f"{100 * np.expm1(log):+.0f}"


def publish(kept: Sequence[Kept], page: Path = PAGE) -> None:
    """Put the table into the page, between its two marks."""
    write_between(page, BEGIN, END, lines(kept))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.worlds_probe", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--worlds", type=int, default=12)
    parser.add_argument("--seconds", type=float, default=16.0)
    parser.add_argument("--publish", action="store_true", help=f"the table into {PAGE}")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    with threadpool_limits(1):
        kept = list(measure(arguments.worlds, arguments.seconds))
    write_rows("worlds_probe", rows(kept))
    if arguments.publish:
        publish(kept)


if __name__ == "__main__":
    main()
