"""One session's body, simulated or recorded: what the camera sees of it, and what the oximeter beside it shows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from tast.phantom.drive import Drive, simulated_drive
from tast.phantom.oximeter import displayed_pulse_rate, displayed_spo2, displayed_wave
from tast.phantom.pulse import PulseTrain
from tast.phantom.session import Session, true_pulse, true_spo2
from tast.phantom.spo2 import Spo2Course
from tast.records import FloatArray


class Beat(Protocol):
    """A pulse wave, peak to peak about 1, that jolts the head."""

    def beat_at(self, times_s: FloatArray) -> FloatArray:
        """The wave (M,) at times_s (M,)."""
        ...


class Oximeter(Protocol):
    """What a contact oximeter shows at times_s (N,), (N,) whole numbers each."""

    def spo2_percent(self, times_s: FloatArray) -> FloatArray: ...

    def pulse_per_min(self, times_s: FloatArray) -> FloatArray: ...

    def wave(self, times_s: FloatArray) -> FloatArray: ...


@dataclass(frozen=True, eq=False)
class Physiology:
    """drive: what the skin does to the light. beat: what jolts the head. spo2: the true course. oximeter: its readings."""

    drive: Drive
    beat: Beat
    spo2: Spo2Course
    oximeter: Oximeter


PhysiologyOf = Callable[[Session], Physiology]


@dataclass(frozen=True, eq=False)
class SimulatedOximeter:
    """Late and rounded, see tast.phantom.oximeter."""

    course: Spo2Course
    pulse: PulseTrain

    def spo2_percent(self, times_s: FloatArray) -> FloatArray:
        return displayed_spo2(self.course, times_s)

    def pulse_per_min(self, times_s: FloatArray) -> FloatArray:
        return displayed_pulse_rate(self.pulse, times_s)

    def wave(self, times_s: FloatArray) -> FloatArray:
        return displayed_wave(self.pulse, times_s)


def simulated_physiology(session: Session) -> Physiology:
    """The session's own pulse and saturation."""
    pulse, spo2 = true_pulse(session), true_spo2(session)
    return Physiology(simulated_drive(session), pulse, spo2, SimulatedOximeter(spo2, pulse))
