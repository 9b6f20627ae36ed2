"""One recording, coded in any range, matrix, depth and transfer, comes back in the same colours or is refused."""

from __future__ import annotations

from itertools import product
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.reformatter import VideoReformatter

from tast.errors import BadInput
from tast.pictures import YuvPicture
from tast.preprocessing.colour import Dither, gray, upright
from tast.preprocessing.pose import Pose
from tast.records import VideoSource
from tast.video import write_coded
from tast.video.coding import Coding
from tast.video.read import read_frames, read_frames_at, read_pictures
from tast.video.upright import colours_of, lost_colours, upright_picture, upright_rgb
from tests.datasets.layouts import write_container

SIDE = 96
COLOURS = np.random.default_rng(0).uniform(90, 200, (3, 3, 3))
STILL = np.kron(COLOURS, np.ones((SIDE // 3, SIDE // 3, 1)))
SDR = [
    {"bits": bits, "full_range": full, "matrix": matrix}
    for bits, full, matrix in product((8, 10), (False, True), ("bt601", "bt709", "bt2020"))
]
SDR += [{"bits": bits, "matrix": matrix, "display_p3": True} for bits, matrix in ((8, "bt709"), (8, "bt601"), (10, "bt709"))]
HDR = [
    {"bits": 10, "full_range": full, "matrix": "bt2020", "transfer": transfer}
    for full, transfer in product((False, True), ("hlg", "pq"))
]


def coded(path: Path, levels: np.ndarray, **colours: object) -> VideoSource:
    coding = Coding("hevc", ".mp4", quality=1, subsampling="444", **colours)
    deep = coding.bits == 10
    picture = np.rint(levels * (1023 / 255 if deep else 1)).astype(np.uint16 if deep else np.uint8)
    return VideoSource(write_coded.write_coded(path, [(k / 30, picture) for k in range(2)], coding))


def patches(picture: np.ndarray) -> np.ndarray:
    """(3, 3, 3) mean of the inner part of each patch."""
    parts = picture.reshape(3, SIDE // 3, 3, SIDE // 3, 3)[:, 6:-6, :, 6:-6]
    return parts.mean(axis=(1, 3), dtype=np.float64)


@pytest.mark.parametrize("colours", SDR + HDR, ids=lambda colours: "-".join(map(str, colours.values())))
def test_colours_come_back_however_they_were_coded(tmp_path: Path, colours: dict[str, object]):
    video = coded(tmp_path / "video", STILL, **colours)
    ((_, rgb), _) = read_frames(video)
    np.testing.assert_allclose(patches(rgb), COLOURS, atol=3.5)
    np.testing.assert_array_equal(rgb, read_frames_at(video, np.zeros(1))[0][1])
    ((_, picture), _) = read_pictures(video)
    assert isinstance(picture, YuvPicture)
    fine = patches(upright(picture, Pose(1 + 0j, 0j), SIDE, Dither()))
    np.testing.assert_allclose(fine, COLOURS, atol=3.5 if colours["bits"] == 8 else 1.5 if colours in HDR else 0.8)
    assert gray(picture).dtype == np.uint8
    greys = gray(picture)[16::32, 16::32].ravel(), (COLOURS @ [0.3, 0.59, 0.11]).ravel()
    assert np.corrcoef(*greys)[0, 1] > 0.9


def test_ten_bits_keep_what_eight_round_away(tmp_path: Path):
    """A quarter of a grey level's step is one of 10 bits' own."""
    means = []
    for level in (120.0, 120.25, 120.5):
        ((_, picture), _) = read_pictures(coded(tmp_path / "video", np.full((SIDE, SIDE, 3), level), bits=10, full_range=True))
        means.append(upright(picture, Pose(1 + 0j, 0j), SIDE, Dither()).mean(dtype=np.float64))
    np.testing.assert_allclose(np.diff(means), 0.25, atol=0.03)


def test_brighter_than_reference_white_is_cut_off_not_wrapped():
    planes = [np.full((16, 16), level, np.uint16) for level in (940, 512, 512)]
    frame = av.VideoFrame(16, 16, "yuv444p10le")
    frame.colorspace, frame.color_primaries, frame.color_trc = 9, 9, 18
    for plane, values in zip(frame.planes, planes, strict=True):
        lines = np.frombuffer(plane, np.uint16).reshape(16, -1)
        lines[:, :16] = values
    picture = upright_picture(frame, VideoReformatter())
    assert (upright(picture, Pose(1 + 0j, 0j), 16, Dither()) == 255).all()
    assert (upright_rgb(frame, VideoReformatter()) == 255).all()


def frame_of(
    space: int, primaries: int, curve: int, pixel_format: str = "yuv420p10le", width: int = 64, height: int = 48
) -> av.VideoFrame:
    frame = av.VideoFrame(width, height, pixel_format)
    frame.colorspace, frame.color_primaries, frame.color_trc = space, primaries, curve
    return frame


@pytest.mark.parametrize(
    ("frame", "tag", "reason"),
    [
        (frame_of(14, 9, 16), "hvc1", "ICtCp"),
        (frame_of(10, 9, 14), "hvc1", "constant luminance"),
        (frame_of(9, 9, 17), "hvc1", "number 17"),
        (frame_of(9, 9, 2), "hvc1", "without a transfer function"),
        (frame_of(2, 2, 2), "dvh1", "Dolby Vision"),
        (frame_of(0, 9, 16, "gbrp10le"), "hvc1", "layout of pixels"),
    ],
)
def test_light_that_cannot_be_found_again_is_refused(frame: av.VideoFrame, tag: str, reason: str):
    assert reason in lost_colours(frame, tag)


def test_a_refused_file_names_itself_and_its_reason(tmp_path: Path, monkeypatch):
    monkeypatch.setitem(write_coded.COLOUR_SPACES, "bt2020", 14)
    video = coded(tmp_path / "video", STILL, bits=10, matrix="bt2020", transfer="pq")
    for read in (read_frames, read_pictures):
        with pytest.raises(BadInput, match=r"video\.mp4.*ICtCp"):
            list(read(video))


@pytest.mark.parametrize(
    ("frame", "matrix", "transfer", "primaries", "assumed"),
    [
        (frame_of(2, 2, 2, "yuv420p", 640, 480), "bt601", "sdr", "bt709", ("primaries", "transfer", "matrix", "range")),
        (frame_of(2, 2, 2, "yuv420p", 1280, 720), "bt709", "sdr", "bt709", ("primaries", "transfer", "matrix", "range")),
        (frame_of(2, 2, 2, "yuv420p", 480, 640), "bt601", "sdr", "bt709", ("primaries", "transfer", "matrix", "range")),
        (frame_of(2, 9, 18), "bt2020", "hlg", "bt2020", ("matrix", "range")),
        (frame_of(1, 12, 13), "bt709", "sdr", "p3", ("range",)),
        (frame_of(9, 12, 18), "bt2020", "hlg", "p3", ("range",)),
        (frame_of(1, 12, 2), "bt709", "sdr", "p3", ("transfer", "range")),
        (frame_of(5, 1, 1, "yuvj420p"), "bt601", "sdr", "bt709", ()),
    ],
)
def test_what_a_file_does_not_say_is_assumed_and_noted(
    frame: av.VideoFrame, matrix: str, transfer: str, primaries: str, assumed: tuple[str, ...]
):
    colours = colours_of(frame)
    assert (colours.matrix, colours.transfer, colours.primaries, colours.assumed) == (matrix, transfer, primaries, assumed)


def test_without_a_matrix_both_ways_of_reading_take_the_same(tmp_path: Path):
    tall = np.full((720, 1280, 3), (200, 90, 40), np.uint8)
    write_container(tmp_path / "hd.mp4", [tall] * 2, codec="libx264", pixel_format="yuv420p")
    ((_, rgb), _) = read_frames(VideoSource(tmp_path / "hd.mp4"))
    ((_, picture), _) = read_pictures(VideoSource(tmp_path / "hd.mp4"))
    fine = upright(picture, Pose(1 + 0j, 0j), 64, Dither())
    np.testing.assert_allclose(fine.mean(axis=(0, 1)), rgb.mean(axis=(0, 1)), atol=1.5)
