"""The short form of benchmarks.heads: six people, one of each skin type, in six poses."""

from __future__ import annotations

from collections import Counter

from benchmarks.heads import POSES, found, rows


def test_both_finders_see_every_skin_type_in_every_pose() -> None:
    seen = found(6)
    assert Counter(s.fitzpatrick for s in seen) == dict.fromkeys(range(1, 7), len(POSES))
    assert sum(s.by_dlib for s in seen) >= 35 and sum(s.by_mesh for s in seen) >= 35
    errors = [s.error_px for s in seen if s.error_px is not None]
    assert max(errors) < 20 and sum(errors) / len(errors) < 6  # of a face of 240 px
    assert {row.must for row in rows(seen, [7.0])} == {None, 0.99, 0.97, 10.0}
