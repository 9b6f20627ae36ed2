"""The short form of benchmarks.heads: six people, one of each skin type, in three of the poses."""

from __future__ import annotations

from collections import Counter

from benchmarks.heads import POSES, found


def test_both_finders_see_every_skin_type_in_every_pose() -> None:
    seen = found(6, {name: POSES[name] for name in ("frontal", "yaw 20", "talking and smiling")})
    assert Counter(s.fitzpatrick for s in seen) == dict.fromkeys(range(1, 7), 3)
    assert all(s.by_dlib for s in seen) and all(s.by_mesh for s in seen)
    assert sum(s.error_px for s in seen) / len(seen) < 6  # of a face of 240 px
