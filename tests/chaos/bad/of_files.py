"""Single files: pictures, containers, archives, parameters, saved models, anchors, profiles, and videos that are sent."""

from __future__ import annotations

import io
import math
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, is_dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import py7zr
import torch

from tast.anchors import Reading
from tast.datasets.archives import extract
from tast.datasets.description import FILE, Description, describe, described
from tast.datasets.splits import Split
from tast.methods.tast_net import build
from tast.params import load_params
from tast.prediction.anchoring import KeptAnchor, anchor_in, anchors_of, read_anchor, write_anchor
from tast.prediction.profiles import CameraProfile, profiles_of, write_profile
from tast.records import VideoSource
from tast.saved_model import CARD, WEIGHTS, ModelCard, load_model, save_model
from tast.training.change_reader import ChangeReader
from tast.training.domain import Spread
from tast.training.interval import PredictionInterval
from tast.training.labels import LabelScaling
from tast.video.containers import container_times_s, extent
from tast.video.images import read_png
from tast.video.read import read_frames, source_facts
from tests.chaos.bad.mutators import OF_BYTES, OF_JSON, OF_TEXT
from tests.chaos.bad.trial import Parser
from tests.datasets.layouts import write_container, write_png

ROOT = Path(__file__).resolve().parents[3]
WEIGHTS_OF = "a" * 64
CONTENT = {"PURE/01-01/01-01.json": b'{"a": 1}' * 200, "PURE/01-01/Image1.png": bytes(range(256)) * 8, "PURE/empty.txt": b""}
N_FRAMES = 12


def _picture(number: int) -> np.ndarray:
    """(24, 32, 3) uint8, another for each number."""
    rows, columns = np.mgrid[:24, :32]
    return np.stack([200 - rows, 40 + 5 * columns % 90, np.full_like(rows, 10 * number % 250)], axis=-1).astype(np.uint8)


def _video(name: str, **kind: Any) -> Callable[[Path], None]:
    return lambda folder: write_container(folder / name, [_picture(number) for number in range(N_FRAMES)], **kind)


def _decode(name: str, folder: Path) -> tuple[list[float], list[str]]:
    """All that is asked of a container: its times, how much it will take, what it is made of, every frame."""
    path = folder / name
    video = VideoSource(path)
    extent(video, max_frames=1000, max_pixels=10_000_000)
    times_s = container_times_s(path)
    if not np.isfinite(times_s).all() or np.any(np.diff(times_s) <= 0):
        raise AssertionError(f"times {times_s}")
    source_facts(video, most_frames=5)
    defects: list[str] = []
    return [time_s for time_s, _ in read_frames(video, defects)], defects


def _frames_wrong(result: Any, valid: Any, how: str) -> str:
    (times_s, defects), (sound, _) = result, valid
    if not all(map(math.isfinite, times_s)) or any(np.diff(times_s) <= 0):
        return f"times {times_s}"
    if how == "cut" and len(times_s) < len(sound) and not defects:
        return f"{len(times_s)} of {len(sound)} frames, without a word"
    return "" if all(one.isprintable() and len(one) < 300 for one in defects) else f"defects {defects}"


def _png(folder: Path) -> None:
    write_png(folder / "a.png", _picture(1))


def _same_picture(result: Any, valid: Any, how: str) -> str:
    return "" if np.array_equal(result, valid) else "another picture"


def _zip(folder: Path) -> None:
    with zipfile.ZipFile(folder / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in CONTENT.items():
            archive.writestr(name, data)


def _tar(kind: str) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        with tarfile.open(folder / f"a.tar{kind and '.'}{kind}", f"w:{kind}") as archive:  # type: ignore[call-overload]
            for name, data in CONTENT.items():
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))

    return make


def _7z(folder: Path) -> None:
    with py7zr.SevenZipFile(folder / "a.7z", "w") as archive:
        for name, data in CONTENT.items():
            archive.writestr(data, name)


def _extracted(name: str, folder: Path) -> dict[str, bytes]:
    path = folder / name
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch) / "out"
        out.mkdir()
        extract(path, out, lambda n_bytes: None)
        beside = [one.name for one in Path(scratch).iterdir() if one != out]
        if beside:
            raise AssertionError(f"{beside} beside the folder")
        return {one.relative_to(out).as_posix(): one.read_bytes() for one in out.rglob("*") if one.is_file()}


def _content_wrong(result: Any, valid: Any, how: str) -> str:
    """What a check sum vouches for is as it was; nothing is missing but in formats that say nothing of what they hold."""
    if changed := [name for name, data in result.items() if data not in CONTENT.values()]:
        return f"other content in {changed[0]!r}"
    return f"{len(result)} of {len(CONTENT)} files" if how == "cut" and len(result) < len(CONTENT) else ""


