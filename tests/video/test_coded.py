"""Codings: what is written is read again with its times and colours, says how it is meant, and is the same bytes on every run."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.testing import assert_allclose

from tast.errors import TastError
from tast.records import VideoSource
from tast.video.coded import Picture, write_coded
from tast.video.coding import CODINGS, Coding, draw_coding
from tast.video.read import read_frames

HEIGHT, WIDTH = 72, 96
TIMES_S = 2.5 + np.cumsum([0, 1, 1, 2, 1, 1, 1, 3, 1, 1]) / 29.7  # frames are missing after the third and the seventh
CASES = [
    (name, bits) for name in CODINGS for bits in ({draw_coding(np.random.default_rng(0), (name,), bits=b).bits for b in (8, 10)})
]


def pictures(bits: int) -> list[tuple[float, Picture]]:
    """Smooth colours that grow brighter by a level a frame, with a camera's noise."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    base = np.stack([150 + 20 * np.sin(x / 20), 105 + 15 * np.cos(y / 15), 85 + 10 * np.sin((x + y) / 25)], axis=-1)
    levels = [base + i + rng.normal(0, 1, base.shape) for i in range(len(TIMES_S))]
    scaled = [np.rint(one * (1023 / 255 if bits == 10 else 1)).astype(np.uint16 if bits == 10 else np.uint8) for one in levels]
    return list(zip(TIMES_S, scaled, strict=True))


@pytest.mark.parametrize(("name", "bits"), CASES)
def test_times_and_colours_come_back(tmp_path: Path, name: str, bits: int) -> None:
    coding = draw_coding(np.random.default_rng(4), (name,), bits=bits)
    file = write_coded(tmp_path / "video", pictures(bits), coding)
    times_s, frames = zip(*read_frames(VideoSource(file)), strict=True)
    assert_allclose(times_s, TIMES_S - TIMES_S[0], atol=0.0011)  # Matroska counts milliseconds
    planted = np.array([picture.mean(axis=(0, 1)) for _, picture in pictures(8)])
    assert_allclose([frame.mean(axis=(0, 1)) for frame in frames], planted, atol=0.7 if name == "lossless" else 4)
    assert [path.name for path in tmp_path.iterdir()] == [file.name], "a first generation does not stay"


@pytest.mark.parametrize(("name", "bits"), CASES)
def test_the_file_says_how_it_is_meant(tmp_path: Path, name: str, bits: int) -> None:
    coding = draw_coding(np.random.default_rng(5), (name,), bits=bits)
    with av.open(str(write_coded(tmp_path / "video", pictures(bits), coding))) as container:
        context = container.streams.video[0].codec_context
        assert context.color_range == (2 if coding.full_range else 1)
        assert context.colorspace in {"bt601": (5, 6), "bt709": (1,)}[coding.matrix]
        assert context.pix_fmt == f"yuv{'j' if coding.full_range else ''}{'444' if coding.whole_chroma else '420'}p" + (
            "10le" if coding.bits == 10 else ""
        )


@pytest.mark.parametrize(("name", "bits"), CASES)
def test_the_same_pictures_are_the_same_bytes(tmp_path: Path, name: str, bits: int) -> None:
    """Whatever lies in memory: B frames of x264, say, depend on it."""
    coding, contents = draw_coding(np.random.default_rng(6), (name,), bits=bits), set()
    for run in range(4):
        clutter = [np.full((HEIGHT + k, WIDTH + 7), run * k % 251, np.uint8) for k in range(40)]
        contents.add(write_coded(tmp_path / "video", (one for one in pictures(bits) if clutter), coding).read_bytes())
    assert len(contents) == 1


def test_a_higher_rate_keeps_more() -> None:
    rates = {
        name: draw_coding(np.random.default_rng(7), (name,)).bits_per_pixel for name in ("h264_high", "h264_webcam", "lossless")
    }
    assert rates["lossless"] is None and rates["h264_high"] > 3 * rates["h264_webcam"]  # type: ignore[operator]


def test_a_camera_of_eight_bits_never_gets_ten() -> None:
    drawn = [draw_coding(np.random.default_rng(seed)) for seed in range(60)]
    assert {coding.bits for coding in drawn} == {8} and {coding.name for coding in drawn} == set(CODINGS)
    assert {draw_coding(np.random.default_rng(seed), bits=10).bits for seed in range(60)} == {8, 10}


def test_unknown_kinds_and_no_frames_are_named(tmp_path: Path) -> None:
    with pytest.raises(TastError, match="codings divx; expected some of lossless"):
        draw_coding(np.random.default_rng(0), ("divx",))
    with pytest.raises(ValueError, match="no frame"):
        write_coded(tmp_path / "video", [], Coding("h264_webcam", "h264", 0.2))
