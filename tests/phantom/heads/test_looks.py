"""Who the people are: many, different, and the same each time."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import asdict

import numpy as np

from tast.phantom.heads.hair_style import STYLES
from tast.phantom.heads.looks import BEARDS, GLASSES, NECKLINES, looks

PEOPLE = [looks(3, number) for number in range(1, 241)]


def test_people_differ_in_shape_as_the_model_does() -> None:
    """48 weights of standard deviation 0.9: two people are about 0.9 x sqrt(2 x 48) = 8.8 apart, and none closer than 5."""
    weights = np.array([person.identity for person in PEOPLE])
    distance = np.linalg.norm(weights[:, None] - weights[None], axis=2)[np.triu_indices(len(PEOPLE), 1)]
    assert distance.min() > 5 and abs(np.median(distance) - 8.8) < 0.5


def test_skin_types_are_balanced_and_every_style_is_worn() -> None:
    assert set(Counter(person.fitzpatrick for person in PEOPLE).values()) == {40}
    assert {person.hair for person in PEOPLE} == {*STYLES, "bald"}
    for field, odds in (("beard", BEARDS), ("glasses", GLASSES), ("neckline", NECKLINES)):
        assert {getattr(person, field) for person in PEOPLE} == {name for name, _ in odds}
    assert 0.15 < np.mean([person.glasses != "none" for person in PEOPLE]) < 0.45
    assert 0.1 < np.mean([person.beard != "none" for person in PEOPLE]) < 0.45


def test_a_person_is_plain_values_that_depend_on_seed_and_number_alone() -> None:
    assert looks(3, 17) == PEOPLE[16] != looks(4, 17)
    assert json.loads(json.dumps(asdict(PEOPLE[16])))["number"] == 17
    assert [looks(3, 17, skin).fitzpatrick for skin in range(1, 7)] == [1, 2, 3, 4, 5, 6]


def test_colours_are_colours() -> None:
    for person in PEOPLE:
        for colour in (person.hair_rgb, person.eye_rgb, person.clothes_rgb, person.glasses_rgb):
            assert len(colour) == 3 and min(colour) > 0 and max(colour) < 1
