"""Frames come back with the right colours, upright, at their true times, and a damaged file says so."""

from __future__ import annotations

import gc
from pathlib import Path

import av
import numpy as np
import psutil
import pytest

from tast.errors import BadInput
from tast.records import VideoSource
from tast.video.containers import container_frame_count, container_times_s
from tast.video.images import read_png
from tast.video.read import read_frames, read_frames_at, read_pictures
from tests.chaos.bad.films import later, write, write_growing_jpegs
from tests.datasets.layouts import plain_image, write_container, write_png

RED, CODEC_TOLERANCE = (240, 10, 20), 6  # 4:2:0 chroma and rounding move a flat colour by a few levels
CODECS = {
    "mjpeg.avi": {"codec": "mjpeg", "pixel_format": "yuvj420p"},
    "h264.mp4": {"codec": "libx264", "pixel_format": "yuv420p"},
    "hevc10.mp4": {"codec": "libx265", "pixel_format": "yuv420p10le", "options": {"x265-params": "log-level=none"}},
    "ffv1.mkv": {"codec": "ffv1", "pixel_format": "yuv444p"},
}


def textured(n: int, height: int = 64, width: int = 96) -> list[np.ndarray]:
    rng = np.random.default_rng(3)
    return [rng.integers(0, 255, (height, width, 3), dtype=np.uint8) for _ in range(n)]


@pytest.fixture(params=CODECS)
def coded(request, tmp_path: Path):
    """(path, writer) for each codec."""
    path = tmp_path / request.param
    return path, lambda images, **more: write_container(path, images, **CODECS[request.param], **more)


def cut(path: Path, fraction: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * fraction)])


def test_red_png_sequence_is_red_in_channel_0(tmp_path):
    write_png(tmp_path / "a.png", plain_image(RED))
    ((time_s, frame),) = read_frames(VideoSource(tmp_path, ("a.png",), np.array([1.5])))
    assert time_s == 1.5
    assert frame.dtype == np.uint8 and frame.shape == (8, 8, 3)
    assert (frame == RED).all()


def test_red_container_is_red_in_channel_0(coded):
    path, write = coded
    write([plain_image(RED, 64, 96)] * 5)
    frames = list(read_frames(VideoSource(path)))
    assert len(frames) == 5
    for _, frame in frames:
        assert frame.shape == (64, 96, 3)
        np.testing.assert_allclose(frame.reshape(-1, 3), np.broadcast_to(RED, (64 * 96, 3)), atol=CODEC_TOLERANCE)


def test_declared_colour_matrix_is_honoured(tmp_path):
    """The same bytes mean another red once the file declares BT.709: R = Y' + 1.5748 Pr, by hand 236."""
    plain, declared = tmp_path / "plain.mp4", tmp_path / "declared.mp4"
    images = [plain_image((218, 9, 9), 64, 64)] * 3
    write_container(plain, images, codec="libx264", pixel_format="yuv420p")
    write_container(declared, images, codec="libx264", pixel_format="yuv420p", options={"x264-params": "colormatrix=bt709"})
    red = [next(read_frames(VideoSource(path)))[1][32, 32, 0] for path in (plain, declared)]
    assert abs(int(red[0]) - 218) <= CODEC_TOLERANCE
    assert abs(int(red[1]) - 236) <= CODEC_TOLERANCE


def test_variable_rate_keeps_its_own_times(tmp_path):
    path, times_ms = tmp_path / "v.mkv", [0, 30, 75, 80, 300, 333]
    write_container(path, textured(6), codec="libx264", pixel_format="yuv420p", times_ms=times_ms)
    expected = np.array(times_ms) / 1000
    np.testing.assert_allclose([time_s for time_s, _ in read_frames(VideoSource(path))], expected, atol=1e-9)
    np.testing.assert_allclose(container_times_s(path), expected, atol=1e-9)


