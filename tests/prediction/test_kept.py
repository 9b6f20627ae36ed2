"""What is kept for one model: back as it was, and whatever else a file or a request may hold is one clear line."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from tast.errors import BadInput, TastError
from tast.prediction.anchoring import KeptAnchor, anchor_in, read_anchor, write_anchor
from tast.prediction.kept import MOST_BYTES
from tast.prediction.profiles import CameraProfile, profile_in, read_profile, write_profile
from tast.training.anchored_interval import AnchoredInterval
from tast.training.interval import PredictionInterval

WEIGHTS = "a" * 64
PROFILE = CameraProfile(
    2.0, 10.0, PredictionInterval(0.9, 4.0, 3, 90), AnchoredInterval(0.9, 1.0, 0.1, 0.0, 3, 90), 80.0, 98.0, "", 3
)
ANCHOR = KeptAnchor("monday", -4.25, 1.5)
FLAT = {"weights_sha256": WEIGHTS, **asdict(PROFILE)}


def changed(**content: object) -> str:
    return json.dumps(FLAT | content)


def test_both_kinds_come_back_from_their_file_and_from_its_text(tmp_path: Path) -> None:
    file = tmp_path / "kept.json"
    write_profile(file, PROFILE, WEIGHTS)
    assert read_profile(file, WEIGHTS) == profile_in("`profile`", file.read_text(), WEIGHTS) == PROFILE
    with pytest.raises(BadInput, match=r"kept.json: not a kept anchor \(video: Field required\)"):
        read_anchor(file, WEIGHTS)
    write_anchor(file, ANCHOR, WEIGHTS)
    assert read_anchor(file, WEIGHTS) == anchor_in("`anchor`", file.read_text(), WEIGHTS) == ANCHOR
    with pytest.raises(BadInput, match=r"kept.json: not a profile \(gain: Field required\)"):
        read_profile(file, WEIGHTS)


def test_an_anchor_that_an_earlier_release_kept_is_one_without_a_profile() -> None:
    before = {"video": "monday", "weights_sha256": WEIGHTS, "percent": -4.25, "sd_percent": 1.5, "readings": []}
    assert anchor_in("`anchor`", json.dumps(before), WEIGHTS) == ANCHOR


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("webcam.json", "Invalid JSON"),
        ("/etc/passwd", "Invalid JSON"),
        ("[" * 60_000, "recursion limit"),
        ("[]", "should be an object"),
        ("\ud800", "unicode"),
        (changed(gain=float("nan")), "gain: Input should be a finite number"),
        (changed(gain="2"), "gain: Input should be a valid number"),
        (changed(gain=-2.0), "gain -2; expected one above 0"),
        (changed(path="/etc/passwd"), "path: Unexpected keyword argument"),
        (changed(interval={"coverage": 0.9}), "interval.half_width_percent: Field required"),
        (changed(interval=asdict(PredictionInterval(1.0, 4.0, 3, 90))), "an interval that cannot be"),
        (changed(anchored_interval=asdict(AnchoredInterval(0.9, -1.0, 0.1, 0.0, 3, 90))), "an interval that cannot be"),
        (changed(weights_sha256=None), "weights_sha256: Input should be a valid string"),
        (changed(weights_sha256="b" * 64), "a profile of another model"),
        (" " * (MOST_BYTES + 1), "more than 64 KiB"),
    ],
)
def test_whatever_else_is_sent_is_one_line_that_names_its_place(text: str, said: str) -> None:
    with pytest.raises(BadInput) as caught:
        profile_in("`profile`", text, WEIGHTS)
    line = str(caught.value)
    assert said in line and line.startswith("`profile`: ") and "\n" not in line
    assert line.endswith("expected a profile that `tast calibrate` made of this model")


def test_a_file_is_held_to_the_same(tmp_path: Path) -> None:
    for content, said in ((b"\xff\xfe", "not a profile"), (b" " * (MOST_BYTES + 1), "more than 64 KiB")):
        (tmp_path / "webcam.json").write_bytes(content)
        with pytest.raises(BadInput, match=f"webcam.json: {said}"):
            read_profile(tmp_path / "webcam.json", WEIGHTS)
    with pytest.raises(BadInput, match="cannot be read"):
        read_profile(tmp_path, WEIGHTS)


@pytest.mark.parametrize(("wrong", "said"), [({"sd_percent": -1.0}, "off by -1"), ({"percent": float("inf")}, "finite number")])
def test_a_kept_anchor_holds_numbers_that_can_be(wrong: dict[str, float], said: str) -> None:
    content = json.dumps({"weights_sha256": WEIGHTS, **asdict(ANCHOR), **wrong})
    with pytest.raises(BadInput, match=said):
        anchor_in("`anchor`", content, WEIGHTS)


def test_a_sent_anchor_may_be_readings() -> None:
    assert anchor_in("`anchor`", " ", WEIGHTS) is None
    readings = anchor_in("`anchor`", "0=97 60=95", WEIGHTS)
    assert isinstance(readings, tuple) and [one.spo2_percent for one in readings] == [97.0, 95.0]
    with pytest.raises(TastError, match=r"an anchor of 'webcam\.json'"):
        anchor_in("`anchor`", "webcam.json", WEIGHTS)
