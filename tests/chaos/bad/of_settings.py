"""What the project itself writes and reads: parameters, saved models, anchors, profiles, splits, descriptions of data sets."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, is_dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import torch

from tast.anchors import Reading
from tast.datasets.description import FILE, Description, describe, described
from tast.datasets.splits import Split
from tast.methods.tast_net import build
from tast.params import load_params
from tast.prediction.anchoring import KeptAnchor, anchor_in, anchors_of, read_anchor, write_anchor
from tast.prediction.profiles import CameraProfile, profiles_of, write_profile
from tast.saved_model import CARD, WEIGHTS, ModelCard, load_model, save_model
from tast.training.change_reader import ChangeReader
from tast.training.domain import Spread
from tast.training.interval import PredictionInterval
from tast.training.labels import LabelScaling
from tests.chaos.bad.mutators import OF_BYTES, OF_JSON, OF_TEXT
from tests.chaos.bad.trial import Parser

ROOT = Path(__file__).resolve().parents[3]
WEIGHTS_OF = "a" * 64


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


PARSERS = (
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
