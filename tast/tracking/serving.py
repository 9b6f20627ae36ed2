"""The model as a service of MLflow's: video bytes or a path in, SpO2 per second out, preprocessing inside.

A request names videos in a table of one row each: `video`, a file's content (base64 in JSON), or, where the service has a
video_root, `path`, a file below it; beside it what is known of it, `anchor` and `profile`, as text. The answer has one row per
video and second, as `tast predict` writes them. What cannot be read is an error that says why.
"""

from __future__ import annotations

import json
import math
import shutil
import tempfile
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
from mlflow.exceptions import MlflowException
from mlflow.models import Model, ModelSignature
from mlflow.protos.databricks_pb2 import DEADLINE_EXCEEDED, INVALID_PARAMETER_VALUE, RESOURCE_EXHAUSTED
from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema

from tast.closure import PACKAGES, ROOT, closure
from tast.errors import TastError
from tast.methods import entry_of
from tast.prediction import MIN_QUALITY
from tast.prediction.limits import Limits
from tast.tracking import SAVED_MODEL

with warnings.catch_warnings():  # importing it, MLflow warns of type hints of its own
    warnings.simplefilter("ignore", UserWarning)
    import mlflow.pyfunc
    from mlflow.pyfunc import PythonModel, PythonModelContext

if TYPE_CHECKING:
    from tast.prediction.asked import Asked
    from tast.prediction.request import VideoReader
    from tast.prediction.trace import PredictedTrace

SCRIPT = Path(__file__).with_name("video_model.py")
SERVED_CODE = "tast.tracking.video_model"
LIMITS: dict[str, Any] = Limits().model_dump()
COLUMNS = {  # of the answer: unit and meaning
    "video": "name: that of the file, or video-N for the Nth row sent as content",
    "start_s": "s since the video's first frame, when the second begins",
    "spo2_percent": "% SpO2, predicted",
    "lower_percent": "% SpO2, lower end of the interval",
    "upper_percent": "% SpO2, upper end of the interval",
    "coverage": "share (0 to 1) of seconds whose true SpO2 the interval is made to hold",
    "quality": "0 to 1: face_share times the share of the pulse in what moves",
    "face_share": "share (0 to 1) of the second's frames in which the face was seen",
    "pulse_snr_db": "dB, clarity of the pulse",
    "pulse_per_minute": "beats per minute",
    "anchored_by_percent": "% SpO2 that the anchor moved the prediction by; null without an anchor",
    "trend": "instead of a percentage, where it was asked for: change since the first 10 s, in units of no scale",
    "calibrated_by": "what the level of SpO2 rests on beside the model: profile, anchor or profile+anchor; empty: on nothing",
    "trained_on": "data sets whose people the model has seen, joined by '+'; phantom alone: rendered people, no living ones",
    "causes": "names of what may make the second read wrong, joined by '; ': docs/prediction.md says what each means",
}
WORDS = {"video", "calibrated_by", "trained_on", "causes"}  # columns that hold no number
GIVEN = {
    "video": "content of an AVI, MP4, MOV, MKV or WebM file; in JSON as base64",
    "path": "instead of it: a video on the machine of the service, where that has a folder of videos",
    "anchor": "SpO2 that is known: of the first seconds (97), at others (12=96), several (0=97 60=95), assumed at rest (rest); "
    "or the text of a file that `tast anchor` kept",
    "profile": "of the camera and lamp: the text of a file that `tast calibrate` made",
}
CHOICES = {
    "min_quality": "0 to 1: a video of a lower mean quality is refused",
    "largest_face": "whether the largest of several faces is read; otherwise such a video is refused",
    "uncalibrated": "whether a trend is given instead of percentages; otherwise a video outside of the training is refused",
}
INPUTS = Schema(
    [
        ColSpec(DataType.binary, "video", required=False),
        ColSpec(DataType.string, "path", required=False),
        ColSpec(DataType.string, "anchor", required=False),
        ColSpec(DataType.string, "profile", required=False),
    ]
)
OPTIONS = ParamSchema(
    [
        ParamSpec("min_quality", DataType.double, MIN_QUALITY),
        ParamSpec("largest_face", DataType.boolean, False),
        ParamSpec("uncalibrated", DataType.boolean, False),
    ]
)
OUTPUTS = Schema([ColSpec(DataType.string if name in WORDS else DataType.double, name) for name in COLUMNS])
SIGNATURE = ModelSignature(INPUTS, OUTPUTS, OPTIONS)
DESCRIBED = {"inputs": GIVEN, "outputs": COLUMNS, "params": CHOICES}


