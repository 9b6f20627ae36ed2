"""The plan: balance, independence, and truth without rendering."""

from __future__ import annotations

import pickle
from collections import Counter
from typing import Any

import numpy as np
import pytest

from tast.errors import TastError
from tast.phantom.motion import SETUPS
from tast.phantom.session import Session, phantom_sessions, truth
from tast.phantom.tissue import ratio_of_ratios

DEFAULT: dict[str, Any] = {
    "seed": 7, "subjects": 30, "sessions": 1, "seconds": 24.0, "fps_hz": 30.0, "width_px": 320, "height_px": 240,
    "face_height_px": 120, "profile": "wide", "scenarios": tuple(SETUPS),
}  # fmt: skip


def plan(**changes: Any) -> tuple[Session, ...]:
    return phantom_sessions(**(DEFAULT | changes))


def test_scenarios_are_balanced_and_never_repeated_for_a_subject() -> None:
    assert set(Counter(s.scenario for s in plan()).values()) == {5}
    sessions = plan(subjects=7, sessions=6)
    assert len({s.name for s in sessions}) == 42


def test_more_subjects_or_sessions_leave_the_others_as_they_are() -> None:
    assert plan(subjects=31)[:30] == plan()
    one, two = plan(), plan(sessions=2)
    assert two[::2] == one
    for a, b in zip(plan(subjects=31)[:3], plan()[:3], strict=True):
        np.testing.assert_array_equal(truth(a).spo2_percent, truth(b).spo2_percent)


def test_a_session_survives_pickling() -> None:
    session = plan()[4]
    assert pickle.loads(pickle.dumps(session)) == session
    assert session.name == "05-05"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"sessions": 7}, "sessions = 7"),
        ({"scenarios": ("steady", "dancing")}, "'dancing'"),
        ({"scenarios": ("steady", "steady")}, "twice"),
        ({"profile": "deep"}, "'deep'"),
    ],
)
def test_a_plan_that_cannot_be_is_told_in_one_line(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(TastError, match=told) as caught:
        plan(**changes)
    assert "\n" not in str(caught.value)


def test_the_ratio_of_ratios_follows_saturation_alike_for_all_subjects() -> None:
    """Path lengths differ by 0.5 % a channel: sqrt(2) * 0.5 % = 0.7 % in the ratio, four of them allowed."""
    ratios = []
    for session in plan():
        t = truth(session)
        order = np.argsort(t.spo2_percent)
        assert np.all(np.diff(t.ratio_of_ratios[order]) <= 0)
        ratios.append(t.ratio_of_ratios / truth_for_mean_paths(t.spo2_percent))
    spread = np.array([r.mean() for r in ratios])
    assert all(np.ptp(r) < 1e-12 for r in ratios)
    assert 0.0025 < spread.std() < 0.01
    assert np.abs(spread - 1).max() < 0.028


def truth_for_mean_paths(spo2_percent: np.ndarray) -> np.ndarray:
    return ratio_of_ratios(spo2_percent)


def test_sessions_cover_the_range_and_nothing_visible_tells_where() -> None:
    sessions = plan(subjects=120)
    means = np.array([truth(s).spo2_percent.mean() for s in sessions])
    assert means.std() > 3.5
    people = [s.person for s in sessions]
    visible: dict[str, list[float]] = {
        "melanin": [p.melanosomes for p in people],
        "hair": [sum(p.hair_rgb) for p in people],
        "clothes": [sum(p.clothes_rgb) for p in people],
        "setup": [list(SETUPS).index(s.scenario) for s in sessions],
        "pulse rate": [p.pulse_rate_hz for p in people],
        "amplitude": [p.green_ac for p in people],
    }
    for name, values in visible.items():  # standard error of a chance correlation: 1 / sqrt(120) = 0.09
        assert abs(np.corrcoef(values, means)[0, 1]) < 0.27, name


def test_sessions_of_one_person_differ_as_those_of_several_do() -> None:
    """Six sessions each: deviation of their means within people about 3.5, which one level for all of them would make 1.4."""
    means = np.array([truth(session).spo2_percent.mean() for session in plan(subjects=10, sessions=6)]).reshape(10, 6)
    assert means.std(axis=1).mean() > 2.5


def test_truth_is_given_wherever_it_is_asked_for() -> None:
    session = plan(profile="narrow")[0]
    t = truth(session, np.linspace(0, 24, 7))
    assert t.times_s.shape == t.spo2_percent.shape == t.pulse_rate_hz.shape == t.ratio_of_ratios.shape == (7,)
    assert t.spo2_percent.min() >= 94 and t.spo2_percent.max() <= 99
    assert np.all((t.pulse_rate_hz > 0.8) & (t.pulse_rate_hz < 1.9))


def test_frame_times_are_nearly_even_whole_microseconds() -> None:
    times_s = plan()[0].frame_times_s()
    assert len(times_s) == 720 and np.all(np.diff(times_s) > 0.6 / 30)
    assert abs(1 / np.diff(times_s).mean() - 30) < 0.05 and np.diff(times_s).std() > 1e-4
    np.testing.assert_allclose(times_s * 1e6, np.rint(times_s * 1e6), atol=1e-6)
