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


def write_numbers(path: Path, header: str | None, values: Sequence[float]) -> None:
    path.write_text("".join(f"{line}\n" for line in ([] if header is None else [header]) + [f"{value:g}" for value in values]))


def write_vipl_hr_video(
    root: Path,
    place: str = "p1/v1/source1",
    *,
    n_frames: int = 60,
    rate_hz: float = 30.0,
    percent: Sequence[float] = (97, 96),
    pulse_per_min: Sequence[float] = (70, 71),
    times_ms: Sequence[int] | None = None,
    height: int = 24,
    width: int = 32,
) -> Path:
    """One camera's folder; its container says 25 Hz whatever rate_hz is. No time.txt for source2. Returns the folder."""
    folder = root / "data" / place
    folder.mkdir(parents=True)
    write_container(folder / "video.avi", [plain_image((200, 20, 10), height, width)] * n_frames, fps=25)
    write_numbers(folder / "gt_SpO2.csv", "SpO2", percent)
    write_numbers(folder / "gt_HR.csv", "HR", pulse_per_min)
    write_numbers(folder / "wave.csv", "Wave", np.arange(60 * len(percent)) % 100)
    if not place.endswith("source2"):
        stamps = [round(k * 1000 / rate_hz) for k in range(n_frames)] if times_ms is None else times_ms
        (folder / "time.txt").write_text("".join(f"{stamp}\n" for stamp in stamps))
    return folder


def write_recording(
    root: Path,
    record_id: str = "anna_1",
    *,
    subject_id: str = "anna",
    readings: Sequence[tuple[object, ...]] = ((0, 97), (1, 96)),
    columns: Sequence[str] = ("times_s", "percent"),
    n_frames: int = 40,
) -> None:
    """A video, its table of readings, and its row in recordings.csv (begun if need be)."""
    root.mkdir(parents=True, exist_ok=True)
    write_container(root / f"{record_id}.avi", [plain_image((200, 20, 10), 24, 32)] * n_frames)
    write_table(root / f"{record_id}.csv", columns, readings)
    table = root / "recordings.csv"
    if not table.exists():
        table.write_text("subject_id,record_id,video,spo2,scenario\n")
    with table.open("a") as file:
        file.write(f"{subject_id},{record_id},{record_id}.avi,{record_id}.csv,rest\n")


def write_table(path: Path, columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
    path.write_text("".join(",".join(map(str, row)) + "\n" for row in (tuple(columns), *rows)))
