"""What differs from epoch to epoch and from seed to seed, and which epoch's weights are kept."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from torch import Tensor

from tast.clip_store import ClipStore
from tast.training.augmentation import Augmentation
from tast.training.dataset import ClipDataset
from tast.training.inference import predict
from tast.training.labels import LabelScaling
from tast.training.loop import fit, prepare, train_epoch, training_batch, validate
from tast.training.settings import FitSettings
from tests.training.synthetic import write_store
from tests.training.tiny import SETTINGS, halves, scaling_of, tiny_net

SHOWN_AS_THEY_ARE = replace(SETTINGS, augmentation=None)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    return write_store(tmp_path_factory.mktemp("clips"), seed=0, subjects=4, clips=3)


@pytest.fixture
def data(store: ClipStore) -> ClipDataset:
    return ClipDataset(store, store.clip_ids, kind="normalised", frame_size_px=8)


@pytest.fixture
def clip(store: ClipStore) -> ClipDataset:
    """One clip: no order of clips is in the way of seeing how it is changed."""
    return ClipDataset(store, store.clip_ids[:1], kind="normalised", frame_size_px=8)


def shown(clip: ClipDataset, settings: FitSettings, epochs: int = 1) -> list[Tensor]:
    """What the network sees of the clip in each epoch."""
    fabric, seen = Fabric(accelerator="cpu", devices=1), []
    parts = prepare(tiny_net(), len(clip), settings, fabric)
    parts.model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].detach().clone()))
    for epoch in range(epochs):
        train_epoch(parts, clip, settings, LabelScaling(90.0, 5.0), fabric, epoch)
    return seen


def test_each_epoch_changes_its_clips_anew(clip: ClipDataset) -> None:
    first, second, third = shown(clip, SETTINGS, epochs=3)
    assert not torch.equal(first, second) and not torch.equal(second, third)
    first, second = shown(clip, SHOWN_AS_THEY_ARE, epochs=2)
    assert torch.equal(first, second)


def test_another_seed_changes_clips_otherwise(clip: ClipDataset) -> None:
    (one,), (again,), (other,) = (shown(clip, replace(SETTINGS, seed=seed)) for seed in (1, 1, 2))
    assert torch.equal(one, again)
    assert not torch.equal(one, other)


def test_each_epoch_drops_otherwise(clip: ClipDataset, tmp_path: Path) -> None:
    """Nothing is learned of it: only dropout makes the losses of three epochs differ."""
    settings = replace(SHOWN_AS_THEY_ARE, epochs=3, learning_rate=0.0, weight_decay=0.0, pearson_weight=0.0)
    scaling = LabelScaling(90.0, 5.0)
    history = fit(tiny_net(dropout=0.5), clip, clip, settings, scaling=scaling, checkpoint_folder=tmp_path)
    assert len({round(record.train_loss, 5) for record in history.epochs}) == 3


def test_the_best_epoch_is_kept_and_not_the_last(store: ClipStore, tmp_path: Path) -> None:
    """Labels of the validation people turned upside down: each epoch makes it worse, the first is best."""
    train, val = halves(store, "s02")
    val.spo2_percent = 2 * val.spo2_percent.mean() - val.spo2_percent
    settings = replace(SHOWN_AS_THEY_ARE, epochs=6, patience=6, learning_rate=0.01, ema_epochs=0.0)
    scaling, model = scaling_of(train), tiny_net()
    history = fit(model, train, val, settings, scaling=scaling, checkpoint_folder=tmp_path)
    assert history.best.epoch < 5
    loss, _ = validate(model, val, settings, scaling, Fabric(accelerator="cpu", devices=1))
    assert loss == pytest.approx(history.best.val_loss, rel=1e-5)
    assert loss < history.epochs[-1].val_loss - 1e-3


def test_what_is_validated_is_what_is_kept(store: ClipStore, tmp_path: Path) -> None:
    """With a long memory the average lags far behind the weights: its error is told, and the model's is the same."""
    train, val = halves(store, "s02")
    settings = replace(SHOWN_AS_THEY_ARE, epochs=3, learning_rate=0.01, ema_epochs=3.0)
    scaling, model = scaling_of(train), tiny_net()
    history = fit(model, train, val, settings, scaling=scaling, checkpoint_folder=tmp_path)
    table = predict(model, val, scaling)
    rmse = float(np.sqrt(((table["predicted_percent"] - table["true_percent"]) ** 2).mean()))
    assert rmse == pytest.approx(history.best.val_rmse_percent, rel=1e-4)


def test_labels_move_with_the_clips_that_are_shown(data: ClipDataset) -> None:
    """SpO2 rises by 10 % over the clip; played faster or slower about its middle, its ends are nearer or farther."""
    data.spo2_percent = np.tile(np.linspace(85, 95, data.seconds, dtype=np.float32), (len(data), 1))
    how: Any = Augmentation(stretch=0.5, flip=0, shift_cells=0, drop_fraction=0)
    settings, generator = replace(SETTINGS, augmentation=how), torch.Generator().manual_seed(0)
    fabric = Fabric(accelerator="cpu", devices=1)
    _, labels, _ = training_batch(data, range(len(data)), slice(0, len(data)), settings, generator, fabric)
    spans = labels[:, -1] - labels[:, 0]
    assert spans.min() < 9 and spans.std() > 0.5
