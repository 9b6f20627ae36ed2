"""Every coding is drawn, written the same twice, tagged as it says, at its rate and at its frames' true times."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tast.errors import TastError
from tast.records import VideoSource
from tast.video.coding import CODINGS, Coding, draw_coding
from tast.video.images import read_png
from tast.video.planes import coded_planes
from tast.video.read import read_frames
from tast.video.transfer import (
    HLG_WHITE,
    TO_PRIMARIES,
    TRANSFERS,
    coded_rgb,
    hlg_from_light,
    known_rgb,
    pq_from_light,
    yuv_matrix,
)
from tast.video.write_coded import write_coded

SIZE = (96, 128, 3)
N_FRAMES, DROPPED = 24, 10
TIMES_S = np.delete(np.arange(N_FRAMES + 1) / 30, DROPPED)  # one frame is missing


def noisy(bits: int) -> Iterator[tuple[float, np.ndarray]]:
    rng = np.random.default_rng(5)
    still = np.kron(rng.uniform(60, 200, (6, 8, 3)), np.ones((16, 16, 1)))
    for time_s in TIMES_S:
        grey = np.clip(still + rng.normal(0, 2, SIZE), 0, 255)
        yield float(time_s), np.rint(grey).astype(np.uint8) if bits == 8 else np.rint(grey * 1023 / 255).astype(np.uint16)


@pytest.mark.parametrize("name", CODINGS)
def test_a_coding_is_written_to_the_same_bytes_at_its_true_times(tmp_path: Path, name: str):
    bits, draw = CODINGS[name]
    coding = draw(np.random.default_rng(3))
    once, again = (write_coded(tmp_path / folder / "video", noisy(bits), coding) for folder in _folders(tmp_path))
    if once.is_dir():
        names = sorted(file.name for file in once.iterdir())
        assert [int(name[5:-4]) for name in names] == np.rint(TIMES_S * 1e9).astype(int).tolist()
        np.testing.assert_array_equal(read_png(once / names[0]), next(noisy(8))[1])
        return
    assert once.read_bytes() == again.read_bytes()
    assert [file.name for file in once.parent.iterdir()] == [once.name]
    times_s = np.array([time_s for time_s, _ in read_frames(VideoSource(once))])
    true_s = np.arange(N_FRAMES) / 30 if coding.suffix == ".avi" else TIMES_S
    np.testing.assert_allclose(times_s, true_s, atol=0.001)


def _folders(tmp_path: Path) -> tuple[str, str]:
    for folder in ("once", "again"):
        (tmp_path / folder).mkdir()
    return "once", "again"


@pytest.mark.parametrize("subsampling", ["444", "420"])
def test_quality_0_of_h264_loses_nothing(tmp_path: Path, subsampling: str):
    coding = Coding("h264", ".mkv", quality=0, subsampling=subsampling, matrix="bt709")
    path = write_coded(tmp_path / "video", noisy(8), coding)
    with av.open(str(path)) as container:
        for frame, (_, rgb) in zip(container.decode(video=0), noisy(8), strict=True):
            for stored, plane in zip(frame.planes, coded_planes(rgb, coding), strict=True):
                lines = np.frombuffer(memoryview(stored), np.uint8).reshape(stored.height, -1)[:, : stored.width]
                np.testing.assert_array_equal(lines, plane)


def test_the_rates_are_those_asked_for(tmp_path: Path):
    for codec, suffix, bits_per_pixel in (("mjpeg", ".avi", 0.8), ("mpeg4", ".avi", 0.3), ("h264", ".mp4", 0.2)):
        coding = Coding(codec, suffix, bits_per_pixel=bits_per_pixel)
        path = write_coded(tmp_path / codec, (frame for _ in range(1) for frame in noisy(8)), coding)
        measured = 8 * path.stat().st_size / (N_FRAMES * SIZE[0] * SIZE[1])
        assert measured == pytest.approx(bits_per_pixel, rel=0.5)


def test_tags_say_what_was_done(tmp_path: Path):
    coding = Coding("hevc", ".mp4", quality=10, bits=10, matrix="bt2020", transfer="hlg", full_range=True)
    with av.open(str(write_coded(tmp_path / "hlg", noisy(10), coding))) as container:
        frame = next(container.decode(video=0))
    assert frame.format.name == "yuv420p10le"
    assert (int(frame.colorspace), int(frame.color_primaries), int(frame.color_trc)) == (9, 9, 18)
    assert int(frame.color_range) == 2


def test_a_rate_that_lies_stands_in_the_container(tmp_path: Path):
    path = write_coded(tmp_path / "slow", noisy(8), Coding("mjpeg", ".avi", quality=3, rate_hz=20.0))
    *_, (last_s, _) = read_frames(VideoSource(path))
    assert last_s == pytest.approx((N_FRAMES - 1) / 20)


def test_known_codes_of_known_colours():
    """Reference white is 75 % of HLG's signal and 58 % of PQ's (BT.2408); white and black of limited range are 235 and 16."""
    white = np.ones((2, 2, 3))
    assert coded_rgb(white, "hlg", primaries="bt2020") == pytest.approx(0.75, abs=1e-3)
    assert coded_rgb(white, "pq", primaries="bt2020") == pytest.approx(0.58, abs=2e-3)
    for value, luma in ((0, 16), (255, 235)):
        planes = coded_planes(np.full((2, 2, 3), value, np.uint8), Coding("h264", ".mp4", quality=0))
        assert [int(plane[0, 0]) for plane in planes] == [luma, 128, 128]
    red = yuv_matrix("bt709", bits=10, full_range=True) @ [1, 0, 0, 1]
    np.testing.assert_allclose(red, [0.2126 * 1023, 512 - 0.1146 * 1023, 512 + 0.5 * 1023], atol=0.1)


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 6).map(lambda half: 2 * half),
    width=st.integers(1, 700).map(lambda half: 2 * half),
    coding=st.sampled_from(
        [
            Coding("mjpeg", ".mkv", bits_per_pixel=0.5, full_range=True),
            Coding("h264", ".mkv", quality=0, subsampling="444", matrix="bt709"),
            Coding("hevc", ".mp4", quality=20, bits=10, subsampling="422", matrix="bt709"),
            Coding("hevc", ".mp4", quality=20, bits=10, matrix="bt2020", transfer="hlg"),
            Coding("hevc", ".mp4", quality=20, bits=10, matrix="bt2020", transfer="pq"),
        ]
    ),
    seed=st.integers(0, 99),
)
def test_planes_are_the_matrix_of_the_coded_values_chroma_averaged(height: int, width: int, coding: Coding, seed: int):
    top = 2**coding.bits - 1
    rgb = np.random.default_rng(seed).integers(0, top + 1, (height, width, 3)).astype(np.uint8 if coding.bits == 8 else np.uint16)
    matrix = yuv_matrix(coding.matrix, bits=coding.bits, full_range=coding.full_range)
    exact = np.moveaxis(coded_rgb(rgb / top, coding.transfer, primaries=coding.primaries) @ matrix[:, :3].T + matrix[:, 3], -1, 0)
    across, down = (1 if coding.subsampling == "444" else 2), (2 if coding.subsampling == "420" else 1)
    small = exact[1:].reshape(2, height // down, down, width // across, across).mean(axis=(2, 4))
    for plane, values in zip(coded_planes(rgb, coding), (exact[0], *small), strict=True):
        assert plane.dtype == rgb.dtype
        np.testing.assert_allclose(plane, np.clip(values, 0, top), atol=0.501)


def test_transfers_are_those_of_bt2100():
    """HLG's two halves meet at 1/12 of the scene's light; PQ is 1 at 10,000 cd/m2 and .508 at 100 (ST 2084, from memory)."""
    scene = np.array([0, 1 / 48, 1 / 12, 0.265, 1])
    np.testing.assert_allclose(hlg_from_light(scene / HLG_WHITE), [0, 0.25, 0.5, 0.75, 1], atol=1e-3)
    np.testing.assert_allclose(pq_from_light(np.array([0, 100 / 203, 10_000 / 203, 100])), [0, 0.508, 1, 1], atol=1e-3)


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_each_transfer_is_undone(transfer: str):
    colours = np.random.default_rng(1).uniform(0, 1, (100, 3))
    for primaries in TO_PRIMARIES:
        coded = coded_rgb(colours, transfer, primaries=primaries)
        np.testing.assert_allclose(known_rgb(coded, transfer, primaries=primaries), colours, atol=1e-5)


def test_only_codings_that_hold_the_bits_are_drawn():
    rng = np.random.default_rng(0)
    assert {draw_coding(rng, list(CODINGS), 10).bits for _ in range(20)} == {10}
    assert "hlg" not in {draw_coding(rng, list(CODINGS), 8).transfer for _ in range(50)}
    assert draw_coding(np.random.default_rng(7), list(CODINGS), 8) == draw_coding(np.random.default_rng(7), list(CODINGS), 8)
    with pytest.raises(TastError, match="no coding of 10 bits"):
        draw_coding(rng, ["png", "vp9"], 10)
    with pytest.raises(TastError, match="'vhs' is unknown"):
        draw_coding(rng, ["vhs"], 8)


def test_what_cannot_be_written_is_said(tmp_path: Path):
    odd = [(0.0, np.zeros((15, 16, 3), np.uint8))]
    with pytest.raises(TastError, match="even sides"):
        write_coded(tmp_path / "odd", odd, Coding("h264", ".mp4", quality=10))
    with pytest.raises(TastError, match="holds no 10 bits"):
        write_coded(tmp_path / "deep", odd, Coding("mjpeg", ".avi", quality=3, bits=10))
    with pytest.raises(TastError, match=r"mjpeg quality = 1; expected 2 \(best\) to 31"):
        write_coded(tmp_path / "fine", odd, Coding("mjpeg", ".avi", quality=1))
    with pytest.raises(TastError, match="no frames"):
        write_coded(tmp_path / "none", [], Coding("mjpeg", ".avi", quality=2))
    with pytest.raises(TastError, match="increasing"):
        write_coded(tmp_path / "back", 2 * [(0.0, np.zeros(SIZE, np.uint8))], Coding("h264", ".mp4", quality=10))
    with pytest.raises(TastError, match="in 8 bits"):
        Coding("hevc", ".mp4", quality=10, transfer="hlg")


def test_matrices_of_primaries_are_those_of_their_chromaticities():
    """ITU-T H.273, table 2: x and y of red, green and blue; the white of D65."""
    chromaticities = {
        "bt709": [(0.640, 0.330), (0.300, 0.600), (0.150, 0.060)],
        "bt2020": [(0.708, 0.292), (0.170, 0.797), (0.131, 0.046)],
        "p3": [(0.680, 0.320), (0.265, 0.690), (0.150, 0.060)],
    }

    def to_xyz(name: str) -> np.ndarray:
        columns = np.array([(x / y, 1, (1 - x - y) / y) for x, y in chromaticities[name]]).T
        white = np.array([0.3127 / 0.3290, 1, (1 - 0.3127 - 0.3290) / 0.3290])
        return columns * np.linalg.solve(columns, white)

    for name, matrix in TO_PRIMARIES.items():
        np.testing.assert_allclose(matrix, np.linalg.solve(to_xyz(name), to_xyz("bt709")), atol=1e-4)