def test_times_count_from_the_first_frame(tmp_path):
    path = tmp_path / "late.mkv"
    write_container(path, textured(3), codec="ffv1", pixel_format="yuv444p", times_ms=[5000, 5040, 5090])
    np.testing.assert_allclose([time_s for time_s, _ in read_frames(VideoSource(path))], [0, 0.04, 0.09], atol=1e-9)


def test_true_times_replace_those_of_the_container(coded):
    path, write = coded
    write(textured(4))
    times_s = np.array([0.0, 0.061, 0.125, 0.19])
    assert [time_s for time_s, _ in read_frames(VideoSource(path, frame_times_s=times_s))] == times_s.tolist()


@pytest.mark.parametrize(("degrees", "corner"), [(90, (-1, 0)), (-90, (0, -1)), (180, (-1, -1))])
def test_rotation_mark_turns_the_frame_counter_clockwise(tmp_path, degrees, corner):
    path, image = tmp_path / "r.mp4", plain_image((0, 0, 0), 32, 64)
    image[:16, :16] = 255  # the top left corner; where it lands is known by hand
    write_container(path, [image] * 3, codec="libx264", pixel_format="yuv420p", rotation_degrees=degrees)
    _, frame = next(read_frames(VideoSource(path)))
    assert frame.shape == ((32, 64, 3) if degrees == 180 else (64, 32, 3))
    assert frame[corner].min() > 200
    assert sum(frame[y, x].min() > 200 for y in (0, -1) for x in (0, -1)) == 1


def test_frames_are_decoded_one_by_one(tmp_path):
    """The first frame arrives although the second image is missing: nothing is read ahead."""
    write_png(tmp_path / "a.png", plain_image(RED))
    frames = read_frames(VideoSource(tmp_path, ("a.png", "b.png"), np.array([0.0, 0.1])))
    assert next(frames)[0] == 0.0
    with pytest.raises(BadInput, match=r"b\.png: cannot be read"):
        next(frames)


@pytest.mark.parametrize("fraction", [0.05, 0.5, 0.9, 0.999])
def test_truncated_png_is_named(tmp_path, fraction):
    path = tmp_path / "Image1.png"
    write_png(path, textured(1)[0])
    cut(path, fraction)
    with pytest.raises(BadInput, match=r"Image1\.png.*whole PNG image"):
        read_png(path)


def test_damaged_or_empty_png_is_named(tmp_path):
    path = tmp_path / "Image1.png"
    write_png(path, textured(1)[0])
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0xFF
    path.write_bytes(content)
    with pytest.raises(BadInput, match=r"Image1\.png: damaged at byte"):
        read_png(path)
    path.write_bytes(b"")
    with pytest.raises(BadInput, match=r"Image1\.png: empty file"):
        read_png(path)
    path.write_bytes(b"GIF89a" + bytes(20))
    with pytest.raises(BadInput, match="no PNG signature"):
        read_png(path)


@pytest.mark.parametrize("fraction", [0.3, 0.5, 0.7, 0.71, 0.72, 0.73])
@pytest.mark.parametrize("name", ["mjpeg.avi", "ffv1.mkv"])
def test_truncated_container_gives_its_good_part_and_a_reason(tmp_path, name, fraction):
    path, images = tmp_path / name, textured(30, 160, 240)
    write_container(path, images, **CODECS[name])
    whole = [frame for _, frame in read_frames(VideoSource(path))]
    with av.open(str(path)) as container:
        ends = [packet.pos + packet.size for packet in container.demux(video=0) if packet.size]
    cut(path, fraction)
    n_whole = sum(end + 16 <= path.stat().st_size for end in ends)  # the chunk's own header and padding
    defects: list[str] = []
    good = [frame for _, frame in read_frames(VideoSource(path), defects)]
    assert n_whole - 1 <= len(good) <= n_whole + 1 < 30
    assert all(np.array_equal(a, b) for a, b in zip(good, whole, strict=False))  # nothing half-grey among them
    assert len(defects) == 1 and ("whole video" in defects[0] or "announces" in defects[0])
    with pytest.raises(BadInput, match=name):
        list(read_frames(VideoSource(path)))


