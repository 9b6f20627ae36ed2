"""Augmentation: the same from the same generator, and blind to colour."""

from __future__ import annotations

import pytest
import torch

from tast.training.augmentation import Augmentation, add_common_noise, augment, drop_cells, flip_some, shift_some, stretch_time


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def grey(clips: int = 8) -> torch.Tensor:
    """(clips, 3, 6, 8, 8) whose three channels are 1, 2 and 4 times one picture, with a black border."""
    picture = torch.randn(clips, 1, 6, 8, 8, generator=generator(9))
    picture[..., 0, :] = 0
    return picture * torch.tensor([1.0, 2.0, 4.0]).reshape(1, 3, 1, 1, 1)


def test_stretch_flip_shift_and_drop_keep_the_ratio_between_channels() -> None:
    video = augment(grey(), Augmentation(noise=0.0), generator())
    torch.testing.assert_close(video[:, 1], 2 * video[:, 0], atol=1e-5, rtol=0)
    torch.testing.assert_close(video[:, 2], 4 * video[:, 0], atol=1e-5, rtol=0)
    assert (video - grey()).abs().max() > 1


def test_noise_is_the_same_in_all_channels_and_spares_what_is_blank() -> None:
    noise = add_common_noise(grey(), 0.5, generator()) - grey()
    torch.testing.assert_close(noise[:, 0], noise[:, 2], atol=1e-6, rtol=0)
    assert noise[..., 1:, :].std() > 0.05
    assert torch.all(noise[..., 0, :] == 0)


def test_a_stretched_sine_is_a_sine_of_another_rate() -> None:
    frames = 120
    sine = torch.sin(2 * torch.pi * 2 * (torch.arange(frames) - 59.5) / frames)  # odd about the middle
    video = sine.reshape(1, 1, frames, 1, 1).expand(50, 3, frames, 2, 2)
    stretched = stretch_time(video, 0.3, generator())[:, 0, :, 0, 0]
    near_middle = stretched[:, 45:75]
    paces = torch.asin(near_middle[:, 16]) / (2 * torch.pi * 2 * 1.5 / frames)
    assert 1 / 1.31 < paces.min() < 0.85
    assert 1.15 < paces.max() < 1.31
    expected = torch.sin(2 * torch.pi * 2 * paces[:, None] * (torch.arange(45, 75) - 59.5) / frames)
    torch.testing.assert_close(near_middle, expected, atol=0.03, rtol=0)  # of linear interpolation
    assert stretched.abs().max() <= 1
    assert torch.equal(stretch_time(video, 0.0, generator()), video)


@pytest.mark.parametrize("chance", [0.0, 1.0])
def test_flip(chance: float) -> None:
    assert torch.equal(flip_some(grey(), chance, generator()), grey().flip(-1) if chance else grey())


def test_shift_moves_by_whole_cells_and_brings_zeros() -> None:
    video = torch.zeros(40, 1, 1, 5, 5)
    video[..., 2, 2] = 1
    moved = shift_some(video, 2, generator())
    assert moved.shape == video.shape
    assert torch.all(moved.sum(dim=(1, 2, 3, 4)) == 1)
    assert len({tuple(place.nonzero()[0].tolist()) for place in moved}) > 10
    assert torch.equal(shift_some(video, 0, generator()), video)


def test_dropped_cells_are_blank_for_the_whole_clip_and_at_most_the_share() -> None:
    video = torch.ones(200, 3, 4, 16, 16)
    dropped = drop_cells(video, 0.3, generator()) == 0
    assert torch.equal(dropped.any(dim=(1, 2)), dropped.all(dim=(1, 2)))
    shares = dropped[:, 0, 0].float().mean(dim=(1, 2))
    assert shares.mean().item() == pytest.approx(0.15, abs=0.02)
    assert shares.max().item() < 0.42


def test_same_generator_same_change() -> None:
    assert torch.equal(augment(grey(), Augmentation(), generator(3)), augment(grey(), Augmentation(), generator(3)))
    assert not torch.equal(augment(grey(), Augmentation(), generator(3)), augment(grey(), Augmentation(), generator(4)))
