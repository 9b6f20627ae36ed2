"""Coordinate attention by hand: shapes, what its rows and columns see, its size."""

from __future__ import annotations

import pytest
import torch

from tast.methods.networks.coordinate_attention import CoordinateAttention


def features_of(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("channels", "between"), [(16, 8), (32, 8), (256, 8), (512, 16)])
def test_channels_in_between_are_a_share_of_all_and_no_fewer_than_the_smallest(channels: int, between: int) -> None:
    attention = CoordinateAttention(channels)
    squeeze, back = between * channels + between + 2 * between, 2 * (between * channels + channels)  # the former with its norm
    assert sum(one.numel() for one in attention.parameters()) == squeeze + back
    assert CoordinateAttention(channels, reduction=4, smallest=2).of_rows.in_channels == channels // 4


def test_each_place_is_weighed_by_its_row_and_its_column() -> None:
    torch.manual_seed(0)
    attention, features = CoordinateAttention(4).eval(), features_of(2, 4, 3, 5)
    with torch.no_grad():
        weights = attention(features) / features
    assert weights.shape == features.shape
    assert ((weights > 0) & (weights < 1)).all()
    of_rows, of_columns = weights[..., :1] / weights[..., :1, :1], weights[..., :1, :] / weights[..., :1, :1]
    torch.testing.assert_close(weights, weights[..., :1, :1] * of_rows * of_columns, atol=1e-5, rtol=1e-4)


def test_both_axes_go_the_same_way() -> None:
    """With one convolution back for both, turning the picture turns what comes out."""
    torch.manual_seed(0)
    attention, features = CoordinateAttention(4).eval(), features_of(2, 4, 3, 5)
    attention.of_columns.load_state_dict(attention.of_rows.state_dict())
    with torch.no_grad():
        torch.testing.assert_close(attention(features.transpose(2, 3)), attention(features).transpose(2, 3))


def test_what_says_nothing_halves_twice() -> None:
    attention, features = CoordinateAttention(4), features_of(2, 4, 3, 5)
    for back in (attention.of_rows, attention.of_columns):
        torch.nn.init.zeros_(back.weight)
        assert back.bias is not None
        torch.nn.init.zeros_(back.bias)
    torch.testing.assert_close(attention(features), features / 4)
