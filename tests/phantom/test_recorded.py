"""The recorded driver: ratios kept to the last digit, measured SpO2 as truth, pieces in an order of the person's own."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from scipy.interpolate import CubicSpline

from tast.errors import TastError
from tast.phantom.drive import SkinDrive
from tast.phantom.oximeter import MEAN_DELAY_S
from tast.phantom.recorded import RecordedDrive, piece, piece_starts_s, pulsation, recorded_physiology, subject_numbers
from tast.phantom.render import noise_free
from tast.phantom.session import Session, in_worlds, phantom_sessions
from tast.records import FloatArray

AC = np.array([0.02, 0.05, 0.03])  # of red, green, blue: the ratio of ratios is 0.4
DC = np.array([40.0, 90.0, 50.0])
BEAT_HZ = 1.25


@dataclass(frozen=True, eq=False)
class MadeUp:
    """A finger that pulsates as a sine of known amplitudes, while SpO2 falls by a point every ten seconds."""

    subject_id: str
    seconds: int = 300
    times_s: FloatArray = field(init=False)
    rgb: FloatArray = field(init=False)
    spo2_percent: FloatArray = field(init=False)
    pulse_per_min: FloatArray = field(init=False)

    def __post_init__(self) -> None:
        times_s = np.arange(30 * self.seconds) / 30
        wave = np.sin(2 * np.pi * BEAT_HZ * times_s)
        object.__setattr__(self, "times_s", times_s)
        object.__setattr__(self, "rgb", DC * (1 - AC / 2 * wave[:, None]))
        object.__setattr__(self, "spo2_percent", 99.0 - np.arange(self.seconds) // 10)
        object.__setattr__(self, "pulse_per_min", np.full(self.seconds, 75.0))


RECORDINGS = (MadeUp("100001"), MadeUp("100002"))


def plan(
    recordings: tuple, seed: int = 7, sessions: int = 6, seconds: float = 20.0, subjects: int | None = None
) -> tuple[Session, ...]:
    numbers = subject_numbers(recordings)
    return phantom_sessions(
        seed=seed, subjects=subjects or len(numbers), sessions=sessions, seconds=seconds, fps_hz=30, width_px=1, height_px=1,
        face_height_px=36, profile="wide", scenarios="all", layout="vipl_hr", numbers=numbers,
    )  # fmt: skip


def test_pulsation_is_ac_over_dc() -> None:
    """Band-pass of order 3 both ways and slow course: within 2 % of the sine's amplitude away from the ends."""
    relative = pulsation(RECORDINGS[0].times_s, RECORDINGS[0].rgb)[300:-300]
    np.testing.assert_allclose(np.ptp(relative, axis=0), AC, rtol=0.02)


def test_one_factor_for_all_channels_brings_green_to_the_faces_amplitude() -> None:
    session = plan(RECORDINGS)[3]
    times_s = session.frame_times_s()
    absorbed = recorded_physiology(session, RECORDINGS).drive.absorption(times_s, np.array([0.0, 0.02]))
    assert absorbed.shape == (600, 2, 3)
    np.testing.assert_allclose(np.ptp(absorbed[:, 0], axis=0) / session.person.green_ac, AC / AC[1], rtol=0.03)
    np.testing.assert_allclose(absorbed[..., 0] / AC[0], absorbed[..., 1] / AC[1], atol=2e-3)
    recorded = pulsation(RECORDINGS[0].times_s, RECORDINGS[0].rgb)
    _, start_s = piece(session, RECORDINGS)
    at_frames = np.array([np.interp(start_s + times_s, RECORDINGS[0].times_s, -channel) for channel in recorded.T]).T
    assert np.corrcoef(absorbed[:, 0, 1], at_frames[:, 1])[0, 1] > 0.999, "less light is more blood"


def test_painted_skin_shows_the_recorded_ratios() -> None:
    """Red and blue projected on green in the middle of the face, light with the pulse over light without: within 2 %."""
    session = replace(
        plan(RECORDINGS)[0], scenario="stable", seconds=5.0, fps_hz=10.0, width_px=96, height_px=96, face_height_px=48
    )
    body = recorded_physiology(session, RECORDINGS)
    middle = slice(44, 60), slice(38, 58)
    drives = body.drive, RecordedDrive(CubicSpline([0.0, 300.0], np.zeros((2, 3))), 0.0)
    lit, still = (np.array([light[middle] for _, light in noise_free(session, drive, body.beat)], np.float64) for drive in drives)
    mean = (lit / still - 1).mean(axis=(1, 2))
    np.testing.assert_allclose((mean * mean[:, 1:2]).sum(axis=0) / (mean[:, 1] ** 2).sum(), AC / AC[1], rtol=0.02)


def test_later_arrival_is_the_same_wave_shifted() -> None:
    drive = recorded_physiology(plan(RECORDINGS)[0], RECORDINGS).drive
    times_s = np.linspace(1, 10, 200)
    np.testing.assert_allclose(drive.absorption(times_s, np.array([0.03])), drive.absorption(times_s - 0.03, np.array([0.0])))


def test_readings_are_the_measured_ones_at_their_own_second() -> None:
    for session in plan(RECORDINGS)[:6]:
        body = recorded_physiology(session, RECORDINGS)
        _, start_s = piece(session, RECORDINGS)
        times_s = np.arange(-0.5, 20.5, 0.25)
        second = np.floor(start_s + times_s).astype(int)
        np.testing.assert_array_equal(body.oximeter.spo2_percent(times_s), RECORDINGS[0].spo2_percent[second])
        assert set(body.oximeter.pulse_per_min(times_s)) == {75.0}
        assert np.ptp(body.oximeter.wave(times_s)) > 80 and np.ptp(body.beat.beat_at(times_s)) == pytest.approx(1, abs=0.1)
        assert body.spo2.at(np.array([0.0]))[0] == RECORDINGS[0].spo2_percent[int(start_s)]


