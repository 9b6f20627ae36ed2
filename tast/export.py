"""A trained model as a program for other runtimes, for any number of clips at once: torch.export's pt2, and ONNX.

Both take `video` (B, 3, T, H, W) float32, made as the model's card says, and give standardised SpO2 (B, S); the card's scaling
turns that into percent. The ONNX file carries the card in its metadata, so that it cannot be parted from it.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.export import Dim, ExportedProgram

from tast.files import whole_file
from tast.pt2 import drop_examples
from tast.saved_model import ModelCard

if TYPE_CHECKING:
    from onnx import ModelProto

INPUT_NAME, OUTPUT_NAME = "video", "spo2_standardised"
CARD_KEY = "tast.card"  # of the ONNX file's metadata


def exported(model: nn.Module, *, frames: int, size_px: int) -> ExportedProgram:
    """The model, in evaluation mode, as a program of torch.export that takes video (B, 3, frames, size_px, size_px) of any B."""
    example = torch.zeros(2, 3, frames, size_px, size_px)  # an example batch of 1 would freeze the batch size at 1
    return torch.export.export(model.eval(), (example,), dynamic_shapes=({0: Dim("batch")},))


def onnx_of(model: nn.Module, *, frames: int, size_px: int) -> ModelProto:
    """The model as ONNX, float32, video INPUT_NAME of any number of clips -> OUTPUT_NAME; without a card."""
    program = exported(model, frames=frames, size_px=size_px)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's exporter uses what torch itself has deprecated
        made = torch.onnx.export(program, dynamo=True, verbose=False, input_names=[INPUT_NAME], output_names=[OUTPUT_NAME])
    if made is None:  # torch's signature: only where a file is named
        raise RuntimeError("torch.onnx gave no program")
    proto = made.model_proto
    for node in (*proto.graph.node, *(inner for function in proto.functions for inner in function.node)):
        del node.metadata_props[:]  # traces of the exporter's own source
    return proto


def onnx_bytes(model: nn.Module, card: ModelCard) -> bytes:
    """The model as ONNX, its card as JSON under `tast.card`; the same model gives the same bytes."""
    proto = onnx_of(model, frames=int(card.config["frames"]), size_px=card.frame_size_px)
    proto.metadata_props.add(key=CARD_KEY, value=json.dumps(asdict(card), sort_keys=True))
    content: bytes = proto.SerializeToString(deterministic=True)
    return content


def write_onnx(path: Path, model: nn.Module, card: ModelCard) -> None:
    """The bytes of onnx_bytes as a file, written whole."""
    content = onnx_bytes(model, card)
    with whole_file(path) as part:
        part.write_bytes(content)


def write_pt2(path: Path, model: nn.Module, card: ModelCard) -> None:
    """`torch.export.load(path).module()` is the model; the card lies in the file as `tast.card`."""
    program = exported(model, frames=int(card.config["frames"]), size_px=card.frame_size_px)
    card_json = json.dumps(asdict(card), sort_keys=True)
    with whole_file(path) as part:
        with part.open("wb") as file:
            torch.export.save(program, file, extra_files={CARD_KEY: card_json})
        drop_examples(part)


EXPORTERS: dict[str, Callable[[Path, nn.Module, ModelCard], None]] = {"onnx": write_onnx, "pt2": write_pt2}
