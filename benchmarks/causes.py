"""Each cause of a wrong reading in clips that have it and in clips that do not: how often it is found, how often by mistake.

    python -m benchmarks.causes [--seconds 9] [--seed 1000002] [--publish]

A clip is a rendered person, 320x240 with a face of 120 px: the photograph of `tast phantom`, and heads under random lamps before
random cameras (worlds), at the highest quality of H.264. What a clip should have is put into it: into the frames, or into the
camera and lamp that film it. Good clips have nothing put in: whatever is found there is a false alarm, except for what the world
has of itself (a lamp that flickers, an exposure that steps). --publish writes the table into docs/prediction.md.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.changes import (
    Change,
    Frames,
    changed_light,
    exchanged,
    grey,
    half_cut_off,
    hunting,
    infrared,
    lossy,
    slow_lamp,
    stepping_white,
    still,
)
from benchmarks.results import Row, write_between, write_rows
from tast.errors import VideoRejected
from tast.params import load_params
from tast.phantom.filmed import eight_bits, filmed
from tast.phantom.render import render
from tast.phantom.session import Session, in_worlds, phantom_sessions
from tast.prediction.causes.evidence import Gathering
from tast.prediction.causes.findings import Findings, find_causes
from tast.prediction.causes.known import CAUSES
from tast.prediction.predict import pulse_of, windows_per_second
from tast.preprocessing.pipeline import settings_of
from tast.preprocessing.steps import after_each_step
from tast.records import VideoSource
from tast.video.coding import Coding
from tast.video.facts import SourceMeter
from tast.video.read import read_pictures
from tast.video.write_coded import write_coded

PAGE = Path("docs/prediction.md")
BEGIN, END = "<!-- causes: python -m benchmarks.causes --publish -->", "<!-- end of causes -->"
LOSSLESS = Coding("h264", ".mp4", quality=0, matrix="bt709")
STRONG = {"h264": Coding("h264", ".mp4", quality=30, matrix="bt709"), "mpeg4": Coding("mpeg4", ".avi", quality=20)}
FREEZING = Coding("h264", ".mp4", quality=8, matrix="bt709")  # of bits there are enough
MUST_FIND, MOST_FALSE = 0.8, 0.1
WORLDS, GOOD_WORLDS = 3, 8


def photographs(seed: int, seconds: float, scenario: str = "steady", subjects: int = 2) -> tuple[Session, ...]:
    return phantom_sessions(
        seed=seed, subjects=subjects, sessions=1, seconds=seconds, fps_hz=30.0, width_px=320, height_px=240, face_height_px=120,
        profile="wide", scenarios=(scenario,),
    )  # fmt: skip


def worlds(seed: int, seconds: float, count: int) -> tuple[Session, ...]:
    return in_worlds(photographs(seed, seconds, subjects=count), count=count)


CHANGES: dict[str, Change] = {
    "no colour": grey,
    "one wave": infrared,
    "red and blue exchanged": exchanged,
    "dark": changed_light(lambda times_s: np.full((len(times_s), 1), 0.15)),
    "overexposed": half_cut_off,
    "exposure": changed_light(hunting),
    "white balance": changed_light(stepping_white),
    "still": still,
    "frames": lossy,
}
ALLOWED = {  # cause put in -> others that follow from it, and are no false alarms
    "no colour": {"one wave", "no pulse", "flicker", "frozen colour"},
    "one wave": {"no colour", "no pulse", "red and blue exchanged", "flicker"},
    "flicker": {"one wave", "no pulse"},
    "exposure": {"no pulse", "one wave", "flicker", "overexposed"},
    "white balance": {"no pulse", "flicker", "no colour"},
    "still": {"no pulse"},
    "dark": {"no pulse", "still"},
    "overexposed": {"no pulse", "still", "white balance", "no colour"},
    "compression": {"no pulse", "still", "frames", "flicker", "one wave", "frozen colour"},
    "frozen colour": {"no pulse", "still", "one wave", "flicker"},
    "movement": {"no pulse", "flicker"},
}
ALSO = {"still": "no pulse"}  # cause put in -> another that it must be found by as well
INSTEAD = {"one wave": "no colour"}  # cause put in -> another that says the same


def frames_of(session: Session) -> Frames:
    if session.world is None:
        return list(render(session))
    return [(time_s, eight_bits(picture)) for time_s, picture in filmed(session, session.world)]


def in_file(folder: Path, frames: Frames, coding: Coding) -> VideoSource:
    return VideoSource(write_coded(folder / "clip", frames, coding))


def findings_of(video: VideoSource) -> Findings:
    """As `tast predict` makes them. Raises VideoRejected where the face cannot be followed."""
    settings = settings_of(load_params(Path("params.yaml")).model_dump()["preprocess"])
    clips = load_params(Path("params.yaml")).preprocess.clips
    gathering, meter = Gathering(), SourceMeter()
    for name, step in after_each_step("clip", gathering.watched(read_pictures(video, meter=meter)), settings, meter):
        gathering.take(name, step)
        face = step
    pulse_share, per_minute = pulse_of(windows_per_second(face, clips.fps_hz, clips.length_s), clips.fps_hz, clips.length_s)
    found = find_causes(gathering.evidence(face, clips.fps_hz, clips.length_s, pulse_share, per_minute))
    facts = meter.facts()
    return found if facts is None else found.with_source(facts, len(pulse_share))


def cases(seed: int, seconds: float) -> Iterator[tuple[str, str, Frames, Coding, set[str]]]:
    """(cause put in or "", the clip's name, frames, coding, causes that the clip's world has of itself or may have)."""
    everybody = worlds(seed, seconds, GOOD_WORLDS)
    for session in everybody[WORLDS:]:
        yield "", session.in_world.name, frames_of(session), LOSSLESS, worldly(session)
    sessions = photographs(seed, seconds)[:1] + everybody[:WORLDS]
    seen = [
        (session.in_world.name if session.world else "photograph", frames_of(session), worldly(session)) for session in sessions
    ]
    for name, frames, has in seen:
        yield "", name, frames, LOSSLESS, has
    for number, (cause, change) in enumerate(CHANGES.items()):
        for name, frames, has in (seen[0], seen[1 + number % WORLDS]):
            yield cause, name, change(frames), LOSSLESS, has
    for session, (name, frames, has) in list(zip(sessions, seen, strict=True))[:2]:
        yield "flicker", name, changed_light(slow_lamp(session.person.pulse_rate_hz))(frames), LOSSLESS, has
    for (codec, coding), (name, frames, has) in zip(STRONG.items(), seen, strict=False):
        yield "compression", f"{name}, {codec}", frames, coding, has
    for name, frames, has in seen[:2]:
        yield "frozen colour", f"{name}, h264", frames, FREEZING, has
    yield "movement", "photograph", frames_of(photographs(seed, seconds, "fast_translation")[0]), LOSSLESS, set()


def worldly(session: Session) -> set[str]:
    if session.world is None:
        return set()
    world, found = session.in_world, {"no pulse", "still"}  # denoising and the noise of small sensors leave little of some pulses
    if world.lamp.slow_depth or world.lamp.mains_depth:
        found |= {"one wave"}
    if world.lamp.slow_depth:
        found |= {"flicker"}
    if world.camera.exposure.step_ev or world.camera.exposure.hunting_ev:
        found |= {"exposure", "one wave"}
    if world.camera.white_balance.step:
        found |= {"white balance"}
    if world.delivery.dropped or world.delivery.doubled:
        found |= {"frames"}
    return found


@dataclass
class Count:
    """Of one cause: clips that have it and those of them in which it was found; clips that cannot have it, and false alarms."""

    have: int = 0
    found: int = 0
    lack: int = 0
    false: int = 0


def count(seed: int, seconds: float, folder: Path) -> tuple[dict[str, Count], Count]:
    """Of each cause, and of good clips how many would be refused by one: `lack`, and of these `false`.

    A cause is found in a clip where it holds in most seconds, or where the clip is refused before it can be asked for.
    """
    counts, good = {cause.name: Count() for cause in CAUSES}, Count()
    for put_in, name, frames, coding, has in cases(seed, seconds):
        print(f"{put_in or 'nothing'} put into {name}", flush=True)
        try:
            findings = findings_of(in_file(folder, frames, coding))
            held = held_in(findings)
            if not put_in and "flicker" not in has:
                good.lack += 1
                good.false += bool(findings.unreadable())
        except VideoRejected as error:
            print(f"  refused: {error.reason}")
            held = {put_in}
        print(f"  {', '.join(sorted(held))}")
        planted = {put_in, ALSO.get(put_in, put_in)} - {""}
        for cause, counted in counts.items():
            if cause in planted:
                counted.have += 1
                counted.found += cause in held or INSTEAD.get(cause) in held
            elif cause not in ALLOWED.get(put_in, set()) | has:
                counted.lack += 1
                counted.false += cause in held
    return counts, good


def held_in(findings: Findings) -> set[str]:
    return {cause.name for cause in CAUSES if cause.holds(findings.measures[cause.name]).mean() > 0.5}


def rows(counts: dict[str, Count], good: Count) -> list[Row]:
    made = [
        Row(f"good clips refused by a cause, of {good.lack}", good.false / good.lack, "share", better="lower", must=MOST_FALSE)
    ]
    for cause, counted in counts.items():
        found, false = counted.found / counted.have, counted.false / max(counted.lack, 1)
        made.append(Row(f"{cause}: found, of {counted.have} clips that have it", found, "share", must=MUST_FIND))
        made.append(Row(f"{cause}: false alarms, of {counted.lack} without", false, "share", better="lower", must=MOST_FALSE))
    return made


def publish(counts: dict[str, Count], good: Count, page: Path = PAGE) -> None:
    """Put the table into the page, between its two marks."""
    lines = ["| cause | holds where its measure is | found in | false alarms |", "|---|---|---|---|"]
    for cause in CAUSES:
        counted = counts[cause.name]
        limit = f"{'below' if cause.low_is_bad else 'above'} {cause.holds_beyond:g}"
        lines.append(f"| {cause.name} | {limit} | {counted.found} of {counted.have} | {counted.false} of {counted.lack} |")
    lines += ["", f"Of {good.lack} clips into which nothing was put, {good.false} would be refused by a cause."]
    write_between(page, BEGIN, END, lines)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.causes", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=9.0)
    parser.add_argument("--seed", type=int, default=1_000_002, help="of the phantoms; limits were chosen on smaller ones")
    parser.add_argument("--publish", action="store_true")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        counts, good = count(arguments.seed, arguments.seconds, Path(folder))
    write_rows("causes", rows(counts, good))
    if arguments.publish:
        publish(counts, good)


if __name__ == "__main__":
    main()
