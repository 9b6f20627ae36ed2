"""Under which key a preprocessed video is cached: a digest of everything that decides its pixels, and of nothing else."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from tast.digests import file_digest
from tast.errors import BadInput
from tast.records import VideoSource


def item_key(video: VideoSource, settings: Mapping[str, Any], computed_by: Mapping[str, Any], models: tuple[Path, ...]) -> str:
    """sha256 over the source's bytes, the frames' times, the settings of the steps, what computes them, their models.

    Raises BadInput where a source file cannot be read.
    """
    times_s = b"" if video.frame_times_s is None else video.frame_times_s.astype("<f8").tobytes()
    decisive = {
        "source": _source_digests(video),
        "times_s": hashlib.sha256(times_s).hexdigest(),
        "settings": settings,
        "computed_by": computed_by,
        "models": [_model_digest(path) for path in models],
    }
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def source_files(video: VideoSource) -> list[Path]:
    """The container, or the images in order of time."""
    return [video.path] if video.frame_files is None else [video.path / name for name in video.frame_files]


def _source_digests(video: VideoSource) -> list[str]:
    digests = []
    for file in source_files(video):
        try:
            digests.append(file_digest(file))
        except OSError as error:
            raise BadInput(file, f"cannot be read ({error.strerror})", "a video or its images") from None
    return digests


@lru_cache(maxsize=16)
def _model_digest(path: Path) -> str:
    return file_digest(path)
