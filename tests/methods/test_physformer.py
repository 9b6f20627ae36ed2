"""PhysFormer: its published size less its head, its attention, and its scale of light."""

from __future__ import annotations

import pytest
import torch

from tast.methods.physformer import METHOD, DifferenceAttention, PhysFormerConfig, PhysFormerOptions, build

TINY = PhysFormerOptions(width=8, feed_forward=12, heads=2, blocks=2, tube_px=1)


def test_paper_preset_has_the_published_number_of_parameters() -> None:
    """7,380,865 with its own head of 41,953; with ours of 289 instead."""
    net = build(METHOD.options_of(METHOD.presets["paper"]["train.options"]), frames=180, size_px=128, seconds=6)
    parts = {name: sum(one.numel() for one in part.parameters()) for name, part in net.named_children()}
    assert parts["stem"] == 157_824
    assert parts["embed"] == 589_920
    assert parts["blocks"] == 12 * 549_264
    assert sum(parts.values()) == 7_380_865 - 41_953 + 289


def test_attention_is_a_softmax_of_products_over_two() -> None:
    torch.manual_seed(0)
    config = PhysFormerConfig(
        frames=8, size_px=16, seconds=1, width=8, feed_forward=12, heads=2, blocks=1, tube_frames=4, tube_px=1, theta=0.7,
        sharpness=2.0, dropout=0.5,
    )  # fmt: skip
    layer = DifferenceAttention(config).eval()
    cells = torch.randn(3, 8, 2, 2, 3)
    with torch.no_grad():
        q, k, v = (part(cells).flatten(2).transpose(1, 2) for part in (layer.query, layer.key, layer.value))  # (B, N, C)
        heads = []
        for channels in (slice(0, 4), slice(4, 8)):
            weights = torch.softmax(q[..., channels] @ k[..., channels].transpose(1, 2) / 2.0, dim=-1)
            heads.append(weights @ v[..., channels])
        by_hand = layer.out(torch.cat(heads, dim=-1)).transpose(1, 2).reshape(cells.shape)
        torch.testing.assert_close(layer(cells), by_hand, atol=1e-5, rtol=0)


def test_dropout_acts_in_training_only() -> None:
    torch.manual_seed(0)
    net, video = build(TINY, frames=8, size_px=16, seconds=2), torch.rand(2, 3, 8, 16, 16) - 0.5
    with torch.no_grad():
        assert torch.equal(net.eval()(video), net(video))
        assert not torch.equal(net.train()(video), net(video))


def test_light_is_on_the_published_scale() -> None:
    """White, 255, is (255 - 127.5) / 128."""
    net, seen = build(TINY, frames=8, size_px=16, seconds=2).eval(), []
    net.stem.register_forward_pre_hook(lambda layer, inputs: seen.append(inputs[0]))
    net(torch.full((1, 3, 8, 16, 16), 0.5))
    torch.testing.assert_close(seen[0], torch.full((1, 3, 8, 16, 16), 127.5 / 128), atol=1e-6, rtol=0)


@pytest.mark.parametrize(("frames", "size_px"), [(10, 16), (8, 20)])
def test_clips_that_tubes_do_not_divide_are_refused(frames: int, size_px: int) -> None:
    with pytest.raises(ValueError, match=r"tubes of 4 frames x 8 px of physformer do not divide"):
        build(TINY, frames=frames, size_px=size_px, seconds=2)


def test_a_width_that_its_heads_do_not_divide_is_refused() -> None:
    with pytest.raises(ValueError, match="a width of 10 of physformer"):
        build(PhysFormerOptions(width=10), frames=8, size_px=32, seconds=2)
