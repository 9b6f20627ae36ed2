"""`tast benchmark published`: committed code alone, figures that can be computed by hand, JSON and page that agree."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from benchmarks import published, runs
from benchmarks.published import BEGIN, END, Plan, committed_code, main, plan_of, published_in, scores_of, standing_of, tables
from benchmarks.runs import BASELINES, CONSTANT, METHODS, OURS, Run
from benchmarks.seeds import SEALED
from benchmarks.sets import clips_folder
from tast.errors import BadInput, TastError
from tast.params import changed, load_params
from tests.training.synthetic import write_store

ROOT = Path(__file__).parents[2]


@pytest.fixture()
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout of committed files, in which we stand."""
    for name, text in {
        "tast/code.py": "",
        "params.yaml": (ROOT / "params.yaml").read_text(),
        "docs/figures.md": f"{BEGIN}\nold\n{END}\n",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=a", "-c", "user.email=a@example.org", "commit", "-qm", "all")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def git(folder: Path, *arguments: str) -> str:
    return subprocess.run(["git", *arguments], cwd=folder, check=True, capture_output=True, text=True).stdout.strip()


@pytest.fixture()
def plan(repository: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Plan]:
    """Set pure_wide with one epoch, whose clips are kept already: ten people's."""
    whole = plan_of("pure_wide", load_params())
    small = replace(whole, params=changed(whole.params, {"train.epochs": 1}))
    write_store(clips_folder(Path("keep"), small.name, small.phantoms, small.params), seed=0, subjects=10, clips=2)
    monkeypatch.setattr(runs, "workers_that_fit", lambda threads: 1)  # in this process
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    yield small
    torch.set_num_threads(threads)
    torch.set_rng_state(state)
    torch.use_deterministic_algorithms(False)


def test_what_is_published_names_what_it_was_made_of(plan: Plan, repository: Path) -> None:
    assert standing_of(plan) == "none"
    published.publish(plan, Path("keep"))
    result = json.loads(Path("benchmarks/results/published_pure_wide.json").read_text())
    assert result["commit"] == git(repository, "rev-parse", "HEAD")
    assert result["seeds"] == {"training": [0, 1, 2], "phantom": SEALED["pure_wide"].phantom}
    assert (result["folds"], result["runs"], result["people"]) == ([0, 1], 6, 4)
    assert result["seconds"] == 4 * 2 * 4  # people, recordings of each, seconds of each
    assert [row["method"] for row in result["methods"]] == list(METHODS)
    assert all(row["rmse_low"] <= row["rmse"] <= row["rmse_high"] for row in result["methods"])
    assert standing_of(plan) == "up to date"
    other = replace(plan, params=changed(plan.params, {"train.learning_rate": 0.1}))
    assert standing_of(other) == f"of {result['commit'][:9]}, other params now"
    (repository / "docs/figures.md").write_text(f"before\n{BEGIN}\nold\n{END}\nafter\n")
    published.write_page(published.read_results())
    text = (repository / "docs/figures.md").read_text()
    assert text.startswith(f"before\n{BEGIN}\n| set |") and text.endswith(f"|\n{END}\nafter\n")
    assert published_in(repository / "docs/figures.md") == tables({"pure_wide": result})


def test_finished_trainings_are_found_again(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    first = published.publish(plan, Path("keep"))
    monkeypatch.setattr("flows.tables.trainings.fit_model", lambda *_: pytest.fail("trained again"))
    assert published.publish(plan, Path("keep")) == first


@pytest.mark.parametrize("changed_file", ["tast/code.py", "tast/new.py", "params.yaml"])
def test_code_or_parameters_that_are_not_committed_are_refused(
    changed_file: str, repository: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert committed_code() == git(repository, "rev-parse", "HEAD")
    (repository / "docs/figures.md").write_text("figures of the set before")
    assert committed_code() == git(repository, "rev-parse", "HEAD")
    (repository / changed_file).write_text((ROOT / "params.yaml").read_text() + "# changed")
    with pytest.raises(TastError, match=f"committed code alone; not committed: {changed_file}"):
        committed_code()
    monkeypatch.setattr("sys.argv", ["published", "pure_wide"])
    with pytest.raises(TastError, match="not committed"):
        main()
    assert not (repository / ".tast").exists()


@pytest.mark.parametrize("option", ["--change", "--seeds", "--folds", "--threads"])
def test_nothing_of_the_design_can_be_chosen(
    option: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("sys.argv", ["published", "pure_wide", option, "train.epochs=2"])
    with pytest.raises(SystemExit):
        main()
    assert "unrecognized arguments" in capsys.readouterr().err


def run_of(ours: list[float], seed: int = 0) -> Run:
    """Two people of one recording of two seconds each: 80, 82 and 96, 98. The constant says 90; intervals are two wide."""
    said = {name: [85.0, 95.0, 85.0, 95.0] for name in BASELINES} | {OURS: ours, CONSTANT: 90.0}
    second = {"dataset": "set", "subject_id": ["a", "a", "b", "b"], "record_id": ["a", "a", "b", "b"], "second": [0, 1, 0, 1]}
    ends = {"lower_percent": np.array(ours) - 1, "upper_percent": np.array(ours) + 1}
    return Run(0, seed, pd.DataFrame(second | {"true_percent": [80.0, 82.0, 96.0, 98.0]} | said | ends))


def test_scores_are_of_the_seconds_of_all_runs() -> None:
    """One training is right, the other two points high on person a, four on b, whose course it turns round."""
    row = scores_of([run_of([80.0, 82.0, 96.0, 98.0]), run_of([82.0, 84.0, 101.0, 101.0 - 2], seed=1)], OURS)
    errors = np.array([0, 0, 0, 0, 2, 2, 5, 1.0])
    assert row["rmse"] == pytest.approx(np.sqrt(np.mean(errors**2))) and row["mae"] == errors.mean() == row["bias"]
    assert row["rmse_of_runs"] == pytest.approx([0, np.sqrt(34 / 4)])
    assert row["rmse_low"] == pytest.approx(np.sqrt(2)) and row["rmse_high"] == pytest.approx(np.sqrt(26 / 4))  # a alone, b alone
    # about each person's mean in each training, true: -1, 1 four times; said: -1, 1, -1, 1, -1, 1, 1, -1
    assert row["r_within_people"] == row["r_within_recordings"] == pytest.approx(4 / 8)
    interval = row["interval"]
    assert (interval["coverage"], interval["width_percent"], interval["nominal_coverage"]) == (5 / 8, 2, 0.9)
    assert (interval["worst_person"], interval["worst_coverage"]) == ("set/a", 1 / 2)
    other = run_of([80.0, 82.0, 96.0, 98.0], seed=1)
    other.predictions[CONSTANT] = 91.0  # of other training people
    constant = scores_of([run_of([80.0, 82.0, 96.0, 98.0]), replace(other, predictions=other.predictions.iloc[2:])], CONSTANT)
    assert np.isnan(constant["pearson_r"]) and np.isnan(constant["r_within_people"]) and "interval" not in constant
    assert constant["share_of_constant_removed"] == 0


def test_a_page_without_markers_is_refused(repository: Path) -> None:
    (repository / "docs/figures.md").write_text("no table")
    with pytest.raises(BadInput, match=r"figures\.md: no place for the table"):
        published.write_page({})
