"""Blood that flows faster, fills more and is less dark; and what that does to the skin's colour."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tast.phantom.colours import colours
from tast.phantom.lamps import draw_lamp
from tast.phantom.perfusion import FLOW_SPREAD, VOLUME_OF_FLOW, Perfusion, draw_perfusion
from tast.phantom.randomness import Wander, stream
from tast.phantom.sensor import SENSORS, draw_camera
from tast.phantom.skin import MEDIAN, OXYGEN_TAKEN

TIMES_S = np.arange(0.0, 300.0, 0.5)
STILL = Wander(np.zeros(1), np.zeros(1))


def test_the_tissue_takes_as_much_oxygen_whatever_flows() -> None:
    perfusion = draw_perfusion(stream(3, "perfusion"))
    faster = np.exp(perfusion.flow_spread * perfusion.flow.at(TIMES_S))
    _, taken = perfusion.at(TIMES_S)
    assert_allclose(faster * taken, OXYGEN_TAKEN)
    assert np.ptp(taken) > 0.01


def test_volume_follows_the_flow_and_the_veins() -> None:
    flow = Wander(np.array([0.02]), np.zeros(1))
    filled, _ = Perfusion(flow, STILL, 0.2).at(TIMES_S)
    assert_allclose(np.log(filled), VOLUME_OF_FLOW * 0.2 * np.sqrt(2) * np.sin(2 * np.pi * 0.02 * TIMES_S), atol=1e-12)
    filled, taken = Perfusion(STILL, flow, 0.2).at(TIMES_S)
    assert np.log(filled).std() == pytest.approx(0.015, rel=1e-6)
    assert_allclose(taken, OXYGEN_TAKEN)


def test_recordings_differ_within_their_bounds_and_the_same_stream_gives_the_same() -> None:
    spreads = [draw_perfusion(stream(3, "perfusion", number)).flow_spread for number in range(200)]
    assert min(spreads) >= FLOW_SPREAD[0] and max(spreads) <= FLOW_SPREAD[1]
    assert np.median(spreads) == pytest.approx(np.sqrt(np.prod(FLOW_SPREAD)), rel=0.15)
    again = draw_perfusion(stream(3, "perfusion", 7))
    assert again.flow_spread == spreads[7]


def test_a_flush_darkens_and_reddens_and_slow_blood_is_darker_in_red_alone() -> None:
    seen = colours(draw_lamp(stream(1, "lamp"), ("daylight",)), draw_camera(stream(1, "camera"), SENSORS).sensor)
    flush = seen.tint(MEDIAN, 0.97, 1.1, OXYGEN_TAKEN)
    assert flush[1] < 0.98 and flush[0] / flush[1] > 1.005
    slow = seen.tint(MEDIAN, 0.97, 1.0, OXYGEN_TAKEN + 0.1)
    assert slow[0] < 0.995 and abs(slow[1] - 1) < 1 - slow[0]
    assert_allclose(slow, seen.tint(MEDIAN, 0.87), rtol=1e-12)
