"""A planted data set of one-second recordings, and their clips in the item cache: what `growth` gives to the pipeline.

    python -m benchmarks.planted videos FOLDER N     N recordings in the layout csv, ten of each person
    python -m benchmarks.planted one_more FOLDER     one more, whose face is rendered and therefore found
    python -m benchmarks.planted clips               in a project: clips of what data/raw holds, into the item cache
    python -m benchmarks.planted outputs FOLDER      in a project: as many files as the stages would leave of these recordings

The videos are 15 frames of 32x32 pixels, each a file of its own bytes: one encoded video and its number in an EBML Void, which
every reader passes over. No face is in them: their clips stand in the cache under the keys by which the preprocess stage looks
for them, so that growth of the pipeline is measured, and not dlib. Programs of their own, since whoever measures must be small.
"""

from __future__ import annotations

import argparse
import csv
import os
import shutil
from functools import partial
from pathlib import Path

import numpy as np

from flows.clips import cache_root, read_raw
from flows.layout import AUDIT, CLIPS, CONTACT_SHEETS, HISTORY, METRICS, MODEL, PLOTS, PREDICTIONS, RAW, REPORT, SPLIT
from tast.clip_store import MANIFEST
from tast.digests import seal
from tast.light import FOLDER as LIGHT
from tast.params import load_params
from tast.phantom.render import render
from tast.phantom.session import phantom_sessions
from tast.preprocessing.align import landmark_model_path
from tast.preprocessing.cache import ItemCache
from tast.preprocessing.keys import item_key
from tast.preprocessing.mask import mesh_model_paths
from tast.preprocessing.pieces import VideoPieces
from tast.preprocessing.pipeline import computed_by, settings_of
from tast.preprocessing.steps import STEPS
from tast.records import FaceLight, FaceVideo
from tast.video.coding import Coding
from tast.video.write_coded import write_coded

FPS_HZ, N_FRAMES, SIZE_PX = 15, 15, 32
RECORDINGS_OF_A_PERSON = 10
SCENARIOS = ("steady", "talking")
CODING = Coding("h264", ".mkv", quality=30)
VOID = b"\xec\x88"  # ID of an EBML Void element, and the length of what it holds: 8 bytes
TABLE, COLUMNS = "recordings.csv", ("subject_id", "record_id", "video", "spo2", "scenario", "camera")
READINGS_S = 4  # one a second, past the label's delay


def write_videos(folder: Path, n: int) -> None:
    folder.mkdir(parents=True)
    rng = np.random.default_rng(0)
    pictures = [(k / FPS_HZ, rng.integers(0, 256, (SIZE_PX, SIZE_PX, 3), dtype=np.uint8)) for k in range(N_FRAMES)]
    template = write_coded(folder / "template", pictures, CODING)
    encoded = template.read_bytes()
    template.unlink()
    rows = []
    for number in range(n):
        name, subject = f"r{number:06d}", number // RECORDINGS_OF_A_PERSON
        place = folder / name
        place.mkdir()
        (place / "video.mkv").write_bytes(encoded + VOID + number.to_bytes(8))
        _write_readings(place, 88 + subject % 11, number)
        rows.append(_row(f"p{subject:05d}", name, SCENARIOS[number % len(SCENARIOS)]))
    with (folder / TABLE).open("w", newline="") as file:
        table = csv.writer(file)
        table.writerows([COLUMNS, *rows])


def write_one_more(folder: Path) -> None:
    """A person whose face the pipeline finds."""
    name = "one_more"
    session = phantom_sessions(
        seed=7, subjects=1, sessions=1, seconds=1.0 + 1 / FPS_HZ, fps_hz=FPS_HZ, width_px=192, height_px=160,
        face_height_px=110, profile="wide", scenarios=("steady",),
    )[0]  # fmt: skip
    (folder / name).mkdir()
    write_coded(folder / name / "video", render(session), CODING)
    _write_readings(folder / name, 95, 0)
    with (folder / TABLE).open("a", newline="") as file:
        csv.writer(file).writerow(_row("one_more", name, SCENARIOS[0]))


def _row(subject_id: str, name: str, scenario: str) -> tuple[str, ...]:
    return subject_id, name, f"{name}/video.mkv", f"{name}/spo2.csv", scenario, "planted"


def _write_readings(place: Path, percent: int, number: int) -> None:
    readings = "".join(f"{second},{percent + (second + number) % 2}\n" for second in range(READINGS_S))
    (place / "spo2.csv").write_text(f"times_s,percent\n{readings}")


def plant_clips() -> None:
    """An entry of the item cache for each recording of data/raw, as the preprocess stage of this project would compute it."""
    params = load_params().preprocess
    records, unread = read_raw(RAW, params)
    if unread:
        raise RuntimeError(f"{unread[0].record_id}: {unread[0].reason}")
    settings, items = settings_of(params.model_dump()), ItemCache(cache_root())
    pixel_settings = {name: dict(settings[name]) for name in ("align", *STEPS)}
    models = (landmark_model_path(), *mesh_model_paths())
    for number, record in enumerate(records):
        key = item_key(record.video, pixel_settings, computed_by(), models)
        items.get_or_compute(key, record.record_id, partial(_video, record.record_id, number, params.clips.size_px))


def plant_outputs(root: Path) -> None:
    """Files where the stages leave theirs, three of each recording as they do; no stage reads them, DVC alone looks at them."""
    names = sorted(place.name for place in root.iterdir() if place.is_dir())
    shutil.copytree(root, RAW / "csv", copy_function=os.link)
    (CLIPS / LIGHT).mkdir(parents=True)
    for name in names:
        for place in (CLIPS / f"{name}.npy", CLIPS / LIGHT / f"{name}.npy"):
            place.write_bytes(place.as_posix().encode())
    for folder in (RAW, CLIPS):
        seal(folder)
    for file in (CLIPS / MANIFEST, AUDIT / "audit.json", SPLIT, MODEL / "card.json", HISTORY, PREDICTIONS, METRICS, REPORT,
                 PLOTS / "a.png", CONTACT_SHEETS / "a.png"):  # fmt: skip
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("{}")


def _video(name: str, number: int, size_px: int) -> VideoPieces:
    rng = np.random.default_rng(number)
    light = rng.normal(100, 3, (N_FRAMES, 3))
    frames = light[:, None, None, :] + rng.normal(0, 1, (N_FRAMES, size_px, size_px, 3))
    times_s = np.arange(N_FRAMES) / FPS_HZ
    light_of_both = FaceLight(light, light + 20)
    return VideoPieces([FaceVideo(name, frames.astype(np.float16), times_s, np.ones(N_FRAMES), light=light_of_both)])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.planted", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("videos", "one_more", "clips", "outputs"))
    parser.add_argument("folder", type=Path, nargs="?")
    parser.add_argument("n", type=int, nargs="?")
    asked = parser.parse_args()
    if asked.what == "clips":
        plant_clips()
    elif asked.folder is None or (asked.n is None and asked.what == "videos"):
        parser.error(f"{asked.what} needs a FOLDER" + (" and N" if asked.what == "videos" else ""))
    elif asked.what == "videos":
        write_videos(asked.folder, asked.n)
    elif asked.what == "outputs":
        plant_outputs(asked.folder)
    else:
        write_one_more(asked.folder)


if __name__ == "__main__":
    main()
