"""Steps of a training and of inference: clipped gradients, the moving average, whose turn it is, and what no network may know."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning.fabric import Fabric
from torch import nn

from tast.clip_store import ClipRow, ClipStore, write_tables
from tast.light import light_path
from tast.training.dataset import Batch, ClipDataset
from tast.training.inference import predict
from tast.training.labels import LabelScaling
from tast.training.loop import Parts, prepare, train_epoch
from tast.training.optimisation import ema_decay
from tast.training.sampling import batches_of_epoch
from tast.training.settings import FitSettings
from tests.training.synthetic import write_store
from tests.training.tiny import SETTINGS, scaling_of, tiny_net

SCALING = LabelScaling(90.0, 5.0)


class Watched(ClipDataset):
    """Remembers which clips were asked for."""

    asked: list[int]

    def __getitem__(self, positions: Sequence[int]) -> Batch:
        self.asked = [*getattr(self, "asked", []), *positions]
        return super().__getitem__(positions)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    return write_store(tmp_path_factory.mktemp("clips"), seed=0, subjects=4, clips=4)


@pytest.fixture()
def data(store: ClipStore) -> Watched:
    return Watched(store, store.clip_ids, kind="normalised", frame_size_px=8)


def prepared(data: ClipDataset, settings: FitSettings) -> tuple[Parts, Fabric]:
    fabric = Fabric(accelerator="cpu", devices=1)
    return prepare(tiny_net(), len(data), settings, fabric), fabric


def gradient_norms(data: ClipDataset, gradient_clip: float) -> list[float]:
    """Of each step of an epoch, as the optimiser meets it."""
    settings, norms = replace(SETTINGS, gradient_clip=gradient_clip), []
    parts, fabric = prepared(data, settings)

    def note(*_: object) -> None:
        gradients = [one.grad for one in parts.model.parameters() if one.grad is not None]
        norms.append(float(torch.nn.utils.get_total_norm(gradients)))

    parts.optimiser.register_step_pre_hook(note)
    train_epoch(parts, data, settings, scaling_of(data), fabric, epoch=0)
    return norms


def test_gradients_are_clipped_to_their_largest_norm(data: Watched) -> None:
    free, clipped = gradient_norms(data, 1e9), gradient_norms(data, 0.01)
    assert len(free) == 2
    assert min(free) > 0.01
    assert clipped == pytest.approx([0.01, 0.01], rel=1e-4)


def all_weights(model: nn.Module) -> torch.Tensor:
    return torch.cat([one.detach().flatten() for one in model.parameters()])


def test_what_is_kept_is_the_moving_average_of_the_weights(data: Watched) -> None:
    settings = replace(SETTINGS, ema_epochs=2.0, learning_rate=0.01)
    parts, fabric = prepared(data, settings)
    after_steps: list[torch.Tensor] = []
    parts.optimiser.register_step_post_hook(lambda *_: after_steps.append(all_weights(parts.model)))
    for epoch in range(2):
        train_epoch(parts, data, settings, scaling_of(data), fabric, epoch)
    decay, by_hand = ema_decay(2.0 * 2), after_steps[0]
    for weights in after_steps[1:]:
        by_hand = decay * by_hand + (1 - decay) * weights
    kept = all_weights(parts.averaged.module)
    torch.testing.assert_close(kept, by_hand, atol=1e-6, rtol=0)
    assert (kept - after_steps[-1]).abs().max() > 1e-3


def test_a_first_step_goes_by_the_sign_of_each_gradient_and_decays_weights(data: Watched) -> None:
    """AdamW's (Loshchilov and Hutter 2019): w (1 - rate decay) - rate g / (|g| + 1e-8), however weights lie in memory."""
    settings = replace(SETTINGS, channels_last_3d=True, warm_up=0.0, gradient_clip=1e9)
    parts, fabric = prepared(data, settings)
    steps: list[tuple[list[np.ndarray], list[np.ndarray]]] = []

    def note(*_: object) -> None:
        groups = [(one, group) for group in parts.optimiser.param_groups for one in group["params"] if one.grad is not None]
        values = [(one.detach().double().numpy().copy(), one.grad.double().numpy(), group) for one, group in groups]
        expected = [
            weights * (1 - group["lr"] * group["weight_decay"]) - group["lr"] * gradient / (np.abs(gradient) + 1e-8)
            for weights, gradient, group in values
        ]
        steps.append((expected, [one for one, _ in groups]))

    parts.optimiser.register_step_pre_hook(note)
    found: list[list[np.ndarray]] = []
    parts.optimiser.register_step_post_hook(lambda *_: found.append([one.detach().numpy().copy() for one in steps[0][1]]))
    train_epoch(parts, data, settings, scaling_of(data), fabric, epoch=0)
    assert any(not one.is_contiguous() for one in parts.model.parameters())
    for expected, weights in zip(steps[0][0], found[0], strict=True):
        np.testing.assert_allclose(weights, expected, atol=2e-6)
    assert parts.optimiser.defaults["fused"], "the others take torch's roots, whose last bits are the processor's"


