"""Position alone, on a manifest whose labels are a function of it, or of nothing it knows."""

from __future__ import annotations

import numpy as np
import pandas as pd

from tast.evaluation.position import places, position_predictions
from tast.seconds import KEY


def manifest(percent_of, names: tuple[str, ...] = ("v1", "v1-2", "v1-10")) -> pd.DataFrame:
    """Three people, three recordings each, two clips of 4 s in each, the second beginning at 3 s."""
    rows = [
        {
            "clip_id": f"p{person}_{name}-{clip:03d}", "dataset": "phantom", "subject_id": f"p{person}",
            "record_id": f"p{person}_{name}", "scenario": "", "first_frame": 45 * clip, "fps_hz": 15.0, "start_s": 3.0 * clip,
            "spo2_percent": [percent_of(person, place, 3 * clip + second) for second in range(4)],
        }
        for person in (1, 2, 3) for place, name in enumerate(names) for clip in (0, 1)
    ]  # fmt: skip
    return pd.DataFrame(rows).set_index("clip_id", drop=False)


def split(clips: pd.DataFrame, test: str) -> tuple[list[str], list[str]]:
    return [list(clips.index[(clips["subject_id"] == test) == wanted]) for wanted in (False, True)]


def test_places_follow_the_numbers_in_the_names():
    clips = manifest(lambda person, place, second: 97).sample(frac=1, random_state=0)
    found = places(clips)
    assert len(found) == 9 and found["phantom/p2/p2_v1-10"] == 2
    assert found["phantom/p3/p3_v1"] == 0 and found["phantom/p3/p3_v1-2"] == 1


def test_people_of_two_sets_who_share_a_name_are_counted_apart():
    clips = manifest(lambda person, place, second: 97)
    found = places(pd.concat([clips, clips.assign(dataset="other")], ignore_index=True))
    assert sorted(found) == sorted([0, 1, 2] * 6)


def test_what_position_decides_is_foretold_to_the_last_digit():
    clips = manifest(lambda person, place, second: 99 - 2 * place - 0.5 * second)
    said = position_predictions(clips, *split(clips, "p2"))
    assert list(said.columns) == [*KEY, "predicted_percent"] and len(said) == 3 * 7
    place = said["record_id"].map({"p2_v1": 0, "p2_v1-2": 1, "p2_v1-10": 2})
    true = 99 - 2 * place - 0.5 * said["second"]
    np.testing.assert_allclose(said["predicted_percent"], true, atol=1e-9)


def test_test_labels_are_not_looked_at_and_unknown_training_seconds_are_left_out():
    clips = manifest(lambda person, place, second: np.nan if person == 2 or (person == 1 and second == 1) else 90 + person)
    said = position_predictions(clips, *split(clips, "p2"))
    assert said["predicted_percent"].between(91, 93).all()
