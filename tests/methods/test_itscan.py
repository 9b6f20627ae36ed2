"""ITSCAN: the published number of parameters, what its branches are given, its masks and its loss."""

from __future__ import annotations

import math

import pytest
import torch

from tast.methods.itscan import METHOD, MOTIONS, ItscanOptions, build, differences, mae_and_pearson, standardised


def test_paper_preset_has_the_published_number_of_parameters() -> None:
    net = build(METHOD.options_of(METHOD.presets["paper"]["train.options"]), frames=250, size_px=128, seconds=10)
    assert sum(one.numel() for one in net.parameters()) == 22_483_355
    assert METHOD.reported is not None and METHOD.reported.parameters == pytest.approx(22_483_355, rel=0.01)


def test_differences_are_changes_over_the_light_of_both_in_units_of_the_clip() -> None:
    """Light .4 .6 .3 in every channel changes by .2 / 1 and -.3 / .9, then by nothing."""
    light = torch.tensor([0.4, 0.6, 0.3])[None, None, :, None, None].expand(1, 3, 3, 1, 1)
    change = torch.tensor([0.2, -1 / 3, 0.0])
    expected = change / change.std(correction=0)
    torch.testing.assert_close(differences(light)[0, 1, :, 0, 0], expected, atol=1e-6, rtol=0)


def test_differences_are_the_same_in_any_light() -> None:
    light = 0.2 + 0.3 * torch.rand(2, 3, 6, 4, 4, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(differences(2 * light), differences(light), atol=1e-5, rtol=0)


def test_outside_the_face_nothing_moves_and_a_clip_without_any_face_is_finite() -> None:
    light = 0.2 + 0.3 * torch.rand(1, 3, 6, 4, 4, generator=torch.Generator().manual_seed(0))
    light[..., :2] = 0
    light[:, :, ::2, :, 0] = 0.5 / 255  # the rounding of a black pixel
    assert torch.equal(differences(light)[..., :2], torch.zeros(1, 3, 6, 4, 2))
    net = build(frames=6, size_px=10, seconds=1).eval()
    with torch.no_grad():
        assert torch.isfinite(net(torch.full((1, 3, 6, 10, 10), -0.5))).all()


def test_a_pulse_reaches_the_motion_branch_as_it_is_given() -> None:
    nets = {motion: build(ItscanOptions(motion=motion), frames=6, size_px=10, seconds=1).eval() for motion in MOTIONS}
    pulse, seen = torch.randn(1, 3, 6, 10, 10, generator=torch.Generator().manual_seed(0)), []
    for net in nets.values():
        net.stages[0].register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
        with torch.no_grad():
            net(pulse)
    of_frames = [one.unflatten(0, (1, 6)).transpose(1, 2) for one in seen]
    assert torch.equal(of_frames[list(nets).index("as_given")], pulse)
    assert not torch.allclose(of_frames[list(nets).index("differences")], pulse)
    with pytest.raises(ValueError, match="motion 'raw' of itscan is unknown; one of differences, as_given"):
        ItscanOptions(motion="raw")


def test_frames_are_standardised_over_the_clip_all_channels_together() -> None:
    out = standardised(
        torch.rand(2, 3, 6, 4, 4, generator=torch.Generator().manual_seed(0)) * torch.tensor([1.0, 2, 3])[:, None, None, None]
    )
    for clip in out:
        assert float(clip.mean()) == pytest.approx(0, abs=1e-5)
        assert float(clip.std(correction=0)) == pytest.approx(1, abs=1e-5)
    assert out[:, 2].mean() > out[:, 0].mean() + 0.5  # colour is left in them


def test_a_mask_is_one_half_on_average_over_each_frame() -> None:
    torch.manual_seed(0)
    stage = build(frames=4, size_px=10, seconds=1).stages[0].eval()
    frames, seen = torch.randn(4, 3, 10, 10), []
    stage.pool.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        for layer in (stage.motion_1, stage.motion_2):
            layer.weight.zero_()
            layer.bias.fill_(1.0)  # motion is even: what is left of it is the mask
        stage(frames, frames)
    masks = seen[0] / math.tanh(1)
    torch.testing.assert_close(masks.mean(dim=(2, 3)), torch.full((4, 32), 0.5), atol=1e-5, rtol=0)
    assert masks.std() > 0


@pytest.mark.parametrize("segment_frames", [None, 4])
def test_shifts_stay_within_their_segment(segment_frames: int | None) -> None:
    """Stages alone: differences and units are of the whole clip."""
    torch.manual_seed(0)
    net = build(ItscanOptions(segment_frames=segment_frames), frames=8, size_px=10, seconds=2).eval()
    assert net.config.segment_frames == 4
    motion, appearance = torch.randn(8, 3, 10, 10), torch.randn(8, 3, 10, 10)
    other = torch.cat((motion[:4], torch.randn(4, 3, 10, 10)))
    with torch.no_grad():
        before, after = net.stages[0](motion, appearance)[0], net.stages[0](other, appearance)[0]
        moved = torch.cat((motion[:3], other[4:5], motion[4:]))
        beside = net.stages[0](moved, appearance)[0]
    assert torch.equal(before[:4], after[:4])
    assert not torch.allclose(before[2], beside[2])  # within it, frames bear on each other


def test_segments_that_do_not_divide_the_clip_are_refused() -> None:
    with pytest.raises(ValueError, match="segments of 7 frames of itscan do not divide clips of 8"):
        build(ItscanOptions(segment_frames=7), frames=8, size_px=10, seconds=2)


def test_loss_by_hand() -> None:
    """Errors 0, 1, 1 with one unknown -> 2/3; r of (0, 1, 2) with (0, 2, 1) is 1/2."""
    predicted, target = torch.tensor([[0.0, 1.0], [2.0, 9.0]]), torch.tensor([[0.0, 2.0], [1.0, math.nan]])
    assert float(mae_and_pearson(predicted, target)) == pytest.approx(2 / 3 + 0.25, abs=1e-4)


def test_loss_without_labels_is_nothing_and_has_a_finite_gradient() -> None:
    predicted = torch.ones(2, 2, requires_grad=True)
    loss = mae_and_pearson(predicted, torch.full((2, 2), math.nan))
    loss.backward()
    assert loss.item() == 0.0
    assert predicted.grad is not None and torch.equal(predicted.grad, torch.zeros(2, 2))
