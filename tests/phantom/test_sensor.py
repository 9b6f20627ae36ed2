"""Sensors and cameras: measured curves moved, stretched and cut; random cameras."""

from __future__ import annotations

import json
from dataclasses import asdict

import numpy as np
import pytest

from tast.errors import TastError
from tast.phantom.develop import TONES
from tast.phantom.sensor import CAMERA_KINDS, SENSORS, Sensor, draw_camera
from tast.phantom.spectra import CHANNELS, WAVELENGTHS_NM, curve

NAME = "Nikon D5100"


def test_a_sensor_is_the_measured_one_unless_it_is_said_to_differ() -> None:
    np.testing.assert_array_equal(Sensor(NAME).sensitivities(), [curve(channel, NAME) for channel in CHANNELS])


def test_a_shift_moves_a_curve_by_as_much() -> None:
    moved = Sensor(NAME, shifts_nm=(0, 10, 0)).sensitivities()
    np.testing.assert_allclose(moved[1, 2:], curve("green", NAME)[:-2])
    np.testing.assert_array_equal(moved[[0, 2]], Sensor(NAME).sensitivities()[[0, 2]])


def test_a_stretch_widens_a_curve_about_its_peak() -> None:
    wide = Sensor(NAME, stretches=(1, 2, 1)).sensitivities()[1]
    measured = curve("green", NAME)
    peak = int(measured.argmax())
    assert wide[peak] == measured[peak]
    np.testing.assert_allclose(wide[peak + 4], measured[peak + 2])
    np.testing.assert_allclose(wide[peak - 4], measured[peak - 2])


def test_an_infrared_cut_halves_the_light_where_it_lies() -> None:
    at_nm = np.searchsorted(WAVELENGTHS_NM, (600, 650, 680))
    passed = Sensor(NAME, infrared_cut_nm=650).sensitivities()[0, at_nm] / curve("red", NAME)[at_nm]
    assert passed[0] > 0.99 and passed[1] == pytest.approx(0.5) and passed[2] < 0.03


def test_random_cameras_follow_their_seed_and_pools_and_are_plain_values() -> None:
    cameras = [draw_camera(np.random.default_rng(k)) for k in range(80)]
    assert cameras == [draw_camera(np.random.default_rng(k)) for k in range(80)] and len(set(cameras)) == 80
    assert {camera.kind for camera in cameras} == set(CAMERA_KINDS) and {camera.bits for camera in cameras} == {8, 10}
    assert {camera.tone for camera in cameras} == set(TONES)
    few = {draw_camera(np.random.default_rng(k), SENSORS[:2], ["phone"]) for k in range(20)}
    assert {camera.sensor.name for camera in few} == set(SENSORS[:2]) and {camera.kind for camera in few} == {"phone"}
    for camera in cameras:
        assert json.loads(json.dumps(asdict(camera)))["sensor"]["name"] == camera.sensor.name
        assert camera.sensor.sensitivities().min() >= 0


def test_an_unknown_sensor_or_kind_is_named() -> None:
    with pytest.raises(TastError, match="sensors Kodak; expected some of ARRI D21"):
        draw_camera(np.random.default_rng(0), ["Kodak"])
    with pytest.raises(TastError, match="camera kinds toy; expected some of phone"):
        draw_camera(np.random.default_rng(0), kinds=["toy"])
