"""One recording coded in many ways: what is left of the pulse's colours once the face is aligned and masked, against lossless.

    python -m benchmarks.door [--seconds 16]

Ratios are those of the pulse (AC over DC, at its rate) of red and of blue to green's, by projection on green, over the masked
face of a head filmed in daylight by a plain camera; the error is that of the ratio, relative to the one of the same recording
as PNG. The bar of 3 % holds for codings that lose nothing of their own, and for the median of PEOPLE people: one recording's
error is as much chance as the coding's. What of it is the mask's, which is drawn anew for each file, the rows of the same
pixels tell, both ratios being taken over the pixels that both masks keep. For some codings the first person's again with a face
of twice the size, whose chroma is no coarser than the aligned face. What follows is the first person's alone and has no bar:
what lossy HLG, PQ and SDR of 10 bits leave at high rates, and what codings of published sets and phones do; what it would
change to undo the curve of SDR too, the ratios in light that sRGB's curve is taken to have coded against those as they are, on
bright and on dark skin. The last rows say how many of the pictures that a recorder repeated are found once encoded
(tast.video.doubles), and how many are falsely found where none was: of the head, and of a still scene before a noisy camera on
a tripod.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable
from dataclasses import replace
from itertools import product
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits

from benchmarks.changes import Frames, deep
from benchmarks.results import Row, write_rows
from tast.params import load_params
from tast.phantom.delivery import Delivery, arrivals, delivered
from tast.phantom.filmed import filmed
from tast.phantom.lamps import D65
from tast.phantom.sensor import SENSORS, Camera, Sensor
from tast.phantom.session import Session, phantom_sessions
from tast.phantom.world import World
from tast.pictures import YuvPicture
from tast.preprocessing.pipeline import settings_of
from tast.preprocessing.steps import after_each_step
from tast.pulse_rate import at_rate, spectrum, strongest_rate_hz
from tast.ratio_of_ratios import pulse_signals
from tast.records import FaceVideo, FloatArray, VideoSource
from tast.video.coding import CODINGS, Coding
from tast.video.facts import COMPARED_LINES, SourceMeter
from tast.video.read import read_frames, read_pictures
from tast.video.transfer import light_from_srgb
from tast.video.write_coded import Timed, write_coded

MUST = 0.03
PEOPLE, FIRST_FACE = 5, 8
OF_LARGE_FACES = ("8 bit, 709", "8 bit, 4:4:4", "HLG", "doubled frames", "PQ", "dropped frames")
PIXELS = ("", ", same pixels")
FPS_HZ = 30.0
WIDTH_PX, HEIGHT_PX, FACE_HEIGHT_PX = 320, 240, 120
H264 = Coding("h264", ".mp4", quality=0, matrix="bt709")
HEVC10 = Coding("hevc", ".mp4", quality=0, bits=10, matrix="bt709")
HIGH = {  # name -> coding that loses no more than its depth and chroma do
    "8 bit, 601": replace(H264, matrix="bt601"),
    "8 bit, 709": H264,
    "8 bit, 2020": replace(H264, matrix="bt2020"),
    "8 bit, P3": replace(H264, display_p3=True),
    "8 bit, full range": replace(H264, full_range=True),
    "8 bit, 4:4:4": replace(H264, subsampling="444"),
    "VP9": Coding("vp9", ".mkv", quality=0, matrix="bt709"),
    "10 bit, 709": HEVC10,
    "10 bit, 2020": replace(HEVC10, matrix="bt2020"),
    "10 bit, full range": replace(HEVC10, full_range=True),
    "HLG": replace(HEVC10, matrix="bt2020", transfer="hlg"),
    "HLG, full range": replace(HEVC10, matrix="bt2020", transfer="hlg", full_range=True),
    "PQ": replace(HEVC10, matrix="bt2020", transfer="pq"),
}
DEEP = {"10 bit, 709": HEVC10, "HLG": HIGH["HLG"], "PQ": HIGH["PQ"]}
RATES = (0.4, 1.6)  # bit a pixel: 25 and 100 Mbit/s at 1920x1080 and 30 Hz
CAMERA = Camera("webcam", Sensor(SENSORS[0]))
DROP_EVERY, DOUBLE_EVERY = 17, 11
REPEATING = {  # codings in which repeated pictures are looked for
    **{f"H.264, {quality}": replace(H264, quality=quality) for quality in (12, 18, 23)},
    "H.264, .2 bit/px": Coding("h264", ".mp4", bits_per_pixel=0.2, matrix="bt709"),
    **{f"MPEG-4, {rate} bit/px": Coding("mpeg4", ".avi", bits_per_pixel=rate) for rate in (0.12, 0.39)},
    "Motion JPEG, .55 bit/px": Coding("mjpeg", ".avi", bits_per_pixel=0.55, full_range=True),
    "HEVC, 22": Coding("hevc", ".mp4", quality=22, matrix="bt709"),
    "VP9, .1 bit/px": Coding("vp9", ".mkv", bits_per_pixel=0.1, matrix="bt709"),
}
FALSELY_FOUND = 0.05  # of a video's frames, at most
STILL_NOISE = (0.5, 1.5)  # grey levels
SKIN_LEVELS = {"bright skin": 1.0, "dark skin": 0.35}  # of the grey levels of the recording


def people(seconds: float, *, size: int = 1) -> list[Session]:
    """Heads in daylight, so many times as large, whose camera delivers every frame once."""
    plain = World(
        1,
        D65,
        Camera("system", Sensor(SENSORS[0]), full_well_electrons=4e4, read_noise_electrons=3.0),
        Delivery(FPS_HZ),
        Coding(),
    )
    sessions = phantom_sessions(
        seed=7, subjects=PEOPLE, sessions=1, seconds=seconds, fps_hz=FPS_HZ, width_px=size * WIDTH_PX,
        height_px=size * HEIGHT_PX, face_height_px=size * FACE_HEIGHT_PX, profile="wide", scenarios=("steady",),
    )  # fmt: skip
    return [replace(session, world=plain, face=FIRST_FACE + number) for number, session in enumerate(sessions)]


def face_of(source: VideoSource) -> FaceVideo:
    """The masked face, as the pipeline takes it from the file."""
    settings = settings_of(load_params(Path("params.yaml")).model_dump()["preprocess"])
    meter = SourceMeter()
    steps = after_each_step("door", read_pictures(source, meter=meter), settings, meter)
    return next(face for name, face in steps if name == "mask")


def pulse_ratios(frames: npt.NDArray[np.generic], times_s: FloatArray) -> FloatArray:
    """Red and blue over green, (2,), of what lies at the pulse's rate, the strongest of green; on an even grid of time."""
    grid_s = np.arange(times_s[0], times_s[-1], 1 / FPS_HZ)
    signals = np.column_stack([np.interp(grid_s, times_s, signal) for signal in pulse_signals(frames).T])
    red, green, blue = at_rate(signals, strongest_rate_hz(*spectrum(signals[:, 1], FPS_HZ)), FPS_HZ).T
    return np.array([red @ green, blue @ green]) / (green @ green)