def test_in_a_world_the_wave_is_the_fingers_and_the_light_is_that_of_the_worlds_optics() -> None:
    """Green's wave alone: the finger's ratio of red to green (.4 here) is nowhere in what the camera of a world sees."""
    for session in in_worlds(plan(RECORDINGS), count=3)[::4]:
        drive = recorded_physiology(session, RECORDINGS).drive
        assert isinstance(drive, SkinDrive)
        recording, start_s = piece(session, RECORDINGS)
        times_s = session.frame_times_s()
        lost = drive.absorption(times_s, np.array([0.0, 0.02]))
        saturation = drive.spo2.at(times_s) / 100
        steady = 1 - session.colours.tint(session.skin, saturation, *drive.perfusion.at(times_s))
        beat = (lost - steady[:, None]) / session.colours.pulse_strengths(session.skin, saturation)[:, None]
        np.testing.assert_allclose(beat, np.repeat(beat[..., 1:2], 3, axis=2), atol=1e-9)
        np.testing.assert_allclose(beat[:, 1, 1], drive.pulse.volume_at(times_s - 0.02), atol=1e-9)
        recorded = np.interp(start_s + times_s, recording.times_s, -pulsation(recording.times_s, recording.rgb)[:, 1])
        assert np.corrcoef(beat[:, 0, 1], recorded)[0, 1] > 0.999 and np.ptp(beat[:, 0, 1]) == pytest.approx(1, abs=0.05)


def test_in_a_world_skin_darkens_with_the_measured_spo2_before_the_oximeter_shows_it() -> None:
    for session in in_worlds(plan(RECORDINGS), count=3)[::4]:
        body = recorded_physiology(session, RECORDINGS)
        recording, start_s = piece(session, RECORDINGS)
        second = np.arange(20.0)
        shown = recording.spo2_percent[int(start_s) : int(start_s) + 20]
        np.testing.assert_array_equal(body.oximeter.spo2_percent(second), shown)
        np.testing.assert_allclose(body.spo2.at(second - MEAN_DELAY_S), shown)
        assert isinstance(body.drive, SkinDrive) and body.drive.spo2 is body.spo2
        well, low = (session.colours.tint(session.skin, percent / 100)[0] for percent in (97.0, 80.0))
        assert well == pytest.approx(1.0) and low < 0.995, "what a fall of SpO2 takes of red"


def test_a_missing_pulse_rate_is_the_devices_code() -> None:
    recording = MadeUp("100001")
    recording.pulse_per_min[:] = np.nan
    body = recorded_physiology(plan((recording,))[0], (recording,))
    assert set(body.oximeter.pulse_per_min(np.arange(5.0))) == {255.0}


def test_pieces_do_not_overlap_and_skip_seconds_without_a_reading() -> None:
    recording = MadeUp("100001")
    starts_s = piece_starts_s(recording, 20.0)
    assert len(starts_s) == 14 and np.all(np.diff(starts_s) >= 20) and starts_s[0] >= 6 and starts_s[-1] + 20 <= 294
    recording.spo2_percent[100] = np.nan
    remaining = piece_starts_s(recording, 20.0)
    assert 0 < len(starts_s) - len(remaining) <= 2 and not any(start <= 100 < start + 20 for start in remaining)


def test_moving_pieces_lie_where_spo2_moves_and_none_overlap() -> None:
    """A fall of 12 points at 100 s and one of 6 at 200 s, in a recording that is still besides."""
    recording = MadeUp("100001")
    recording.spo2_percent[:] = np.select([np.arange(300) < 100, np.arange(300) < 200], [98.0, 86.0], 80.0)
    starts_s = piece_starts_s(recording, 20.0, moving_pieces=3)
    assert len(starts_s) == 3 and starts_s[0] <= 90 and starts_s[0] + 20 > 105, starts_s
    assert starts_s[1] < 196 < 204 < starts_s[1] + 20, "the smaller fall comes second, in the middle of its piece"
    assert min(abs(np.subtract.outer(starts_s, starts_s))[np.triu_indices(3, 1)]) >= 20
    wanted = [piece(session, (recording,), moving_pieces=2)[1] for session in plan((recording,), sessions=6, subjects=1)]
    assert set(wanted) == set(starts_s[:2]), "more sessions than pieces: they come again"


def test_sessions_are_different_pieces_in_an_order_of_the_persons_own() -> None:
    starts = {
        person: [piece(s, RECORDINGS)[1] for s in plan(RECORDINGS, sessions=14) if s.subject == person]
        for person in (100001, 100002)
    }
    for order in starts.values():
        assert len(set(order)) == 14 and order != sorted(order)
    assert starts[100001] != starts[100002]


@pytest.mark.parametrize(
    ("recordings", "told"), [((MadeUp("ann"),), "'ann' cannot drive"), ((MadeUp("3", seconds=25),), "no piece of 20 s")]
)
def test_a_recording_that_cannot_drive_is_told(recordings: tuple, told: str) -> None:
    with pytest.raises(TastError, match=told):
        piece(plan(recordings)[0], recordings)
    with pytest.raises(TastError, match="subjects = 3; expected at most 2"):
        plan(RECORDINGS, subjects=3)