def _missing_wrong(result: Any, valid: Any, how: str) -> str:
    """A plain tar vouches for the names alone."""
    return f"{len(result)} of {len(CONTENT)} files" if how == "cut" and len(result) < len(CONTENT) else ""


def _params(folder: Path) -> None:
    (folder / "params.yaml").write_text((ROOT / "params.yaml").read_text())


def _params_json(folder: Path) -> None:
    (folder / "params.yaml").write_text(load_params(ROOT / "params.yaml").model_dump_json(indent=1))  # YAML reads it as well


def _numbers_wrong(result: Any, valid: Any, how: str) -> str:
    return next((f"{where} = {value}" for where, value in _numbers(result) if not math.isfinite(value)), "")


def _numbers(value: Any, where: str = "") -> Iterator[tuple[str, float]]:
    if is_dataclass(value) and not isinstance(value, type):
        value = asdict(value)
    elif hasattr(value, "model_dump"):
        value = value.model_dump()
    if isinstance(value, dict):
        for key, one in value.items():
            yield from _numbers(one, f"{where}.{key}")
    elif isinstance(value, list | tuple):
        for place, one in enumerate(value):
            yield from _numbers(one, f"{where}.{place}")
    elif isinstance(value, float):
        yield where, value


@lru_cache
def _network() -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return build(frames=60, size_px=16, seconds=4).eval()


def _model(folder: Path) -> None:
    net: Any = _network()
    preprocess = load_params(ROOT / "params.yaml").preprocess.model_dump()
    save_model(folder, net, ModelCard(
        model_name="tast_net", config=asdict(net.config), preprocessing=preprocess, input_kind="normalised", frame_size_px=16,
        scaling=LabelScaling(91.0, 6.0), data_digest="d" * 64, code_version="0.1.0", interval=PredictionInterval(0.9, 3.1, 8, 70),
        people_seen=("pure/01", "pure/02"), change=ChangeReader((1.0,) * 8, (2.0,) * 5, 0.25, 2, 4), codecs={"h264": 8.9},
        domain={"pulse colour": Spread((0.5, 0.6), ((1.0, 0.0), (0.0, 1.0)), 1.5)},
    ))  # fmt: skip


def _card_wrong(result: Any, valid: Any, how: str) -> str:
    """A number that cannot be, or one of another type: what is a text or a list there now would fall in the middle of a video."""
    card, sound = asdict(result[1]), asdict(valid[1])
    if fault := _numbers_wrong(card, None, how):
        return fault
    scaling, interval = card["scaling"], card["interval"]
    if scaling["deviation_percent"] <= 0 or not scaling["lowest_percent"] < scaling["highest_percent"]:
        return f"scaling {scaling}"
    if interval and not (0 < interval["coverage"] < 1 and interval["half_width_percent"] >= 0):
        return f"interval {interval}"
    other = [key for key, value in card.items() if value and sound[key] and type(value) is not type(sound[key])]
    return f"{other[0]} = {card[other[0]]!r}"[:200] if other else ""


def _kept(folder: Path) -> None:
    write_anchor(folder / "anna.json", KeptAnchor("anna", 1.5, 0.5, (Reading(0.0, 10.0, 97.0, 1.0),)), WEIGHTS_OF)


def _profile(folder: Path) -> None:
    write_profile(
        folder / "webcam.json", CameraProfile(0.5, 44.0, PredictionInterval(0.9, 2.5, 3, 90), None, 80.0, 98.0, "", 3), WEIGHTS_OF
    )


def _profiles(folder: Path) -> None:
    _profile(folder)
    (folder / "cameras.csv").write_text("video,profile\nanna,webcam.json\nbert,webcam.json\n")


def _readings(folder: Path) -> None:
    (folder / "readings.csv").write_text("video,second,spo2_percent,sd_percent\nanna,0,97,\nanna,60,94.5,2\nbert,0,92,1\n")


def _readings_wrong(result: Any, valid: Any, how: str) -> str:
    found = [*result.of_all, *(one for readings in result.of_video.values() for one in readings)]
    return next(
        (f"{one}" for one in found if not all(map(math.isfinite, asdict(one).values()))), _numbers_wrong(result, valid, how)
    )


def _sent_anchor(folder: Path) -> Any:
    return anchor_in("anchor.txt", (folder / "anchor.txt").read_text(encoding="utf-8", errors="surrogateescape"), WEIGHTS_OF)


def _split(folder: Path) -> None:
    Split("subject_independent", ("a_0", "a_1"), ("b_0",), ("c_0",)).to_json(folder / "split.json")


