"""What the stage evaluate knows of a second beside the prediction: whose skin it is, and which camera filmed it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from flows.stages.evaluate import recorded, skin_types, with_facts
from tast.digests import seal
from tast.params import Phantom, Worlds, load_params
from tast.phantom.subject import subject
from tast.records import FITZPATRICK

ROOT = Path(__file__).parents[2]
SEED = 7
Recording = tuple[str, str, str]  # subject_id, camera, skin_type; each person's only one


def phantom(worlds: bool) -> Phantom:
    found = load_params(ROOT / "params.yaml").download.phantom
    return found.model_copy(update={"seed": SEED, "worlds": Worlds(count=2) if worlds else None})


def audited(folder: Path, **sets: list[Recording]) -> Path:
    for name, recordings in sets.items():
        (folder / name).mkdir()
        rows = [{"subject_id": who, "record_id": f"{who}-1", "camera": cam, "skin_type": skin} for who, cam, skin in recordings]
        (folder / name / "audit.json").write_text(json.dumps({"dataset": name, "recordings": rows}))
    seal(folder)
    return folder


@pytest.mark.parametrize("name", ["{:02d}", "p{}"], ids=["PURE's layout", "VIPL-HR's layout"])
def test_a_photographs_skin_is_the_one_that_it_was_rendered_with(tmp_path: Path, name: str) -> None:
    people = [name.format(number) for number in range(1, 13)]
    audit = audited(tmp_path, phantom=[(who, "", "") for who in people])
    types = [FITZPATRICK[subject(SEED, number).fitzpatrick - 1] for number in range(1, 13)]
    assert skin_types(phantom(worlds=False), audit) == dict(zip([f"phantom/{who}/{who}-1" for who in people], types, strict=True))
    assert set(types) == set(FITZPATRICK)


def test_a_heads_skin_is_what_its_table_says_not_that_of_the_photograph_of_the_same_number(tmp_path: Path) -> None:
    audit = audited(tmp_path, phantom=[("p001", "world-01", "VI"), ("p002", "world-02", "")])
    assert skin_types(phantom(worlds=True), audit) == {"phantom/p001/p001-1": "VI"}


def test_of_other_data_sets_skin_is_known_where_they_say_it_and_of_names_that_are_no_number_not(tmp_path: Path) -> None:
    audit = audited(tmp_path, pure=[("01", "", "")], csv=[("01", "", "III")], phantom=[("someone", "", ""), ("02", "", "")])
    assert set(skin_types(phantom(worlds=False), audit)) == {"csv/01/01-1", "phantom/02/02-1"}


def test_cameras_are_those_of_every_data_sets_audit(tmp_path: Path) -> None:
    audit = audited(tmp_path, vipl_hr=[("p1", "source2", "")], pure=[("p1", "", "")])
    found = recorded("camera", audit)
    assert found == {"vipl_hr/p1/p1-1": "source2"}, "PURE names no camera"
    table = pd.DataFrame([("vipl_hr", "p1", "p1-1"), ("pure", "p1", "p1-1")], columns=["dataset", "subject_id", "record_id"])
    rows = with_facts(table.assign(second=3), found, {"pure/p1/p1-1": "II"})
    assert rows["camera"].tolist()[0] == "source2" and rows["camera"].isna().tolist() == [False, True]
    assert rows["skin_type"].tolist()[1] == "II" and rows["skin_type"].isna().tolist() == [True, False]
    assert recorded("camera", tmp_path / "nowhere") == {}
