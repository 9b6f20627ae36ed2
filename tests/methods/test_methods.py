"""What holds for every method with a network, whoever wrote its paper: found by name, built, restored, trained, exported."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from flows.tables.rows import all_rows
from tast.export import exported
from tast.methods import known_methods, own_names
from tast.methods.method import PLAIN, Method, Outputs, method_named, spo2_of
from tast.params import changed, load_params
from tests.end_to_end.conftest import PROJECT

METHODS = own_names()


@dataclass(frozen=True)
class Clip:
    frames: int
    size_px: int
    seconds: int


SMALL = Clip(60, 16, 4)
SMALLEST: Mapping[str, Clip] = {  # of methods that cannot do with less
    "cnn3d": Clip(60, 32, 4),
    "physformer": Clip(20, 32, 2),
}


def clip_of(name: str) -> Clip:
    return SMALLEST.get(name, SMALL)


def built(method: Method, **options: Any) -> nn.Module:
    clip = clip_of(method.name)
    torch.manual_seed(0)
    return method.build(
        method.options_of(options), frames=clip.frames, size_px=clip.size_px, seconds=clip.seconds, colour_axes=None
    )


def video_of(name: str, batch: int = 3) -> Tensor:
    clip = clip_of(name)
    return torch.randn(batch, 3, clip.frames, clip.size_px, clip.size_px, generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=METHODS)
def method(request: pytest.FixtureRequest) -> Method:
    return method_named(request.param)


def test_a_file_is_a_method_of_its_name(method: Method) -> None:
    assert method.name in known_methods()
    assert method.paper and method.presets


def test_no_room_imports_a_single_papers_file() -> None:
    """So that training, saving, serving and predicting ask the method, and a new paper changes none of them."""
    papers = re.compile(rf"^\s*(?:from|import) tast\.methods\.(?:{'|'.join(METHODS)})\b", re.MULTILINE)
    files = [file for room in ("tast", "flows") for file in (PROJECT / room).rglob("*.py")]
    assert [file for file in files if papers.search(file.read_text())] == []
    assert papers.search("    from tast.methods.tast_net import build")


def test_an_unknown_method_is_named_beside_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"method 'tasty_net' is unknown; one of .*tast_net"):
        method_named("tasty_net")


def test_an_unknown_option_names_the_known_ones(method: Method) -> None:
    with pytest.raises(ValueError, match=rf"train\.options\.siezs is no option of {method.name}.*It has "):
        method.options_of({"siezs": 1})


def test_every_preset_is_one_that_params_yaml_and_the_method_take(method: Method) -> None:
    params = load_params(PROJECT / "params.yaml")
    for preset in method.presets.values():
        made = changed(params, {"train.method": method.name, **preset})
        method.options_of(made.train.options)


def test_a_preset_is_whole(method: Method) -> None:
    """So that `tast use` leaves nothing of the method before."""
    assert {frozenset(preset) for preset in method.presets.values()} == {frozenset(PLAIN)}


def test_every_other_methods_network_can_be_had_on_this_projects_own_input(method: Method) -> None:
    """Preset `locked`, whose clips and input are tast_net's: what the table tells apart of a network and of what it sees."""
    if method.name == "tast_net":
        return
    ours, locked = method_named("tast_net").presets["small"], method.presets["locked"]
    same = [key for key in PLAIN if key.startswith("preprocess.")] + ["train.input"]
    assert {key: locked[key] for key in same} == {key: ours[key] for key in same}


def test_the_table_has_a_row_of_every_preset_that_processors_can_train() -> None:
    rows = all_rows()
    assert sorted(load_params(PROJECT / "params.yaml").table.methods) == sorted(rows)
    assert {"tast_net", "cnn3d", "cnn3d/locked", "mathew/mix_first", "mathew/locked"} <= set(rows)
    assert not [name for name in rows if "paper" in name]


