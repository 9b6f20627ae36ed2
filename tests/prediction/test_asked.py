"""What may be asked of a video at once, and which of several videos has which profile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tast.anchors import reading_of
from tast.errors import BadInput, TastError, VideoRejected
from tast.prediction.anchoring import Anchors, KeptAnchor
from tast.prediction.asked import Asked, AskedOfEach
from tast.prediction.profiles import Profiles, profiles_of, write_profile
from tests.prediction.test_kept import PROFILE, WEIGHTS

OTHER = replace(PROFILE, gain=3.0)
WITHOUT = KeptAnchor("monday", -4.25, 1.5)
WITH = replace(WITHOUT, of_profile=PROFILE.fingerprint)


def table(folder: Path, text: str) -> Path:
    """Beside two profiles, a.json and cameras/b.json."""
    write_profile(folder / "a.json", PROFILE, WEIGHTS)
    write_profile(folder / "cameras" / "b.json", OTHER, WEIGHTS)
    (folder / "profiles.csv").write_text(text, encoding="utf-8")
    return folder / "profiles.csv"


def test_a_trend_and_percentages_exclude_each_other() -> None:
    with pytest.raises(TastError, match="uncalibrated: a profile gives percentages; expected one of the two"):
        Asked(uncalibrated=True, profile=PROFILE)
    with pytest.raises(TastError, match="uncalibrated: an anchor gives percentages"):
        Asked(uncalibrated=True, anchor=(reading_of("97"),))
    with pytest.raises(TastError, match="min_quality nan; expected 0 to 1"):
        Asked(min_quality=float("nan"))


@pytest.mark.parametrize(
    ("kept", "profile", "said"),
    [(WITHOUT, PROFILE, "without a profile"), (WITH, None, "with a profile"), (WITH, OTHER, "with another profile")],
)
def test_a_kept_anchor_holds_for_what_the_same_profile_reads(kept: KeptAnchor, profile: object, said: str) -> None:
    """By another profile the same face gives other numbers, and what it was off by is none of theirs."""
    with pytest.raises(TastError, match=f"the anchor of monday was kept {said}; expected the profile that it was kept with"):
        Asked(anchor=kept, profile=profile)
    with pytest.raises(TastError, match=said):
        AskedOfEach(anchors=Anchors(kept), profiles=Profiles(profile))
    assert Asked(anchor=WITHOUT).anchor == WITHOUT and Asked(anchor=WITH, profile=PROFILE).profile == PROFILE


def test_each_video_has_its_own_camera(tmp_path: Path) -> None:
    profiles = profiles_of(table(tmp_path, "video;profile\nanna;a.json\nbert;cameras/b.json\n"), WEIGHTS)
    asked = AskedOfEach(Asked(largest_face=True), Anchors((reading_of("97"),)), profiles)
    assert asked.of("anna") == Asked(largest_face=True, anchor=(reading_of("97"),), profile=PROFILE)
    assert asked.of("bert").profile == OTHER
    with pytest.raises(VideoRejected, match=r"cleo: the table of profiles has none of it \(but of anna, bert\)"):
        asked.of("cleo")


def test_one_profile_is_of_all(tmp_path: Path) -> None:
    table(tmp_path, "")
    assert profiles_of(tmp_path / "a.json", WEIGHTS).of("anna") == PROFILE
    assert AskedOfEach().of("anna") == Asked()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("video,profile\nanna,a.json\nanna,a.json\n", "line 3: 'anna' again"),
        ("video,profile\nanna,\n", "line 2: no profile"),
        ("video,profile\n,a.json\n", "line 2: no video"),
        ("video,camera\nanna,a.json\n", "no column profile"),
        ("video,profile\nanna,c.json\n", "c.json: no such file; expected a profile that"),
    ],
)
def test_a_table_that_is_none_names_its_line(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=said):
        profiles_of(table(tmp_path, text), WEIGHTS)


def test_every_profile_of_a_table_is_of_the_model(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"a\.json: a profile of another model"):
        profiles_of(table(tmp_path, "video,profile\nanna,a.json\n"), "b" * 64)
