"""Mathew's three structures: their sizes, what each keeps apart, what of the light they see, and their loss by hand."""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor, nn

from tast.methods.mathew import METHOD, STRUCTURES, TRACES, Mathew, MathewOptions, build, rmse

PARAMETERS = {"mix_first": 13_817, "mix_last": 13_025, "interleaved": 2_097}


def made(structure: str, *, frames: int = 60, seconds: int = 4) -> Mathew:
    torch.manual_seed(0)
    return build(MathewOptions(structure), frames=frames, size_px=8, seconds=seconds).eval()


def face(clips: int = 2, frames: int = 60) -> Tensor:
    """Light of a face with a pulse of a percent, of other strength in each clip and colour (B, 3, T, 8, 8)."""
    pulse = torch.sin(2 * math.pi * torch.arange(frames) / 12)
    strength = 0.01 * torch.rand(clips, 3, 1, generator=torch.Generator().manual_seed(1))
    return (0.6 * (1 + strength * pulse))[..., None, None].expand(-1, -1, -1, 8, 8) - 0.5


@pytest.mark.parametrize("structure", STRUCTURES)
def test_each_structure_has_its_number_of_parameters(structure: str) -> None:
    assert sum(one.numel() for one in made(structure, frames=300, seconds=10).parameters()) == PARAMETERS[structure]


def test_every_structure_is_a_preset() -> None:
    chosen = {preset: values["train.options"]["structure"] for preset, values in METHOD.presets.items()}
    assert chosen == {**{name: name for name in STRUCTURES}, "paper": "mix_first", "locked": "mix_first"}


@pytest.mark.parametrize("structure", STRUCTURES)
def test_a_clip_has_one_value(structure: str) -> None:
    with torch.no_grad():
        out = made(structure)(face())
    assert out.shape == (2, 4)
    assert torch.equal(out, out[:, :1].expand(-1, 4))
    assert (out[0, 0] - out[1, 0]).abs() > 1e-4  # the strength of its pulse shows


@pytest.mark.parametrize("structure", STRUCTURES)
def test_neither_the_colour_of_the_light_nor_what_is_no_face_bears_on_it(structure: str) -> None:
    net, video = made(structure), face()
    tinted = (video + 0.5) * torch.tensor([0.9, 0.5, 0.2])[:, None, None, None] - 0.5
    small = torch.full_like(video, -0.5)
    small[..., 2:5, 1:7] = video[..., 2:5, 1:7]
    with torch.no_grad():
        for other in (tinted, small):
            torch.testing.assert_close(net(other), net(video), atol=1e-4, rtol=0)


def test_without_light_it_is_finite_and_says_what_it_says_of_stillness() -> None:
    net = made("mix_first")
    with torch.no_grad():
        torch.testing.assert_close(net(torch.full((1, 3, 60, 8, 8), -0.5)), net(torch.zeros(1, 3, 60, 8, 8)), atol=0, rtol=0)


def test_mix_last_keeps_colours_apart_until_they_are_means() -> None:
    net, trace = made("mix_last"), torch.randn(1, 3, 60, generator=torch.Generator().manual_seed(0))
    other = trace.clone()
    other[:, 1] += 1  # green
    with torch.no_grad():
        changed = (net.features(trace) != net.features(other)).any(dim=2)[0].reshape(3, -1)
    assert changed.any(dim=1).tolist() == [False, True, False]


@pytest.mark.parametrize(("structure", "steps"), [("mix_first", "11555"), ("mix_last", "555"), ("interleaved", "151515")])
def test_colours_are_mixed_where_the_structure_says(structure: str, steps: str) -> None:
    kernels = [one.kernel_size[0] for one in made(structure).features if isinstance(one, nn.Conv1d)]
    assert "".join(map(str, kernels)) == steps
    assert made(structure).features(torch.zeros(1, 3, 60)).shape[2] == 60 // 8


def test_the_loss_is_the_root_of_the_mean_square_of_what_is_known() -> None:
    target = torch.tensor([[0.0, float("nan")], [1.0, 2.0]])
    predicted = torch.tensor([[3.0, 9.0], [1.0, -2.0]], requires_grad=True)
    assert rmse(predicted, target).item() == pytest.approx(math.sqrt((9 + 0 + 16) / 3))
    rmse(predicted, target).backward()
    assert predicted.grad is not None
    assert predicted.grad[0, 1] == 0


@pytest.mark.parametrize("target", [torch.full((2, 2), float("nan")), torch.ones(2, 2)])
def test_where_nothing_is_wrong_or_known_the_loss_and_its_gradient_are_nothing(target: Tensor) -> None:
    predicted = torch.ones(2, 2, requires_grad=True)
    made_of_it = rmse(predicted, target)
    made_of_it.backward()
    assert made_of_it.item() < 1e-5
    assert predicted.grad is not None
    assert torch.equal(predicted.grad, torch.zeros(2, 2))


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="mix_first, mix_last, interleaved"):
        MathewOptions("mix_never")
    with pytest.raises(ValueError, match="7 frames cannot be halved 3 times"):
        made("mix_first", frames=7)


def test_a_pulse_is_taken_as_it_is_given_and_light_in_percent_of_its_mean() -> None:
    """Of light its own level says nothing; a pulse of twice the size is another trace."""
    nets = {trace: build(MathewOptions("mix_last", trace), frames=60, size_px=8, seconds=4).eval() for trace in TRACES}
    light, pulse = face(), face() + 0.5
    with torch.no_grad():
        assert torch.allclose(nets["percent"](light), nets["percent"](1.5 * (light + 0.5) - 0.5), atol=1e-5)
        assert not torch.allclose(nets["as_given"](pulse), nets["as_given"](2 * pulse), atol=1e-3)
    with pytest.raises(ValueError, match="trace 'raw' of mathew is unknown; one of percent, as_given"):
        MathewOptions("mix_last", "raw")