def errors(face: FaceVideo, lossless: FaceVideo) -> FloatArray:
    """(2, 2) relative errors of the ratios, red and blue in columns: over each one's own mask, and over what both keep."""
    own, true = lit(face), lit(lossless)
    return np.array([
        np.abs(ratios_of(face, one) / ratios_of(lossless, other) - 1) for one, other in ((own, true), (own & true, own & true))
    ])  # fmt: skip


def lit(face: FaceVideo) -> npt.NDArray[np.bool_]:
    """(H, W) what the mask keeps."""
    return np.asarray((face.frames != 0).any(axis=(0, 3)))


def ratios_of(face: FaceVideo, inside: npt.NDArray[np.bool_]) -> FloatArray:
    frames = face.frames.copy()
    frames[:, ~inside] = 0
    return pulse_ratios(frames, face.times_s)


def coded_face(folder: Path, name: str, frames: Iterable[Timed], coding: Coding) -> tuple[FaceVideo, float]:
    """The face of the frames once coded, and how many bits a pixel of WIDTH_PX x HEIGHT_PX took."""
    path = write_coded(folder / name.replace(" ", "_").replace(":", ""), deep(frames, coding.bits), coding)
    face = face_of(VideoSource(path))
    assert face.surroundings is not None
    return face, 8 * path.stat().st_size / (len(face.surroundings.times_s) * WIDTH_PX * HEIGHT_PX)


def measure(seconds: float, folder: Path) -> list[Row]:
    first, *others = people(seconds)
    frames = list(filmed(first, first.in_world))
    lossless = lossless_face(folder, frames)
    ratios = pulse_ratios(lossless.frames, lossless.times_s)
    rows = [Row(f"lossless, {name} over green", float(value), "1") for name, value in zip(("red", "blue"), ratios, strict=True)]
    of_people = [coded_errors(folder, frames)]
    of_people += [coded_errors(folder, list(filmed(session, session.in_world))) for session in others]
    for name, (_, rate) in of_people[0].items():
        of_each = np.array([person[name][0] for person in of_people])
        for what, values in (("median", np.median(of_each, axis=0)), ("largest", of_each.max(axis=0))):
            for pixels, both in zip(PIXELS, values, strict=True):
                must = MUST if what == "median" and not pixels else None
                rows += _rows(f"{name} ({rate:.2f} bit/px), {what} of {PEOPLE} people{pixels}", both, must)
    (large, *_) = people(seconds, size=2)
    for name, (of_pixels, _) in coded_errors(folder, list(filmed(large, large.in_world)), OF_LARGE_FACES).items():
        for pixels, both in zip(PIXELS, of_pixels, strict=True):
            rows += _rows(f"face of {2 * FACE_HEIGHT_PX} px, {name}{pixels}", both, None)
    for (name, coding), wanted in product(DEEP.items(), RATES):
        got, rate = coded_face(folder, name, frames, replace(coding, quality=None, bits_per_pixel=wanted))
        rows += _rows(f"at a high rate: {name} ({rate:.2f} bit/px)", errors(got, lossless)[0], None)
    for name, (bits, draw) in CODINGS.items():
        if name != "png":
            got, rate = coded_face(folder, name, frames, draw(np.random.default_rng(1)))
            rows += _rows(f"at usual rates: {name}, {bits} bit ({rate:.2f} bit/px)", errors(got, lossless)[0], None)
    for name, level in SKIN_LEVELS.items():
        levels = lossless.frames.astype(np.float64) * (level / 255)
        change = pulse_ratios(light_from_srgb(levels), lossless.times_s) / pulse_ratios(levels, lossless.times_s) - 1
        rows += [
            Row(f"linear light, {name}: change of {channel} over green", float(value), "1")
            for channel, value in zip(("red", "blue"), change, strict=True)
        ]
    return rows + repeated_rows(frames, folder)


