"""Face Mesh's landmarks under other versions: of Python, of numpy, and its models under LiteRT, where MediaPipe has no wheel.

    python -m benchmarks.face_mesh write a.npz [VIDEO ...]   MediaPipe's landmarks of the astronaut and of videos' frames
    python benchmarks/face_mesh.py compare a.npz b.npz       what two environments wrote
    python benchmarks/face_mesh.py litert a.npz MODULES      against ai-edge-litert's; MODULES: mediapipe's folder of that name

`compare` and `litert` need numpy and OpenCV alone beside it, and run on any Python. The figures of docs/dependencies.md.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[Any]
EVERY_FRAMES = 60
POINTS = 468
DETECTOR, MESH = "face_detection/face_detection_short_range.tflite", "face_landmark/face_landmark.tflite"
DETECTOR_PX, MESH_PX = 128, 192
GRIDS = ((16, 2), (8, 6))  # cells per side, anchors in each: all but their place is fixed in this model
LEAST_SCORE, SAME_FACE = 0.5, 0.3
ROI = 1.5  # sides of the face's box


def write(out: Path, videos: list[Path]) -> None:
    """All frames of videos are followed; of every 60th, and of the astronaut, the mesh is found anew as well."""
    from skimage.data import astronaut

    from tast.preprocessing.mask import _face_mesh, mesh_points_px
    from tast.records import VideoSource
    from tast.video.read import read_frames

    arrays: dict[str, FloatArray] = {}
    pictures = [astronaut()]
    for video in videos:
        frames = [frame for _, frame in read_frames(VideoSource(video))]
        arrays[f"followed {video.parent.name}"] = np.array([found for found in mesh_points_px(frames) if found is not None])
        pictures += frames[::EVERY_FRAMES]
    with _face_mesh().FaceMesh(static_image_mode=True, max_num_faces=1, refine_landmarks=False) as mesh:
        for number, picture in enumerate(pictures):
            if found := mesh.process(picture).multi_face_landmarks:
                height, width = picture.shape[:2]
                arrays[f"picture {number}"] = picture
                arrays[f"found {number}"] = np.array([(p.x * width, p.y * height, p.z * width) for p in found[0].landmark])
    np.savez(out, **arrays)
    found = [f"{name} {array.shape}" for name, array in arrays.items() if not name.startswith("picture")]
    print(f"Python {sys.version.split()[0]}, numpy {np.__version__}: {', '.join(found)}")


def compare(first: Path, second: Path) -> None:
    before, after = np.load(first), np.load(second)
    assert before.files == after.files, "they hold other pictures"
    pictures = [name for name in before.files if name.startswith("picture")]
    assert all(np.array_equal(before[name], after[name]) for name in pictures), "the pictures differ"
    found = [name for name in before.files if name not in pictures]
    apart = max(np.abs(before[name] - after[name]).max() for name in found)
    n_points = sum(before[name].shape[-2] * (len(before[name]) if before[name].ndim == 3 else 1) for name in found)
    print(f"{n_points} points of {len(found)} arrays: at most {apart:g} px apart")


def litert(points: Path, modules: Path) -> None:
    data = np.load(points)
    detect, landmarks = (runner(modules / name) for name in (DETECTOR, MESH))
    worst, means, taken = 0.0, [], []
    for name in (one for one in data.files if one.startswith("picture")):
        start = time.perf_counter()
        found = mesh_of(data[name], detect, landmarks)
        taken.append(time.perf_counter() - start)
        apart = np.linalg.norm((found - data[name.replace("picture", "found")])[:, :2], axis=1)
        means.append(apart.mean())
        worst = max(worst, apart.max())
    print(
        f"Python {sys.version.split()[0]}, numpy {np.__version__}, ai-edge-litert {import_module('ai_edge_litert').__version__}"
    )
    print(f"{len(means)} pictures: {np.mean(means):.4f} px apart, at most {worst:.4f}; {1e3 * np.median(taken):.1f} ms each")


Runner = Callable[[FloatArray], list[FloatArray]]


def runner(model: Path) -> Runner:
    """picture (H, W, 3) float32 -> the model's outputs, each without the axis of batches."""
    interpreter = import_module("ai_edge_litert.interpreter").Interpreter(model_path=str(model), num_threads=1)
    interpreter.allocate_tensors()
    (into,), outs = interpreter.get_input_details(), interpreter.get_output_details()

    def run(picture: FloatArray) -> list[FloatArray]:
        interpreter.set_tensor(into["index"], picture[None].astype(np.float32))
        interpreter.invoke()
        return [interpreter.get_tensor(one["index"])[0] for one in outs]

    return run


