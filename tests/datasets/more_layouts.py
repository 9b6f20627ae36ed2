"""Writers of tiny sets in the layouts of SUMS, LADH, PhysDrive, MCD-rPPG, MTHS and plain traces; defects by their arguments."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.io

from tests.datasets.layouts import RgbImage, plain_image, write_container, write_png

EPOCH_S = 1_717_300_000.0  # June 2024
TICKS_PER_S = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}
FACE = plain_image((200, 20, 10), 24, 32)
MPEG4 = {"codec": "mpeg4", "pixel_format": "yuv420p", "options": {"qmin": "2", "qmax": "4"}}  # Part 2
H264 = {"codec": "libx264", "pixel_format": "yuv420p", "options": {"crf": "10", "bf": "0"}}


def stamps(times_s: Iterable[float], unit: str = "s", start_s: float = EPOCH_S) -> list[str]:
    """As a clock writes them: whole ticks, or seconds with six decimals."""
    ticks = TICKS_PER_S[unit]
    at = [start_s + time_s for time_s in times_s]
    return [f"{one:.6f}" for one in at] if unit == "s" else [str(round(one * ticks)) for one in at]


def write_table(path: Path, columns: dict[str, Sequence[object]]) -> None:
    rows = zip(*columns.values(), strict=True)
    path.write_text("\n".join([",".join(columns), *(",".join(map(str, row)) for row in rows)]) + "\n")


def write_take(
    folder: Path,
    video: str,
    frame_table: str,
    *,
    images: Sequence[RgbImage] = (FACE,) * 60,
    frame_s: Sequence[float] | None = None,
    rate_hz: float = 30.0,
    percent: Sequence[float] = (97, 96),
    reading_s: Sequence[float] | None = None,
    units: tuple[str, str, str, str] = ("s", "s", "s", "s"),
    columns: tuple[str, str] = ("timestamp", "spo2"),
    start_s: float = EPOCH_S,
    wave: npt.NDArray[np.floating] | None = None,
    coded: dict[str, object] | None = None,
) -> Path:
    """One camera's video and the session's tables. units: of the stamps of frames, SpO2, HR and BVP."""
    folder.mkdir(parents=True, exist_ok=True)
    write_container(folder / video, images, fps=25, **(coded or H264))
    at_s = np.arange(len(images)) / rate_hz if frame_s is None else np.asarray(frame_s)
    read_s = np.arange(len(percent)) + 0.2 if reading_s is None else np.asarray(reading_s)
    frames, spo2, rate, bvp = units
    write_table(folder / frame_table, {"frame": range(len(at_s)), "timestamp": stamps(at_s, frames, start_s)})
    write_table(folder / "SpO2.csv", {columns[0]: stamps(read_s, spo2, start_s), columns[1]: [f"{one:g}" for one in percent]})
    write_table(folder / "HR.csv", {"timestamp": stamps(read_s, rate, start_s), "hr": [70] * len(read_s)})
    pulse = 50 + 40 * np.sin(np.arange(20 * len(percent)) / 3) if wave is None else wave
    pulse_s = np.arange(len(pulse)) / 20
    write_table(folder / "BVP.csv", {"timestamp": stamps(pulse_s, bvp, start_s), "bvp": [f"{one:.3f}" for one in pulse]})
    return folder


def write_sums_state(root: Path, place: str = "060203/v01", *, finger: bool = True, **take) -> Path:
    folder = write_take(root / place, "video_ZIP_H264_face.avi", "frames_timestamp.csv", **take)
    if finger:
        write_container(folder / "video_ZIP_H264_finger.avi", [plain_image((250, 5, 5), 24, 32)] * 3, **H264)
    return folder


def write_ladh_station(root: Path, place: str = "12_05/p_12_05_wangxm/v01", *, infrared: bool = True, **take) -> Path:
    folder = write_take(root / place, "video_RGB_H264.avi", "frames_timestamp_RGB.csv", **take)
    if infrared:
        write_take(
            folder, "video_IR_H264.avi", "frames_timestamp_IR.csv", **take | {"images": [plain_image((90, 90, 90), 24, 32)] * 60}
        )
    return folder


def write_physdrive_session(
    root: Path,
    place: str = "AFH1/A1",
    *,
    images: Sequence[RgbImage] = (FACE,) * 60,
    numbers: Sequence[int] | None = None,
    names: str = "{}.png",
    percent: Sequence[float] = (97, 96),
    key: str = "SPO2",
    video: str = "",
    recorded_s: Sequence[float] | None = None,
) -> Path:
    """Frames numbered from 1, or a video of that name; recorded_s: stamps of Recording_Physiological_Data.csv."""
    folder = root / place
    (folder / "Label").mkdir(parents=True)
    if video:
        (folder / video).parent.mkdir(exist_ok=True)
        write_container(folder / video, images, **H264)
    else:
        (folder / "Align").mkdir()
        for number, image in zip(numbers or range(1, len(images) + 1), images, strict=True):
            write_png(folder / "Align" / names.format(number), image)
    scipy.io.savemat(folder / "Label" / "SPO2.mat", {key: np.array(percent, dtype=float)[None]})
    scipy.io.savemat(folder / "Label" / "HR.mat", {"HR": np.full((len(percent), 1), 70.0)})
    scipy.io.savemat(folder / "Label" / "BVP.mat", {"BVP": 50 + 40 * np.sin(np.arange(50 * len(percent)) / 8)[:, None]})
    if recorded_s is not None:
        write_table(folder / "Recording_Physiological_Data.csv", {"Timestamp": list(recorded_s), "HR": [70] * len(recorded_s)})
    return folder


def mcd_row(name: str, saturation: object, **other: object) -> dict[str, object]:
    """A row of db.csv as the authors' notebook shows it, some of its 25 columns."""
    patient, camera, step = name.split("_")
    return {
        "patient_id": patient, "age": 23.0, "sex": "F", "upper_ap": 113.0, "saturation": saturation, "pulse": 100.0,
        "step": step, "camera": camera, "view": "front", "ecg": f"ecg/{patient}_{step}.json", "ppg": f"ppg/{patient}_{step}.PW",
        "video": f"video/{name}.avi", "meta": f"meta/{name}.txt", "ppg_sync": f"ppg_sync/{name}.txt",
    } | other  # fmt: skip


