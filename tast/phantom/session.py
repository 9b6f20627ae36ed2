"""The plan of a phantom: which sessions there are, and the truth of each, without rendering anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from tast.errors import TastError
from tast.phantom.colours import Colours, colours
from tast.phantom.heads.looks import Looks, looks
from tast.phantom.pulse import PulseTrain, pulse_train
from tast.phantom.randomness import stratified_fraction, stream
from tast.phantom.scenarios import SCENARIOS, SCENARIOS_OF_LAYOUT
from tast.phantom.skin import Skin, draw_skin
from tast.phantom.spo2 import PROFILES, Spo2Course, spo2_course
from tast.phantom.subject import Subject, subject
from tast.phantom.tissue import BLUE, GREEN, RED, blood_absorption
from tast.phantom.world import Pools, World, face_numbers, world
from tast.records import FloatArray

FACES_SEED = 48  # of all heads and their skins: a face's number is a person, whatever the phantom
LEAD_S = 6.0  # the physiology runs before and after the video, for delays and averages


@dataclass(frozen=True)
class Session:
    """One recording of one subject; everything about it follows from these values, in any process and any order.

    subject: 1...; number: 1... among the subject's sessions; scenario: a name in SCENARIOS; profile: a name in PROFILES.
    take: 1, more where the subject repeats a scenario. camera: its name where several film; apart: it films another take, with a
    truth of its own. world, face: where a three-dimensional head is filmed, and whose (1...); None and 0 for the photograph.
    """

    seed: int
    subject: int
    number: int
    scenario: str
    profile: str
    seconds: float
    fps_hz: float
    width_px: int
    height_px: int
    face_height_px: int
    take: int = 1
    camera: str = ""
    apart: bool = False
    world: World | None = None
    face: int = 0

    @property
    def name(self) -> str:
        """PURE's name of the recording, subject-setup: 01-03."""
        return f"{self.subject:02d}-{1 + SCENARIOS_OF_LAYOUT['pure'].index(self.scenario):02d}"

    @property
    def person(self) -> Subject:
        return subject(self.seed, self.subject)

    @property
    def in_world(self) -> World:
        """The world. Raises TastError where there is none."""
        if self.world is None:
            raise TastError(f"session {self.subject}/{self.number} has no world; expected one that is filmed in one")
        return self.world

    @property
    def looks(self) -> Looks:
        """Whose head is filmed; of the face's number alone, in any phantom."""
        return looks(FACES_SEED, self.face)

    @property
    def skin(self) -> Skin:
        """The skin of that head."""
        drawn = draw_skin(stream(FACES_SEED, "skin", self.face), self.looks.fitzpatrick)
        return replace(drawn, melanosomes=self.looks.melanosomes)

    @property
    def colours(self) -> Colours:
        """What the world's camera makes of that skin and all else under its lamp."""
        return _colours(self.in_world.lamp, self.in_world.camera.sensor, self.skin)

    def stream(self, name: str) -> np.random.Generator:
        """The session's own random numbers for one purpose, the same for all cameras of a take."""
        return stream(self.seed, "session", self.subject, self.number, name, *([self.camera] if self.apart else []))

    def camera_stream(self, name: str) -> np.random.Generator:
        """The random numbers of one camera."""
        return stream(self.seed, "session", self.subject, self.number, name, *([self.camera] if self.camera else []))

    def frame_times_s(self) -> FloatArray:
        """(T,) when each frame was taken: nearly even, as a camera's clock and bus make it; whole microseconds."""
        count = round(self.seconds * self.fps_hz)
        jitter = np.clip(self.camera_stream("frame times").normal(0, 0.02, count), -0.2, 0.2)
        return np.rint((np.arange(count) + 0.5 + jitter) / self.fps_hz * 1e6) / 1e6


_colours = lru_cache(maxsize=4)(colours)


def phantom_sessions(
    *,
    seed: int,
    subjects: int,
    sessions: int,
    seconds: float,
    fps_hz: float,
    width_px: int,
    height_px: int,
    face_height_px: int,
    profile: str,
    scenarios: tuple[str, ...] | Literal["all"],
    layout: str = "pure",
    numbers: tuple[int, ...] | None = None,
) -> tuple[Session, ...]:
    """All sessions of a phantom, subject by subject.

    Scenarios take turns over subjects and over a subject's sessions, so that they are balanced; a subject repeats one only once
    all had their turn, as a retake, which PURE's layout has no name for. Subject k and session n are the same whatever `subjects`
    and `sessions` are. numbers: the subjects' numbers, 1... unless given. Raises TastError for a plan that cannot be.
    """
    turns = _scenarios(scenarios, layout)
    if profile not in PROFILES:
        raise TastError(f"phantom profile {profile!r} is unknown; expected one of {', '.join(PROFILES)}")
    if layout == "pure" and sessions > len(turns):
        raise TastError(f"phantom sessions = {sessions}; expected at most one for each of the {len(turns)} scenarios")
    if numbers is not None and subjects > len(numbers):
        raise TastError(f"phantom subjects = {subjects}; expected at most {len(numbers)}, as many as were recorded")
    return tuple(
        Session(
            seed=seed, subject=number, number=n, scenario=turns[(k + n - 2) % len(turns)], profile=profile, seconds=seconds,
            fps_hz=fps_hz, width_px=width_px, height_px=height_px, face_height_px=face_height_px, take=1 + (n - 1) // len(turns),
        )
        for k, number in enumerate((numbers or range(1, subjects + 1))[:subjects], start=1)
        for n in range(1, sessions + 1)
    )  # fmt: skip