def mesh_of(picture: FloatArray, detect: Runner, landmarks: Runner) -> FloatArray:
    """(468, 3) x, y, z in pixels of the face in picture (H, W, 3) uint8, by the steps of MediaPipe's face_landmark_front_cpu."""
    centre, side_px = np.array(picture.shape[1::-1]) / 2, max(picture.shape[:2])
    square = cut_out(picture, centre, side_px, 0, DETECTOR_PX, cv2.BORDER_CONSTANT)
    box, eyes = (centre + (points - 0.5) * side_px for points in detected(*detect(square / 127.5 - 1)))
    turn = np.arctan2(*(eyes[1] - eyes[0])[::-1])
    centre, side_px = box.mean(axis=0), ROI * np.ptp(box, axis=0).max()
    face = cut_out(picture, centre, side_px, turn, MESH_PX, cv2.BORDER_REPLICATE)
    points = next(one for one in landmarks(face / 255) if one.size == 3 * POINTS).reshape(POINTS, 3) / MESH_PX * side_px
    across = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    return np.column_stack([(points[:, :2] - side_px / 2) @ across + centre, points[:, 2]])


def cut_out(picture: FloatArray, centre: FloatArray, side_px: float, turn: float, size_px: int, border: int) -> FloatArray:
    """(size, size, 3) float32 of a square that is turned by `turn` radians."""
    corners = cv2.boxPoints((tuple(map(float, centre)), (float(side_px), float(side_px)), float(np.degrees(turn))))
    onto = np.array([[0, size_px], [0, 0], [size_px, 0], [size_px, size_px]], dtype=np.float32)
    matrix = cv2.getPerspectiveTransform(corners, onto)
    return cv2.warpPerspective(picture, matrix, (size_px, size_px), flags=cv2.INTER_LINEAR, borderMode=border).astype(np.float32)


def detected(*outputs: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Two corners (2, 2) of the best box, and its eyes (2, 2), in shares of the square; what overlaps it is averaged in."""
    numbers, logits = sorted(outputs, key=lambda one: -one.shape[1])
    scores = 1 / (1 + np.exp(-np.clip(logits[:, 0].astype(np.float64), -100, 100)))
    points = numbers.reshape(-1, 8, 2) / DETECTOR_PX
    anchors = [((x + 0.5) / n, (y + 0.5) / n) for n, each in GRIDS for y in range(n) for x in range(n) for _ in range(each)]
    points[:, [0, *range(2, 8)]] += np.array(anchors)[:, None]
    points, scores = points[scores >= LEAST_SCORE], scores[scores >= LEAST_SCORE]
    if not len(points):
        raise ValueError("no face in the picture")
    low, high = points[:, 0] - points[:, 1] / 2, points[:, 0] + points[:, 1] / 2
    best = scores.argmax()
    common = np.clip(np.minimum(high, high[best]) - np.maximum(low, low[best]), 0, None).prod(axis=1)
    both = (high - low).prod(axis=1) + (high[best] - low[best]).prod() - common
    weights = scores * (common > SAME_FACE * both)
    box, eyes = (np.tensordot(weights / weights.sum(), one, 1) for one in (np.stack([low, high], axis=1), points[:, 2:4]))
    return box, eyes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("write", "compare", "litert"))
    parser.add_argument("points", type=Path)
    parser.add_argument("others", type=Path, nargs="*")
    given = parser.parse_args()
    if given.what == "write":
        write(given.points, given.others)
    else:
        (compare if given.what == "compare" else litert)(given.points, *given.others)


if __name__ == "__main__":
    main()