def write_mcd_table(root: Path, rows: Sequence[dict[str, object]]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    write_table(root / "db.csv", {name: [row[name] for row in rows] for name in rows[0]})


def write_mcd_video(
    root: Path,
    name: str = "1020_FullHDwebcam_before",
    *,
    images: Sequence[RgbImage] = (FACE,) * 60,
    rate_hz: float = 30.0,
    n_stamps: int | None = None,
    meta: bool = True,
    wave: npt.NDArray[np.floating] | None = None,
    offset_s: Sequence[float] | None = None,
) -> Path:
    """The video (MPEG-4 Part 2, whose container says 25 Hz), a stamp for each frame, and the contact wave beside it."""
    for folder in ("video", "meta", "ppg_sync"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    path = root / "video" / f"{name}.avi"
    write_container(path, images, fps=25, **MPEG4)
    n = len(images) if n_stamps is None else n_stamps
    start = datetime(2024, 6, 2, 10, 0, 0)
    if meta:
        lines = [f"{k}\t{start + timedelta(seconds=k / rate_hz)}" for k in range(n)]
        (root / "meta" / f"{name}.txt").write_text("\n".join(lines) + "\n")
    pulse = np.rint(128 + 60 * np.sin(np.arange(n) / 4)) if wave is None else wave
    far = np.full(n, 0.004) if offset_s is None else np.asarray(offset_s)
    rows = [f"{value:.6e} {off:.6e}" for value, off in zip(pulse, far, strict=True)]
    (root / "ppg_sync" / f"{name}.txt").write_text("\n".join(rows) + "\n")
    return path


def write_mths_person(
    root: Path, number: int = 12, *, seconds: int = 60, percent: Sequence[float] | None = None, per_minute: float = 72
) -> None:
    folder = root / "MTHS" / "Data"
    folder.mkdir(parents=True, exist_ok=True)
    wave = np.sin(2 * np.pi * 1.2 * np.arange(30 * seconds) / 30)
    np.save(folder / f"signal_{number}.npy", np.column_stack([200 - 2 * wave, 40 - 0.8 * wave, 20 - 0.3 * wave]))
    spo2 = np.linspace(99, 93, seconds).round() if percent is None else np.asarray(percent, dtype=float)
    np.save(folder / f"label_{number}.npy", np.column_stack([np.full(len(spo2), per_minute), spo2]))
