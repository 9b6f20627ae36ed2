"""Batches: layout, identity, memory, digest."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tast.clip_store import ClipStore
from tast.training.dataset import Batch, ClipDataset
from tast.training.inputs import network_input
from tests.training.synthetic import write_store


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    return write_store(tmp_path_factory.mktemp("clips"), seed=0, subjects=3, clips=2)


def whole(store: ClipStore, **changes: int) -> ClipDataset:
    return ClipDataset(store, store.clip_ids, kind="normalised", frame_size_px=8, **changes)


def test_batch_holds_the_chosen_clips_channels_first(store: ClipStore) -> None:
    batch = whole(store)[[4, 1]]
    assert batch.video.shape == (2, 3, 60, 8, 8)
    assert batch.clip_ids == (store.clip_ids[4], store.clip_ids[1])
    clip = store.clip(store.clip_ids[4])
    expected = network_input(clip.frames, clip.fps_hz, kind="normalised", frame_size_px=8)
    np.testing.assert_allclose(batch.video[0].permute(1, 2, 3, 0).numpy(), expected, atol=5e-3)  # float16 of values up to 10
    np.testing.assert_allclose(batch.spo2_percent[0].numpy(), clip.spo2_percent, rtol=1e-6)


def test_what_does_not_fit_into_memory_is_computed_on_access(store: ClipStore) -> None:
    kept, computed = whole(store), whole(store, memory_bytes=0)
    assert torch.equal(kept[[0, 3]].video, computed[[0, 3]].video)
    assert kept.digest == computed.digest


def test_digest_tells_pixels_labels_and_clips_apart(store: ClipStore, tmp_path: Path) -> None:
    other = write_store(tmp_path, seed=1, subjects=3, clips=2)
    few = ClipDataset(store, store.clip_ids[:-1], kind="normalised", frame_size_px=8)
    larger = ClipDataset(store, store.clip_ids, kind="normalised", frame_size_px=16)
    assert whole(store).digest == whole(store).digest
    assert len({whole(store).digest, whole(other).digest, few.digest, larger.digest}) == 4


def test_no_clips_is_an_error(store: ClipStore) -> None:
    with pytest.raises(ValueError, match="at least one clip"):
        ClipDataset(store, [], kind="normalised", frame_size_px=8)


@pytest.mark.parametrize(
    ("video", "labels", "ids"), [((2, 4, 5, 8, 8), (2, 1), "ab"), ((2, 3, 5, 8, 8), (2,), "ab"), ((2, 3, 5, 8, 8), (2, 1), "a")]
)
def test_batch_checks_itself(video: tuple[int, ...], labels: tuple[int, ...], ids: str) -> None:
    with pytest.raises(ValueError, match="batch"):
        Batch(torch.zeros(video), torch.zeros(labels), tuple(ids))
