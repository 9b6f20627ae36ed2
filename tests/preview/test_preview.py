"""A film and a contact sheet of a real face that pulses."""

from __future__ import annotations

from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from tast.errors import VideoRejected
from tast.params import load_params
from tast.preprocessing.pipeline import settings_of
from tast.preprocessing.steps import Settings
from tast.preview.preview import Steps, shown, steps_of, write_preview
from tast.records import VideoSource
from tast.video.read import read_frames
from tests.preprocessing import scene

PULSE_HZ = 1.5


@pytest.fixture(scope="module")
def settings() -> Settings:
    return settings_of(load_params(Path(__file__).parents[2] / "params.yaml").preprocess.model_dump())


@pytest.fixture(scope="module")
def frames() -> list[tuple[float, np.ndarray]]:
    """Four seconds, of which a few frames were dropped by the camera."""
    motion = scene.still(4.0)
    pulse = np.sin(2 * np.pi * PULSE_HZ * motion.times_s)[:, None]
    whole = list(scene.film(motion, gain=1 + 0.01 * pulse * [0.5, 1, 0.6]))
    return whole[:50] + whole[53:]


@pytest.fixture(scope="module")
def steps(frames: list[tuple[float, np.ndarray]], settings: Settings) -> Steps:
    return steps_of("visit", frames, settings)


@pytest.fixture(scope="module")
def written(
    frames: list[tuple[float, np.ndarray]], steps: Steps, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, Path]:
    return write_preview(tmp_path_factory.mktemp("out"), "visit", frames, steps, settings)


def test_the_pulse_is_found(steps: Steps) -> None:
    assert steps.pulse.peak_per_minute == pytest.approx(60 * PULSE_HZ, abs=3)
    assert steps.masked.frames.shape == steps.aligned.frames.shape


def test_the_film_has_every_frame_at_its_true_time(written: tuple[Path, Path], frames: list[tuple[float, np.ndarray]]) -> None:
    with av.open(str(written[0])) as container:
        times_s = [frame.time for frame in container.decode(video=0)]
        codec = container.streams.video[0].codec_context
        assert (codec.name, codec.pix_fmt) == ("h264", "yuv420p")
    np.testing.assert_allclose(times_s, [time_s for time_s, _ in frames], atol=0.001)


def same_film(one: Path, other: Path) -> bool:
    """The same frames at the same times, to what the encoder rounds: its bytes may differ from run to run."""
    pairs = zip(read_frames(VideoSource(one)), read_frames(VideoSource(other)), strict=True)
    return all(t == u and np.abs(a.astype(int) - b.astype(int)).mean() < 0.5 for (t, a), (u, b) in pairs)


def test_the_sheet_is_a_picture_and_the_same_again(
    written: tuple[Path, Path], frames: list[tuple[float, np.ndarray]], steps: Steps, settings: Settings, tmp_path: Path
) -> None:
    film, sheet = written
    image = cv2.imread(str(sheet))
    assert image.shape[1] == 1760
    assert image.std() > 30
    again = write_preview(tmp_path, "visit", frames, steps, settings)
    assert sheet.read_bytes() == again[1].read_bytes()
    assert same_film(film, again[0])
    assert {path.name for path in tmp_path.iterdir()} == {"visit.mp4", "visit.png"}


def test_magnified_frames_are_clipped_not_wrapped() -> None:
    np.testing.assert_array_equal(shown(np.array([-300.0, -0.4, 12.6, 254.9, 700], np.float16)), [0, 0, 13, 255, 255])


def test_a_video_without_a_face_is_refused_with_its_reason(settings: Settings) -> None:
    with pytest.raises(VideoRejected, match="no face found"):
        steps_of("empty", scene.film(scene.still(1.0), hidden=range(1000)), settings)