def in_worlds(sessions: Sequence[Session], *, count: int, heads: int = 1, **pools: Any) -> tuple[Session, ...]:
    """The sessions, each in one of `count` worlds, in which heads take turns.

    heads: of each subject, whose sessions take turns in them: of few people's recorded waves many heads can be driven. pools: of
    tast.phantom.world.Pools. A session's frame rate becomes its world's. Raises TastError for pools that are not known, or that
    hold fewer faces than there are heads.
    """
    drawn = Pools(**{name: pool for name, pool in pools.items() if pool is not None})
    seed, people = sessions[0].seed, sorted({session.subject for session in sessions})
    worlds = [world(seed, number, drawn) for number in range(1, count + 1)]
    first = {subject: k * heads for k, subject in enumerate(people)}
    faces = face_numbers(seed, len(people) * heads, drawn)
    head_of = (first[session.subject] + (session.number - 1) % heads for session in sessions)
    filmed = ((session, worlds[head % count], faces[head]) for session, head in zip(sessions, head_of, strict=True))
    return tuple(replace(one, world=its, face=face, fps_hz=its.delivery.fps_hz) for one, its, face in filmed)


def _scenarios(names: tuple[str, ...] | Literal["all"], layout: str) -> tuple[str, ...]:
    """The scenarios of a plan; "all" is every one that the layout knows. Raises TastError for an unknown or repeated one."""
    if layout not in SCENARIOS_OF_LAYOUT:
        raise TastError(f"phantom layout {layout!r} is unknown; expected one of {', '.join(SCENARIOS_OF_LAYOUT)}")
    known = SCENARIOS_OF_LAYOUT[layout]
    if names == "all":
        return known
    unknown = [name for name in names if name not in known]
    if unknown:
        raise TastError(f"phantom scenario {unknown[0]!r} is unknown in the layout {layout}; expected some of {', '.join(known)}")
    if len(set(names)) != len(names):
        raise TastError(f"phantom scenarios {', '.join(names)} name one twice; expected each once")
    return tuple(names)


def true_spo2(session: Session) -> Spo2Course:
    """The session's saturation; its level is spread evenly over subjects and is drawn apart from everything that is seen."""
    name = f"spo2 level {session.number}" + (f" {session.camera}" if session.apart else "")
    level = stratified_fraction(session.seed, name, session.subject - 1, 6)
    return spo2_course(session.stream("spo2"), level, PROFILES[session.profile], -LEAD_S, session.seconds + LEAD_S)


def true_pulse(session: Session) -> PulseTrain:
    """The session's pulse."""
    person = session.person
    rate_hz = person.pulse_rate_hz * SCENARIOS[session.scenario].pulse
    return pulse_train(
        session.stream("pulse"), rate_hz, person.respiration_hz, person.dicrotic, -LEAD_S, session.seconds + LEAD_S
    )


@dataclass(frozen=True, eq=False)
class Truth:
    """What an ideal observer would find, (N,) each: arterial SpO2, instantaneous pulse rate, ratio of ratios without noise.

    blue_over_green: the same ratio of blue. In a world the ratios are those of the picture's linear light: a tone curve moves
    them, as far as it bends.
    """

    times_s: FloatArray
    spo2_percent: FloatArray
    pulse_rate_hz: FloatArray
    ratio_of_ratios: FloatArray
    blue_over_green: FloatArray


def truth(session: Session, times_s: FloatArray | None = None) -> Truth:
    """The truth of a session at times_s (N,), by default at its frames; nothing is rendered."""
    at_s = session.frame_times_s() if times_s is None else times_s
    spo2_percent = true_spo2(session).at(at_s)
    if session.world is None:
        pulse = blood_absorption(spo2_percent, session.person.paths)
    else:
        pulse = session.colours.picture_pulse(session.skin, spo2_percent / 100)
    red, green, blue = pulse[:, RED], pulse[:, GREEN], pulse[:, BLUE]
    return Truth(at_s, spo2_percent, true_pulse(session).rate_at(at_s), red / green, blue / green)
