"""MMFM: its size, its map of the face, the ratio it reads, the rate it is told, and its loss by hand."""

from __future__ import annotations

import math
import warnings

import onnxruntime
import pytest
import torch
from torch import Tensor, nn

from tast.methods.mmfm import (
    A_PERCENT,
    B_PERCENT,
    METHOD,
    RATES_HZ,
    Doubled,
    Mmfm,
    MmfmConfig,
    MmfmOptions,
    build,
    loss,
    positive,
    ratio_of_ratios,
)

FPS_HZ, SECONDS, SIZE = 15, 8, 24


def made(frames: int = FPS_HZ * SECONDS, *, size_px: int = SIZE, seconds: int = SECONDS) -> Mmfm:
    torch.manual_seed(0)
    return build(MmfmOptions(), frames=frames, size_px=size_px, seconds=seconds)


def face(rate_hz: float = 1.2, strengths: tuple[float, float, float] = (0.004, 0.01, 0.008)) -> Tensor:
    """Light of a face with a pulse, of its own strength in each colour, of one clip (1, 3, T, H, W)."""
    pulse = torch.sin(2 * math.pi * rate_hz * torch.arange(FPS_HZ * SECONDS) / FPS_HZ)
    light = 0.6 * (1 + torch.tensor(strengths)[:, None] * pulse)
    return light[None, ..., None, None].repeat(1, 1, 1, SIZE, SIZE) - 0.5


def test_the_paper_preset_has_the_published_number_of_parameters() -> None:
    net = made(300, size_px=48, seconds=10)
    parameters = sum(one.numel() for one in net.parameters())
    assert parameters == 737_831
    assert METHOD.reported is not None
    assert METHOD.reported.parameters == pytest.approx(parameters, rel=0.01)


def test_cells_are_means_over_areas_row_by_row() -> None:
    net = build(MmfmOptions(rows=2, columns=3), frames=4, size_px=6, seconds=1)
    light = torch.zeros(1, 3, 4, 6, 6)
    light[0, 1, 2, 3:, 2:4] = torch.tensor([1.0, 3.0])  # green of the third frame, in the lower row's middle cell
    cells = net.cells(light)
    assert cells.shape == (1, 3, 4, 6)
    assert cells[0, 1, 2].tolist() == pytest.approx([0, 0, 0, 0, 2, 0])
    assert cells.sum().item() == pytest.approx(2)
    uneven = build(MmfmOptions(rows=4, columns=6), frames=4, size_px=16, seconds=1)
    torch.testing.assert_close(uneven.cells(torch.ones(1, 3, 4, 16, 16)), torch.ones(1, 3, 4, 24))


def test_cells_that_are_no_face_count_nowhere() -> None:
    """They are 0 in the map; the others are what they are in a face without them."""
    net, video = made().eval(), face()
    video[..., :, 12:] = -0.5  # the right three columns of cells
    seen: list[Tensor] = []
    net.features.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    with torch.no_grad():
        out = net(video)
        net(face())
    assert torch.isfinite(out).all()
    dark = seen[0].unflatten(3, (4, 6))
    assert torch.equal(dark[..., 3:], torch.zeros_like(dark[..., 3:]))
    torch.testing.assert_close(dark[..., :3], seen[1].unflatten(3, (4, 6))[..., :3], atol=1e-4, rtol=0)
    assert dark[0, 1, :, 0, 0].max().item() == pytest.approx(1.0, abs=0.05)  # a pulse of one percent, of no whole number of beats


def test_a_pulse_is_mapped_as_it_is_given() -> None:
    """Each cell's mean; cells where nothing moves are no face, and count neither in the ratio nor in the generator's loss."""
    net = build(MmfmOptions(course="as_given"), frames=FPS_HZ * SECONDS, size_px=SIZE, seconds=SECONDS).train()
    pulse = 100 * (face() + 0.5 - 0.6) / 0.6
    pulse[..., :, 12:] = 0
    seen: list[Tensor] = []
    net.features.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    out = net(pulse)
    assert torch.equal(seen[0], net.cells(pulse))
    assert seen[0][0, 1, :, 0].max().item() == pytest.approx(1.0, abs=0.02)
    moved = net.generator(net.features(seen[0]))[:, :, : FPS_HZ * SECONDS, :24].unflatten(3, (4, 6))[..., :3]
    rebuilt = 100 * (positive(moved) - 1) - seen[0][:, [0, 2]].unflatten(3, (4, 6))[..., :3]
    torch.testing.assert_close(out["map_error"], rebuilt.abs().mean(dim=(1, 2, 3, 4)), rtol=1e-3, atol=1e-5)
    with pytest.raises(ValueError, match="course 'raw' of mmfm is unknown; one of percent, as_given"):
        MmfmOptions(course="raw")