def description() -> str:
    """What goes in and what comes out, with units, as Markdown for the registry's page."""
    titles = {
        "inputs": "One row for each video",
        "outputs": "Answer: one row for each second",
        "params": "Parameters",
    }
    parts = [
        f"{titles[kind]}:\n\n" + "\n".join(f"- `{name}`: {meaning}" for name, meaning in columns.items())
        for kind, columns in DESCRIBED.items()
    ]
    return "\n\n".join(["SpO2 (%) per second, from the video of a face.", *parts])


def served_code(method: str) -> tuple[Path, ...]:
    """The project's files that the service runs with a model of this method."""
    module = entry_of(method).module
    return closure(SERVED_CODE, *([module] if module.partition(".")[0] in PACKAGES else []))


def save_video_model(
    folder: Path, model_folder: Path, described: Model, requirements: Sequence[str], example_video: bytes
) -> None:
    """Write the service into `folder`, as MLflow loads it where this project is not installed.

    Copied into it are the saved model of `model_folder` and the code that serving runs, nothing else of the project.
    requirements: of that code. example_video: a video file's content that the service answers to.
    """
    described.metadata = DESCRIBED
    with tempfile.TemporaryDirectory() as scratch:
        for file in served_code(json.loads((model_folder / "model.json").read_text())["model_name"]):
            target = Path(scratch) / file
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / file, target)
        mlflow.pyfunc.save_model(
            str(folder), python_model=str(SCRIPT), artifacts={SAVED_MODEL: str(model_folder.resolve())}, signature=SIGNATURE,
            input_example=pd.DataFrame({"video": [example_video]}), model_config=LIMITS, pip_requirements=list(requirements),
            mlflow_model=described, code_paths=[str(Path(scratch) / __name__.partition(".")[0])],
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
        """One row per video and second; null where there is no value. Raises MlflowException: 400, 429 where too many wait, or,
        out of time, 504."""
        from tast.prediction.request import Busy, TookTooLong  # as above

        given = params or {}
        rows = model_input.to_dict("records")
        deadline_s = self._reader.deadline_s()
        try:
            if not rows:
                raise TastError("no row: expected one for each video")
            if len(rows) > self._limits.max_rows:
                raise TastError(f"{len(rows)} rows are too many: expected at most {self._limits.max_rows} videos in a request")
            asked = [self._asked(number, row, given) for number, row in enumerate(rows)]  # a mistake costs no video
            traces = [
                self._trace(number, row, one, deadline_s) for number, (row, one) in enumerate(zip(rows, asked, strict=True))
            ]
        except TookTooLong as error:
            raise MlflowException(str(error), error_code=DEADLINE_EXCEEDED) from None
        except Busy as error:
            raise MlflowException(str(error), error_code=RESOURCE_EXHAUSTED) from None
        except TastError as error:
            raise MlflowException(str(error), error_code=INVALID_PARAMETER_VALUE) from None
        table = pd.concat([trace.table() for trace in traces], ignore_index=True)
        return table.astype(object).where(table.notna(), None)

    def _asked(self, number: int, row: Mapping[str, Any], params: Mapping[str, Any]) -> Asked:
        """What a row and the request's parameters ask for; nothing of it is looked for on this machine."""
        from tast.prediction.anchoring import anchor_in  # as above
        from tast.prediction.asked import Asked
        from tast.prediction.profiles import profile_in

        weights = self._reader.weights_sha256
        try:
            anchor, profile = (_text(row, name) for name in ("anchor", "profile"))
            return Asked(
                min_quality=float(params.get("min_quality", MIN_QUALITY)),
                largest_face=bool(params.get("largest_face", False)),
                uncalibrated=bool(params.get("uncalibrated", False)),
                anchor=anchor_in("`anchor`", anchor, weights),
                profile=profile_in("`profile`", profile, weights) if profile.strip() else None,
            )
        except TastError as error:
            raise TastError(f"row {number}: {error}") from None

    def _trace(self, number: int, row: Mapping[str, Any], asked: Asked, deadline_s: float) -> PredictedTrace:
        video, path = row.get("video"), row.get("path")
        if isinstance(video, bytes) == isinstance(path, str):
            raise TastError(f"row {number}: expected either `video` (a file's content) or `path`")
        if isinstance(video, bytes):
            return self._reader.read_bytes(f"video-{number}", video, asked, deadline_s=deadline_s)
        return self._reader.read_path(str(path), asked, deadline_s=deadline_s)


def _text(row: Mapping[str, Any], name: str) -> str:
    """Of a column; empty where the row has nothing there. MLflow lets anything through that stands in a column of texts."""
    value = row.get(name)
    if isinstance(value, str):
        return value
    if value is None or (isinstance(value, float) and math.isnan(value)):  # as a table has it
        return ""
    raise TastError(f"`{name}`: {type(value).__name__} {str(value)[:30]}; expected text")
