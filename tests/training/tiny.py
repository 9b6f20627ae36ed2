"""A training small enough for tests: a TAST-Net of fifty thousand parameters on a synthetic store."""

from __future__ import annotations

import torch

from tast.clip_store import ClipStore
from tast.methods.networks.residual3d import Cnn3dConfig
from tast.methods.networks.vivit import VivitConfig
from tast.methods.tast_net import TastNet, TastNetConfig
from tast.training.dataset import ClipDataset
from tast.training.labels import LabelScaling, fit_label_scaling
from tast.training.settings import FitSettings

SETTINGS = FitSettings(
    epochs=4, patience=4, batch_size=8, learning_rate=1e-3, weight_decay=0.1, mse_weight=1.0, pearson_weight=0.3, seed=0
)


def tiny_net(dropout: float = 0.1) -> TastNet:
    """Always with the same initial weights."""
    config = TastNetConfig(
        frames=60, size_px=8, seconds=4, fusion="concat", width=24, heads=2, dropout=dropout, trend_order=1,
        cnn=Cnn3dConfig(patch_px=4, widths=(12, 24), blocks=(1, 1), spatial_strides=(1, 2), temporal_strides=(1, 2)),
        vivit=VivitConfig(tubelet_frames=10, patch_px=4, width=24, heads=2, mlp_ratio=2.0, spatial_layers=1, temporal_layers=1,
                          attention="factorised", dropout=dropout),
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return TastNet(config)


def halves(store: ClipStore, first_val: str, kind: str = "normalised") -> tuple[ClipDataset, ClipDataset]:
    ids = store.clip_ids
    parts = [i for i in ids if i < first_val], [i for i in ids if i >= first_val]
    train, val = (ClipDataset(store, part, kind=kind, frame_size_px=8) for part in parts)
    return train, val


def scaling_of(data: ClipDataset) -> LabelScaling:
    return fit_label_scaling(data.spo2_percent)
