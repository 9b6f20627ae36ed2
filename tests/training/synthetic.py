"""A clip store made in a moment whose frames carry SpO2 only in the ratio of the colours' pulses, as skin does."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tast.clip_store import ClipRow, ClipStore, write_tables
from tast.light import as_columns, light_path
from tast.records import FaceLight

MAGNIFICATION = 120
BLUE_OVER_GREEN = 1.3


def red_over_green(spo2_percent: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """A line as pulse oximetry's, SpO2 = 110 - 50 R, read backwards: red's pulse is a fifth to two thirds of green's."""
    return (110.0 - spo2_percent) / 50.0


def face_frames(
    spo2_percent: npt.NDArray[np.floating],
    rng: np.random.Generator,
    *,
    frames: int,
    size_px: int,
    common_noise: float,
    pixel_noise: float,
) -> npt.NDArray[np.float16]:
    """Magnified frames (T, H, W, 3) of a disc of skin, black around it; one SpO2 value per second."""
    seconds = len(spo2_percent)
    times_s = np.arange(frames) * seconds / frames
    pulse = np.sin(2 * np.pi * rng.uniform(0.9, 1.7) * times_s + rng.uniform(0, 2 * np.pi)) * rng.uniform(0.005, 0.015)
    ratio = np.interp(times_s, np.arange(seconds) + 0.5, red_over_green(spo2_percent))
    common = rng.normal(0, common_noise, frames)
    ac = np.stack([ratio * pulse, pulse, BLUE_OVER_GREEN * pulse], axis=-1) + common[:, None]
    y, x = np.mgrid[:size_px, :size_px] / (size_px - 1) - 0.5
    skin = (x**2 + y**2 < 0.2) * (1 - 0.5 * x * rng.uniform(-1, 1))
    colour = np.sort(rng.uniform(40, 180, 3))[::-1]
    light = skin[:, :, None] * colour
    noise = rng.normal(0, pixel_noise, (frames, size_px, size_px, 3))
    return (light * (1 + (1 + MAGNIFICATION) * (ac[:, None, None] + noise))).astype(np.float16)


def write_store(
    folder: Path, *, seed: int, subjects: int, clips: int, frames: int = 60, size_px: int = 16, seconds: int = 4,
    common_noise: float = 0.0, pixel_noise: float = 0.0, preprocessing: Mapping[str, Any] | None = None,
) -> ClipStore:  # fmt: skip
    """A store of `subjects` x `clips` clips, each a recording of its own, SpO2 between 75 and 100 with a slow slope.

    The first subjects are the same, however many there are. preprocessing: what the store says they were made with.
    """
    rng = np.random.default_rng(seed)
    light_path(folder, "").parent.mkdir(parents=True, exist_ok=True)
    rows = []
    for subject in range(subjects):
        for clip in range(clips):
            start, slope = rng.uniform(78, 97), rng.uniform(-3, 3)
            spo2 = start + slope * np.linspace(0, 1, seconds)
            record_id = f"s{subject:02d}-{clip:02d}"
            video = face_frames(spo2, rng, frames=frames, size_px=size_px, common_noise=common_noise, pixel_noise=pixel_noise)
            np.save(folder / f"{record_id}.npy", video)
            steady = video.mean(axis=(0, 1, 2), dtype=np.float64)
            skin = steady + (video.mean(axis=(1, 2), dtype=np.float64) - steady) / (1 + MAGNIFICATION)
            np.save(light_path(folder, record_id), as_columns(FaceLight(skin, np.full(skin.shape, 90.0))))
            values = {
                "clip_id": f"{record_id}-000",
                "subject_id": f"s{subject:02d}",
                "record_id": record_id,
                "file": f"{record_id}.npy",
            }
            constants = {"dataset": "synthetic", "scenario": "steady", "first_frame": 0, "start_s": 0.0, "quality": 1.0}
            rows.append(
                ClipRow(**values, **constants, n_frames=frames, fps_hz=frames / seconds, spo2_percent=tuple(spo2.tolist()))
            )
    write_tables(folder, rows, [], [], dict(preprocessing or {"kind": "synthetic"}))
    return ClipStore(folder)
