"""Augmentation: the same from the same generator, blind to colour, and the same for a part of a batch as for the whole."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from tast.training.augmentation import Augmentation, change, draw_changes

NONE = Augmentation(stretch=0.0, flip=0.0, shift_cells=0, drop_fraction=0.0, noise=0.0, shift_frames=0)
ALL = Augmentation(noise=0.5, shift_frames=3)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def changed(video: torch.Tensor, seed: int = 0, **how: float) -> torch.Tensor:
    return change(video, draw_changes(video.shape, replace(NONE, **how), generator(seed)))  # type: ignore[arg-type]


def grey(clips: int = 8) -> torch.Tensor:
    """(clips, 3, 6, 8, 8) whose three channels are 1, 2 and 4 times one picture, with a black border."""
    picture = torch.randn(clips, 1, 6, 8, 8, generator=generator(9))
    picture[..., 0, :] = 0
    return picture * torch.tensor([1.0, 2.0, 4.0]).reshape(1, 3, 1, 1, 1)


def test_stretch_flip_shift_and_drop_keep_the_ratio_between_channels() -> None:
    video = change(grey(), draw_changes(grey().shape, replace(ALL, noise=0.0), generator()))
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


def test_same_generator_same_change() -> None:
    first, same, other = (change(grey(), draw_changes(grey().shape, ALL, generator(seed))) for seed in (3, 3, 4))
    assert torch.equal(first, same)
    assert not torch.equal(first, other)


def test_a_part_of_the_batch_is_changed_as_in_the_whole() -> None:
    changes = draw_changes(grey().shape, ALL, generator())
    whole = change(grey(), changes)
    for place in (slice(0, 3), slice(3, 8)):
        assert torch.equal(change(grey()[place], changes.of(place)), whole[place])