def test_a_video_cut_between_two_frames_is_known_by_what_its_header_announces(tmp_path):
    """Nothing in what is left is damaged: 29 of 30 frames decode without an error."""
    path = tmp_path / "mjpeg.avi"
    write_container(path, textured(30, 160, 240), **CODECS["mjpeg.avi"])
    with av.open(str(path)) as container:
        *_, before_last, _ = [packet.pos + packet.size for packet in container.demux(video=0) if packet.size]
    path.write_bytes(path.read_bytes()[: before_last + 8])  # the chunk's header is before its position
    defects: list[str] = []
    assert len(list(read_frames(VideoSource(path), defects))) == 29
    assert len(defects) == 1 and "ends after 29 of 30 frames" in defects[0]


def test_container_without_its_index_cannot_be_opened(tmp_path):
    path = tmp_path / "h264.mp4"
    write_container(path, textured(30), **CODECS["h264.mp4"])
    cut(path, 0.9)
    with pytest.raises(BadInput, match=r"h264\.mp4: cannot be opened"):
        list(read_frames(VideoSource(path), []))


def test_frames_and_time_stamps_that_do_not_match_are_said(tmp_path, caplog):
    path, defects = tmp_path / "a.avi", list[str]()
    write_container(path, textured(5))
    assert len(list(read_frames(VideoSource(path, frame_times_s=np.arange(7) / 30), defects))) == 5
    assert len(defects) == 1 and "ends after 5 of 7 frames" in defects[0]
    assert len(list(read_frames(VideoSource(path, frame_times_s=np.arange(3) / 30)))) == 3
    assert "frames beyond its 3 time stamps" in caplog.text


def test_not_a_video(tmp_path):
    path = tmp_path / "notes.avi"
    with pytest.raises(BadInput, match=r"notes\.avi: no such file"):
        list(read_frames(VideoSource(path)))
    path.write_text("hello")
    with pytest.raises(BadInput, match=r"notes\.avi: cannot be opened"):
        list(read_frames(VideoSource(path)))


def test_frame_count_from_the_header_or_by_packets(coded):
    path, write = coded
    write(textured(7))
    assert container_frame_count(path) == 7
    assert len(container_times_s(path)) == 7


