"""A session filmed in its world: a three-dimensional head under a lamp, before a camera that develops what its sensor saw.

A skin pixel's raw light is base x shading x (1 - perfusion x lost) + gloss, `lost` being what the blood of the moment takes of
each raw channel of this camera, under this lamp, in this person's skin (tast.phantom.drive).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tast.phantom.delivery import delivered
from tast.phantom.develop import Picture, Shots, develop, shots
from tast.phantom.drive import Drive, simulated_drive
from tast.phantom.face import DELAY_TAPS_S
from tast.phantom.heads.backdrop import backdrop
from tast.phantom.heads.film import Film, View
from tast.phantom.heads.lamp import lamp as placed_lamp
from tast.phantom.heads.manner import Manner, manner
from tast.phantom.physiology import Beat
from tast.phantom.scenarios import SCENARIOS
from tast.phantom.scene import light_level
from tast.phantom.session import Session, true_pulse
from tast.phantom.world import World
from tast.records import FloatArray

DISTANCE_CM = (55.0, 110.0)  # from the camera to the middle of the head
PLACE, PLACE_SPREAD = np.array([0.50, 0.44]), np.array([0.02, 0.015])  # of the picture: the middle between the eyes


def filmed(
    session: Session, world: World, drive: Drive | None = None, beat: Beat | None = None
) -> Iterator[tuple[float, Picture]]:
    """Yield (time in seconds, picture (height, width, 3) RGB) of a session: uint8, or uint16 (0..1023) of a camera of 10 bits.

    drive: what blood takes of the raw channels; beat: what jolts the head; the session's simulated pulse unless given. Frames
    that get lost on the way are left out, and those that are sent twice come twice.
    """
    times_s = session.frame_times_s()
    absorption = (drive or simulated_drive(session)).absorption(times_s, DELAY_TAPS_S).astype(np.float32)
    film, moving = _film(session, world), _manner(session, times_s, beat)
    arrives = world.delivery.arriving(session.camera_stream("arrivals"), len(times_s))
    plan, past = _shots(session, world, film, moving, absorption), np.empty((session.height_px, session.width_px, 3), np.float32)
    pictures = (develop(light, plan, i, past) for i, light in enumerate(film.frames(moving, absorption)))
    yield from delivered(zip(times_s.tolist(), pictures, strict=True), arrives)


def eight_bits(picture: Picture) -> npt.NDArray[np.uint8]:
    """A picture of 8 or 10 bits in 8, rounded."""
    return picture if picture.dtype == np.uint8 else np.minimum((picture + 2) >> 2, 255).astype(np.uint8)


def _film(session: Session, world: World) -> Film:
    rng, scenario = session.camera_stream("stage"), SCENARIOS[session.scenario]
    skin, seen = session.skin, session.colours
    view = View(
        width_px=session.width_px,
        height_px=session.height_px,
        face_height_px=session.face_height_px / scenario.distance * float(rng.uniform(0.95, 1.05)),
        distance_cm=scenario.distance * float(rng.uniform(*DISTANCE_CM)),
        place=tuple(PLACE + PLACE_SPREAD * rng.uniform(-1, 1, 2)),
    )
    return Film(
        session.looks, view, placed_lamp(session.seed, session.subject, session.number),
        lambda melanin, blood: seen.skin(melanin * skin.melanosomes, blood * skin.blood).astype(np.float32),
        lambda srgb: seen.paint(srgb).astype(np.float32), backdrop(view, session.seed, session.subject, session.number),
    )  # fmt: skip


def _manner(session: Session, times_s: FloatArray, beat: Beat | None) -> Manner:
    pulse = true_pulse(session)
    setup, rng = SCENARIOS[session.scenario].setup, session.stream("motion")
    return manner(rng, setup, times_s, (beat or pulse).beat_at(times_s), pulse.respiration.at(times_s))


def _shots(session: Session, world: World, film: Film, moving: Manner, absorption: FloatArray) -> Shots:
    """The camera's plan of the recording, exposure metered on the first frame; darker scenarios leave it less light."""
    times_s = session.frame_times_s()
    first = film.frame(moving, 0, absorption[0])
    seed = int(session.camera_stream("camera").integers(1 << 62))
    plan = shots(world.camera, world.lamp, session.colours, times_s, session.height_px, first.mean(axis=(0, 1)), seed)
    level = SCENARIOS[session.scenario].light * light_level(session.stream("light level"), times_s)
    return replace(plan, rows=plan.rows * level[:, None].astype(np.float32))
