"""A phantom driven by real waves: R, G, B pulsations of a finger under a camera, painted on the face beside the measured SpO2.

On the photograph: each channel is band-passed and divided by its own slow course (AC/DC); one factor for all three channels and
the whole session brings green to the face's amplitude, so that every ratio between channels and moments is the recorded one. A
finger in contact with lamp and camera is seen in transmission, its red partly saturated. Its ratio of ratios is two to four times
that of tast.phantom.tissue, differs between people and hands, and is negative on one hand.

In a world, whose lamp, camera and skin are others than those of the finger, that ratio means nothing: green's wave alone is
taken, as the blood that comes and goes, and the measured SpO2; what both do to the light of a face, the world's own optics say,
in its pulse and in all of its skin (tast.phantom.drive.SkinDrive). The wave keeps its shape, its rhythm, how its size changes
from moment to moment, and the finger's noise.

Position must tell nothing: in the recordings oxygen falls with time, in the same steps for everybody. A subject's recording is
cut into pieces of one length, and random numbers of the subject's own decide which piece is session 1, 2, .... Few pieces of
half a minute hold a change of SpO2 that is worth following: those that do can be asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from tast.errors import TastError
from tast.phantom.drive import Drive, SkinDrive
from tast.phantom.oximeter import MEAN_DELAY_S, WAVE_STEPS
from tast.phantom.perfusion import draw_perfusion
from tast.phantom.physiology import Physiology
from tast.phantom.randomness import stream
from tast.phantom.session import Session
from tast.phantom.spo2 import Spo2Course
from tast.phantom.tissue import GREEN
from tast.records import FloatArray

PULSE_BAND_HZ = (0.5, 5.0)
SLOW_HZ = 0.3
MARGIN_S = 6  # around every piece: delays, the oximeter's lead, and the filters' edges at the ends of the recording
NO_PULSE_PER_MIN = 255.0  # the code of the devices for none
REST_PERCENT = 2.0
SWING_PERCENTILES = (1, 99)  # peak to peak, without the rare jerk of a finger


class Recording(Protocol):
    """A subject's recording with one hand: frames (T,), (T, 3); readings once a second from 0 on (N,), NaN where none is."""

    @property
    def subject_id(self) -> str: ...

    @property
    def times_s(self) -> FloatArray: ...

    @property
    def rgb(self) -> FloatArray: ...

    @property
    def spo2_percent(self) -> FloatArray: ...

    @property
    def pulse_per_min(self) -> FloatArray: ...


@dataclass(frozen=True, eq=False)
class RecordedDrive:
    """absorbed: share of the light that is lost, (3,) at any time of the recording; start_s: where the session begins in it."""

    absorbed: CubicSpline
    start_s: float

    def absorption(self, times_s: FloatArray, delays_s: FloatArray) -> FloatArray:
        return self.absorbed(self.start_s + times_s[:, None] - delays_s[None, :])


@dataclass(frozen=True, eq=False)
class RecordedWave:
    """The wave in green as a beat and as blood; wave: peak to peak 1, at any time of the recording; start_s: of the session."""

    wave: CubicSpline
    start_s: float

    def beat_at(self, times_s: FloatArray) -> FloatArray:
        return self.wave(self.start_s + times_s)

    def volume_at(self, times_s: FloatArray) -> FloatArray:
        return self.beat_at(times_s)


@dataclass(frozen=True, eq=False)
class RecordedOximeter:
    """The readings as they were shown, held for a second, whole numbers; readings_* (N,): once a second from readings_start_s."""

    readings_start_s: float
    readings_percent: FloatArray
    readings_per_min: FloatArray
    beat: RecordedWave

    def spo2_percent(self, times_s: FloatArray) -> FloatArray:
        return np.rint(self._held(self.readings_percent, times_s))

    def pulse_per_min(self, times_s: FloatArray) -> FloatArray:
        return np.rint(np.nan_to_num(self._held(self.readings_per_min, times_s), nan=NO_PULSE_PER_MIN))

    def wave(self, times_s: FloatArray) -> FloatArray:
        return np.rint(WAVE_STEPS * np.clip(0.5 + self.beat.beat_at(times_s), 0, 1))

    def _held(self, readings: FloatArray, times_s: FloatArray) -> FloatArray:
        return readings[np.floor(times_s - self.readings_start_s).astype(np.int64)]


def subject_numbers(recordings: Sequence[Recording]) -> tuple[int, ...]:
    """The recorded subjects' ids as the phantom's subject numbers, ascending. Raises TastError where an id is no whole number."""
    ids = {recording.subject_id for recording in recordings}
    if odd := sorted(subject_id for subject_id in ids if not subject_id.isdecimal()):
        raise TastError(f"recorded subject {odd[0]!r} cannot drive a phantom; expected a whole number")
    return tuple(sorted(int(subject_id) for subject_id in ids))


