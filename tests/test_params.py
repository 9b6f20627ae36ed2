"""Mistakes in params.yaml, each one line that names the key and what was expected."""

from __future__ import annotations

from pathlib import Path

import pytest

from tast.errors import BadInput
from tast.params import changed, load_params

TREE = Path("params.yaml").read_text()


def loaded(tmp_path: Path, old: str, new: str) -> None:
    assert old in TREE
    (tmp_path / "params.yaml").write_text(TREE.replace(old, new, 1))
    load_params(tmp_path / "params.yaml")


def test_the_trees_own_params_are_valid_and_frozen() -> None:
    params = load_params()
    with pytest.raises(ValueError, match="frozen"):
        params.train.epochs = 3  # type: ignore[misc]


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        ("  patience:", "  patiense:", r"unknown key 'train.patiense' \(did you mean 'patience'\?\); expected one of method, "),
        ("    alpha: 120", "    alpha: strong", r"preprocess.magnify.alpha = 'strong'; expected .*number"),
        ("    alpha: 120", "    # alpha", r"key 'preprocess.magnify.alpha' is missing"),
        ("    low_hz: 0.4", "    low_hz: 5", r"low_hz \(5.0\) must be below high_hz \(4.0\)"),
        ("  name: phantom", "  name: pure", r"dataset.root must name the folder, archive or URL of pure"),
        ("dataset:\n", "datasett:\n", r"unknown key 'datasett' \(did you mean 'dataset'\?\)"),
        ("dataset:\n", "dataset: [\n", r"not YAML"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, old: str, new: str, line: str) -> None:
    with pytest.raises(BadInput, match=line) as error:
        loaded(tmp_path, old, new)
    assert "\n" not in str(error.value)
    assert "params.yaml" in str(error.value)


def test_no_file_says_where_to_stand(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no such file; expected .*top folder"):
        load_params(tmp_path / "params.yaml")


def test_dotted_keys_change_single_values() -> None:
    params = load_params()
    other = changed(params, {"train.options.branches": "cnn", "preprocess.magnify.alpha": 0})
    assert (other.train.options["branches"], other.preprocess.magnify.alpha) == ("cnn", 0)
    assert (
        changed(other, {"train.options.branches": "both", "preprocess.magnify.alpha": params.preprocess.magnify.alpha}) == params
    )


@pytest.mark.parametrize("key", ["train.epoch", "trian.epochs", "train.epochs.more", "epochs", "split.folds.x.y"])
def test_an_unknown_dotted_key_is_named(key: str) -> None:
    with pytest.raises(BadInput, match=f"^{key}: no such parameter"):
        changed(load_params(), {key: 1})


def test_a_changed_value_is_checked() -> None:
    with pytest.raises(BadInput, match=r"train.sampler = 'all'; expected .*'shuffled' or 'balanced'"):
        changed(load_params(), {"train.sampler": "all"})


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("  learning_rate: 0.003", "  learning_rate: .inf", "train.learning_rate = inf"),
        ("  learning_rate: 0.003", f"  learning_rate: {'[' * 10_000}", "levels, one within the other"),
        ("  learning_rate: 0.003", "  learning_rate: 2020-13-45", "a value that cannot be"),
    ],
)
def test_values_that_cannot_be(tmp_path: Path, before: str, after: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        loaded(tmp_path, before, after)


def test_a_misspelt_key_of_the_second_data_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"unknown key 'dataset\.second\.rot' \(did you mean 'root'\?\)"):
        loaded(tmp_path, "  second: null", "  second: {name: pure, root: a, rot: b}")


def test_a_folder_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").mkdir()
    with pytest.raises(BadInput, match="cannot be read"):
        load_params(tmp_path / "params.yaml")
