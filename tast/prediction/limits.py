"""What a service of predictions allows a request to ask for: the model's config, checked as params.yaml is."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from tast.errors import BadInput

Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(gt=0)]


class Limits(BaseModel):
    """Limits of one request and of each video in it; docs/prediction.md says what lies beyond each.

    max_mb: size of a video in MiB. max_s: from its first frame to its last. timeout_s: for the whole request, waiting for others
    included. max_pixels: of a frame. max_streams: of a container, sound included. max_memory_mb: what reading the video is
    expected to take beside the program, and the most that decoding it may. max_rows: videos in a request. max_waiting: requests
    that wait while one is computed; a request more is refused at once. video_root: the folder that a `path` must lie in; None: no
    `path` is taken.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    max_mb: Positive = 64.0
    max_s: Positive = 300.0
    timeout_s: Positive = 50.0  # MLflow gives up after 60 s
    max_pixels: Count = 4096 * 2304
    max_frames: Count = 36_000  # 300 s at 120 Hz
    max_streams: Count = 16
    max_memory_mb: Positive = 3072.0
    max_rows: Count = 8
    max_waiting: Annotated[int, Field(ge=0)] = 3  # MLflow has a thread for each core and four more: one must be free to refuse
    video_root: Path | None = None

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Raises BadInput: an unknown key, a value that does not fit it, a video_root that is no folder."""
        try:
            limits = cls.model_validate(dict(config))
        except ValidationError as error:
            mistake = error.errors()[0]
            key = ".".join(map(str, mistake["loc"]))
            if mistake["type"] == "extra_forbidden":
                raise BadInput("model config", f"unknown key {key!r}", f"one of {', '.join(cls.model_fields)}") from None
            raise BadInput("model config", f"{key} = {mistake['input']!r}", str(mistake["msg"])) from None
        if limits.video_root is not None and not limits.video_root.is_dir():
            raise BadInput("model config", f"video_root = {str(limits.video_root)!r}", "a folder that is there")
        return limits