@pytest.mark.parametrize("sampler", ["shuffled", "balanced"])
def test_an_epoch_shows_the_clips_that_its_sampler_chooses(data: Watched, sampler: str) -> None:
    settings = replace(SETTINGS, sampler=sampler)
    parts, fabric = prepared(data, settings)
    train_epoch(parts, data, settings, scaling_of(data), fabric, epoch=3)
    chosen = batches_of_epoch(data.spo2_percent, settings.batch_size, sampler=sampler, seed=settings.seed, epoch=3)
    assert data.asked == [position for batch in chosen for position in batch]
    assert (len(set(data.asked)) == len(data)) == (sampler == "shuffled")


def said(store: ClipStore, clip_ids: Sequence[str]) -> np.ndarray:
    """(clips, seconds) in percent."""
    clips = ClipDataset(store, clip_ids, kind="normalised", frame_size_px=8)
    return predict(tiny_net(), clips, SCALING)["predicted_percent"].to_numpy().reshape(len(clip_ids), -1)


def test_a_prediction_does_not_depend_on_the_other_clips_or_their_order(store: ClipStore) -> None:
    ids = store.clip_ids
    order = np.random.default_rng(0).permutation(len(ids))
    in_order = said(store, ids)
    assert in_order.std() > 0.01
    np.testing.assert_array_equal(said(store, [ids[i] for i in order]), in_order[order])


def test_a_prediction_knows_neither_name_nor_file_nor_place_in_the_recording(store: ClipStore, tmp_path: Path) -> None:
    """The same frames, under other names and last to first in one long recording: the same values, bit for bit."""
    clips = [store.clip(clip_id) for clip_id in reversed(store.clip_ids)]
    n_frames = len(clips[0].frames)
    np.save(tmp_path / "day.npy", np.concatenate([clip.frames for clip in clips]))
    light_path(tmp_path, "day").parent.mkdir()
    of_each = [np.load(light_path(store.folder, one)) for one in reversed(store.manifest["record_id"].tolist())]
    np.save(light_path(tmp_path, "day"), np.concatenate(of_each))
    rows = [
        ClipRow(
            clip_id=f"day-{number:03d}", dataset="other", subject_id="nobody", record_id="day", scenario="dark", file="day.npy",
            first_frame=number * n_frames, n_frames=n_frames, start_s=4.0 * number, fps_hz=clip.fps_hz, quality=0.5,
            spo2_percent=(75.0,) * len(clip.spo2_percent),
        )
        for number, clip in enumerate(clips)
    ]  # fmt: skip
    write_tables(tmp_path, rows, [], [], {})
    other = ClipStore(tmp_path)
    np.testing.assert_array_equal(said(other, other.clip_ids)[::-1], said(store, store.clip_ids))
