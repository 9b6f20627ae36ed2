"""What makes the face pulsate: how much light the blood takes, by channel and by arrival time, over time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from tast.phantom.colours import Colours
from tast.phantom.perfusion import Perfusion, draw_perfusion
from tast.phantom.pulse import PulseTrain
from tast.phantom.session import Session, true_pulse, true_spo2
from tast.phantom.skin import Skin
from tast.phantom.spo2 import Spo2Course
from tast.phantom.tissue import GREEN, blood_absorption, infrared_to_green
from tast.records import FloatArray


class Volume(Protocol):
    """Blood that comes and goes with the beat, peak to peak about 1; a recorded wave can stand in for the simulated pulse."""

    def volume_at(self, times_s: FloatArray) -> FloatArray:
        """Blood volume (M,) at times_s (M,)."""
        ...


class Drive(Protocol):
    """A source of pulsation; recorded light can stand in for the simulated one."""

    def absorption(self, times_s: FloatArray, delays_s: FloatArray) -> FloatArray:
        """Share of the remitted light that is lost at perfusion 1, (N, delays, 3), zero mean over the beats."""
        ...


def arriving_volume(pulse: Volume, times_s: FloatArray, delays_s: FloatArray) -> FloatArray:
    """Blood volume (N, delays) where the pulse arrives so much later."""
    return np.stack([pulse.volume_at(times_s - delay_s) for delay_s in delays_s], axis=1)


@dataclass(frozen=True, eq=False)
class SimulatedDrive:
    """A simulated pulse of blood with a given saturation; green_ac: peak to peak in green at tissue.REFERENCE_SPO2_PERCENT."""

    pulse: PulseTrain
    spo2: Spo2Course
    paths: FloatArray
    green_ac: float

    def absorption(self, times_s: FloatArray, delays_s: FloatArray) -> FloatArray:
        volume = arriving_volume(self.pulse, times_s, delays_s)
        return self.green_ac * volume[..., None] * blood_absorption(self.spo2.at(times_s), self.paths)[:, None, :]


@dataclass(frozen=True, eq=False)
class SkinDrive:
    """A pulse, simulated or recorded, in a person's skin, as the raw channels of a camera see it under a lamp.

    The beat takes `colours.pulse_strengths` of the light; besides, blood that grows darker tints the skin for as long as it is,
    and so does more of it, or slower.
    """

    pulse: Volume
    spo2: Spo2Course
    colours: Colours
    skin: Skin
    perfusion: Perfusion

    def absorption(self, times_s: FloatArray, delays_s: FloatArray) -> FloatArray:
        volume = arriving_volume(self.pulse, times_s, delays_s)
        saturation = self.spo2.at(times_s) / 100
        tint = 1 - self.colours.tint(self.skin, saturation, *self.perfusion.at(times_s))
        return tint[:, None] + volume[..., None] * self.colours.pulse_strengths(self.skin, saturation)[:, None]


def simulated_drive(session: Session) -> Drive:
    """The drive of a session's own pulse and saturation."""
    if session.world is not None:
        perfusion = draw_perfusion(session.stream("perfusion"))
        return SkinDrive(true_pulse(session), true_spo2(session), session.colours, session.skin, perfusion)
    return SimulatedDrive(true_pulse(session), true_spo2(session), session.person.paths, session.person.green_ac)


@dataclass(frozen=True, eq=False)
class InfraredDrive:
    """The same blood seen by a near-infrared camera: one wave in all three channels, hardly moved by saturation."""

    visible: Drive
    spo2: Spo2Course

    def absorption(self, times_s: FloatArray, delays_s: FloatArray) -> FloatArray:
        green = self.visible.absorption(times_s, delays_s)[..., GREEN]
        infrared = green * infrared_to_green(self.spo2.at(times_s))[:, None]
        return np.repeat(infrared[..., None], 3, axis=2)
