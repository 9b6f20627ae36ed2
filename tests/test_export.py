"""Exported models: the same outputs as the model itself, at any batch, with the card inside."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch

from tast.export import CARD_KEY, EXPORTERS, INPUT_NAME, OUTPUT_NAME, exported, onnx_bytes
from tast.methods.networks.fusion import FUSIONS
from tast.methods.networks.vivit import ENCODERS
from tast.methods.tast_net import TastNet, TastNetOptions, build
from tast.saved_model import ModelCard
from tast.training.labels import LabelScaling

SMALL, PAPER = ("small", 60, 16, 4), ("paper", 32, 32, 2)
TOLERANCE = 1e-4  # of standardised SpO2, whose deviation is 1


def net_of(preset: str, frames: int, size: int, seconds: int) -> TastNet:
    """With weights and running statistics that are nobody's initial ones."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = build(TastNetOptions(sizes=preset), frames=frames, size_px=size, seconds=seconds)
        with torch.no_grad():
            net(torch.randn(4, 3, frames, size, size))  # in training mode: moves BatchNorm's statistics
    return net.eval()


def card_of(net: TastNet) -> ModelCard:
    return ModelCard(
        model_name="tast_net", config=asdict(net.config), preprocessing={"clips": {"fps_hz": 15.0}}, input_kind="normalised",
        frame_size_px=net.config.size_px, scaling=LabelScaling(91.0, 6.0), data_digest="d" * 64, code_version="0.1.0",
    )  # fmt: skip


def run_pt2(path: Path) -> tuple[Callable[[torch.Tensor], Any], str]:
    output = {CARD_KEY: ""}
    program = torch.export.load(path, extra_files=output).module()
    return lambda video: program(video).detach().numpy(), output[CARD_KEY]


def run_onnx(path: Path) -> tuple[Callable[[torch.Tensor], Any], str]:
    onnx.checker.check_model(onnx.load(path), full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    card = session.get_modelmeta().custom_metadata_map[CARD_KEY]
    return lambda video: session.run([OUTPUT_NAME], {INPUT_NAME: video.numpy()})[0], card


RUNTIMES = {"onnx": run_onnx, "pt2": run_pt2}


@pytest.mark.parametrize("sizes", [SMALL, PAPER], ids=["small", "paper"])
@pytest.mark.parametrize("kind", EXPORTERS)
def test_a_file_equals_the_model_at_any_batch_and_holds_its_card(
    kind: str, sizes: tuple[str, int, int, int], tmp_path: Path
) -> None:
    net = net_of(*sizes)
    card = card_of(net)
    EXPORTERS[kind](tmp_path / "model", net, card)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    outputs, output = RUNTIMES[kind](tmp_path / "model")
    assert json.loads(output) == json.loads(json.dumps(asdict(card)))
    video = torch.randn(3, 3, sizes[1], sizes[2], sizes[2], generator=torch.Generator().manual_seed(1))
    for batch in (1, 3):
        expected = net(video[:batch]).detach().numpy()
        assert expected.std() > 100 * TOLERANCE
        np.testing.assert_allclose(outputs(video[:batch]), expected, atol=TOLERANCE, rtol=0)


def test_same_model_same_onnx_and_no_trace_of_where_it_was_made() -> None:
    net = net_of(*SMALL)
    first, again = (onnx_bytes(net, card_of(net)) for _ in range(2))
    assert first == again
    assert b"stack_trace" not in first
    assert b".py" not in first


@pytest.mark.parametrize("fusion", FUSIONS)
@pytest.mark.parametrize("attention", ENCODERS)
def test_every_fusion_and_attention_can_be_exported(fusion: str, attention: str) -> None:
    base = net_of(*SMALL).config
    assert base.vivit is not None
    net = TastNet(replace(base, fusion=fusion, vivit=replace(base.vivit, attention=attention))).eval()
    video = torch.randn(1, 3, 60, 16, 16, generator=torch.Generator().manual_seed(1))
    program = exported(net, frames=60, size_px=16).module()
    torch.testing.assert_close(program(video), net(video), atol=TOLERANCE, rtol=0)
