"""What MLflow runs to load the served model: copied beside the model's files, it finds the rest in the code beside it."""

from __future__ import annotations

from mlflow.models import set_model

from tast.tracking.serving import VideoModel

set_model(VideoModel())
