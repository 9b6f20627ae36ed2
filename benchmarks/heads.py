"""Many faces: whether dlib and Face Mesh find them as preprocessing asks, how far dlib's points lie off, how long a frame takes.

    python -m benchmarks.heads [--people 200] [--sheet FILE.png]

Each person in six poses: frontal, yaw of -20 and 20 degrees, pitch of -15 and 15, and one talking and smiling. 640x480, a face
of 240 px from hairline to chin, plain colours (tast.phantom.heads.plain), a lamp and a wall of the person's own. A face counts as
found by dlib where its landmarks lie on it, within LOST_PX on average; by Face Mesh in the picture that `align` makes of it, and
where `mask` would take the mesh. Landmarks: mean distance of dlib's points 18-68 (brows, nose, eyes, mouth) from the true ones.
Time: CPU per frame of a talking person, raw light only, median over the first people.

--sheet: no measurement, but a picture of 24 people.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from benchmarks.results import Row, write_rows
from tast.errors import VideoRejected
from tast.files import whole_file
from tast.phantom.heads.backdrop import backdrop
from tast.phantom.heads.film import Film, View
from tast.phantom.heads.lamp import lamp
from tast.phantom.heads.looks import Looks, looks
from tast.phantom.heads.manner import Manner, manner, posed
from tast.phantom.heads.plain import plain_gain, plain_paint, plain_picture, plain_skin
from tast.phantom.motion import SETUPS
from tast.phantom.randomness import stream
from tast.preprocessing.align import align, watch_face
from tast.preprocessing.mask import EYES_ASTRAY, NO_FACE, eyes_astray, face_outlines

SEED = 15
TALKING = {"jawOpen": 0.22, "mouthSmile_L": 0.5, "mouthSmile_R": 0.5, "browInnerUp_L": 0.4, "browInnerUp_R": 0.4}
POSES: dict[str, Manner] = {
    "frontal": posed(),
    "yaw -20": posed((-20, 0, 0)),
    "yaw 20": posed((20, 0, 0)),
    "pitch -15": posed((0, -15, 0)),
    "pitch 15": posed((0, 15, 0)),
    "talking and smiling": posed((4, 3, 2), TALKING),
}
VIEW = View(640, 480, 240)
ROI_PX = 128
LOST_PX = 20.0  # half of an eye's width: landmarks that far off lie on something else
NO_PULSE = np.zeros((4, 3), np.float32)
FOUND_MUST, FOUND_EACH_MUST, MS_MUST = 0.99, 0.97, 12.0
TIMED_FRAMES = 30

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Seen:
    """What was found of one person in one pose; error_px: infinite where dlib finds nothing."""

    fitzpatrick: int
    pose: str
    by_dlib: bool
    by_mesh: bool
    error_px: float


def filmed(person: Looks, view: View) -> Film:
    behind = backdrop(view, person.seed, person.number)
    return Film(person, view, lamp(person.seed, person.number), plain_skin(person.melanosomes), plain_paint, behind)


def pictures(person: Looks, film: Film, poses: dict[str, Manner]) -> Iterator[tuple[str, Picture, npt.NDArray[np.float64]]]:
    """Each pose: its name, the picture with a camera's noise, the true landmarks (68, 2)."""
    rng = stream(person.seed, "noise of a head", person.number)
    for name, pose in poses.items():
        light = film.frame(pose, 0, NO_PULSE)
        picture = plain_picture(light, plain_gain(person.melanosomes))
        noisy = picture + rng.normal(0, 1.0, picture.shape)
        yield name, np.clip(np.rint(noisy), 0, 255).astype(np.uint8), film.landmarks(pose, 0)


def found(people: int, poses: dict[str, Manner] = POSES) -> list[Seen]:
    """The first people, each in `poses`."""
    seen = []
    aligned: list[Picture | None] = []
    for number in range(1, people + 1):
        person = looks(SEED, number)
        for name, picture, truth in pictures(person, filmed(person, VIEW), poses):
            _, _, face = next(iter(watch_face([(0.0, picture)], detect_every_s=1.0)))
            error_px = np.inf
            if face is not None:
                found_px = np.stack([face.landmarks_px.real, face.landmarks_px.imag], axis=1)
                error_px = float(np.linalg.norm(found_px - truth, axis=1)[17:].mean())
            seen.append(Seen(person.fitzpatrick, name, error_px < LOST_PX, False, error_px))
            aligned.append(_aligned(picture))
    outlines = list(face_outlines(frame for face in aligned for frame in (NO_FACE, NO_FACE if face is None else face)))
    if any(outline is not None for outline in outlines[::2]):
        raise RuntimeError("Face Mesh finds a face in an empty picture")
    by_mesh = [outline is not None and eyes_astray([outline], ROI_PX) <= EYES_ASTRAY for outline in outlines[1::2]]
    return [replace(s, by_mesh=mesh) for s, mesh in zip(seen, by_mesh, strict=True)]


