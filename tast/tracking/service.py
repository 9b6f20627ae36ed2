"""The served model behind a door of its own: `tast serve`.

MLflow's scoring server reads a body of any size, of three kinds, for as many as ask, and shows a client its stack traces; this
one takes the same request and gives the same answer, and nothing beside. Its interface is described at /openapi.json.
"""

from __future__ import annotations

import base64
import os
import warnings
from typing import Annotated, Any, Self

import pandas as pd
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from mlflow.exceptions import MlflowException
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema, model_validator
from starlette.exceptions import HTTPException

from tast.prediction import MIN_QUALITY
from tast.prediction.limits import Limits
from tast.tracking.door import Application, Door, DoorLimits, one_line
from tast.tracking.serving import CHOICES, GIVEN

MEBIBYTE = 2**20
WRONG: dict[int | str, dict[str, Any]] = {
    status: {"description": meaning, "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Wrong"}}}}
    for status, meaning in {
        400: "a mistake in the request, or a video that cannot be read or is refused",
        401: "no token, or another one",
        408: "the request did not come in time",
        413: "too large a request",
        415: "no JSON",
        429: "too many requests wait; try again later",
        504: "not computed in time",
    }.items()
}


def _decoded(text: object) -> bytes:
    if not isinstance(text, str):
        raise ValueError("expected text: the content as base64")
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:  # binascii's is one
        raise ValueError("expected base64, without blanks or ends of lines") from None


Content = Annotated[bytes, BeforeValidator(_decoded), WithJsonSchema({"type": "string", "format": "byte"})]


class Row(BaseModel):
    """One video: either `video` or `path`."""

    model_config = ConfigDict(extra="forbid")

    video: Annotated[Content | None, Field(description=GIVEN["video"])] = None
    path: Annotated[str | None, Field(description=GIVEN["path"])] = None
    anchor: Annotated[str | None, Field(description=GIVEN["anchor"])] = None
    profile: Annotated[str | None, Field(description=GIVEN["profile"])] = None

    @model_validator(mode="after")
    def _one_video(self) -> Self:
        if (self.video is None) == (self.path is None):
            raise ValueError("expected either `video` (a file's content) or `path`")
        return self


class Choices(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    min_quality: Annotated[float, Field(ge=0, le=1, description=CHOICES["min_quality"])] = MIN_QUALITY
    largest_face: Annotated[bool, Field(description=CHOICES["largest_face"])] = False
    uncalibrated: Annotated[bool, Field(description=CHOICES["uncalibrated"])] = False


class Asked(BaseModel):
    """A request, as MLflow's scoring server takes it."""

    model_config = ConfigDict(extra="forbid")

    dataframe_records: Annotated[list[Row], Field(min_length=1)]
    params: Choices = Choices()


class Second(BaseModel):
    """One second of one video; docs/prediction.md says what each column means. null: no value."""

    model_config = ConfigDict(extra="forbid")

    video: str
    start_s: float
    spo2_percent: float | None
    lower_percent: float | None
    upper_percent: float | None
    coverage: float | None
    quality: float | None
    face_share: float | None
    pulse_snr_db: float | None
    pulse_per_minute: float | None
    anchored_by_percent: float | None
    trend: float | None
    calibrated_by: str
    trained_on: str
    causes: str


class Answer(BaseModel):
    predictions: list[Second]


class Wrong(BaseModel):
    message: str


def service(model: Any, limits: Limits, *, max_request_mb: float, max_outside: int = 32, token: str = "") -> Application:
    """An ASGI application. model: MLflow's, of tast.tracking.serving, loaded under these limits.

    max_request_mb: MiB of JSON, videos as base64 (a third more than their bytes). max_outside: requests that wait unread, beside
    those that limits.max_waiting lets wait. token: "" asks nobody for one.
    """
    application = FastAPI(
        title="TAST", description="SpO2 (%) per second, from the video of a face.", docs_url=None, redoc_url=None,
        redirect_slashes=False,  # to where the client's own Host header says
    )  # fmt: skip
    application.add_api_route("/invocations", _invocations(model), methods=["POST"], response_model=Answer, responses=WRONG)
    application.add_api_route("/health", _health, methods=["GET"])
    application.add_exception_handler(RequestValidationError, _mistake)
    application.add_exception_handler(HTTPException, _no_such)
    application.add_exception_handler(MlflowException, _refused)
    described = application.openapi()
    described["components"]["schemas"]["Wrong"] = Wrong.model_json_schema()
    del described["paths"]["/invocations"]["post"]["responses"]["422"]
    inside = 1 + limits.max_waiting
    return Door(application, DoorLimits(int(max_request_mb * MEBIBYTE), inside, max_outside, limits.timeout_s, token=token))


def load_service(uri: str, limits: dict[str, Any], store: str | None = None) -> Any:
    """MLflow's model at a uri, under these limits (tast.prediction.limits); nothing of it is unpickled. store: its registry."""
    os.environ["MLFLOW_ALLOW_PICKLE_DESERIALIZATION"] = "false"
    with warnings.catch_warnings():  # importing it, MLflow warns of type hints of its own
        warnings.simplefilter("ignore", UserWarning)
        from mlflow import set_tracking_uri
        from mlflow.pyfunc import load_model
    if store is not None:
        set_tracking_uri(store)
    return load_model(uri, model_config=limits)


def _invocations(model: Any) -> Any:
    def invocations(asked: Asked) -> dict[str, Any]:
        rows = [{name: getattr(row, name) for name in Row.model_fields} for row in asked.dataframe_records]
        table = pd.DataFrame(rows, columns=list(Row.model_fields), dtype=object)
        table = table.drop(columns=[name for name in table if table[name].isna().all()])
        return {"predictions": model.predict(table, params=asked.params.model_dump()).to_dict("records")}

    return invocations


def _health() -> dict[str, str]:
    return {"message": "ready"}


async def _mistake(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = "" if first["type"] == "json_invalid" else ".".join(map(str, first["loc"][1:]))
    return _wrong(400, f"{where}: {first['msg']}" if where else str(first["msg"]))


async def _no_such(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return _wrong(
        error.status_code, f"{request.method} {request.url.path}: {error.detail}; expected POST /invocations", error.headers
    )


async def _refused(request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, MlflowException)
    status = error.get_http_status_code()
    return _wrong(status, error.message, {"Retry-After": "5"} if status == 429 else None)


def _wrong(status: int, message: str, headers: Any = None) -> JSONResponse:
    return JSONResponse({"message": one_line(message)}, status, headers=headers)
