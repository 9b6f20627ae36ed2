"""Colours of YUV pictures: as FFmpeg's own conversion, but without what its rounding to bytes takes from a small pulse."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from tast.pictures import YuvPicture
from tast.preprocessing.colour import Dither, area_averaged, gray, upright
from tast.preprocessing.pose import Pose
from tast.records import VideoSource
from tast.video.read import read_frames, read_pictures
from tests.datasets.layouts import write_container
from tests.video.test_read import textured

FULL_RANGE = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])  # ITU-T T.871 (JFIF)
TO_RGB = np.column_stack([FULL_RANGE, -FULL_RANGE @ [0, 128, 128]]).astype(np.float32)
BT601, BT709 = [0.299, 0.587, 0.114], [0.2126, 0.7152, 0.0722]
AS_IT_IS = Pose(1 + 0j, 0j)


def picture(luma: npt.NDArray[np.float64], blue: float, red: float) -> YuvPicture:
    """Of an even colour, coded in bytes as a smooth cheek is: luma spread over several levels, chroma over none."""
    chroma = tuple(np.full((len(luma) // 2, len(luma) // 2), level, np.uint8) for level in (blue, red))
    return YuvPicture(np.rint(luma).astype(np.uint8), (chroma[0], chroma[1]), TO_RGB)


def test_a_step_of_chroma_is_worth_what_it_is_in_every_channel() -> None:
    """One step of Cr in smooth skin: 1.402 in red and -0.714 in green on average; bytes of RGB make it 1 or 2, and 0 or -1."""
    luma = 120 + 3 * np.random.default_rng(1).standard_normal((128, 128))
    means = [
        upright(area_averaged(picture(luma, 110, red), 1), AS_IT_IS, 128, Dither()).mean(axis=(0, 1), dtype=np.float64)
        for red in range(140, 150)
    ]
    np.testing.assert_allclose(np.diff(means, axis=0), np.broadcast_to([1.402, -0.714, 0.0], (9, 3)), atol=0.01)
    in_bytes = [np.rint(1.402 * (red - 128)) for red in range(140, 150)]
    assert {1.0, 2.0} == set(np.diff(in_bytes))


def middles(side: int, step: int) -> npt.NDArray[np.float64]:
    """Where on a side of the frame the pixels of a plane lie, each in the middle of those that it stands for."""
    return np.arange(-(-side // step)) * step + (step - 1) / 2


@pytest.mark.parametrize("pixels", [1, 2, 3])
@pytest.mark.parametrize("subsampled", [(1, 1), (2, 1), (2, 2)])
def test_planes_of_fewer_pixels_lie_where_they_belong(pixels: int, subsampled: tuple[int, int]) -> None:
    """A ramp in every plane, of an odd and an even side, is the same ramp after averaging and warping."""
    across, down = subsampled
    height, width = 61, 90
    ramps = [
        np.add.outer(0.5 * (np.arange(-(-height // y)) * y + (y - 1) / 2), 0.8 * (np.arange(-(-width // x)) * x + (x - 1) / 2))
        + 60
        for x, y in ((1, 1), (across, down), (across, down))
    ]
    planes = [np.rint(16 * ramp) / 16 for ramp in ramps]
    identity = np.eye(3, 4, dtype=np.float32)
    small = area_averaged(YuvPicture(planes[0], (planes[1], planes[2]), identity), pixels)
    place = Pose(1 + 0j, 3 + 2j)
    size = 12
    steps = (np.arange(size) + np.array([[2], [3]]) + 0.5) * pixels - 0.5  # where each pixel lies in the frame
    expected = np.add.outer(0.5 * steps[0], 0.8 * steps[1]) + 60
    rgb = np.mean([upright(small, place, size, Dither(k)) for k in range(400)], axis=0)
    np.testing.assert_allclose(rgb, np.repeat(expected[..., None], 3, axis=2), atol=0.3 if pixels == 3 else 0.1)


@pytest.mark.parametrize(
    ("suffix", "codec", "pixel_format", "options", "luma_shares"),
    [
        (".avi", "mjpeg", "yuvj420p", {}, BT601),
        (".avi", "mjpeg", "yuvj422p", {}, BT601),
        (".mkv", "ffv1", "yuv444p", {}, BT601),
        (".mp4", "libx264", "yuv420p", {}, BT601),
        (".mp4", "libx264", "yuv420p", {"x264-params": "colormatrix=bt709"}, BT709),
    ],
)
def test_the_colours_are_those_of_ffmpeg(
    tmp_path: Path, suffix: str, codec: str, pixel_format: str, options: dict[str, str], luma_shares: list[float]
) -> None:
    path = tmp_path / f"v{suffix}"
    write_container(path, textured(2), codec=codec, pixel_format=pixel_format, options=options)
    ((_, yuv), *_), ((_, rgb), *_) = read_pictures(VideoSource(path)), read_frames(VideoSource(path))
    assert isinstance(yuv, YuvPicture)
    height = len(rgb)
    ours = upright(area_averaged(yuv, 1), AS_IT_IS, height, Dither()).astype(float)
    assert np.abs((ours - rgb[:height, :height]).mean(axis=(0, 1))).max() < 1.6  # FFmpeg's tables round downwards
    assert np.abs(gray(yuv) - rgb @ luma_shares).mean() < 1.6


@pytest.mark.parametrize("options", [{}, {"x264-params": "colormatrix=bt709"}])
def test_a_coloured_patch_has_its_colour_by_either_way(tmp_path: Path, options: dict[str, str]) -> None:
    """Red skin in 8 bits: chroma planes swapped make it blue, the other matrix makes green 5 levels off."""
    path, skin = tmp_path / "v.mp4", np.zeros((32, 32, 3), np.uint8)
    skin[:] = (200, 90, 70)
    write_container(path, [skin] * 2, codec="libx264", pixel_format="yuv420p", options=options | {"crf": "1"})
    ((_, yuv), *_), ((_, rgb), *_) = read_pictures(VideoSource(path)), read_frames(VideoSource(path))
    ours = upright(area_averaged(yuv, 1), AS_IT_IS, 32, Dither()).mean(axis=(0, 1), dtype=np.float64)
    np.testing.assert_allclose(ours, rgb.mean(axis=(0, 1)), atol=1.6)


def test_other_pixel_formats_come_as_rgb(tmp_path: Path) -> None:
    path = tmp_path / "v.mkv"
    write_container(path, textured(2), codec="ffv1", pixel_format="yuv410p")
    (_, deep), _ = read_pictures(VideoSource(path))
    (_, rgb), _ = read_frames(VideoSource(path))
    assert isinstance(deep, np.ndarray)
    np.testing.assert_array_equal(deep, rgb)


def test_a_turned_picture_is_turned_in_every_plane(tmp_path: Path) -> None:
    path, image = tmp_path / "r.mp4", np.zeros((32, 64, 3), np.uint8)
    image[:16, :16] = (200, 30, 30)
    write_container(path, [image] * 3, codec="libx264", pixel_format="yuv420p", rotation_degrees=90)
    _, turned = next(read_pictures(VideoSource(path)))
    assert isinstance(turned, YuvPicture)
    assert turned.luma.shape == (64, 32)
    rgb = upright(turned, Pose(1 + 0j, 0 + 32j), 32, Dither())  # its lower half
    assert rgb[20:, :12, 0].mean() > 150 > 60 > rgb[:12].mean()


def test_bytes_of_rgb_are_warped_as_they_are() -> None:
    image = np.random.default_rng(2).integers(0, 255, (40, 40, 3)).astype(np.uint8)
    np.testing.assert_array_equal(upright(image, AS_IT_IS, 40, Dither()), image)


def test_the_dither_is_even_and_new_in_each_frame() -> None:
    dither = Dither()
    noise = np.stack([dither.of_shape((64, 64, 3)) for _ in range(50)])
    assert -0.5 <= noise.min() < -0.49 < 0.49 < noise.max() <= 0.5
    np.testing.assert_allclose([noise.mean(), noise.var()], [0, 1 / 12], atol=1e-3)
    each_pair = np.corrcoef(noise.reshape(50, -1))[np.triu_indices(50, k=1)]
    assert np.abs(each_pair).max() < 0.05


def test_the_same_video_has_the_same_dither() -> None:
    first, again, other = (Dither(seed).of_shape((8, 8, 3)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()
    np.testing.assert_array_equal(Dither().of_shape((8, 8, 3)), first)


@pytest.mark.parametrize("shift_px", [-500 + 20j, -20 + 10j, 30 + 35j, 20 - 400j])
def test_beyond_the_frame_its_edge_goes_on(shift_px: complex) -> None:
    planes = np.random.default_rng(3).integers(60, 200, (3, 50, 60)).astype(np.uint8)
    yuv = YuvPicture(planes[0], (planes[1], planes[2]), np.eye(3, 4, dtype=np.float32))
    place = Pose(1.2 + 0.3j, shift_px)
    ours, whole = upright(yuv, place, 40, Dither()), upright(np.moveaxis(planes, 0, 2).copy(), place, 40, Dither())
    assert np.abs(ours.astype(int) - whole).max() <= 1 + 3  # OpenCV warps bytes with positions of 1/32 pixel