def test_memory_is_bounded_whatever_the_length(tmp_path):
    """600 frames of 0.2 MB are 124 MB; the process grows by less than a third of that, whatever was read before."""
    path, n_frames = tmp_path / "long.avi", 600
    write_container(path, textured(4, 240, 288) * (n_frames // 4))
    process = psutil.Process()
    before_bytes = process.memory_info().rss
    grown_bytes = [process.memory_info().rss - before_bytes for _ in read_frames(VideoSource(path))]
    assert len(grown_bytes) == n_frames
    assert max(grown_bytes) < n_frames * 240 * 288 * 3 / 3


def test_single_frames_are_those_of_the_whole_video(coded):
    path, write = coded
    write(textured(40))
    whole = list(read_frames(VideoSource(path)))
    wanted_s = np.array([whole[n][0] for n in (3, 17, 4, 39)]) + 0.001
    some = read_frames_at(VideoSource(path), wanted_s)
    assert [time_s for time_s, _ in some] == [whole[n][0] for n in (3, 17, 4, 39)]
    for (_, frame), n in zip(some, (3, 17, 4, 39), strict=True):
        np.testing.assert_array_equal(frame, whole[n][1])


def test_single_frames_by_given_times(tmp_path):
    path, images = tmp_path / "video.avi", textured(6)
    write_container(path, images, **CODECS["mjpeg.avi"])
    times_s = np.array([0.0, 0.1, 0.5, 0.6, 0.9, 1.0])
    ((time_s, frame),) = read_frames_at(VideoSource(path, None, times_s), np.array([0.54]))
    assert time_s == 0.5
    np.testing.assert_array_equal(frame, list(read_frames(VideoSource(path)))[2][1])
    write_png(tmp_path / "a.png", images[0])
    write_png(tmp_path / "b.png", images[1])
    source = VideoSource(tmp_path, ("a.png", "b.png"), np.array([0.0, 0.3]))
    assert [time_s for time_s, _ in read_frames_at(source, np.array([0.2, 0.1]))] == [0.3, 0.0]
    np.testing.assert_array_equal(read_frames_at(source, np.array([9.0]))[0][1], images[1])


@pytest.mark.parametrize("name", ["a.mkv", "a.avi"])
def test_a_file_that_was_cut_off_at_its_last_frames_says_so(tmp_path, name):
    """Within the tolerance of the announced length: the bytes that are announced tell it."""
    path = tmp_path / name
    write_container(path, [plain_image((200, 20, 10), 24, 32)] * 12)
    whole = len(list(read_frames(VideoSource(path))))
    path.write_bytes(path.read_bytes()[:-900])
    defects: list[str] = []
    assert len(list(read_frames(VideoSource(path), defects))) <= whole
    assert len(defects) == 1


def test_notes_in_another_encoding_are_no_reason_to_refuse_a_video(tmp_path):
    with av.open(str(tmp_path / "a.mkv"), "w") as container:
        container.metadata["title"] = "Jose"
        stream = container.add_stream("mjpeg", rate=25)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuvj420p"
        container.mux(stream.encode(av.VideoFrame.from_ndarray(plain_image((9, 9, 9), 24, 32), format="rgb24")))
        container.mux(stream.encode(None))
    content = (tmp_path / "a.mkv").read_bytes()
    (tmp_path / "a.mkv").write_bytes(content.replace(b"Jose", "José".encode("latin-1")))
    assert len(list(read_frames(VideoSource(tmp_path / "a.mkv")))) == 1


@pytest.mark.parametrize("name", ["a.mkv", "a.avi"])
def test_a_size_that_changes_midway_ends_the_good_part(tmp_path, name):
    small, large = ([(k / 25, plain_image((200, 20, 10), side, side)) for k in range(5)] for side in (32, 64))
    write_growing_jpegs(tmp_path / name, [small, later(large, 0.2)])
    defects: list[str] = []
    assert len(list(read_frames(VideoSource(tmp_path / name), defects))) == 5
    assert defects == ["frames of 64 x 64 from frame 5 on; expected 32 x 32, as before"]


def test_an_image_of_another_size_is_named(tmp_path):
    for number, side in enumerate((8, 8, 16)):
        write_png(tmp_path / f"{number}.png", plain_image((200, 20, 10), side, side))
    video = VideoSource(tmp_path, frame_files=("0.png", "1.png", "2.png"), frame_times_s=np.arange(3) / 25)
    with pytest.raises(BadInput, match=r"2\.png: 16 x 16; expected 8 x 8"):
        list(read_frames(video))


def test_a_slow_video_whose_last_frame_lasts_is_whole(tmp_path):
    write(tmp_path / "a.mkv", [(float(k), plain_image((200, 20, 10), 24, 32)) for k in range(4)])
    assert len(list(read_frames(VideoSource(tmp_path / "a.mkv")))) == 4


def test_a_frame_goes_as_soon_as_nobody_holds_it(coded):
    """Not when Python next looks for circles: until then a video of 1080p would take a gigabyte."""
    path, write = coded
    write(textured(12))
    for read in (read_frames, read_pictures):
        gc.collect()
        gc.disable()
        others = sum(type(one) is av.VideoFrame for one in gc.get_objects())
        try:
            held = [sum(type(one) is av.VideoFrame for one in gc.get_objects()) - others for _ in read(VideoSource(path))]
        finally:
            gc.enable()
        assert len(held) == 12 and max(held) <= 5, held
