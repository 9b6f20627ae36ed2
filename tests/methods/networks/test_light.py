"""The light of a face and its course in percent, with faces whose answers are known by hand."""

from __future__ import annotations

import math

import pytest
import torch

from tast.methods.networks.light import DARK_LEVEL, lit_light, percent_of_mean

WAVE = torch.sin(2 * math.pi * torch.arange(30) / 10)


def test_light_is_of_the_face_alone() -> None:
    video = torch.full((1, 3, 4, 2, 2), 0.25)
    video[..., 0, 0] = -0.5  # what input `light` has outside of the face
    video[..., 0, 1] = -0.5 + DARK_LEVEL / 2  # the rounding of a codec
    light = lit_light(video)
    assert light.shape == video.shape
    torch.testing.assert_close(light[0, 0, 0], torch.tensor([[0.0, 0.0], [0.75, 0.75]]), atol=0, rtol=0)


def test_a_pixel_that_is_dark_for_a_moment_stays() -> None:
    video = torch.full((1, 3, 4, 1, 1), 0.25)
    video[:, :, 1] = -0.5
    assert lit_light(video).flatten().tolist() == [0.75, 0.0, 0.75, 0.75] * 3


@pytest.mark.parametrize("level", [0.02, 0.7])
def test_percent_is_the_same_however_bright_and_of_any_number_of_pixels(level: float) -> None:
    percent = percent_of_mean(level * (1 + 0.003 * WAVE)[None], dim=1)
    torch.testing.assert_close(percent, 0.3 * WAVE[None], atol=1e-4, rtol=0)
    torch.testing.assert_close(percent_of_mean(1000 * level * (1 + 0.003 * WAVE), dim=0), percent[0], atol=1e-4, rtol=0)


def test_no_light_is_no_change() -> None:
    nothing = percent_of_mean(lit_light(torch.full((2, 3, 5, 2, 2), -0.5)), dim=2)
    assert torch.equal(nothing, torch.zeros(2, 3, 5, 2, 2))


def test_a_faint_pulse_outlives_bfloat16() -> None:
    video = (0.6 * (1 + 0.001 * WAVE))[None, None, :, None, None].repeat(1, 3, 1, 4, 4) - 0.5
    with torch.autocast("cpu", dtype=torch.bfloat16):
        percent = percent_of_mean(lit_light(video).mean(dim=(3, 4)), dim=2)
    torch.testing.assert_close(percent, (0.1 * WAVE)[None, None].expand(1, 3, -1), atol=1e-4, rtol=0)
