"""The loss: known values, true gradients, and finite where one side does not move."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tast.training.loss import level_of_spots, pearson, spo2_loss

NAN = float("nan")


def both(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    return spo2_loss(predicted, target, mse_weight=1.0, pearson_weight=0.3)


@given(hnp.arrays(np.float64, (2, 2, 5), elements=st.floats(-5, 5)))
def test_r_is_that_of_numpy(values: np.ndarray) -> None:
    x, y = values
    if min(x.std(), y.std()) < 0.1:
        return
    r = pearson(torch.from_numpy(x), torch.from_numpy(y), torch.ones(2, 5, dtype=torch.bool))
    assert r.item() == pytest.approx(
        np.corrcoef(x.ravel(), y.ravel())[0, 1], abs=2e-4
    )  # the variance floor costs up to 1e-4 here


def test_value_by_hand() -> None:
    # errors 1, 1, 1, 1 -> MSE 1; predicted = target + 1 -> r = 1
    target = torch.tensor([[0.0, 1.0], [2.0, 3.0]])
    assert both(target + 1, target).item() == pytest.approx(1.0, abs=1e-5)
    # r = -1: 0.3 * 2 beside an MSE of (9 + 1 + 1 + 9) / 4
    assert both(target.flip(0, 1), target).item() == pytest.approx(5.0 + 0.6, abs=1e-5)


def test_unknown_labels_count_nowhere() -> None:
    predicted = torch.tensor([[0.5, 9.0, 1.0], [2.0, 3.0, -9.0]], requires_grad=True)
    target = torch.tensor([[0.0, NAN, 1.0], [2.0, 2.5, NAN]])
    loss = both(predicted, target)
    loss.backward()
    known = torch.isfinite(target)
    apart = both(predicted.detach()[known][None], target[known][None])
    assert loss.item() == pytest.approx(apart.item(), abs=1e-6)
    assert predicted.grad is not None
    assert torch.all(predicted.grad[~known] == 0)
    assert torch.all(predicted.grad[known] != 0)


@pytest.mark.parametrize(
    "target",
    [torch.full((4, 8), 1.5), torch.zeros(1, 1), torch.full((1, 8), 0.3), torch.full((2, 8), NAN)],
    ids=["constant labels", "a batch of one second", "a batch of one", "no label"],
)
@pytest.mark.parametrize("predicted", [0.0, 0.7])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_finite_with_finite_gradients(target: torch.Tensor, predicted: float, dtype: torch.dtype) -> None:
    outputs = torch.full(target.shape, predicted, dtype=dtype, requires_grad=True)
    loss = both(outputs, target)
    loss.backward()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    assert outputs.grad is not None
    assert torch.isfinite(outputs.grad).all()


def test_half_precision_loss_is_that_of_float32() -> None:
    generator = torch.Generator().manual_seed(0)
    outputs = torch.randn(16, 8, generator=generator).half()
    target = torch.randn(16, 8, generator=generator)
    assert both(outputs, target).item() == both(outputs.float(), target).item()


def test_nan_output_is_not_hidden() -> None:
    assert torch.isnan(both(torch.tensor([[NAN, 1.0]]), torch.tensor([[1.0, 2.0]])))


def test_gradients_are_true() -> None:
    generator = torch.Generator().manual_seed(0)
    predicted = torch.randn(3, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    target = torch.randn(3, 4, generator=generator, dtype=torch.float64)
    target[1, 2] = NAN
    assert torch.autograd.gradcheck(lambda x: both(x, target), (predicted,))


def test_correlation_term_alone_ignores_level_and_scale() -> None:
    target = torch.tensor([[0.0, 1.0, 2.0, 4.0]])
    loss = spo2_loss(3 * target + 7, target, mse_weight=0.0, pearson_weight=1.0)
    assert loss.item() == pytest.approx(0.0, abs=1e-5)


def test_a_spot_reading_is_compared_with_the_level_alone() -> None:
    """Predicted 1, 3 against a spot of 2: right. Against a trace both seconds are off by 1. The course gets no gradient."""
    predicted = torch.tensor([[1.0, 3.0], [1.0, 3.0]], requires_grad=True)
    levelled = level_of_spots(predicted, torch.tensor([True, False]))
    np.testing.assert_array_equal(levelled.detach().numpy(), [[2, 2], [1, 3]])
    loss = spo2_loss(levelled, torch.tensor([[2.5, 2.5], [2.0, 2.0]]), mse_weight=1.0, pearson_weight=0.0)
    assert loss.item() == pytest.approx((0.25 + 0.25 + 1 + 1) / 4)
    loss.backward()
    assert predicted.grad is not None
    np.testing.assert_allclose(predicted.grad.numpy(), [[-0.25, -0.25], [-0.5, 0.5]])
    assert level_of_spots(predicted, torch.zeros(2, dtype=torch.bool)) is predicted