def _same(result: Any, valid: Any, how: str) -> str:
    return "" if result == valid else f"{result}"[:200]


def _described(folder: Path) -> None:
    describe(folder, [Description("pure", "pure"), Description("vipl_hr", "vipl_hr", True)])


def _description_wrong(result: Any, valid: Any, how: str) -> str:
    kinds = all(isinstance(one.layout, str) and isinstance(one.name, str) and isinstance(one.include_nir, bool) for one in result)
    return "" if kinds else f"{result}"[:200]


H264 = {"codec": "libx264", "pixel_format": "yuv420p", "options": {"crf": "20"}}
PARSERS = (
    Parser("picture: PNG", _png, ("a.png",), lambda folder: read_png(folder / "a.png"), OF_BYTES, _same_picture, 300),
    Parser("container: AVI, Motion JPEG", _video("a.avi"), ("a.avi",), partial(_decode, "a.avi"), OF_BYTES, _frames_wrong, 300),
    Parser("container: AVI, H.264", _video("a.avi", **H264), ("a.avi",), partial(_decode, "a.avi"), OF_BYTES, _frames_wrong, 300),
    Parser("container: MP4, H.264", _video("a.mp4", **H264), ("a.mp4",), partial(_decode, "a.mp4"), OF_BYTES, _frames_wrong, 300),
    Parser(
        "container: Matroska, VP9",
        _video("a.mkv", codec="libvpx-vp9", pixel_format="yuv420p"),
        ("a.mkv",),
        partial(_decode, "a.mkv"),
        OF_BYTES,
        _frames_wrong,
        300,
    ),
    Parser(
        "container: MP4, HEVC",
        _video("a.mp4", codec="libx265", pixel_format="yuv420p", options={"x265-params": "log-level=none"}),
        ("a.mp4",),
        partial(_decode, "a.mp4"),
        OF_BYTES,
        _frames_wrong,
        200,
    ),
    Parser("archive: zip", _zip, ("a.zip",), partial(_extracted, "a.zip"), OF_BYTES, _content_wrong, 300),
    Parser("archive: tar", _tar(""), ("a.tar",), partial(_extracted, "a.tar"), OF_BYTES, _missing_wrong, 200),
    Parser("archive: tar.gz", _tar("gz"), ("a.tar.gz",), partial(_extracted, "a.tar.gz"), OF_BYTES, _content_wrong, 300),
    Parser("archive: tar.xz", _tar("xz"), ("a.tar.xz",), partial(_extracted, "a.tar.xz"), OF_BYTES, _content_wrong, 200),
    Parser("archive: 7z", _7z, ("a.7z",), partial(_extracted, "a.7z"), OF_BYTES, _content_wrong, 250),
    Parser(
        "params.yaml: text",
        _params,
        ("params.yaml",),
        lambda folder: load_params(folder / "params.yaml"),
        OF_TEXT,
        _numbers_wrong,
        300,
    ),
    Parser(
        "params.yaml: values",
        _params_json,
        ("params.yaml",),
        lambda folder: load_params(folder / "params.yaml"),
        OF_JSON,
        _numbers_wrong,
        500,
    ),
    Parser("saved model: card", _model, (CARD,), load_model, OF_JSON, _card_wrong, 500),
    Parser("saved model: weights", _model, (WEIGHTS,), load_model, OF_BYTES, lambda result, valid, how: "", 100),
    Parser(
        "anchor: kept",
        _kept,
        ("anna.json",),
        lambda folder: read_anchor(folder / "anna.json", WEIGHTS_OF),
        OF_JSON,
        _numbers_wrong,
        300,
    ),
    Parser(
        "anchor: table",
        _readings,
        ("readings.csv",),
        lambda folder: anchors_of([str(folder / "readings.csv")], WEIGHTS_OF),
        OF_TEXT,
        _readings_wrong,
        300,
    ),
    Parser(
        "profile",
        _profile,
        ("webcam.json",),
        lambda folder: profiles_of(folder / "webcam.json", WEIGHTS_OF),
        OF_JSON,
        _numbers_wrong,
        300,
    ),
    Parser(
        "profiles: table",
        _profiles,
        ("cameras.csv",),
        lambda folder: profiles_of(folder / "cameras.csv", WEIGHTS_OF),
        OF_TEXT,
        _numbers_wrong,
        150,
    ),
    Parser("split", _split, ("split.json",), lambda folder: Split.from_json(folder / "split.json"), OF_JSON, _same, 200),
    Parser("dataset.json", _described, (FILE,), described, OF_JSON, _description_wrong, 200),
)