@pytest.mark.parametrize("mode", [True, False], ids=["training", "evaluation"])
def test_no_light_at_all_is_finite(mode: bool) -> None:
    net = made().train(mode)
    outputs = net(torch.full((2, 3, FPS_HZ * SECONDS, SIZE, SIZE), -0.5))
    for values in [outputs] if isinstance(outputs, Tensor) else outputs.values():
        assert torch.isfinite(values).all()
    if mode:
        assert torch.equal(outputs["rate_error"], torch.zeros(2))
        total = loss(outputs, torch.full((2, SECONDS), 95.0))
        total.backward()
        assert all(torch.isfinite(one.grad).all() for one in net.parameters() if one.grad is not None)


def test_the_ratio_is_red_over_blue_of_ac_over_dc() -> None:
    wave = torch.sin(2 * math.pi * torch.arange(100) / 20)
    waves = torch.stack([3 * (1 + 0.004 * wave), 0.5 * (1 + 0.008 * wave)])[None]
    assert ratio_of_ratios(waves).item() == pytest.approx(0.5, rel=1e-3)
    assert ratio_of_ratios(torch.ones(1, 2, 100)).item() == 1


def test_a_ratio_of_next_to_nothing_is_the_same_in_onnx() -> None:
    """Whose optimiser takes a constant of 1e-8 or less for 0: the floor under both has to outlive it."""

    class Ratio(nn.Module):
        def forward(self, waves: Tensor) -> Tensor:
            return ratio_of_ratios(waves)

    waves = 1 + 1e-5 * torch.randn(2, 2, 100, generator=torch.Generator().manual_seed(0)) * torch.tensor([[[9.0], [1.0]]])
    program = torch.export.export(Ratio(), (waves,))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's exporter uses what torch itself has deprecated
        made_of_it = torch.onnx.export(program, dynamo=True, verbose=False, input_names=["waves"])
    assert made_of_it is not None
    session = onnxruntime.InferenceSession(made_of_it.model_proto.SerializeToString(), providers=["CPUExecutionProvider"])
    (ratio,) = session.run(None, {"waves": waves.numpy()})
    assert torch.allclose(torch.from_numpy(ratio), ratio_of_ratios(waves), atol=1e-3)
    assert 1 < ratio.min() < 2


def test_a_still_face_is_a_minus_b_to_the_colour_model() -> None:
    """Of a generator that says nothing: what it rebuilds is still."""
    net = made()
    torch.nn.init.zeros_(net.generator[-1].weight)  # type: ignore[arg-type]
    torch.nn.init.zeros_(net.generator[-1].bias)  # type: ignore[arg-type]
    outputs = net(face().repeat(2, 1, 1, 1, 1))
    torch.testing.assert_close(outputs["of_colour"], torch.full((2, SECONDS), A_PERCENT - B_PERCENT))
    mean_of_sine = 2 / math.pi  # of its absolute value: the map's error is the face's own pulse
    assert outputs["map_error"].tolist() == pytest.approx([mean_of_sine * (0.4 + 0.8) / 2] * 2, rel=0.02)


def test_what_the_generator_says_is_light_above_nothing() -> None:
    assert positive(torch.tensor(0.0)).item() == pytest.approx(1)
    assert (positive(torch.tensor([1.0, -1.0])) - 1).tolist() == pytest.approx([0.00632, -0.00632], rel=0.01)
    assert positive(torch.tensor(-1e4)).item() >= 0


