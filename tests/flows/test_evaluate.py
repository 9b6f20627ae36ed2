"""What the stage evaluate knows of a second beside the prediction: whose skin it is, and which camera filmed it."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from flows.stages.evaluate import cameras, with_facts
from tast.phantom.subject import subject

SEED = 7
FITZPATRICK = ["I", "II", "III", "IV", "V", "VI"]


def table(*recordings: tuple[str, str, str]) -> pd.DataFrame:
    return pd.DataFrame(recordings, columns=["dataset", "subject_id", "record_id"]).assign(second=3)


@pytest.mark.parametrize("name", ["{:02d}", "p{}"], ids=["PURE's layout", "VIPL-HR's layout"])
def test_a_phantoms_skin_is_the_one_that_it_was_rendered_with(name: str) -> None:
    rows = table(*(("phantom", name.format(number), "a") for number in range(1, 13)))
    types = [FITZPATRICK[subject(SEED, number).fitzpatrick - 1] for number in range(1, 13)]
    assert with_facts(rows, {}, SEED)["skin_type"].tolist() == types and set(types) == set(FITZPATRICK)


def test_of_other_data_sets_and_of_names_that_are_no_number_no_skin_is_known() -> None:
    found = with_facts(table(("pure", "01", "01-01"), ("phantom", "someone", "a"), ("phantom", "02", "02-02")), {}, SEED)
    assert found["skin_type"].isna().tolist() == [True, True, False]


def test_cameras_are_those_of_every_data_sets_audit(tmp_path: Path) -> None:
    for folder, name, camera in ((tmp_path, "vipl_hr", "source2"), (tmp_path / "pure", "pure", "")):
        folder.mkdir(exist_ok=True)
        recordings = [{"subject_id": "p1", "record_id": "p1_v1", "camera": camera}]
        (folder / "audit.json").write_text(json.dumps({"dataset": name, "recordings": recordings}))
    found = cameras(tmp_path)
    assert found == {"vipl_hr/p1/p1_v1": "source2"}, "PURE names no camera"
    rows = with_facts(table(("vipl_hr", "p1", "p1_v1"), ("pure", "p1", "p1_v1")), found, SEED)
    assert rows["camera"].tolist()[0] == "source2" and rows["camera"].isna().tolist() == [False, True]
    assert cameras(tmp_path / "nowhere") == {}
