"""A real SQLite store for each test, and what one run of the pipeline leaves on disk."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from tast.tracking.projection import Publication, publish

DIGEST, OTHER_DIGEST = "d" * 64, "e" * 64
OTHER_TEST, OTHER_PROTOCOL = 3, 4
SEEDS = (0, 1, 2, OTHER_TEST, OTHER_PROTOCOL)

SAMPLED = pd.DataFrame(
    {"time_ms": [1000, 3000], "cpu_utilization_percentage": [50.0, 100.0], "gpu_0_power_usage_watts": [np.nan, 300.0]}
)
LOCK = """\
schema: '2.0'
stages:
  source:
    cmd: python -m flows.stages.source
    outs:
    - path: data/source.json
      hash: md5
      md5: 66666666666666666666666666666666
  download:
    cmd: python -m flows.stages.download
    deps:
    - path: data/source.json
      hash: md5
      md5: 66666666666666666666666666666666
    - path: flows/stages/download.py
      hash: md5
      md5: b7777777777777777777777777777777
    params:
      params.yaml:
        dataset:
          name: phantom
          root:
          second:
        download:
          accept_licence: false
          base_url:
          phantom:
            driver: simulated
            seed: 7
            recorded_root:
    outs:
    - path: data/raw
      hash: md5
      md5: 88888888888888888888888888888888.dir
  preprocess:
    cmd: python -m flows.stages.preprocess
    deps:
    - path: data/raw
      hash: md5
      md5: 88888888888888888888888888888888.dir
    outs:
    - path: data/clips
      hash: md5
      md5: 0123456789abcdef0123456789abcdef.dir
      size: 12
  split:
    cmd: python -m flows.stages.split
    deps:
    - path: data/clips/manifest.parquet
      hash: md5
      md5: 33333333333333333333333333333333
    params:
      params.yaml:
        split:
          folds: 3
          fold: {fold}
    outs:
    - path: data/split.json
      hash: md5
      md5: {fold}4444444444444444444444444444444
  train:
    cmd: python -m flows.stages.train
    deps:
    - path: data/split.json
      hash: md5
      md5: {fold}4444444444444444444444444444444
    - path: flows/stages/train.py
      hash: md5
      md5: b9999999999999999999999999999999
    params:
      params.yaml:
        train:
          seed: {seed}
          epochs: 3
    outs:
    - path: models
      hash: md5
      md5: {fold}1111111111111111111111111111111.dir
  evaluate:
    cmd: python -m flows.stages.evaluate
    deps:
    - path: models/tast_net
      hash: md5
      md5: {fold}5555555555555555555555555555555.dir
    params:
      params.yaml:
        evaluate:
          bootstrap: 1000
          many:{many}
    outs:
    - path: reports/report.html
      hash: md5
      md5: 22222222222222222222222222222222
""".replace("{many}", "".join(f"\n            p{i:03d}: {i}" for i in range(120)))


class ClipMean(torch.nn.Module):
    """(B, 3, T, H, W) -> (B, 2): small, but with a convolution, a normalisation and dropout to export."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        torch.manual_seed(seed)
        self.layers = torch.nn.Sequential(
            torch.nn.Conv3d(3, 4, 3), torch.nn.BatchNorm3d(4), torch.nn.ReLU(), torch.nn.Dropout(0.5)
        )
        self.head = torch.nn.Linear(4, 2)

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        return self.head(self.layers(video).mean(dim=(2, 3, 4)))


@dataclass(frozen=True)
class Store:
    tracking_uri: str
    artifact_root: str
    database: Path

    @property
    def where(self) -> dict[str, str]:
        return {"tracking_uri": self.tracking_uri, "artifact_root": self.artifact_root}


@pytest.fixture(scope="session")
def make(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Publication]:
    """A function that makes the publication of one training seed; OTHER_TEST and OTHER_PROTOCOL are seeds as well."""
    return partial(make_publication, tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def published_database(empty_database: Path, tmp_path_factory: pytest.TempPathFactory, make: Callable[..., Publication]) -> Path:
    """A store in which all seeds are published: versions 1 to 5. Its artifacts stay where they are, and are only read."""
    folder = tmp_path_factory.mktemp("published")
    store = store_in(folder, empty_database)
    for seed in SEEDS:
        publish(make(seed), **store.where)
    return store.database


@pytest.fixture
def store(tmp_path: Path, empty_database: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """An empty store; whatever MLflow puts into the working directory is found there."""
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return store_in(tmp_path / "state", empty_database)


@pytest.fixture
def full_store(tmp_path: Path, published_database: Path) -> Store:
    """A store with five versions; publishing one of its seeds names that version the challenger."""
    return store_in(tmp_path / "full", published_database)


def store_in(folder: Path, database: Path) -> Store:
    folder.mkdir(exist_ok=True)
    shutil.copy(database, folder / "mlflow.db")
    return Store(f"sqlite:///{folder / 'mlflow.db'}", str(folder / "artifacts"), folder / "mlflow.db")


def make_publication(folder: Path, seed: int = 0, *, fold: int = 0, rmse: float = 1.5, dirty: bool = False) -> Publication:
    model = ClipMean(seed).eval()
    folder = folder / f"seed{seed}-fold{fold}"
    files = {
        "models/model.json": f'{{"model_name": "tast_net", "seed": {seed}}}',
        "plots/scatter.png": "picture",
        "metrics.json": "{}",
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    metrics = {
        "protocol": "clip_random" if seed == OTHER_PROTOCOL else "subject_independent",
        "test_digest": (OTHER_DIGEST if seed == OTHER_TEST else DIGEST),
        "test": {"rmse": rmse, "pearson_r": 0.9, "n_clips": 54, "intervals": {"rmse": {"low": 1.0, "high": 2.0}}},
        "constant": {"rmse": 4.0, "pearson_r": None},
    }
    return Publication(
        experiment="tast", model_name="tast-net", dvc_lock=LOCK.format(seed=seed, fold=fold), metrics=metrics,
        card=f"A card of seed {seed}", recordings=pd.DataFrame({"recording": ["d/s1/r1", "d/s2/r1"], "rmse": [2.0, 1.0]}),
        history=pd.DataFrame({"epoch": [0, 1, 2], "train_loss": [3.0, 2.0, 1.0], "val_loss": [3.0, 2.5, np.nan]}),
        system_metrics=SAMPLED,
        artifacts=(folder / "metrics.json", folder / "plots"), model_folder=folder / "models", model=model,
        input_example=np.zeros((2, 3, 6, 8, 8), np.float32), serving_requirements=["torch==2.13.0"], example_video=b"a video",
        pip_requirements=["torch==2.13.0"], dataset="phantom", dataset_digest="0123456789abcdef0123456789abcdef.dir",
        commit="c0ffee", dirty=dirty,
    )  # fmt: skip
