from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from tast.methods.networks.temporal_difference import TemporalDifferenceConv3d


@pytest.mark.parametrize("theta", [0.0, 0.7])
def test_it_is_the_two_convolutions_of_the_paper(theta: float) -> None:
    torch.manual_seed(0)
    layer = TemporalDifferenceConv3d(2, 3, theta)
    x = torch.randn(2, 2, 5, 4, 6)
    kernel = layer.conv.weight
    of_difference = (kernel[:, :, 0] + kernel[:, :, 2]).sum(dim=(2, 3))[:, :, None, None, None]
    published = F.conv3d(x, kernel, padding=1) - theta * F.conv3d(x, of_difference)
    torch.testing.assert_close(layer(x), published, atol=1e-5, rtol=0)


def test_with_all_of_it_a_still_picture_is_what_its_own_instant_says() -> None:
    """Of a still and even picture, first and last slice give back what is taken away: the middle slice is left."""
    torch.manual_seed(0)
    layer = TemporalDifferenceConv3d(1, 1, 1.0)
    middle = layer.conv.weight[0, 0, 1].sum()
    out = layer(torch.ones(1, 1, 5, 5, 5))[0, 0, 1:-1, 1:-1, 1:-1]
    torch.testing.assert_close(out, middle.expand_as(out), atol=1e-6, rtol=0)
