"""dvc.yaml declares what each stage rests on: the file of its code, its sections of params.yaml; neither more nor less."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from flows.stage_deps import REQUIREMENTS, declared, sections_read
from tast.closure import ROOT, closure
from tast.errors import BadInput
from tast.params import HOW, Params, load_params, stage_params

DVC_YAML = (ROOT / "dvc.yaml").read_text(encoding="utf-8")
STAGES = YAML(typ="safe").load(DVC_YAML)["stages"]
CODE_OF = {name: closure(stage["cmd"].split()[2]) for name, stage in STAGES.items() if name != "source"}
MENDS = "run `python -m flows.stage_deps --write`"
DATA = {  # what a stage reads of those before it
    "download": ["data/source.json"],
    "preprocess": ["data/raw"],
    "split": ["data/clips/manifest.parquet", "data/raw"],
    "train": ["data/clips", "data/method.json", "data/split.json"],
    "evaluate": ["data/audit", "data/clips", "data/method.json", "data/split.json", "models", "reports/learning_curve.csv"],
    "trial": ["data/methods/${item.row}.json", "data/raw"],
    "table": ["data/methods", "data/raw", "data/trials/${item.protocol}"],
}


@pytest.mark.parametrize("stage", STAGES)
def test_deps_are_the_data_the_file_of_the_code_and_the_requirements(stage: str) -> None:
    if stage == "source":  # writes that file of every other, and runs every time
        assert "deps" not in STAGES[stage] and STAGES[stage]["always_changed"]
    else:
        assert STAGES[stage]["deps"] == [*DATA[stage], f"data/code/{stage}.json", REQUIREMENTS], MENDS


@pytest.mark.parametrize("stage", STAGES)
def test_params_are_the_sections_that_the_program_names(stage: str) -> None:
    assert STAGES[stage]["params"] == sections_read(f"flows.stages.{stage}"), MENDS


@pytest.mark.parametrize(
    ("edited", "out_of_date"),
    [
        ("tast/ratio_of_ratios.py", {"evaluate", "table"}),  # a baseline
        ("tast/evaluation/templates/report.html.j2", {"evaluate"}),
        ("tast/datasets/pure.py", {"download", "preprocess", "split", "trial", "table"}),  # a reader: download audits with it
        ("tast/datasets/templates/audit.html.j2", {"download"}),
        ("flows/artifacts.py", set()),  # Prefect's page
        ("flows/stages/evaluate.py", {"evaluate"}),
        ("tast/training/loop.py", {"train", "trial", "table"}),
        ("tast/methods/tast_net.py", set()),  # data/method.json names it, where it is the method in use
        ("tast/files.py", set(CODE_OF)),
    ],
)
def test_an_edit_reaches_the_stages_that_rest_on_it_and_no_other(edited: str, out_of_date: set[str]) -> None:
    assert (ROOT / edited).is_file()
    assert {name for name, code in CODE_OF.items() if Path(edited) in code} == out_of_date


def test_a_stage_reads_only_the_sections_that_it_named() -> None:
    params = stage_params("train", "runner", path=ROOT / "params.yaml")
    whole = load_params(ROOT / "params.yaml")
    assert (params.train, params.runner) == (whole.train, whole.runner)
    for section in set(Params.model_fields) - {"train", "runner"}:
        with pytest.raises(AttributeError, match=f"section '{section}' of params.yaml was not asked for"):
            getattr(params, section)


def test_how_is_no_param_of_any_stage() -> None:
    assert all(HOW.isdisjoint(stage["params"]) for stage in STAGES.values())
    assert any("runner" in (ROOT / f"flows/stages/{name}.py").read_text() for name in STAGES)


def tree(root: Path, text: str) -> Path:
    for package in ("flows", "flows/stages", "tast"):
        (root / package).mkdir()
        (root / package / "__init__.py").touch()
    (root / "flows/stages/train.py").write_text(text)
    return root


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("stage_params('train', *more)", r"flows/stages/train\.py:1: \*more; expected literals of dataset, "),
        ("params.stage_params('trains')", r"'trains'; expected literals"),
        ("load_params()", r"a stage that reads all of params\.yaml"),
    ],
)
def test_a_call_that_cannot_be_followed_is_a_mistake(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        sections_read("flows.stages.train", tree(tmp_path, text))


def test_writing_keeps_all_that_stands_by_hand(tmp_path: Path) -> None:
    """From a dvc.yaml without code in it, with its comments, to what the code has; once more, and nothing changes. A stage that
    somebody added, of another program, stays as it is."""
    root = tree(tmp_path, "from tast import a\nstage_params('split', 'runner', 'train')\n")
    (root / "tast/a.py").touch()
    before = """\
# a heading
stages:
  train:             # a remark
    cmd: python -m flows.stages.train
    deps:
      - data/clips   # of the data
      - data/gone.json
    params:
      - evaluate
    outs:
      - data/clips:
          push: false   # why
  weigh:
    cmd: python weigh.py
    deps:
      - weigh.py

plots:
  - a.csv:
      y: [b, c]
"""
    after = before.replace("      - data/gone.json\n", f"      - data/code/train.json\n      - {REQUIREMENTS}\n").replace(
        "      - evaluate\n", "      - split\n      - train\n"
    )
    assert declared(before, root) == after
    assert declared(after, root) == after


def test_the_command_says_what_is_missing_and_mends_it(tmp_path: Path) -> None:
    (tmp_path / "dvc.yaml").write_text(DVC_YAML.replace("      - data/code/train.json\n", "", 1))

    def command(*options: str) -> subprocess.CompletedProcess[str]:
        program = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from flows.stage_deps import main; main()"
        return subprocess.run(
            [sys.executable, "-c", program, *options], cwd=tmp_path, capture_output=True, text=True, check=False
        )

    said = command()
    assert said.returncode == 1
    assert "+      - data/code/train.json" in said.stdout
    assert said.stderr.splitlines()[-1].endswith("`python -m flows.stage_deps --write` mends it")
    assert command("--write").returncode == 0
    assert (tmp_path / "dvc.yaml").read_text() == DVC_YAML
    assert command().returncode == 0