def _aligned(picture: Picture) -> Picture | None:
    try:
        face = align([(0.0, picture)], "head", roi_size_px=ROI_PX, smooth_s=0.2, detect_every_s=1.0, max_gap_s=0.5)
    except VideoRejected:
        return None
    return np.asarray(face.frames[0], np.uint8)


def frame_ms(people: int) -> list[float]:
    """CPU per frame of the first people."""
    times_s = np.arange(TIMED_FRAMES) / 30
    beat, breath = np.sin(2 * np.pi * 1.2 * times_s), np.sin(2 * np.pi * 0.25 * times_s)
    result = []
    for number in range(1, people + 1):
        course = manner(stream(SEED, "manner", number), SETUPS["talking"], times_s, beat, breath)
        film = filmed(looks(SEED, number), VIEW)
        film.frame(course, 0, NO_PULSE)
        start = time.process_time()
        for i in range(TIMED_FRAMES):
            film.frame(course, i, NO_PULSE)
        result.append(1e3 * (time.process_time() - start) / TIMED_FRAMES)
    return result


def rows(seen: list[Seen], times_ms: list[float]) -> list[Row]:
    def share(of: list[Seen], by: str) -> float:
        return float(np.mean([getattr(s, by) for s in of]))

    def error(of: list[Seen]) -> float:
        return float(np.mean([s.error_px for s in of if s.by_dlib]))

    result = []
    for by, finder in (("by_dlib", "dlib"), ("by_mesh", "Face Mesh")):
        result.append(Row(f"{finder} finds, of {len(seen)} faces", share(seen, by), "1", must=FOUND_MUST))
        for pose in POSES:
            result.append(Row(f"{finder} finds, {pose}", share([s for s in seen if s.pose == pose], by), "1"))
        for skin in range(1, 7):
            of_type = [s for s in seen if s.fitzpatrick == skin]
            result.append(Row(f"{finder} finds, skin type {skin}", share(of_type, by), "1", must=FOUND_EACH_MUST))
    result.append(Row("dlib's landmarks off the truth", error(seen), "px", better="lower"))
    for pose in POSES:
        result.append(
            Row(f"dlib's landmarks off the truth, {pose}", error([s for s in seen if s.pose == pose]), "px", better="lower")
        )
    for skin in range(1, 7):
        of_type = [s for s in seen if s.fitzpatrick == skin]
        result.append(Row(f"dlib's landmarks off the truth, skin type {skin}", error(of_type), "px", better="lower"))
    result.append(
        Row("a frame of raw light, CPU, median", float(np.median(times_ms)), "ms", better="lower", must=MS_MUST, aim=8.0)
    )
    result.append(Row("a frame of raw light, CPU, slowest person", max(times_ms), "ms", better="lower"))
    result.append(
        Row(
            "dlib's landmarks off the truth, 99 % of the faces",
            float(np.quantile([s.error_px for s in seen], 0.99)),
            "px",
            better="lower",
        )
    )
    return result


def sheet(path: Path, first: int = 1, people: int = 24, columns: int = 6, face_px: int = 200) -> None:
    """A picture of people in light turns, with a smile or without."""
    view = View(int(1.6 * face_px), int(1.75 * face_px), face_px, place=(0.5, 0.46))
    tiles = []
    for number in range(first, first + people):
        person, rng = looks(SEED, number), stream(SEED, "sheet", number)
        smile = float(np.clip(rng.normal(0.2, 0.3), 0, 1))
        pose = posed(tuple(rng.normal(0, (8, 4, 3))), {"mouthSmile_L": smile, "mouthSmile_R": smile})
        light = filmed(person, view).frame(pose, 0, NO_PULSE)
        tiles.append(plain_picture(light, plain_gain(person.melanosomes)))
    lines = [np.hstack(tiles[i : i + columns]) for i in range(0, people, columns)]
    with whole_file(path) as part:
        part.write_bytes(cv2.imencode(".png", np.vstack(lines)[..., ::-1])[1].tobytes())


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.heads", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--people", type=int, default=200)
    parser.add_argument("--sheet", type=Path, metavar="FILE", help="write a picture of 24 people instead")
    parser.add_argument("--first", type=int, default=1, help="the first person of the picture")
    arguments = parser.parse_args()
    if arguments.sheet:
        sheet(arguments.sheet, arguments.first)
        return
    write_rows("heads", rows(found(arguments.people), frame_ms(min(24, arguments.people))))


if __name__ == "__main__":
    main()
