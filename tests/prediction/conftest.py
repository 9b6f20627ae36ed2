"""A saved network, and films of a real face that pulses, short enough for a test."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from tast.methods.tast_net import build
from tast.params import load_params
from tast.preprocessing.pipeline import settings_of
from tast.preprocessing.steps import preprocess_frames
from tast.records import FaceVideo
from tast.saved_model import ModelCard, load_model, save_model
from tast.training.interval import PredictionInterval
from tast.training.labels import LabelScaling
from tast.video.coding import Coding
from tast.video.write_coded import write_coded
from tests.preprocessing import scene

PULSE_HZ, FPS_HZ, CLIP_S = 1.2, 25.0, 4
LOSSLESS = Coding("h264", ".avi", quality=0, matrix="bt709", rate_hz=FPS_HZ)  # others would be refused a percentage
AMPLITUDES = np.array([0.004, 0.012, 0.007])  # of the light in R, G, B


def film(
    seconds: float, *, pulsing: bool = True, hidden: range = range(0), fps_hz: float = FPS_HZ
) -> Iterator[tuple[float, Any]]:
    motion = scene.still(seconds, fps_hz)
    pulse = np.sin(2 * np.pi * PULSE_HZ * motion.times_s)[:, None]
    return scene.film(motion, gain=1 + AMPLITUDES * pulse if pulsing else None, hidden=hidden)


def write_film(path: Path, seconds: float, **kind: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_coded(path.with_suffix(""), film(seconds, **kind), LOSSLESS)


def table_in(path: Path) -> pd.DataFrame:
    """A written trace: in its texts nothing is an empty text, in its numbers no number."""
    return pd.read_csv(path).fillna({"causes": "", "trained_on": "", "calibrated_by": ""})


@pytest.fixture(scope="session")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_network(tmp_path_factory.mktemp("model"))


def save_network(folder: Path) -> Path:
    """A network of nobody's training, but with weights and statistics that are not the initial ones, and params.yaml's steps."""
    preprocess = load_params(Path(__file__).parents[2] / "params.yaml").preprocess.model_dump()
    preprocess["clips"] |= {"length_s": CLIP_S, "size_px": 32, "fps_hz": 15.0}
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        net = build(frames=60, size_px=16, seconds=CLIP_S)
        net(torch.randn(8, 3, 60, 16, 16))
    card = ModelCard(
        model_name="tast_net", config=asdict(net.config), preprocessing=preprocess, input_kind="normalised", frame_size_px=16,
        scaling=LabelScaling(92.0, 5.0), data_digest="d" * 64, code_version="0.1.0", interval=PredictionInterval(0.9, 3.5, 8, 70),
    )  # fmt: skip
    save_model(folder, net, card)
    return folder


@pytest.fixture(scope="session")
def model(saved: Path) -> tuple[torch.nn.Module, ModelCard]:
    return load_model(saved)


@pytest.fixture(scope="session")
def face(model: tuple[torch.nn.Module, ModelCard]) -> FaceVideo:
    """7.5 s: seven whole seconds and a half."""
    return preprocess_frames("face", film(7.5), settings_of(model[1].preprocessing))


@pytest.fixture(scope="session")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of two sound videos, and one that shows nobody."""
    folder = tmp_path_factory.mktemp("videos")
    write_film(folder / "anna" / "day1.avi", 5.0)
    write_film(folder / "bert" / "day1.avi", 6.0)
    write_film(folder / "nobody.avi", 1.0, hidden=range(1000))
    return folder
