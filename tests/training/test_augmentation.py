"""Augmentation: the same from the same generator, true to the ratio of ratios, and the same for a part of a batch as for all."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from tast.ratio_of_ratios import projection_ratio, pulse_signals
from tast.training.augmentation import Augmentation, Changes, change, change_labels, draw_changes, draw_gains
from tast.training.inputs import INPUTS, Input

NONE = Augmentation(stretch=0.0, flip=0.0, shift_cells=0, drop_fraction=0.0, noise=0.0, shift_frames=0, brightness=0.0)
ALL = Augmentation(noise=0.5, shift_frames=3, brightness=0.5)
OF_SPACE_AND_LIGHT = {"flip": 1.0, "shift_cells": 2, "drop_fraction": 0.5, "brightness": 1.0}
OF_TIME = {"stretch": 0.3, "shift_frames": 4}
NORMALISED, MAGNIFIED = INPUTS["normalised"], INPUTS["magnified"]


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def drawn(video: torch.Tensor, how: Augmentation, seed: int = 0, kind: Input = NORMALISED) -> Changes:
    return draw_changes(video.shape, how, generator(seed), holds_light=kind.holds_light)


def changed(video: torch.Tensor, seed: int = 0, kind: Input = NORMALISED, **how: float) -> torch.Tensor:
    return change(video, drawn(video, replace(NONE, **how), seed, kind), blank=kind.blank)  # type: ignore[arg-type]


def grey(clips: int = 8) -> torch.Tensor:
    """(clips, 3, 6, 8, 8) whose three channels are 1, 2 and 4 times one picture, with a black border."""
    picture = torch.randn(clips, 1, 6, 8, 8, generator=generator(9))
    picture[..., 0, :] = 0
    return picture * torch.tensor([1.0, 2.0, 4.0]).reshape(1, 3, 1, 1, 1)


def test_stretch_flip_shift_and_drop_keep_the_ratio_between_channels() -> None:
    video = change(grey(), drawn(grey(), replace(ALL, noise=0.0)), blank=0.0)
    torch.testing.assert_close(video[:, 1], 2 * video[:, 0], atol=1e-5, rtol=0)
    torch.testing.assert_close(video[:, 2], 4 * video[:, 0], atol=1e-5, rtol=0)
    assert (video - grey()).abs().max() > 1


def test_no_change_is_no_change() -> None:
    assert torch.equal(changed(grey()), grey())


def test_noise_is_the_same_in_all_channels_and_spares_what_is_blank() -> None:
    noise = changed(grey(), noise=0.5) - grey()
    torch.testing.assert_close(noise[:, 0], noise[:, 2], atol=1e-6, rtol=0)
    assert noise[..., 1:, :].std() > 0.05
    assert torch.all(noise[..., 0, :] == 0)


def sine(frames: int) -> torch.Tensor:
    """(50, 3, frames, 2, 2): one wave of two periods, odd about the middle."""
    wave = torch.sin(2 * torch.pi * 2 * (torch.arange(frames) - (frames - 1) / 2) / frames)
    return wave.reshape(1, 1, frames, 1, 1).expand(50, 3, frames, 2, 2)


def test_a_stretched_sine_is_a_sine_of_another_rate() -> None:
    frames = 120
    stretched = changed(sine(frames), stretch=0.3)[:, 0, :, 0, 0]
    near_middle = stretched[:, 45:75]
    paces = torch.asin(near_middle[:, 16]) / (2 * torch.pi * 2 * 1.5 / frames)
    assert 1 / 1.31 < paces.min() < 0.85
    assert 1.15 < paces.max() < 1.31
    expected = torch.sin(2 * torch.pi * 2 * paces[:, None] * (torch.arange(45, 75) - 59.5) / frames)
    torch.testing.assert_close(near_middle, expected, atol=0.03, rtol=0)  # of linear interpolation
    assert stretched.abs().max() <= 1


def test_a_ramp_shifted_in_time_runs_back_from_its_ends() -> None:
    ramp = torch.arange(20.0).reshape(1, 1, 20, 1, 1).expand(60, 1, 20, 2, 2)
    shifted = changed(ramp, shift_frames=4)[:, 0, :, 0, 0]
    delays = shifted[:, 10] - 10
    assert -4 <= delays.min() < -3
    assert 3 < delays.max() <= 4
    by_hand = 19 - (19 - (torch.arange(20) + delays[:, None]).abs()).abs()
    torch.testing.assert_close(shifted, by_hand, atol=1e-4, rtol=0)


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_flip(chance: float) -> None:
    assert torch.equal(changed(grey(), flip=chance), grey().flip(-1) if chance else grey())


def test_shift_moves_by_whole_cells_and_brings_zeros() -> None:
    video = torch.zeros(40, 1, 1, 5, 5)
    video[..., 2, 2] = 1
    moved = changed(video, shift_cells=2)
    assert moved.shape == video.shape
    assert torch.all(moved.sum(dim=(1, 2, 3, 4)) == 1)
    assert len({tuple(place.nonzero()[0].tolist()) for place in moved}) > 10


def test_dropped_cells_are_blank_for_the_whole_clip_and_at_most_the_share() -> None:
    dropped = changed(torch.ones(200, 3, 4, 16, 16), drop_fraction=0.3) == 0
    assert torch.equal(dropped.any(dim=(1, 2)), dropped.all(dim=(1, 2)))
    shares = dropped[:, 0, 0].float().mean(dim=(1, 2))
    assert shares.mean().item() == pytest.approx(0.15, abs=0.02)
    assert shares.max().item() < 0.42


def test_what_is_blank_is_0_without_a_sign() -> None:
    dropped = changed(-torch.ones(50, 3, 4, 5, 5), drop_fraction=1.0)
    assert dropped.unique().tolist() == [-1.0, 0.0]
    assert not torch.signbit(dropped[dropped == 0]).any()


def test_a_clip_moved_out_of_its_picture_leaves_blank() -> None:
    """By up to 9 cells where it has 4: what is left of it lies where it was moved to."""
    video = torch.arange(1.0, 17.0).reshape(1, 1, 1, 4, 4).expand(80, 1, 1, 4, 4)
    moved = changed(video, shift_cells=9)
    corners = drawn(video, replace(NONE, shift_cells=9)).corners
    assert corners is not None
    for clip, (row, column) in zip(moved[:, 0, 0], (corners - 9).tolist(), strict=True):
        for y, x in itertools.product(range(4), range(4)):
            from_y, from_x = row + y, column + x
            assert clip[y, x] == (1 + 4 * from_y + from_x if 0 <= from_y < 4 and 0 <= from_x < 4 else 0)


def test_same_generator_same_change() -> None:
    first, same, other = (change(grey(), drawn(grey(), ALL, seed, MAGNIFIED), blank=-0.5) for seed in (3, 3, 4))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_part_of_the_batch_is_changed_as_in_the_whole() -> None:
    changes = drawn(grey(), ALL, kind=MAGNIFIED)
    assert changes.gains is not None
    whole = change(grey(), changes, blank=-0.5)
    for place in (slice(0, 3), slice(3, 8)):
        assert torch.equal(change(grey()[place], changes.of(place), blank=-0.5), whole[place])


def test_brightness_is_one_gain_about_black_for_all_channels_and_frames() -> None:
    video = torch.rand(200, 3, 4, 2, 2, generator=generator(1), dtype=torch.float64) - 0.5
    video[..., 0] = -0.5
    bright = changed(video, kind=MAGNIFIED, brightness=0.5)
    assert torch.all(bright[..., 0] == -0.5)
    gains = ((bright + 0.5) / (video + 0.5))[..., 1]
    torch.testing.assert_close(gains, gains[:, :1, :1, :1].expand_as(gains), atol=1e-9, rtol=0)
    assert 1 / 1.5 <= gains.min() < 0.68
    assert 1.48 < gains.max() <= 1.5
    assert gains[:, 0, 0, 0].log().mean().abs() < 0.06  # as often darker as brighter: 3.6 deviations of the mean of 200


def test_light_that_is_divided_out_cannot_change() -> None:
    assert torch.equal(changed(grey(), brightness=1.0), grey())


def test_what_magnified_input_loses_becomes_black() -> None:
    video = torch.zeros(40, 3, 2, 5, 5)
    assert changed(video, kind=MAGNIFIED, shift_cells=2).unique().tolist() == [-0.5, 0.0]
    assert changed(video, kind=MAGNIFIED, drop_fraction=0.5).unique().tolist() == [-0.5, 0.0]


@pytest.mark.parametrize(("brightness", "kind"), [(0.0, MAGNIFIED), (0.5, NORMALISED)], ids=["not asked for", "no light"])
def test_brightness_that_is_not_there_shifts_no_other_draw(brightness: float, kind: Input) -> None:
    with_it, without = generator(), generator()
    how = replace(ALL, brightness=brightness)
    for _ in range(2):
        all_draws = draw_changes(grey().shape, replace(ALL, brightness=0.5), with_it, holds_light=True)
        others = draw_changes(grey().shape, how, without, holds_light=kind.holds_light)
        assert others.gains is None
        same = [torch.equal(*pair) for pair in zip(tensors(all_draws), tensors(others), strict=False)]
        assert same == [True] * 5
        assert not torch.equal(with_it.get_state(), without.get_state())
        draw_gains(len(grey()), 0.5, without)  # the one draw that was left out
        assert torch.equal(with_it.get_state(), without.get_state())


def tensors(changes: Changes) -> list[torch.Tensor]:
    values = (changes.moments, changes.flipped, changes.corners, changes.noise, changes.kept, changes.gains)
    return [value for value in values if value is not None]


@st.composite
def faces(draw: st.DrawFn) -> torch.Tensor:
    """Magnified input (4, 3, 40, 6, 6) float64: skin of one colour, shaded, black above; its channels pulse in proportion."""
    colour, strength = (
        torch.tensor(draw(st.lists(st.floats(*ends), min_size=3, max_size=3)), dtype=torch.float64)
        for ends in ((40, 200), (0.2, 1.3))
    )
    depth, periods, phase = draw(st.floats(0.05, 0.5)), draw(st.floats(1, 6)), draw(st.floats(0, 1))
    pulse = depth * torch.sin(2 * torch.pi * (periods * torch.arange(40, dtype=torch.float64) / 40 + phase))
    shade = 0.2 + torch.rand(4, 6, 6, generator=generator(draw(st.integers(0, 99))), dtype=torch.float64)
    shade[:, 0] = 0
    skin = colour[:, None] * (1 + strength[:, None] * pulse)
    return shade[:, None, None] * skin[None, :, :, None, None] / 255 - 0.5


def as_frames(magnified: torch.Tensor) -> list[np.ndarray]:
    """Light of each clip, (T, H, W, 3)."""
    return [clip.permute(1, 2, 3, 0).numpy() + 0.5 for clip in magnified]


@given(face=faces(), seed=st.integers(0, 2**32))
def test_changes_of_place_and_light_keep_the_ratio_of_ratios(face: torch.Tensor, seed: int) -> None:
    before, after = (
        [projection_ratio(pulse_signals(clip)) for clip in as_frames(video)]
        for video in (face, changed(face, seed, MAGNIFIED, **OF_SPACE_AND_LIGHT))
    )
    np.testing.assert_allclose(after, before, rtol=1e-5)


@given(face=faces(), seed=st.integers(0, 2**32))
def test_changes_of_time_keep_the_ratio_of_the_channels_pulses(face: torch.Tensor, seed: int) -> None:
    """Of AC alone: what the mean over a clip says of the steady light depends on where it begins and ends."""
    before, after = (
        np.stack([clip.sum(axis=(1, 2)).std(axis=0) for clip in as_frames(video)])
        for video in (face, changed(face, seed, MAGNIFIED, **OF_SPACE_AND_LIGHT, **OF_TIME))
    )
    np.testing.assert_allclose(after[:, 0] / after[:, 1], before[:, 0] / before[:, 1], rtol=1e-5)


@given(seed=st.integers(0, 2**32))
def test_every_change_of_normalised_input_keeps_its_channels_in_proportion(seed: int) -> None:
    video = changed(grey().double(), seed, **OF_SPACE_AND_LIGHT, **OF_TIME)
    torch.testing.assert_close(video[:, 1:], torch.stack((2 * video[:, 0], 4 * video[:, 0]), dim=1), atol=1e-5, rtol=0)


def moved(moments: torch.Tensor) -> Changes:
    return Changes(moments, torch.zeros(len(moments), dtype=torch.bool), 0, None, None, torch.ones(len(moments), 1, 1), None)


def test_labels_move_with_the_moments_that_are_shown() -> None:
    falling = torch.arange(8.0).repeat(3, 1)  # one percent a second, 15 frames each
    frames = torch.arange(120, dtype=torch.float64)
    middle = 59.5
    moments = torch.stack([frames, frames + 15, middle + (frames - middle) / 2]).clamp(0, 119)
    shown = change_labels(falling, moved(moments))
    assert torch.equal(shown[0], falling[0])
    assert torch.allclose(shown[1, :7], falling[1, 1:]) and shown[1, 7] == 7
    assert torch.allclose(shown[2], 3.5 + (falling[2] - 3.5) / 2)


def test_what_is_unknown_stays_unknown_and_spoils_only_what_needs_it() -> None:
    labels = torch.tensor([[90.0, torch.nan, 92.0, 93.0]])
    frames = torch.arange(60, dtype=torch.float64)[None]
    assert torch.equal(change_labels(labels, moved(frames)).isnan(), labels.isnan())
    later = change_labels(labels, moved((frames + 7.5).clamp(max=59)))
    assert later.isnan().tolist() == [[True, True, False, False]] and later[0, 2] == 92.5


@given(seed=st.integers(0, 1000), stretch=st.floats(0.05, 0.5))
def test_a_course_that_the_picture_carries_is_still_its_label(seed: int, stretch: float) -> None:
    """Video whose brightness IS the label: after any pace, the label is what the picture shows in the middle of its second."""
    how = Augmentation(stretch=stretch, flip=0, shift_cells=0, drop_fraction=0)
    video = ((torch.arange(120) + 0.5) / 15 - 0.5).reshape(1, 1, 120, 1, 1).expand(4, 3, 120, 2, 2)
    changes = draw_changes(video.shape, how, torch.Generator().manual_seed(seed), holds_light=False)
    shown = change(video, changes, blank=-1.0)[:, 0, :, 0, 0].unflatten(1, (8, 15))[:, :, 7]  # frame 7 of 15: the middle
    labels = change_labels(torch.arange(8.0).repeat(4, 1), changes)
    assert torch.allclose(labels, shown.clamp(0, 7), atol=1e-4)
