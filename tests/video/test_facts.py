"""What a source is comes out of decoding it once: rate, bits, colours, what was lost, doubled, assumed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tast.phantom.delivery import arrivals, delivered
from tast.records import SourceFacts, VideoSource
from tast.video.coding import Coding
from tast.video.facts import SourceMeter, doubts
from tast.video.read import read_pictures
from tast.video.write_coded import Timed, write_coded
from tests.datasets.layouts import plain_image, write_png

HEIGHT, WIDTH, N_FRAMES = 48, 64, 30
H264 = Coding("h264", ".mp4", quality=10, matrix="bt709")


def noise(bits: int = 8) -> list[Timed]:
    rng = np.random.default_rng(2)
    dtype = np.uint8 if bits == 8 else np.uint16
    return [(k / 30, rng.integers(0, 2**bits, (HEIGHT, WIDTH, 3), dtype=dtype)) for k in range(N_FRAMES)]


def facts_of(video: VideoSource) -> SourceFacts:
    meter = SourceMeter()
    assert meter.facts() is None
    assert list(read_pictures(video, meter=meter))
    facts = meter.facts()
    assert facts is not None
    return facts


def test_of_a_phones_video(tmp_path: Path):
    coding = Coding("hevc", ".mp4", quality=10, bits=10, matrix="bt2020", transfer="hlg", rotation_degrees=90)
    path = write_coded(tmp_path / "phone", noise(10), coding)
    facts = facts_of(VideoSource(path))
    measured = facts.bits_per_pixel
    assert measured == pytest.approx(8 * path.stat().st_size / (N_FRAMES * HEIGHT * WIDTH), rel=0.05)
    assert replace(facts, bits_per_pixel=0.0, step_sd_ms=0.0, taken_hz=0.0) == SourceFacts(
        codec="hevc", width_px=HEIGHT, height_px=WIDTH, bits_per_pixel=0.0, bits=10, subsampling="420", full_range=False,
        matrix="bt2020", transfer="hlg", primaries="bt2020", rotation_degrees=90, nominal_hz=30.0, measured_hz=30.0,
        n_frames=N_FRAMES, n_dropped=0, n_doubled=0, assumed=(),
    )  # fmt: skip


def test_dropped_frames_leave_the_others_at_their_times(tmp_path: Path):
    path = write_coded(tmp_path / "v", delivered(noise(), arrivals(N_FRAMES, lost=[7, 8, 20])), H264)
    times_s = [time_s for time_s, _ in read_pictures(VideoSource(path))]
    np.testing.assert_allclose(times_s, np.delete(np.arange(N_FRAMES), [7, 8, 20]) / 30, atol=1e-4)
    facts = facts_of(VideoSource(path))
    assert (facts.n_frames, facts.n_dropped, facts.n_doubled) == (27, 3, 0)


def test_doubled_frames_are_counted(tmp_path: Path):
    path = write_coded(tmp_path / "v", delivered(noise(), arrivals(N_FRAMES, doubled=[5, 6, 15])), replace(H264, quality=0))
    facts = facts_of(VideoSource(path))
    assert (facts.n_frames, facts.n_dropped, facts.n_doubled) == (30, 0, 3)
    assert doubts(facts) == (
        "3 of 30 frames show the one before them once more",
        "its frames come evenly, at 30 Hz, but its camera took about 27 pictures a second: when each was taken is lost",
    )
    assert doubts(replace(facts, step_sd_ms=1.5)) == doubts(facts)[:1], "the times are a camera's"
    assert facts.taken_hz == 27.0 and doubts(replace(facts, n_doubled=0, taken_hz=30.0)) == doubts(None) == ()


def test_a_rate_that_lies_stands_beside_the_true_one(tmp_path: Path):
    path = write_coded(tmp_path / "v", noise(), Coding("mpeg4", ".avi", quality=2, rate_hz=25.0, tagged=False))
    facts = facts_of(VideoSource(path, None, np.arange(N_FRAMES) / 30))
    assert (facts.codec, facts.nominal_hz, facts.measured_hz) == ("mpeg4", 25.0, 30.0)
    assert doubts(facts) == ("its container announces 25 Hz, but its frames' times have 30 Hz",)
    assert doubts(replace(facts, nominal_hz=29.97)) == doubts(replace(facts, nominal_hz=0.0)) == ()
    assert doubts(replace(facts, nominal_hz=30.0, measured_hz=27.2, n_dropped=3)) == (), "3 of 33 were dropped"
    assert facts.matrix == "bt601" and set(facts.assumed) == {"primaries", "transfer", "matrix", "range"}


def test_of_images(tmp_path: Path):
    for name in ("a.png", "b.png"):
        write_png(tmp_path / name, plain_image((1, 2, 3), 8, 16))
    facts = facts_of(VideoSource(tmp_path, ("a.png", "b.png"), np.array([0.0, 0.5])))
    assert (facts.codec, facts.width_px, facts.height_px, facts.n_doubled, facts.measured_hz) == ("png", 16, 8, 1, 2.0)
    n_bytes = sum(path.stat().st_size for path in tmp_path.glob("*.png"))
    assert facts.bits_per_pixel == pytest.approx(8 * n_bytes / (2 * 8 * 16), abs=1e-3)
