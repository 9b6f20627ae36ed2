"""The 3D CNN: its published size, and what it sees."""

from __future__ import annotations

import pytest
import torch

from tast.methods.cnn3d import METHOD, Cnn3dNetOptions, build


def test_paper_preset_has_the_published_number_of_parameters() -> None:
    net = build(METHOD.options_of(METHOD.presets["paper"]["train.options"]), frames=300, size_px=128, seconds=10)
    assert sum(one.numel() for one in net.parameters()) == 13_333_281
    assert METHOD.reported is not None and METHOD.reported.parameters == pytest.approx(13_333_281, rel=0.01)


def test_rows_are_averaged_in_pairs() -> None:
    torch.manual_seed(0)
    net = build(frames=9, size_px=18, seconds=1).eval()
    video = torch.rand(2, 3, 9, 18, 18) - 0.5
    swapped = video.unflatten(3, (-1, 2)).flip(4).flatten(3, 4)
    assert not torch.equal(video, swapped)
    with torch.no_grad():
        torch.testing.assert_close(net(swapped), net(video), atol=1e-5, rtol=0)
        whole = build(Cnn3dNetOptions(pair_rows=False), frames=9, size_px=18, seconds=1).eval()
        assert not torch.allclose(whole(swapped), whole(video), atol=1e-5)


def test_gain_is_on_the_input_before_its_half_is_added() -> None:
    video = torch.rand(2, 3, 9, 18, 18, generator=torch.Generator().manual_seed(0)) - 0.5
    nets = {}
    for gain in (1.0, 0.25):
        torch.manual_seed(0)
        nets[gain] = build(Cnn3dNetOptions(gain=gain), frames=9, size_px=18, seconds=1).eval()
    with torch.no_grad():
        torch.testing.assert_close(nets[0.25](4 * video), nets[1.0](video), atol=1e-5, rtol=0)
        assert not torch.allclose(nets[0.25](video), nets[1.0](video), atol=1e-5)


def test_where_there_is_no_face_it_sees_nothing() -> None:
    """-0.5 is no light: what the convolutions pad with."""
    net = build(frames=9, size_px=18, seconds=1).eval()
    seen: list[torch.Tensor] = []
    net.layers[0].register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    net(torch.full((1, 3, 9, 18, 18), -0.5))
    assert torch.equal(seen[0], torch.zeros(1, 3, 9, 9, 18))


@pytest.mark.parametrize(("frames", "size_px", "said"), [(8, 18, "nothing is left"), (9, 16, "nothing is left"), (9, 19, "odd")])
def test_clips_that_are_too_small_are_refused(frames: int, size_px: int, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        build(frames=frames, size_px=size_px, seconds=1)