def lossless_face(folder: Path, frames: Frames) -> FaceVideo:
    with tempfile.TemporaryDirectory(dir=folder) as place:
        images = write_coded(Path(place) / "png", frames, Coding())
        names = tuple(sorted(path.name for path in images.iterdir()))
        return face_of(VideoSource(images, names, np.array([time_s for time_s, _ in frames])))


def coded_errors(folder: Path, frames: Frames, names: Iterable[str] = ()) -> dict[str, tuple[FloatArray, float]]:
    """Of the variants of these names, or of all: `errors`, and bits a pixel."""
    lossless, coded = lossless_face(folder, frames), variants(folder, frames)
    found = {}
    for name in names or coded:
        face, rate = coded_face(folder, name, *coded[name])
        found[name] = errors(face, lossless), rate
    return found


def variants(folder: Path, frames: Frames) -> dict[str, tuple[Iterable[Timed], Coding]]:
    """Name -> frames and the coding of them, which loses nothing of its own."""
    turned: Frames = [(time_s, np.rot90(rgb, -1).astype(np.uint8)) for time_s, rgb in frames]
    first = write_coded(folder / "first", frames, H264)
    lost, doubled = range(5, len(frames), DROP_EVERY), range(5, len(frames), DOUBLE_EVERY)
    return {name: (frames, coding) for name, coding in HIGH.items()} | {
        "two generations": (read_frames(VideoSource(first)), H264),
        "turned by 90 degrees": (turned, replace(H264, rotation_degrees=90)),
        "dropped frames": (delivered(frames, arrivals(len(frames), lost=lost)), H264),
        "doubled frames": (delivered(frames, arrivals(len(frames), doubled=doubled)), H264),
    }


def repeated_rows(frames: Frames, folder: Path) -> list[Row]:
    """Share of the pictures that were repeated that are found; and, where none was, of all that are found and yet are not equal:
    a codec that is short of bits repeats pictures by itself."""
    doubled = np.arange(5, len(frames), DOUBLE_EVERY)
    sent = list(delivered(frames, arrivals(len(frames), doubled=doubled)))
    rows = []
    for name, coding in REPEATING.items():
        found, _ = found_and_equal(folder, sent, coding)
        rows.append(Row(f"repeated pictures, {name}: found of {len(doubled)} in {len(frames)} frames", found / len(doubled), "1"))
        scenes = {"head": frames} | {f"still, noise of {noise:g}": still(frames, noise) for noise in STILL_NOISE}
        for scene, given in scenes.items():
            found, equal = found_and_equal(folder, given, coding)
            falsely = Row(
                f"repeated pictures, {name}: falsely found, {scene}", (found - equal) / len(frames), "1",
                better="lower", must=FALSELY_FOUND,
            )  # fmt: skip
            rows += [falsely, Row(f"repeated pictures, {name}: equal as coded, {scene}", equal / len(frames), "1")]
    return rows


def still(frames: Frames, noise: float) -> Frames:
    """The first picture all the time, before a camera with so many grey levels of noise."""
    rng, scene = np.random.default_rng(1), frames[0][1].astype(np.float64)
    return [
        (time_s, np.clip(np.rint(scene + rng.normal(0, noise, scene.shape)), 0, 255).astype(np.uint8)) for time_s, _ in frames
    ]


def found_and_equal(folder: Path, frames: Frames, coding: Coding) -> tuple[int, int]:
    """Of the coded frames, how many count as repeated, and how many of them are equal to the one before."""
    meter, equal = SourceMeter(), 0
    before: npt.NDArray[np.generic] = np.empty(0)
    for _, picture in read_pictures(VideoSource(write_coded(folder / "repeated", frames, coding)), meter=meter):
        assert isinstance(picture, YuvPicture)
        equal += np.array_equal(picture.luma[::COMPARED_LINES], before)
        before = picture.luma[::COMPARED_LINES].copy()
    facts = meter.facts()
    assert facts is not None
    return facts.n_doubled, equal


def _rows(name: str, both: FloatArray, must: float | None) -> list[Row]:
    return [
        Row(f"{name}: error of {channel} over green", float(error), "1", better="lower", must=must)
        for channel, error in zip(("red", "blue"), both, strict=True)
    ]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.door", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=16.0)
    cv2.setNumThreads(1)
    with threadpool_limits(1), tempfile.TemporaryDirectory() as folder:
        write_rows("door", measure(parser.parse_args().seconds, Path(folder)))


if __name__ == "__main__":
    main()
