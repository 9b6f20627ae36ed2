"""Writers of tiny data sets in the layouts of PURE, VIPL-HR and own recordings; each test makes the defects that it needs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import numpy.typing as npt

RgbImage = npt.NDArray[np.uint8]
Reading = dict[str, Any]

START_NS = 1_392_643_993_642_815_000  # where session 01-01 of PURE begins: more digits than a float holds


def plain_image(rgb: tuple[int, int, int], height: int = 8, width: int = 8) -> RgbImage:
    return np.full((height, width, 3), rgb, dtype=np.uint8)


def write_png(path: Path, image: RgbImage) -> None:
    path.write_bytes(cv2.imencode(".png", np.ascontiguousarray(image[..., ::-1]))[1].tobytes())


def write_container(
    path: Path,
    images: Sequence[RgbImage],
    *,
    codec: str = "mjpeg",
    pixel_format: str = "yuvj420p",
    times_ms: Sequence[int] | None = None,
    fps: int = 25,
    rotation_degrees: int = 0,
    options: dict[str, str] | None = None,
) -> None:
    """A video file; times_ms gives each frame its time stamp (containers with a free time base), else a constant rate."""
    tick = Fraction(1, 1000) if times_ms is not None else Fraction(1, fps)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=fps, options=options or {})
        stream.height, stream.width = images[0].shape[:2]
        stream.pix_fmt = pixel_format
        stream.codec_context.time_base = tick
        if rotation_degrees:
            stream.set_display_rotation(rotation_degrees)
        for number, image in enumerate(images):
            frame = av.VideoFrame.from_ndarray(image, format="rgb24")
            frame.pts, frame.time_base = (times_ms[number] if times_ms is not None else number), tick
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def pure_reading(percent: float = 97, pulse_per_min: float = 70, wave: float = 50, **changed: Any) -> Reading:
    """The value of one package of PURE's oximeter, with all its keys."""
    reading = {
        "barGraph": 5, "beep": False, "droppingo2Sat": False, "o2saturation": percent, "probeError": False,
        "pulseRate": pulse_per_min, "searching": False, "searchingToLong": False, "signalStrength": 6, "waveform": wave,
    }  # fmt: skip
    return reading | changed


def pure_content(image_ns: Sequence[int], readings: Sequence[tuple[int, Reading]]) -> dict[str, Any]:
    return {
        "/FullPackage": [{"Timestamp": stamp, "Value": reading, "FrameID": ""} for stamp, reading in readings],
        "/Image": [{"Timestamp": stamp, "Value": {}, "FrameID": "/CameraFrame"} for stamp in image_ns],
    }


def oximeter_stamps_ns(start_ns: int, n: int) -> list[int]:
    """PURE's 60 Hz clock: steps of 16 ms, every ninth doubled."""
    steps = [32_000_000 if k % 9 == 8 else 16_000_000 for k in range(n - 1)]
    return [start_ns + sum(steps[:k]) for k in range(n)]


def write_pure_session(
    root: Path,
    name: str = "01-01",
    *,
    n_images: int = 10,
    readings: Sequence[tuple[int, Reading]] | None = None,
    json_above: bool = False,
    image: RgbImage | None = None,
    start_ns: int = START_NS,
) -> Path:
    """A session of n_images at 30 Hz and its oximeter; returns the JSON's path. json_above: the JSON lies one level up."""
    folder = root / name / name
    folder.mkdir(parents=True)
    stamps = [start_ns + k * 33_333_333 for k in range(n_images)]
    for stamp in stamps:
        write_png(folder / f"Image{stamp}.png", plain_image((200, 20, 10)) if image is None else image)
    if readings is None:
        readings = [(stamp, pure_reading()) for stamp in oximeter_stamps_ns(start_ns, 2 * n_images)]
    path = (root if json_above else root / name) / f"{name}.json"
    path.write_text(json.dumps(pure_content(stamps, readings)), encoding="utf-8")
    return path