def test_the_defaults_are_the_small_preset_of_tast_net() -> None:
    params, method = load_params(PROJECT / "params.yaml"), method_named("tast_net")
    made = changed(params, {"train.method": "tast_net", **method.presets["small"]})
    assert method.options_of(made.train.options) == method.options_of(params.train.options)
    assert changed(made, {"train.options": params.train.options}) == params


def test_it_comes_back_from_its_config_through_json(method: Method) -> None:
    net = built(method)
    again = method.restore(json.loads(json.dumps(asdict(net.config))))  # type: ignore[arg-type,call-overload]
    assert again.config == net.config
    again.load_state_dict(net.state_dict())
    with torch.no_grad():
        assert torch.equal(net.eval()(video_of(method.name)), again.eval()(video_of(method.name)))


def test_it_gives_every_second_of_every_clip_a_value(method: Method) -> None:
    net = built(method).eval()
    with torch.no_grad():
        out = net(video_of(method.name))
    assert out.shape == (3, clip_of(method.name).seconds)
    assert torch.isfinite(out).all()
    assert method.target == "second" or torch.equal(out, out[:, :1].expand_as(out))


def test_one_clip_does_not_bear_on_another(method: Method) -> None:
    net, video = built(method).eval(), video_of(method.name)
    with torch.no_grad():
        assert torch.allclose(net(video)[:1], net(video[:1]), atol=1e-4)


def loss_of(method: Method, outputs: Outputs, target: Tensor) -> Tensor:
    return method.loss(outputs, target) if method.loss else ((spo2_of(outputs) - target) ** 2).mean()


def target_of(method: Method) -> Tensor:
    """Clips that differ, each with one level: what a method of target `clip` can say too."""
    levels = torch.tensor([[-1.0], [0.0], [1.0]]).expand(3, clip_of(method.name).seconds)
    return levels if method.unit == "standardised" else 92 + 5 * levels


def test_gradient_flows_to_every_parameter(method: Method) -> None:
    net = built(method).train()
    loss_of(method, net(video_of(method.name)), target_of(method)).backward()
    still = [name for name, one in net.named_parameters() if one.grad is None or not one.grad.abs().max() > 0]
    assert still == []


def test_an_unknown_label_counts_nowhere(method: Method) -> None:
    if method.loss is None:
        return
    net, video, target = built(method).eval(), video_of(method.name), target_of(method).clone()
    with torch.no_grad():
        said = spo2_of(net(video))
        target[0] = float("nan")
        other = said.clone()
        other[0] += 3.0
        assert torch.isfinite(method.loss(said, target))
        assert torch.equal(method.loss(said, target), method.loss(other, target))
        assert method.loss(said, torch.full_like(target, float("nan"))) == 0.0


def test_it_learns_one_batch_by_heart(method: Method) -> None:
    """In evaluation mode: what dropout takes away in training is not what is asked."""
    net, video, target = built(method), video_of(method.name), target_of(method)
    net.train()
    for module in net.modules():
        if isinstance(module, nn.Dropout | nn.Dropout3d):
            module.p = 0.0
    optimiser = torch.optim.Adam(net.parameters(), lr=2e-3)
    spread = ((target - target.mean()) ** 2).mean()
    for _ in range(150):
        outputs = net(video)
        squared_error = ((spo2_of(outputs) - target) ** 2).mean()
        if squared_error < 0.05 * spread:
            return
        optimiser.zero_grad()
        loss_of(method, outputs, target).backward()
        optimiser.step()
    raise AssertionError(f"squared error {squared_error:.3g} after 150 steps, spread {spread:.3g}")


def test_it_is_exported_for_any_number_of_clips(method: Method) -> None:
    net, clip = built(method).eval(), clip_of(method.name)
    program = exported(net, frames=clip.frames, size_px=clip.size_px)
    with torch.no_grad():
        for batch in (1, 3):
            video = video_of(method.name, batch)
            assert torch.allclose(program.module()(video), net(video), atol=1e-4)
