"""Pictures that a recorder shows once more carry no light of their own time into the signal, whoever reads the frames."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tast.params import load_params
from tast.phantom.delivery import arrivals, delivered
from tast.preprocessing.pipeline import settings_of
from tast.preprocessing.steps import Settings, after_each_step, preprocess_video
from tast.records import FaceVideo, VideoSource
from tast.video.coding import Coding
from tast.video.facts import SourceMeter
from tast.video.read import read_pictures
from tast.video.write_coded import write_coded
from tests.preprocessing import scene

FPS_HZ, PULSE_HZ, SECONDS = 30.0, 1.2, 10 / 3  # four whole beats
N_FRAMES = round(SECONDS * FPS_HZ)
DOUBLED = np.arange(3, N_FRAMES - 1, 4)
LOSSLESS = Coding("h264", ".mp4", quality=0, matrix="bt709")


@pytest.fixture(scope="module")
def settings() -> Settings:
    return settings_of(load_params(Path(__file__).parents[2] / "params.yaml").preprocess.model_dump())


@pytest.fixture(scope="module")
def sent() -> list[Any]:
    """A face that pulses by 2 %, every fourth picture being the one before it."""
    motion = scene.still(SECONDS, FPS_HZ)
    pulse = np.sin(2 * np.pi * PULSE_HZ * motion.times_s)[:, None]
    return list(delivered(scene.film(motion, gain=1 + 0.02 * pulse * np.ones(3)), arrivals(N_FRAMES, doubled=DOUBLED)))


def off_the_sine(face: FaceVideo) -> float:
    """What of green's wave is no sine at the pulse's rate, as a share of the sine."""
    inside = (face.frames != 0).any(axis=(0, 3))
    green = face.frames[:, inside, 1].mean(axis=1, dtype=np.float64)
    phase = 2 * np.pi * PULSE_HZ * face.times_s
    design = np.column_stack([np.ones_like(phase), np.sin(phase), np.cos(phase)])
    fitted = design @ np.linalg.lstsq(design, green, rcond=None)[0]
    return float((green - fitted).std() / fitted.std())


def after(step: str, steps: Any) -> FaceVideo:
    return next(face for name, face in steps if name == step)


@pytest.mark.parametrize("quality", [None, 0, 8])
def test_the_wave_is_the_pulses(sent: list[Any], settings: Settings, tmp_path: Path, quality: int | None) -> None:
    """Frames in memory, as a camera's, and in files whose codec leaves repeated pictures equal, and unequal. Shown where they are
    not, they make a wave of 11 % of the pulse beside it; interpolation leaves 2 %."""
    meter = None
    frames: Any = sent
    if quality is not None:
        coding = Coding("h264", ".mp4", quality=quality, matrix="bt709")
        meter = SourceMeter()
        frames = read_pictures(VideoSource(write_coded(tmp_path / "film", sent, coding)), meter=meter)
    steps = after_each_step("film", frames, settings, meter)
    aligned = after("align", steps)
    np.testing.assert_allclose(aligned.times_s, np.delete(np.arange(N_FRAMES), DOUBLED) / FPS_HZ, atol=1e-4)
    assert off_the_sine(after("resample", steps)) < 0.04


def test_the_stage_counts_them_and_keeps_the_videos_time(sent: list[Any], settings: Settings, tmp_path: Path) -> None:
    video = VideoSource(write_coded(tmp_path / "film", sent, LOSSLESS))
    pieces = preprocess_video("film", video, settings)
    (face,) = pieces.faces
    source = pieces.source()
    assert source is not None and (source.n_frames, source.n_doubled) == (N_FRAMES, len(DOUBLED))
    assert face.times_s[0] == 0 and face.times_s[-1] == pytest.approx((N_FRAMES - 1) / FPS_HZ, abs=1 / 15)
    assert face.surroundings is not None and face.surroundings.repeated.sum() == len(DOUBLED)


def test_a_face_without_repeated_pictures_keeps_every_frame(settings: Settings) -> None:
    motion = scene.still(0.5, FPS_HZ)
    aligned = after("align", after_each_step("film", scene.film(motion), settings))
    np.testing.assert_array_equal(aligned.times_s, motion.times_s)
