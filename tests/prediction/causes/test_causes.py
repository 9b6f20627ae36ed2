"""Each cause is found where it is planted, and a face that pulses before a still background has none."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from tast.prediction.causes import light, pulse, recording
from tast.prediction.causes.evidence import Evidence, overexposed_share
from tast.prediction.causes.findings import Findings, find_causes, joined_findings
from tast.prediction.causes.known import CAUSES
from tast.preprocessing.light import mean_light
from tast.records import SourceFacts
from tast.training.domain import PULSE as PULSE_COLOUR

FPS_HZ, SECONDS = 15.0, 12
TIMES_S = np.arange(SECONDS * 15) / FPS_HZ
SKIN, BACKGROUND = np.array([150.0, 105.0, 85.0]), np.array([90.0, 92.0, 95.0])
PULSE = 1 + np.sin(2 * np.pi * 1.2 * TIMES_S)[:, None] * [0.003, 0.009, 0.006]


def noise(seed: int, sd: float = 0.02) -> np.ndarray:
    return sd * np.random.default_rng(seed).standard_normal((len(TIMES_S), 3))


def good(**changed: object) -> Evidence:
    """A person who sits still under a steady lamp, their pulse 72 a minute."""
    return replace(
        Evidence(
            fps_hz=FPS_HZ, length_s=8, skin=SKIN * PULSE + noise(1), background=np.tile(BACKGROUND, (len(TIMES_S), 1)) + noise(2),
            place=np.tile([160.0, 110.0, 40.0], (len(TIMES_S), 1)), overexposed=np.zeros(len(TIMES_S)), frame_times_s=TIMES_S,
            repeated=np.zeros(len(TIMES_S), dtype=bool), pulse_share=np.full(SECONDS, 0.9),
            frozen=np.zeros(len(TIMES_S)),
            pulse_per_minute=np.full(SECONDS, 72.0),
        ),
        **changed,
    )  # fmt: skip


def both(gain: np.ndarray, evidence: Evidence | None = None) -> Evidence:
    """The gain (T, 3) or (T, 1) on the face and on the background."""
    evidence = evidence or good()
    return replace(evidence, skin=evidence.skin * gain, background=evidence.background * gain)


def held(evidence: Evidence) -> set[str]:
    """The causes that hold in most seconds."""
    return {cause.name for cause in CAUSES if cause.measure is not None and cause.holds(cause.measure(evidence)).mean() > 0.5}


def square(depth: float) -> np.ndarray:
    return depth * np.sign(np.sin(2 * np.pi * 0.3 * TIMES_S + 0.1))[:, None]


FLICKER = 1 + 0.02 * np.cos(2 * np.pi * 1.2 * TIMES_S)[:, None]
SWAY = np.stack([160 + 40 * np.sin(2 * np.pi * 0.4 * TIMES_S), 110 + 0 * TIMES_S, 40 + 0 * TIMES_S], axis=1)
GREY = np.array([0.9, 0.7, 0.9])
STILL = SKIN + noise(3, 0.3)
PLANTED: dict[str, Evidence] = {
    "no colour": good(skin=np.repeat((SKIN * PULSE)[:, 1:2], 3, axis=1)),
    "one wave": good(skin=100 * GREY * PULSE[:, 1:2]),
    "red and blue exchanged": good(skin=(SKIN * PULSE)[:, ::-1]),
    "dark": good(skin=SKIN * PULSE * 0.2),
    "overexposed": good(overexposed=np.full(len(TIMES_S), 0.4)),
    "flicker": both(FLICKER),
    "exposure": both(1 + square(0.1)),
    "white balance": both(1 + square(0.03) * [1, 0, -1]),
    "still": good(skin=STILL),
    "no pulse": good(pulse_share=np.full(SECONDS, 0.2)),
    "movement": good(place=SWAY),
    "frozen colour": good(frozen=np.full(len(TIMES_S), 0.3)),
    "frames": good(repeated=np.arange(len(TIMES_S)) % 4 == 3),
}


def test_a_good_recording_has_no_cause_in_any_second():
    found = find_causes(good())
    assert found.sentences() == () and found.unreadable() == () and found.mostly() == ()
    assert found.per_second(SECONDS) == [()] * SECONDS


@pytest.mark.parametrize("cause", PLANTED)
def test_a_planted_cause_is_found(cause):
    assert cause in held(PLANTED[cause])


def test_every_cause_that_frames_tell_is_planted():
    assert set(PLANTED) == {cause.name for cause in CAUSES if cause.measure is not None}


@pytest.mark.parametrize(
    ("cause", "also"),
    [
        ("red and blue exchanged", set()), ("dark", set()), ("overexposed", set()), ("no pulse", set()), ("movement", set()),
        ("frames", set()), ("still", set()), ("one wave", set()), ("flicker", {"one wave"}),
    ],
)  # fmt: skip
def test_it_is_not_taken_for_another(cause, also):
    assert held(PLANTED[cause]) - also == {cause}


def test_light_that_the_face_alone_has_is_no_flicker_no_exposure_and_no_white_balance():
    """A shadow on the face, and a pulse as strong as any lamp."""
    lit = good(skin=SKIN * PULSE * (1 + square(0.1)) * (1 + square(0.03) * [1, 0, -1]))
    assert not held(lit) & {"flicker", "exposure", "white balance"}


def test_a_lamp_that_flickers_at_another_rate_than_the_pulse_is_no_cause():
    assert "flicker" not in held(both(1 + 0.02 * np.cos(2 * np.pi * 2.2 * TIMES_S)[:, None]))


def test_without_a_background_nothing_is_said_of_the_lamp():
    unseen = replace(both(FLICKER), background=np.full((len(TIMES_S), 3), np.nan))
    for measure in (light.flicker, light.exposure_steps, light.white_steps):
        assert np.isnan(measure(unseen)).all()
    assert not held(unseen) & {"flicker", "exposure", "white balance"}


def test_the_measures_have_their_size():
    assert_allclose(light.flicker(both(FLICKER)), 0.9, atol=0.15)
    assert_allclose(light.darkness(good()), 105, rtol=0.01)
    assert_allclose(light.red_over_blue(good()), np.log2(150 / 85), atol=0.02)
    assert_allclose(pulse.colour(good()), 1 - 85 / 150, atol=0.02)
    assert_allclose(recording.missing_frames(PLANTED["frames"]), 0.25, atol=0.07)
    assert_allclose(np.median(recording.speed(PLANTED["movement"])), 1.0 * 2 * np.pi * 0.4 / np.sqrt(2), rtol=0.15)
    step = np.where(TIMES_S < 6.5, 1.0, 1.1)[:, None]
    changes = light.exposure_steps(both(step))
    assert_allclose(changes[5:8], np.log(1.1), atol=0.01)
    assert changes[[0, 1, 2, 3, 9, 10, 11]].max() < 0.02


def test_a_step_of_white_spoils_every_second_whose_window_shows_it_and_one_of_exposure_those_beside_it():
    step = np.where(TIMES_S < 6.0, 1.0, 1.1)[:, None]
    white = light.white_steps(both(1 + (step - 1) * [1, 0, -1]))
    assert (white > 0.03).all(), "12 s, windows of 8"
    late = np.where(TIMES_S < 10.9, 1.0, 1.1)[:, None]
    assert_array_equal(light.white_steps(both(1 + (late - 1) * [1, 0, -1]))[:3] < 0.01, True)
    assert (light.exposure_steps(both(step)) > 0.05).sum() <= 4


def test_a_refusal_names_what_may_be_the_reason_and_refuses_nothing_alone():
    found = Findings({"one wave": np.full(3, 0.95), "dark": np.full(3, 5.0), PULSE_COLOUR: np.full(3, 2.0)})
    assert found.mostly_marked() == (next(cause.sentence for cause in CAUSES if cause.name == "one wave"),)


def test_lost_frames_count_as_those_shown_twice():
    kept = np.arange(len(TIMES_S)) % 5 != 2
    some = good(frame_times_s=TIMES_S[kept], repeated=np.zeros(kept.sum(), dtype=bool))
    assert_allclose(recording.missing_frames(some), 0.2, atol=0.07)


def test_compression_is_measured_by_the_codec():
    facts = SourceFacts("h264", 320, 240, 0.15, 8, "420", False, "bt709", "sdr", "bt709", 0, 30.0, 30.0, 300, 0, 0)
    assert recording.bits_of_enough(facts) == pytest.approx(0.5)
    assert recording.bits_of_enough(replace(facts, codec="png")) == np.inf
    found = find_causes(good()).with_source(facts, SECONDS)
    assert found.sentences() == ("the video is compressed so strongly that little of the pulse's colour is left (12 of 12 s)",)
    assert found.unreadable() == () and found.untold() == ()
    assert len(find_causes(good()).with_source(replace(facts, bits_per_pixel=0.02), SECONDS).unreadable()) == 1


def test_a_cause_by_which_most_seconds_cannot_be_read_is_the_videos():
    found = Findings({"dark": np.array([5.0, 5.0, 30.0]), "flicker": np.array([0.9, 0.1, np.nan])})
    assert found.unreadable() == ("the face is too dark (2 of 3 s cannot be read)",)
    assert found.mostly() == ("the face is too dark",)
    assert found.per_second(3) == [("dark", "flicker"), ("dark",), ("dark",)]
    assert found.sentences()[1] == "the background pulses with the face: the lamp flickers (1 of 3 s)"


def test_a_lamp_that_flickers_for_sure_is_not_read_at_all():
    found = Findings({"flicker": np.array([0.4, 0.4, 0.1])})
    assert found.unreadable() == ("the background pulses with the face: the lamp flickers (2 of 3 s cannot be read)",)


def test_pieces_are_joined_where_both_were_measured():
    first, second = Findings({"dark": np.array([5.0]), "flicker": np.array([0.1])}), Findings({"dark": np.array([90.0, 91.0])})
    joined = joined_findings([first, second])
    assert list(joined.measures) == ["dark"]
    assert_array_equal(joined.measures["dark"], [5, 90, 91])
    with pytest.raises(ValueError, match=r"\(S,\)"):
        Findings({"dark": np.zeros(2), "flicker": np.zeros(3)})


def test_light_is_that_of_lit_pixels_and_the_limit_is_the_sensors():
    frames = np.zeros((6, 36, 36, 3), dtype=np.uint8)
    frames[:, 10:20, 10:20] = (90, 60, 30)
    assert_allclose(mean_light(frames), np.tile([90, 60, 30], (6, 1)))
    assert_array_equal(overexposed_share(np.full((2, 36, 36, 3), 200, dtype=np.uint8)), 0)
    assert_array_equal(overexposed_share(np.full((2, 36, 36, 3), (251, 200, 200), dtype=np.uint8)), 1)
