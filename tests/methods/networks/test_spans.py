from __future__ import annotations

import torch

from tast.methods.networks.spans import mean_over_spans


def test_mean_over_spans_counts_parts_of_a_step() -> None:
    by_hand = torch.tensor([[2 / 3, 1 / 3, 0.0], [0.0, 1 / 3, 2 / 3]])
    torch.testing.assert_close(mean_over_spans(3, 2), by_hand, atol=1e-7, rtol=0)
    torch.testing.assert_close(mean_over_spans(15, 8).sum(dim=1), torch.ones(8), atol=1e-6, rtol=0)
    torch.testing.assert_close(
        mean_over_spans(2, 4), torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]]), atol=1e-7, rtol=0
    )