def piece_starts_s(recording: Recording, seconds: float, moving_pieces: int | None = None) -> FloatArray:
    """Where a recording can be cut into pieces of `seconds` that do not overlap and whose every second has a reading.

    moving_pieces: at most so many, placed where SpO2 moves most (by its standard deviation in the piece), the most first.
    """
    if moving_pieces is None:
        return _whole_pieces_s(recording, seconds, every_s=float(np.ceil(seconds)))
    starts_s = _whole_pieces_s(recording, seconds, every_s=1.0)
    moves = [np.std(recording.spo2_percent[int(start) : int(np.ceil(start + seconds))]) for start in starts_s]
    chosen: list[float] = []
    for start_s in starts_s[np.argsort(moves, kind="stable")[::-1]]:
        if all(abs(start_s - other_s) >= seconds for other_s in chosen):
            chosen.append(float(start_s))
    return np.array(chosen[:moving_pieces])


def _whole_pieces_s(recording: Recording, seconds: float, every_s: float) -> FloatArray:
    end_s = min(len(recording.spo2_percent), int(recording.times_s[-1])) - MARGIN_S
    starts_s = np.arange(MARGIN_S, end_s - seconds, every_s)
    known = np.isfinite(recording.spo2_percent)
    margin_s = MARGIN_S // 2
    whole = [known[int(start) - margin_s : int(start + seconds) + margin_s].all() for start in starts_s]
    return starts_s[np.array(whole, dtype=bool)]


def piece(session: Session, recordings: Sequence[Recording], moving_pieces: int | None = None) -> tuple[Recording, float]:
    """The recording (one of the subject's hands) and the start in it (s) that drive a session, of piece_starts_s.

    Raises TastError where the subject was not recorded or not for long enough.
    """
    hands = [recording for recording in recordings if recording.subject_id == str(session.subject)]
    if not hands:
        raise TastError(f"subject {session.subject} was not recorded; expected one of {subject_numbers(recordings)}")
    key = [session.camera] if session.apart else []
    recording = hands[int(stream(session.seed, "subject", session.subject, "hand", session.number, *key).integers(len(hands)))]
    starts_s = piece_starts_s(recording, session.seconds, moving_pieces)
    if not len(starts_s):
        raise TastError(f"no piece of {session.seconds:g} s with readings throughout in the recording of {session.subject}")
    order = stream(session.seed, "subject", session.subject, "pieces", *key).permutation(len(starts_s))
    return recording, float(starts_s[order[(session.number - 1) % len(order)]])


def recorded_physiology(session: Session, recordings: Sequence[Recording], moving_pieces: int | None = None) -> Physiology:
    """The body of a session as it was recorded: its pulsation, and the readings beside it as truth; pieces by piece_starts_s.

    In a world the blood has the saturation that the oximeters show MEAN_DELAY_S later, as beside a simulated pulse.
    """
    recording, start_s = piece(session, recordings, moving_pieces)
    absorbed = -pulsation(recording.times_s, recording.rgb)
    within = _at_rest(recording)
    if session.world is None:
        within = (recording.times_s >= start_s) & (recording.times_s < start_s + session.seconds)
    swing = _swing(absorbed[within, GREEN])
    wave = RecordedWave(CubicSpline(recording.times_s, absorbed[:, GREEN] / swing), start_s)
    known = np.isfinite(recording.spo2_percent)
    second_s, percent = np.flatnonzero(known) - start_s, recording.spo2_percent[known]
    if session.world is None:
        spo2 = Spo2Course(second_s, percent)
        drive: Drive = RecordedDrive(CubicSpline(recording.times_s, session.person.green_ac / swing * absorbed), start_s)
    else:
        spo2 = Spo2Course(second_s - MEAN_DELAY_S, percent)
        drive = SkinDrive(wave, spo2, session.colours, session.skin, draw_perfusion(session.stream("perfusion")))
    return Physiology(drive, wave, spo2, RecordedOximeter(-start_s, recording.spo2_percent, recording.pulse_per_min, wave))


def _at_rest(recording: Recording) -> npt.NDArray[np.bool_]:
    """(T,) which frames fall into the seconds of the recording's highest readings: those within REST_PERCENT of the highest."""
    second = np.clip(recording.times_s.astype(np.int64), 0, len(recording.spo2_percent) - 1)
    return np.asarray(recording.spo2_percent[second] >= np.nanmax(recording.spo2_percent) - REST_PERCENT)


def pulsation(times_s: FloatArray, rgb: FloatArray) -> FloatArray:
    """(T, 3) AC/DC of each channel: its pulse band, zero phase, over its own slow course."""
    from scipy.signal import butter, sosfiltfilt  # slow to import, and stage download mostly simulates its waves

    rate_hz = (len(times_s) - 1) / (times_s[-1] - times_s[0])
    pulse = sosfiltfilt(butter(3, PULSE_BAND_HZ, "bandpass", fs=rate_hz, output="sos"), rgb, axis=0)
    slow = sosfiltfilt(butter(3, SLOW_HZ, fs=rate_hz, output="sos"), rgb, axis=0)
    return pulse / slow


def _swing(wave: FloatArray) -> float:
    low, high = np.percentile(wave, SWING_PERCENTILES)
    return float(high - low)
