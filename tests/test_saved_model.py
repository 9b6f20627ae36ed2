"""The saved model: same bytes, same outputs, and refusal of what does not belong together."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import pytest
import torch

from tast.digests import OWN, content_digest
from tast.errors import BadInput
from tast.methods.tast_net import TastNet, build
from tast.saved_model import CARD, WEIGHTS, ModelCard, load_model, save_model
from tast.training.change_reader import ChangeReader
from tast.training.interval import PredictionInterval
from tast.training.labels import LabelScaling
from tast.training.light_prior import light_prior

PREPROCESSING: dict[str, Any] = {"align": {"roi_size_px": 128}, "clips": {"fps_hz": 15.0, "band_hz": (0.4, 4.0)}}
VIDEO = torch.randn(3, 3, 60, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.fixture(scope="module")
def net() -> TastNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(frames=60, size_px=16, seconds=4).eval()


@pytest.fixture()
def card(net: TastNet) -> ModelCard:
    return ModelCard(
        model_name="tast_net", config=asdict(net.config), preprocessing=PREPROCESSING, input_kind="normalised", frame_size_px=16,
        scaling=LabelScaling(91.0, 6.0), data_digest="d" * 64, code_version="0.1.0", interval=PredictionInterval(0.9, 3.1, 8, 70),
        people_seen=("pure/01", "pure/02"), change=ChangeReader((1.0,) * 8, (2.0,) * 5, 0.25, 2, 4, light_prior()),
        codecs={"h264": 8.9, "mjpeg": 0.6},
    )  # fmt: skip


def test_comes_back_as_it_was(net: TastNet, card: ModelCard, tmp_path: Path) -> None:
    save_model(tmp_path, net, card)
    again, output = load_model(tmp_path, expected_preprocessing=PREPROCESSING)
    assert torch.equal(again(VIDEO), net(VIDEO))
    assert not again.training
    assert output == replace(card, preprocessing=output.preprocessing, config=output.config)  # JSON has lists for tuples
    assert sorted(path.name for path in tmp_path.iterdir()) == [CARD, WEIGHTS]


def stamped(content: dict[str, Any]) -> str:
    """A card with its digest."""
    return json.dumps(content | {OWN: content_digest(content)})


def test_a_card_with_another_number_in_it_is_refused_and_one_without_a_digest_is_an_earlier_releases(
    net: TastNet, card: ModelCard, tmp_path: Path
) -> None:
    save_model(tmp_path, net, card)
    content = json.loads((tmp_path / CARD).read_text())
    (tmp_path / CARD).write_text(json.dumps(content | {"frame_size_px": content["frame_size_px"] + 1}))
    with pytest.raises(BadInput, match=r"model\.json: its bytes are not those that were written"):
        load_model(tmp_path)
    content.pop(OWN)
    (tmp_path / CARD).write_text(json.dumps(content))
    assert load_model(tmp_path)[1].frame_size_px == card.frame_size_px


@pytest.mark.parametrize("name", ["interval", "people_seen", "change"])
def test_a_card_of_an_earlier_release_leaves_unknown_what_it_lacks(
    net: TastNet, card: ModelCard, tmp_path: Path, name: str
) -> None:
    save_model(tmp_path, net, card)
    content = json.loads((tmp_path / CARD).read_text())
    (tmp_path / CARD).write_text(stamped({key: value for key, value in content.items() if key != name}))
    assert getattr(load_model(tmp_path)[1], name) is None


def test_a_line_of_before_stands_alone(net: TastNet, card: ModelCard, tmp_path: Path) -> None:
    save_model(tmp_path, net, card)
    content = json.loads((tmp_path / CARD).read_text())
    del content["change"]["prior"]
    (tmp_path / CARD).write_text(stamped(content))
    assert card.change is not None and load_model(tmp_path)[1].change == replace(card.change, prior=None)


def test_a_curve_with_a_slope_too_few_is_one_line(net: TastNet, card: ModelCard, tmp_path: Path) -> None:
    save_model(tmp_path, net, card)
    content = json.loads((tmp_path / CARD).read_text())
    content["change"]["prior"]["of_all"]["slopes"].pop()
    (tmp_path / CARD).write_text(stamped(content))
    with pytest.raises(BadInput, match="26 slopes of 6 colours"):
        load_model(tmp_path)


def test_codecs_of_a_card_that_says_nothing_of_their_bits_are_not_known(net: TastNet, card: ModelCard, tmp_path: Path) -> None:
    save_model(tmp_path, net, card)
    content = json.loads((tmp_path / CARD).read_text())
    for codecs, kept in ((["h264", "mjpeg"], {}), ({"h264": 8.9}, {"h264": 8.9})):
        (tmp_path / CARD).write_text(stamped(content | {"codecs": codecs}))
        assert load_model(tmp_path)[1].codecs == kept
    (tmp_path / CARD).write_text(stamped(content | {"codecs": {"h264": "few"}}))
    with pytest.raises(BadInput, match="not a model's card"):
        load_model(tmp_path)


def test_same_model_same_bytes(net: TastNet, card: ModelCard, tmp_path: Path) -> None:
    save_model(tmp_path / "a", net, card)
    again, output = load_model(tmp_path / "a")
    save_model(tmp_path / "b", again, output)
    for name in (WEIGHTS, CARD):
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_other_preprocessing_is_refused_by_name(net: TastNet, card: ModelCard, tmp_path: Path) -> None:
    save_model(tmp_path, net, card)
    other = {"align": {"roi_size_px": 96}, "clips": {"fps_hz": 15.0, "band_hz": [0.4, 4.0], "hop_s": 2}}
    with pytest.raises(BadInput) as caught:
        load_model(tmp_path, expected_preprocessing=other)
    assert "align.roi_size_px was 128 in training, is 96" in str(caught.value)
    assert "clips.hop_s was absent in training, is 2" in str(caught.value)
    assert "fps_hz" not in str(caught.value)
    assert "band_hz" not in str(caught.value)


def test_weights_of_another_model_are_refused(net: TastNet, card: ModelCard, tmp_path: Path) -> None:
    save_model(tmp_path, net, card)
    other = build(frames=60, size_px=16, seconds=4)
    save_model(tmp_path / "other", other, card)
    (tmp_path / "other" / WEIGHTS).replace(tmp_path / WEIGHTS)
    with pytest.raises(BadInput, match=r"not the weights that model\.json describes"):
        load_model(tmp_path)


def test_weights_that_do_not_fit_the_sizes_are_refused(net: TastNet, card: ModelCard, tmp_path: Path) -> None:
    save_model(tmp_path, net, replace(card, config={**card.config, "width": 48}))
    with pytest.raises(BadInput, match="size mismatch"):
        load_model(tmp_path)


@pytest.mark.parametrize("name", [CARD, WEIGHTS])
def test_a_missing_file_is_named(net: TastNet, card: ModelCard, tmp_path: Path, name: str) -> None:
    save_model(tmp_path, net, card)
    (tmp_path / name).unlink()
    with pytest.raises(BadInput, match=name):
        load_model(tmp_path)


@pytest.mark.parametrize("cut", [0.5, 0.98])
def test_half_a_card_and_half_the_weights_are_refused(net: TastNet, card: ModelCard, tmp_path: Path, cut: float) -> None:
    for name in (CARD, WEIGHTS):
        save_model(tmp_path, net, card)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: int(len(whole) * cut)])
        with pytest.raises(BadInput, match=name):
            load_model(tmp_path)


@pytest.mark.parametrize(("key", "value"), [("model_name", "resnet"), ("colour", "green")])
def test_a_card_of_something_else_is_refused(net: TastNet, card: ModelCard, tmp_path: Path, key: str, value: str) -> None:
    save_model(tmp_path, net, card)
    output = json.loads((tmp_path / CARD).read_text())
    (tmp_path / CARD).write_text(stamped({**output, key: value}))
    with pytest.raises(BadInput, match=key if key == "colour" else value):
        load_model(tmp_path)


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("scaling", "deviation_percent"), 0.0, "a deviation above 0"),
        (("scaling", "mean_percent"), "91", "scaling.mean_percent"),
        (("interval", "half_width_percent"), -1.0, "no width below 0"),
        (("interval", "coverage"), float("nan"), "interval.coverage"),
        (("config", "vivit", "dropout"), float("inf"), "config.vivit.dropout"),
        (("config", "vivit", "heads"), 10**30, "config.vivit.heads"),
        (("config", "vivit", "heads"), "4", "config is of no network"),
        (("config", "again"), 1, "config is of no network"),
        (("preprocessing", "clips", "fps_hz"), float("nan"), "preprocessing.clips.fps_hz"),
        (("model_name",), "x" * 5000, "model_name"),
        (("frame_size_px",), 16.5, "frame_size_px"),
    ],
)
def test_a_card_of_what_cannot_be_is_one_line(
    net: TastNet, card: ModelCard, tmp_path: Path, path: tuple[str, ...], value: object, said: str
) -> None:
    save_model(tmp_path, net, card)
    content = json.loads((tmp_path / CARD).read_text())
    *above, last = path
    holder = content
    for key in above:
        holder = holder[key]
    holder[last] = value
    (tmp_path / CARD).write_text(stamped(content))
    with pytest.raises(BadInput, match=said) as raised:
        load_model(tmp_path)
    assert CARD in str(raised.value) and len(str(raised.value)) < 900


def test_a_card_without_an_end_is_one_line(net: TastNet, card: ModelCard, tmp_path: Path) -> None:
    save_model(tmp_path, net, card)
    (tmp_path / CARD).write_text("[" * 100_000)
    with pytest.raises(BadInput, match="lists within lists"):
        load_model(tmp_path)
