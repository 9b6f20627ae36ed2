"""The recorded pulse on the frames of a video, from the reader to the batch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from torch import Tensor, nn

from tast.clip_store import ClipStore
from tast.digests import seal
from tast.pulse_labels import pulse_on_frames, read_pulse, write_pulse
from tast.records import PulseTrace
from tast.training.augmentation import Augmentation
from tast.training.dataset import ClipDataset
from tast.training.labels import LabelScaling
from tast.training.loop import prepare, train_epoch, training_batch
from tast.training.settings import FitSettings
from tests.training.synthetic import write_store

FRAMES = 60  # of each clip of the store


def test_between_samples_it_is_a_line_and_outside_and_in_gaps_nothing() -> None:
    at_s = np.concatenate([np.arange(0, 2, 1 / 60), np.arange(3, 4, 1 / 60)])
    trace = PulseTrace(at_s, 10 + 2 * at_s)
    frames_s = np.array([-0.1, 0.0, 0.512, 1.9, 2.5, 3.0, 3.5, 4.2])
    wave = pulse_on_frames(trace, frames_s)
    assert wave.dtype == np.float32
    np.testing.assert_allclose(wave, [np.nan, 10, 11.024, 13.8, np.nan, np.nan, 17, np.nan], rtol=1e-6)


def test_readings_that_are_none_are_left_out_and_a_trace_without_any_is_unknown() -> None:
    trace = PulseTrace(np.array([0.0, 0.1, 0.2]), np.array([1.0, np.nan, 3.0]))
    np.testing.assert_allclose(pulse_on_frames(trace, np.array([0.1])), [2.0])
    for values in ([np.nan] * 3, []):
        empty = PulseTrace(np.arange(len(values), dtype=float), np.array(values, dtype=float))
        assert np.isnan(pulse_on_frames(empty, np.array([0.0, 1.0]))).all()
    alone = PulseTrace(np.array([1.0]), np.array([4.0]))
    np.testing.assert_allclose(pulse_on_frames(alone, np.array([0.0, 1.0, 2.0])), [np.nan, 4.0, np.nan])


@pytest.fixture
def data(tmp_path: Path) -> ClipDataset:
    """Two recordings of which one has a wave: a line that rises by one a frame."""
    write_store(tmp_path, seed=0, subjects=2, clips=1, frames=FRAMES)
    write_pulse(tmp_path, "s01-00", np.arange(FRAMES, dtype=np.float32))
    seal(tmp_path)
    store = ClipStore(tmp_path)
    return ClipDataset(store, store.clip_ids, kind="light", frame_size_px=4)


def test_a_batch_has_the_wave_of_its_clips_and_a_store_without_one_has_none(data: ClipDataset, tmp_path: Path) -> None:
    assert data.pulse is not None and np.isnan(data.pulse[0]).all()
    np.testing.assert_array_equal(data.pulse[1], np.arange(FRAMES))
    assert read_pulse(tmp_path, "s00-00") is None
    before = data.digest
    write_pulse(tmp_path, "s01-00", np.zeros(FRAMES, dtype=np.float32))
    seal(tmp_path)
    again = ClipDataset(ClipStore(tmp_path), data.clip_ids, kind="light", frame_size_px=4)
    assert again.digest != before, "a training goes on across another wave"
    bare = write_store(tmp_path / "bare", seed=0, subjects=1, clips=1)
    assert ClipDataset(bare, bare.clip_ids, kind="light", frame_size_px=4).pulse is None


SETTINGS: Any = {
    "seed": 0, "epochs": 1, "patience": 1, "batch_size": 2, "sampler": "shuffled", "learning_rate": 0.01, "schedule": "cosine",
    "warm_up": 0.05, "weight_decay": 0.0, "gradient_clip": 1.0, "ema_epochs": 0.0, "mse_weight": 1.0, "pearson_weight": 0.0,
    "compile": False, "channels_last_3d": False,
}  # fmt: skip


def test_the_wave_is_stretched_with_the_frames_that_are_shown(data: ClipDataset) -> None:
    """Frame k of the video shows k, and so says the wave."""
    numbers = torch.arange(FRAMES, dtype=torch.float32)[None, None, :, None, None].expand(2, 3, -1, 4, 4)
    data._inputs = numbers.clone()
    data.pulse = np.tile(np.arange(FRAMES, dtype=np.float32), (2, 1))
    how = Augmentation(stretch=0.5, flip=0, shift_cells=0, drop_fraction=0, shift_frames=3)
    settings = FitSettings(**SETTINGS, augmentation=how)
    fabric = Fabric(accelerator="cpu", devices=1)
    video, _, pulse = training_batch(data, [0, 1], slice(0, 2), settings, torch.Generator().manual_seed(0), fabric)
    assert pulse is not None and not torch.equal(pulse, torch.from_numpy(data.pulse))
    torch.testing.assert_close(pulse, video[:, 0, :, 0, 0], atol=1e-3, rtol=0)


class Line(nn.Module):
    """Both outputs from one weight each."""

    def __init__(self) -> None:
        super().__init__()
        self.config = None
        self.spo2, self.pulse = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))

    def forward(self, video: Tensor) -> dict[str, Tensor]:
        return {"spo2": self.spo2.expand(len(video), 4), "pulse": self.pulse.expand(len(video), video.shape[2])}


def test_the_pulses_loss_is_added_where_there_is_a_pulse(data: ClipDataset) -> None:
    def known(outputs: Any, wave: Tensor) -> Tensor:
        return (outputs["pulse"] - wave.nan_to_num()).square().mean()

    fabric = Fabric(accelerator="cpu", devices=1)
    settings, scaling = FitSettings(**SETTINGS, augmentation=None), LabelScaling(90.0, 5.0)
    moved = {}
    for name, loss in {"with": known, "without": None}.items():
        parts = prepare(Line(), 2, settings, fabric)
        train_epoch(parts, data, settings, scaling, fabric, 0, pulse_loss=loss)
        moved[name] = (float(parts.model.spo2.detach()), float(parts.model.pulse.detach()))
    assert moved["with"][1] > 0 and moved["without"][1] == 0
    assert moved["with"][0] != 0 and moved["without"][0] != 0
    data.pulse = None
    parts = prepare(Line(), 2, replace(settings), fabric)
    train_epoch(parts, data, settings, scaling, fabric, 0, pulse_loss=known)
    assert float(parts.model.pulse.detach()) == 0
