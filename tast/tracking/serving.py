"""The model as a service of MLflow's: video bytes or a path in, SpO2 per second out, preprocessing inside.

A request names videos in a table of one row each: `video`, a file's content (base64 in JSON), or, where the service has a
video_root, `path`, a file below it. The answer has one row per video and second, as `tast predict` writes them. What cannot be
read is an error that says why.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.protos.databricks_pb2 import DEADLINE_EXCEEDED, INVALID_PARAMETER_VALUE
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

from tast.errors import TastError
from tast.prediction import MIN_QUALITY
from tast.prediction.limits import Limits

with warnings.catch_warnings():  # importing it, MLflow warns of type hints of its own
    warnings.simplefilter("ignore", UserWarning)
    import mlflow.pyfunc
    from mlflow.pyfunc import PythonModel, PythonModelContext

if TYPE_CHECKING:
    from tast.prediction.request import VideoReader
    from tast.prediction.trace import PredictedTrace

SCRIPT = Path(__file__).with_name("video_model.py")
SAVED_MODEL = "saved_model"  # name of the artifact
LIMITS: dict[str, Any] = Limits().model_dump()
INPUTS = Schema([ColSpec(DataType.binary, "video", required=False), ColSpec(DataType.string, "path", required=False)])
OPTIONS = ParamSchema(
    [ParamSpec("min_quality", DataType.double, MIN_QUALITY), ParamSpec("largest_face", DataType.boolean, False)]
)
OUTPUTS = Schema(
    [
        ColSpec(DataType.string, "video"),
        *(
            ColSpec(DataType.double, name)
            for name in (
                "start_s", "spo2_percent", "lower_percent", "upper_percent", "coverage", "quality", "face_share", "pulse_snr_db",
                "pulse_per_minute",
            )
        ),
    ]
)  # fmt: skip
SIGNATURE = ModelSignature(INPUTS, OUTPUTS, OPTIONS)
EXAMPLE = pd.DataFrame({"path": ["visit.mp4"]})


def save_video_model(folder: Path, model_folder: Path, described: Model, requirements: Sequence[str]) -> None:
    """Write the service into `folder`, as MLflow loads it; the saved model of `model_folder` is copied into it."""
    mlflow.pyfunc.save_model(
        str(folder), python_model=str(SCRIPT), artifacts={SAVED_MODEL: str(model_folder.resolve())}, signature=SIGNATURE,
        input_example=EXAMPLE, model_config=LIMITS, pip_requirements=list(requirements), mlflow_model=described,
    )  # fmt: skip


class VideoModel(PythonModel):
    """A saved model that MLflow loads and serves; its Limits are the model's config."""

    _limits: Limits
    _reader: VideoReader

    def load_context(self, context: PythonModelContext) -> None:
        from tast.prediction.request import VideoReader  # takes seconds to import, which publishing need not wait for

        self._limits = Limits.from_config(LIMITS | dict(context.model_config or {}))
        self._reader = VideoReader(Path(context.artifacts[SAVED_MODEL]), self._limits)

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """One row per video and second; null where there is no value. Raises MlflowException: 400 or, out of time, 504."""
        from tast.prediction.request import TookTooLong  # as above

        given = params or {}
        asked = {
            "min_quality": float(given.get("min_quality", MIN_QUALITY)), "largest_face": bool(given.get("largest_face", False)),
            "deadline_s": self._reader.deadline_s(),
        }  # fmt: skip
        rows = model_input.to_dict("records")
        try:
            if not rows:
                raise TastError("no row: expected one for each video")
            if len(rows) > self._limits.max_rows:
                raise TastError(f"{len(rows)} rows are too many: expected at most {self._limits.max_rows} videos in a request")
            traces = [self._trace(number, row, asked) for number, row in enumerate(rows)]
        except TookTooLong as error:
            raise MlflowException(str(error), error_code=DEADLINE_EXCEEDED) from None
        except TastError as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from None
        table = pd.concat([trace.table() for trace in traces], ignore_index=True)
        return table.astype(object).where(table.notna(), None)

    def _trace(self, number: int, row: Mapping[str, Any], asked: Mapping[str, Any]) -> PredictedTrace:
        video, path = row.get("video"), row.get("path")
        if isinstance(video, bytes) == isinstance(path, str):
            raise TastError(f"row {number}: expected either `video` (a file's content) or `path`")
        if isinstance(video, bytes):
            return self._reader.read_bytes(f"video-{number}", video, **asked)
        return self._reader.read_path(str(path), **asked)
