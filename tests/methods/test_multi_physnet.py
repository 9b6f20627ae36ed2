"""MultiPhysNet: its published size, its wave, its range and its loss."""

from __future__ import annotations

import math

import pytest
import torch

from tast.methods.multi_physnet import METHOD, MultiPhysNetOptions, build, pulse_loss, spo2_loss


def clips() -> torch.Tensor:
    return torch.randn(2, 3, 24, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(("frames", "size_px"), [(120, 72), (128, 72), (120, 16)])
def test_it_has_the_published_number_of_parameters_whatever_the_clip(frames: int, size_px: int) -> None:
    net = build(METHOD.options_of(METHOD.presets["paper"]["train.options"]), frames=frames, size_px=size_px, seconds=4)
    assert sum(one.numel() for one in net.parameters()) == 770_338


def test_in_training_it_hands_out_the_wave() -> None:
    outputs = build(frames=24, size_px=16, seconds=3).train()(clips())
    assert isinstance(outputs, dict)
    assert {name: one.shape for name, one in outputs.items()} == {"spo2": (2, 3), "pulse": (2, 24)}


def test_spo2_is_read_off_the_wave_alone() -> None:
    """Whatever the features: where their wave is flat, SpO2 is one."""
    net = build(frames=24, size_px=16, seconds=3).eval()
    torch.nn.init.zeros_(net.wave.weight)
    with torch.no_grad():
        out = net(clips())
    assert torch.equal(out, out[:1, :1].expand_as(out))


@pytest.mark.parametrize(("lowest", "highest"), [(50.0, 100.0), (85.0, 100.0)])
def test_spo2_stays_within_its_range(lowest: float, highest: float) -> None:
    net = build(MultiPhysNetOptions(lowest, highest), frames=24, size_px=16, seconds=3).eval()
    found = []
    with torch.no_grad():
        for bias in (-1e3, 0.0, 1e3):
            torch.nn.init.constant_(net.dense.bias, bias)
            found.append(float(net(clips())[0, 0]))
    assert found[0] == lowest and found[2] == highest
    assert lowest < found[1] < highest


def test_a_range_that_is_none_is_refused() -> None:
    with pytest.raises(ValueError, match="100 to 85 is no range"):
        MultiPhysNetOptions(100.0, 85.0)


@pytest.mark.parametrize(("frames", "size_px"), [(122, 72), (120, 15)])
def test_clips_that_pooling_does_not_divide_are_refused(frames: int, size_px: int) -> None:
    with pytest.raises(ValueError, match="multiple of 4 frames and at least 16 px"):
        build(frames=frames, size_px=size_px, seconds=4)


def test_low_saturation_weighs_more() -> None:
    """By hand: errors 1 and 3 of labels 98 and 92, mean 95 -> (1 + 9) / 2 * 5^2; of a batch at 90 alone 1 * 10^2."""
    assert float(spo2_loss(torch.tensor([[97.0], [95.0]]), torch.tensor([[98.0], [92.0]]))) == pytest.approx(125.0)
    assert float(spo2_loss(torch.tensor([[91.0]]), torch.tensor([[90.0]]))) == pytest.approx(100.0)


def test_a_clips_label_is_the_mean_of_its_known_seconds() -> None:
    nan = math.nan
    predicted = torch.tensor([[96.0, 96.0, 96.0], [80.0, 80.0, 80.0]], requires_grad=True)
    loss = spo2_loss({"spo2": predicted}, torch.tensor([[94.0, nan, 96.0], [nan, nan, nan]]))
    assert loss.item() == pytest.approx(1.0 * 25.0)
    loss.backward()
    assert predicted.grad is not None and torch.isfinite(predicted.grad).all()
    assert torch.equal(predicted.grad[1], torch.zeros(3))
    assert spo2_loss(predicted, torch.full((2, 3), nan)).item() == 0.0


def test_the_pulse_loss_is_a_hundred_times_one_minus_r_of_the_known_frames() -> None:
    generator = torch.Generator().manual_seed(0)
    drawn, wave = torch.randn(3, 40, generator=generator), torch.randn(3, 40, generator=generator)
    wave[0, :10] = math.nan
    expected = [
        1 - torch.corrcoef(torch.stack([one[known], other[known]]))[0, 1]
        for one, other, known in zip(drawn, wave, torch.isfinite(wave), strict=True)
    ]
    outputs = {"spo2": torch.zeros(3, 2), "pulse": drawn}
    assert float(pulse_loss(outputs, wave)) == pytest.approx(100 * float(torch.stack(expected).mean()), rel=1e-5)
    scaled = {"spo2": torch.zeros(3, 2), "pulse": 7 * drawn - 3}  # of any mean and scale
    assert float(pulse_loss(scaled, wave)) == pytest.approx(float(pulse_loss(outputs, wave)), rel=1e-5)
    assert float(pulse_loss({"pulse": wave.nan_to_num()}, torch.where(torch.isfinite(wave), wave, math.nan))) < 1e-3


def test_clips_of_which_too_little_pulse_is_known_teach_no_pulse() -> None:
    drawn = torch.randn(2, 40, generator=torch.Generator().manual_seed(1), requires_grad=True)
    wave = torch.full((2, 40), math.nan)
    wave[0, :19] = torch.arange(19.0)
    loss = pulse_loss({"pulse": drawn}, wave)
    loss.backward()
    assert loss.item() == 0 and drawn.grad is not None and not drawn.grad.any()
    wave[1] = 5.0  # a flat line is known, and has no shape
    assert torch.isfinite(pulse_loss({"pulse": drawn}, wave).detach())
