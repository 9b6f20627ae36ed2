from __future__ import annotations

import torch

from tast.methods.networks.temporal_shift import temporal_shift


def test_a_third_comes_from_after_a_third_from_before_and_the_rest_stays() -> None:
    """Two segments of three frames of one pixel; a frame's channels are its number."""
    numbers = torch.arange(1.0, 7.0)[:, None, None, None].expand(6, 4, 1, 1)
    by_hand = torch.tensor(
        [[2, 0, 1, 1], [3, 1, 2, 2], [0, 2, 3, 3],  # fold = 4 // 3 = 1
         [5, 0, 4, 4], [6, 4, 5, 5], [0, 5, 6, 6]], dtype=torch.float32,
    )  # fmt: skip
    assert torch.equal(temporal_shift(numbers, 3, 3)[:, :, 0, 0], by_hand)


def test_places_stay_where_they_are() -> None:
    frames = torch.randn(4, 3, 5, 6, generator=torch.Generator().manual_seed(0))
    shifted = temporal_shift(frames, 4, 3)
    assert torch.equal(shifted[:3, 0], frames[1:, 0])
    assert torch.equal(shifted[1:, 1], frames[:3, 1])
    assert torch.equal(shifted[:, 2], frames[:, 2])
