"""The branches, the fusions and TAST-Net: shapes, sizes, determinism, gradients, and what attention may see."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import pytest
import torch
from torch import nn

from tast.methods.networks.fusion import FUSIONS, GatedFusion
from tast.methods.networks.residual3d import Cnn3d, Cnn3dConfig, ResidualBlock
from tast.methods.networks.vivit import ENCODERS, Attention, Vivit, VivitConfig
from tast.methods.tast_net import (
    BRANCHES,
    SIZES,
    TastNet,
    TastNetConfig,
    TastNetOptions,
    build,
    nearest_divisor,
    restore,
    trend,
)

PAPER_PARAMETERS = 3.24e6
CNN = Cnn3dConfig(patch_px=4, widths=(4, 8), blocks=(1, 2), spatial_strides=(1, 2), temporal_strides=(1, 2))
VIVIT = VivitConfig(
    tubelet_frames=5,
    patch_px=4,
    width=8,
    heads=2,
    mlp_ratio=2.0,
    spatial_layers=1,
    temporal_layers=1,
    attention="factorised",
    dropout=0.5,
)
TINY = TastNetConfig(
    frames=20, size_px=16, seconds=2, cnn=CNN, vivit=VIVIT, fusion="cross_attention", width=8, heads=2, dropout=0.5, trend_order=1
)


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def clip(batch: int, config: TastNetConfig = TINY) -> torch.Tensor:
    return torch.randn(batch, 3, config.frames, config.size_px, config.size_px, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("size", [64, 128])
def test_paper_preset_has_the_published_number_of_parameters(size: int) -> None:
    assert parameters(build(TastNetOptions(sizes="paper"), frames=120, size_px=size, seconds=8)) == pytest.approx(
        PAPER_PARAMETERS, rel=0.02
    )


def test_small_preset_is_small() -> None:
    assert parameters(build(frames=120, size_px=32, seconds=8)) < PAPER_PARAMETERS / 6


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("attention", ENCODERS)
def test_one_value_per_second_for_every_fusion_and_attention(fusion: str, attention: str) -> None:
    net = TastNet(replace(TINY, fusion=fusion, vivit=replace(VIVIT, attention=attention)))
    out = net(clip(3))
    assert out.shape == (3, 2)
    out.square().sum().backward()
    untouched = [name for name, p in net.named_parameters() if p.grad is None or not torch.isfinite(p.grad).all()]
    assert untouched == []


@pytest.mark.parametrize("off", ["cnn", "vivit"])
def test_each_branch_stands_alone(off: str) -> None:
    net = TastNet(replace(TINY, **{off: None}))
    assert net(clip(2)).shape == (2, 2)
    assert not any(name.startswith((off, "fuse")) for name, _ in net.named_parameters())


@pytest.mark.parametrize("branches", BRANCHES)
def test_builder_switches_branches_fusion_and_attention(branches: str) -> None:
    config = build(TastNetOptions(branches=branches, fusion="gated", attention="joint"), frames=60, size_px=16, seconds=4).config
    assert (config.cnn is not None, config.vivit is not None) == ("cnn" in BRANCHES[branches], "vivit" in BRANCHES[branches])
    assert config.fusion == "gated"
    assert config.vivit is None or config.vivit.attention == "joint"


def test_without_a_word_the_builder_keeps_the_presets_choice() -> None:
    config, preset = build(TastNetOptions(sizes="paper"), frames=120, size_px=128, seconds=8).config, SIZES["paper"]
    assert (config.fusion, config.cnn, config.vivit) == (preset.fusion, preset.cnn, preset.vivit)


def test_branches_see_colours_along_their_axes() -> None:
    axes = [[0.5, -0.5, 0.0], [0.0, 2.0, -2.0], [0.0, 0.0, 0.0]]
    torch.manual_seed(0)
    net = build(frames=60, size_px=16, seconds=4, colour_axes=axes).eval()
    torch.manual_seed(0)
    plain = build(frames=60, size_px=16, seconds=4).eval()
    video = torch.randn(2, 3, 60, 16, 16)
    torch.testing.assert_close(net(video), plain(torch.einsum("ij,bjthw->bithw", torch.tensor(axes), video)))
    copy = build(frames=60, size_px=16, seconds=4)
    copy.load_state_dict(net.state_dict())
    assert torch.equal(copy.eval()(video), net(video))  # the axes are saved with the weights


def test_weights_from_before_there_were_axes_see_the_channels() -> None:
    net = build(frames=60, size_px=16, seconds=4).eval()
    older = {name: tensor for name, tensor in net.state_dict().items() if name != "colour_axes"}
    copy = build(frames=60, size_px=16, seconds=4, colour_axes=[[0.0] * 3] * 3)
    copy.load_state_dict(older)
    video = torch.randn(1, 3, 60, 16, 16)
    assert torch.equal(copy.eval()(video), net(video))


def test_no_branch_and_unknown_names_are_refused() -> None:
    with pytest.raises(ValueError, match="at least one"):
        replace(TINY, cnn=None, vivit=None)
    with pytest.raises(ValueError, match="concat, gated, cross_attention"):
        replace(TINY, fusion="sum")
    with pytest.raises(ValueError, match="factorised, joint"):
        replace(VIVIT, attention="axial")
    with pytest.raises(ValueError, match="small, paper"):
        build(TastNetOptions(sizes="large"), frames=120, size_px=32, seconds=8)
    with pytest.raises(ValueError, match="both, cnn, vivit"):
        build(TastNetOptions(branches="none"), frames=120, size_px=32, seconds=8)
    with pytest.raises(ValueError, match="do not divide"):
        TastNet(replace(TINY, frames=21))


@pytest.mark.parametrize(("frames", "size", "seconds"), [(240, 64, 8), (150, 32, 10), (100, 40, 5)])
def test_builder_takes_other_lengths_and_sizes(frames: int, size: int, seconds: int) -> None:
    net = build(frames=frames, size_px=size, seconds=seconds).eval()
    assert net(torch.zeros(1, 3, frames, size, size)).shape == (1, seconds)
    assert net.config.vivit is not None
    assert frames / seconds / 4 < net.config.vivit.tubelet_frames <= frames / seconds  # about half a second


def test_evaluation_is_deterministic_with_dropout_and_training_is_not() -> None:
    net, video = TastNet(TINY), clip(2)
    assert not torch.equal(net(video), net(video))
    net.eval()
    assert torch.equal(net(video), net(video))


def test_attention_drops_only_in_training() -> None:
    attention, tokens = Attention(8, 2, dropout=0.9), torch.randn(1, 5, 8, generator=torch.Generator().manual_seed(0))
    assert not torch.equal(attention(tokens, tokens), attention(tokens, tokens))
    attention.eval()
    assert torch.equal(attention(tokens, tokens), attention(tokens, tokens))


def test_attention_is_softmax_of_scaled_products() -> None:
    attention = Attention(4, 1, dropout=0.0)
    x = torch.randn(2, 3, 4, generator=torch.Generator().manual_seed(0))
    q, (k, v) = attention.query(x), attention.key_value(x).chunk(2, dim=-1)
    by_hand = attention.out(torch.softmax(q @ k.transpose(1, 2) / 2.0, dim=-1) @ v)
    torch.testing.assert_close(attention(x, x), by_hand, atol=1e-5, rtol=1e-5)


def test_one_clip_does_not_bear_on_another() -> None:
    net = TastNet(TINY).eval()
    video = clip(3)
    torch.testing.assert_close(net(video)[1:2], net(video[1:2]), atol=1e-5, rtol=1e-5)


def test_cnn_keeps_time_and_first_averages_linearly() -> None:
    cnn = Cnn3d(CNN).eval()
    video = clip(1)
    assert cnn(video).shape == (1, 10, 8)
    stem_of_sum = cnn.stem(video) + cnn.stem(torch.zeros_like(video))
    torch.testing.assert_close(cnn.stem(2 * video) - cnn.stem(video), cnn.stem(video) - cnn.stem(0 * video), atol=1e-5, rtol=1e-5)
    assert stem_of_sum.shape == (1, 4, 20, 4, 4)


def test_every_convolution_starts_as_he_has_it() -> None:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        cnn = Cnn3d(SIZES["paper"].cnn)  # type: ignore[arg-type]
    kernels = [module.weight for module in cnn.modules() if isinstance(module, nn.Conv3d)]
    assert len(kernels) == 1 + 2 * 4 + 2  # stem, two of each block, and the shortcuts where shapes differ
    for kernel in kernels:
        of_he = (2 / (kernel.shape[0] * kernel[0, 0].numel())) ** 0.5
        assert kernel.std().item() == pytest.approx(of_he, rel=4 / (2 * kernel.numel()) ** 0.5)  # 4 deviations of a deviation
        assert abs(kernel.mean().item()) < 4 * of_he / kernel.numel() ** 0.5


@pytest.mark.parametrize("widths", [(4, 4), (4, 6)], ids=["same shape", "projected"])
def test_a_block_adds_its_body_to_its_shortcut(widths: tuple[int, int]) -> None:
    block, x = ResidualBlock(*widths, 1, 1), torch.randn(2, 4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(block(x), torch.relu(block.body(x) + block.shortcut(x)), atol=0, rtol=0)
    nn.init.zeros_(block.body[-1].weight)  # type: ignore[arg-type]  # of the last norm: no body
    assert torch.equal(block(x), torch.relu(block.shortcut(x)))
    assert isinstance(block.shortcut, nn.Identity) == (widths[0] == widths[1])


@pytest.mark.parametrize("preset", SIZES)
def test_the_cnn_keeps_time_finer_than_the_fastest_pulse(preset: str) -> None:
    config = SIZES[preset]
    assert config.cnn is not None
    steps = Cnn3d(config.cnn)(torch.zeros(2, 3, config.frames, config.size_px, config.size_px)).shape[1]
    assert config.cnn.temporal_strides[0] == 1  # what bends first sees every frame
    assert steps / config.seconds > 2 * 210 / 60  # two steps a beat at 210 beats a minute


def test_factorised_vivit_sees_the_whole_clip_and_has_one_token_per_tubelet() -> None:
    vivit = Vivit(VIVIT, frames=20, size_px=16).eval()
    video = clip(1)
    changed = video.clone()
    changed[:, :, -5:] += 1
    before, after = vivit(video), vivit(changed)
    assert before.shape == (1, 4, 8)
    assert (before - after)[0, 0].abs().max() > 1e-4  # the last tubelet bears on the first token


@pytest.mark.parametrize(("attention", "sees_others"), [("factorised", False), ("joint", True)])
def test_only_joint_attention_compares_places_of_different_instants(attention: str, sees_others: bool) -> None:
    encoder = ENCODERS[attention](replace(VIVIT, attention=attention)).eval()
    first, seen = next(module for module in encoder.modules() if isinstance(module, Attention)), []
    first.register_forward_hook(lambda module, inputs, output: seen.append(output))
    tokens = torch.randn(1, 4, 3, 8, generator=torch.Generator().manual_seed(0), requires_grad=True)  # 4 instants of 3 places
    encoder(tokens)
    seen[0].reshape(4, 3, 8)[0].sum().backward()  # what the first attention says of the first instant
    assert tokens.grad is not None
    assert bool((tokens.grad[0, 1:] != 0).any()) == sees_others
    assert (tokens.grad[0, 0] != 0).all()


def test_the_head_neither_bends_nor_saturates() -> None:
    net = TastNet(replace(TINY, dropout=0.0)).eval()
    near = net(clip(2))
    with torch.no_grad():
        net.head.bias += 1000
    far = net(clip(2))
    torch.testing.assert_close(far - 1000, near, atol=1e-3, rtol=0)
    far.sum().backward()
    assert net.head.bias.grad is not None
    assert net.head.bias.grad.item() == far.numel()


def test_a_gate_of_one_half_is_the_mean() -> None:
    fusion = GatedFusion(4, 1, 0.0)
    nn.init.zeros_(fusion.gate.weight)
    nn.init.zeros_(fusion.gate.bias)
    a, b = torch.ones(1, 2, 4), 3 * torch.ones(1, 2, 4)
    torch.testing.assert_close(fusion(a, b), 2 * torch.ones(1, 2, 4), atol=0, rtol=0)


@pytest.mark.parametrize(("number", "wanted", "divisor"), [(120, 7.5, 8), (64, 7.5, 8), (100, 10, 10), (7, 3, 1), (12, 5, 6)])
def test_nearest_divisor(number: int, wanted: float, divisor: int) -> None:
    assert nearest_divisor(number, wanted) == divisor


@pytest.mark.parametrize("preset", SIZES)
def test_every_size_of_a_preset_comes_back(preset: str) -> None:
    sizes = SIZES[preset]
    assert restore(json.loads(json.dumps(asdict(sizes)))).config == sizes  # type: ignore[attr-defined]


def test_trend_keeps_what_is_a_trend_and_takes_away_what_is_not() -> None:
    level_and_slope = torch.stack([torch.full((8,), 3.0), torch.arange(8.0)])
    assert torch.allclose(level_and_slope @ trend(8, 1).T, level_and_slope, atol=1e-5)
    wiggle = torch.tensor([1.0, -1, -1, 1, 1, -1, -1, 1])
    assert torch.allclose(trend(8, 1) @ wiggle, torch.zeros(8), atol=1e-6)


@pytest.mark.parametrize("seconds", [1, 2, 8])
def test_a_high_order_changes_nothing(seconds: int) -> None:
    assert torch.allclose(trend(seconds, 7), torch.eye(seconds), atol=1e-6)


def test_outputs_of_order_one_lie_on_a_line_and_of_order_seven_do_not() -> None:
    bends = []
    for order in (1, 7):
        torch.manual_seed(0)
        net = build(TastNetOptions(trend_order=order), frames=120, size_px=16, seconds=8).eval()
        out = net(torch.randn(2, 3, 120, 16, 16, generator=torch.Generator().manual_seed(3)))
        bends.append(float(out.diff(n=2, dim=1).abs().max().detach()))
    assert bends[0] < 1e-5 < bends[1]


def test_an_order_below_zero_is_refused() -> None:
    with pytest.raises(ValueError, match="trend_order -1"):
        build(TastNetOptions(trend_order=-1), frames=120, size_px=16, seconds=8)


@pytest.mark.parametrize(("asking", "asked"), [(0, 1), (1, 0)])
def test_each_branch_asks_the_other(asking: int, asked: int) -> None:
    """The mixture holds one branch alone, and yet the other one bears on it."""
    fusion = FUSIONS["cross_attention"](8, 2, 0.0).eval()
    with torch.no_grad():
        fusion.mix.weight.copy_(torch.eye(16)[8 * asking : 8 * asking + 8])  # type: ignore[union-attr]
    branches = [torch.randn(1, 5, 8, generator=torch.Generator().manual_seed(k)) for k in range(2)]
    before = fusion(*branches)
    branches[asked] = branches[asked].flip(2)
    assert (fusion(*branches) - before).abs().max() > 1e-3


def test_an_order_of_zero_is_a_level() -> None:
    assert build(TastNetOptions(trend_order=0), frames=60, size_px=16, seconds=4).config.trend_order == 0  # type: ignore[attr-defined]


def test_instants_are_told_apart() -> None:
    """The same picture throughout gives each instant another feature, by its position alone."""
    vivit = Vivit(VIVIT, frames=20, size_px=16).eval()
    still = clip(1)[:, :, :1].expand(-1, -1, 20, -1, -1)
    assert (vivit(still)[0, 0] - vivit(still)[0, -1]).abs().max() > 1e-4