@pytest.mark.parametrize("rate_hz", [0.75, 1.2, 2.5])
def test_the_rate_it_is_told_is_that_of_the_face(rate_hz: float) -> None:
    net = made()
    times_s = torch.arange(FPS_HZ * SECONDS) / FPS_HZ
    wave = torch.stack([torch.sin(2 * math.pi * rate_hz * times_s + phase) for phase in (0.0, 2.0)])
    found, moves = net.own_rate_hz(wave + 2 * torch.sin(2 * math.pi * 0.2 * times_s))  # breathing beside it
    assert found.tolist() == pytest.approx([rate_hz] * 2, abs=0.05)
    assert moves.all()
    assert not net.own_rate_hz(torch.zeros(1, FPS_HZ * SECONDS))[1].any()
    assert net.rates_hz[0].item() == pytest.approx(RATES_HZ[0])
    assert net.rates_hz[-1].item() == pytest.approx(RATES_HZ[1])


def test_a_cell_doubled_is_a_square_of_four() -> None:
    twice = Doubled()(torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]]))
    assert twice.tolist() == [[[[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]]]


@pytest.mark.parametrize("frames", [120, 121, 122, 123])
def test_the_generators_map_is_cut_to_the_clip(frames: int) -> None:
    net = made(frames).eval()
    with torch.no_grad():
        assert net(torch.zeros(2, 3, frames, SIZE, SIZE)).shape == (2, SECONDS)


def test_the_two_models_are_mixed_by_one_weight() -> None:
    net, video = made(), torch.cat((face(), face(1.5, (0.01, 0.01, 0.004))))
    net(video)  # running means of what follows in evaluation mode
    outputs = net(video)
    torch.testing.assert_close(outputs["spo2"], (outputs["of_colour"] + outputs["of_network"]) / 2)
    with torch.no_grad():
        net.balance.fill_(100.0)
    outputs = net(video)
    torch.testing.assert_close(outputs["spo2"], outputs["of_colour"])


def test_percent_and_ratio_outlive_bfloat16() -> None:
    """A number of 95 has steps of a half there, and 1 steps of nearly a percent, which is a face's whole pulse."""
    net, video = made(), torch.cat((face(), face(1.5, (0.01, 0.01, 0.004))))
    with torch.no_grad():
        exact = net(video)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = net(video)
    for name in ("of_colour", "of_network", "spo2"):
        assert rounded[name].dtype == torch.float32
        torch.testing.assert_close(rounded[name], exact[name], atol=0.1, rtol=0)


def test_the_loss_by_hand() -> None:
    unknown = float("nan")
    target = torch.tensor([[95.0, unknown], [90.0, 90.0]])
    outputs = {
        "spo2": torch.tensor([[96.0, 0.0], [90.0, 92.0]]),  # 1, -, 0, 2
        "of_colour": torch.tensor([[95.0, 0.0], [90.0, 93.0]]),  # 0, -, 0, 3
        "of_network": torch.tensor([[98.0, 0.0], [90.0, 90.0]]),  # 3, -, 0, 0
        "map_error": torch.tensor([0.2, 0.4]),
        "cosine": torch.tensor([0.5, 0.1]),
        "rate_error": torch.tensor([0.0, 1.0]),
    }
    assert loss(outputs, target).item() == pytest.approx(1 + 1 + 1 + 0.1 * 0.3 + 0.01 * 0.3 + 0.1 * 0.5)
    assert loss(outputs["spo2"], target).item() == pytest.approx(1)
    assert loss(outputs["spo2"], torch.full((2, 2), unknown)).item() == 0


def test_what_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="not 0 x 6"):
        MmfmOptions(rows=0)
    sizes = {"frames": 60, "size_px": 16, "seconds": 4, "rows": 4, "columns": 6, "hidden": 8}
    with pytest.raises(ValueError, match="2 widths of MMFM's blocks, but 1 strides"):
        MmfmConfig(**sizes, widths=(8, 8), strides=(2,), generator=(8,))
    with pytest.raises(ValueError, match="not undone by doubling 2 times"):
        MmfmConfig(**sizes, widths=(8, 8), strides=(2, 1), generator=(8, 8))
    with pytest.raises(ValueError, match="cannot be cut into 4 x 24 cells"):
        MmfmConfig(**{**sizes, "columns": 24}, widths=(8,), strides=(2,), generator=(8,))
