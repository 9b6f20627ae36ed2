"""Command on a trained model: as a file for other runtimes (`tast export`)."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from tast.cli.output import say, working


def export(
    out: Annotated[Path, typer.Argument(help="File to write; its ending says which format: .onnx or .pt2.")],
    model: Annotated[Path, typer.Option(help="Folder of the saved model.")] = Path("models/tast_net"),
) -> None:
    """Write the trained model as ONNX or as torch.export's pt2, for any number of clips at once, its card inside.

    It takes `video` (B, 3, T, H, W) float32, made as the card says, and gives standardised SpO2 (B, seconds).

    Examples:

    `tast export spo2.onnx`

    `tast export spo2.pt2 --model models/tast_net`
    """
    from tast.export import EXPORTERS  # torch takes seconds to import, which other commands need not wait for
    from tast.saved_model import load_model

    kind = out.suffix.removeprefix(".")
    if kind not in EXPORTERS:
        raise typer.BadParameter(f"{out.name!r} does not end in {' or '.join(f'.{name}' for name in EXPORTERS)}")
    network, card = load_model(model)
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it names the packages it could do without
    with working("export"):
        EXPORTERS[kind](out, network, card)
    say(f"{out}: {out.stat().st_size / 2**20:.1f} MiB")
