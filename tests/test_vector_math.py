"""Roots and tangents that do not tell the processor's make, and that nothing in a training takes torch's own."""

from __future__ import annotations

import ast
from pathlib import Path

import numpy as np
import pytest
import torch

from tast.vector_math import square_root, tanh

ROOMS = [Path("tast/methods"), Path("tast/training")]
BY_MKL = {"sqrt", "sqrt_", "tanh", "tanh_", "Tanh", "acos", "asin", "atan", "cosh", "sinh", "tan", "erfinv"}
OTHERS = {"np", "math"}  # numpy's and the C library's round each root


def test_a_root_is_what_two_rounded_steps_give() -> None:
    values = np.abs(np.random.default_rng(0).standard_normal(20_000)).astype(np.float32)
    one = np.float32(1)
    found = square_root(torch.from_numpy(values)).numpy()
    np.testing.assert_array_equal(found, one / (one / np.sqrt(values)))
    np.testing.assert_allclose(found, np.sqrt(values), rtol=2e-7)
    assert [float(square_root(torch.tensor(value))) for value in values[:50]] == found[:50].tolist(), "alone as among others"
    assert float(square_root(torch.zeros(()))) == 0


def test_a_tangent_is_that_of_sigmoids() -> None:
    values = torch.linspace(-20, 20, 4001)
    np.testing.assert_allclose(tanh(values), np.tanh(values.double()), atol=2e-7)
    assert torch.autograd.gradcheck(tanh, torch.linspace(-2, 2, 9, dtype=torch.float64, requires_grad=True))


@pytest.mark.parametrize("file", [file for room in ROOMS for file in sorted(room.rglob("*.py"))], ids=str)
def test_no_training_takes_torchs_own(file: Path) -> None:
    called = [node.func for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Call)]
    taken = [
        ast.unparse(one) for one in called
        if isinstance(one, ast.Attribute) and one.attr in BY_MKL and ast.unparse(one.value) not in OTHERS
    ]  # fmt: skip
    assert not taken, f"{file}: {', '.join(taken)}; expected tast.vector_math's"
