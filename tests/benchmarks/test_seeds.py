"""The rule of seeds: choices are made on phantoms of some seeds, figures come from others, and the tree keeps them apart."""

from __future__ import annotations

import ast
import json
import re
import subprocess
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.published import PAGE, plan_of, published_in, read_results, tables
from benchmarks.seeds import SEALED, SEALED_SEEDS
from benchmarks.sets import SETS, params_of_set
from tast.cli.main import app
from tast.errors import BadInput
from tast.params import DEVELOPMENT_SEEDS, changed, load_params

ROOT = Path(__file__).parents[2]
MODULE = Path("benchmarks/seeds.py")
READERS = {Path("benchmarks/published.py"), Path("tests/benchmarks/test_seeds.py"), Path("tests/benchmarks/test_published.py")}


def tracked() -> list[Path]:
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)
    return [Path(line) for line in done.stdout.splitlines() if (ROOT / line).is_file()]


def test_no_file_but_its_module_names_a_sealed_seed() -> None:
    """Whatever it is: code, parameters, a command in the documentation. What was published says which it was made with."""
    for file in tracked():
        if file == MODULE or file.match("benchmarks/results/published_*.json") or file.suffix in (".png", ".jpg"):
            continue
        text = (ROOT / file).read_text(encoding="utf-8", errors="ignore")
        numbers = {int(word.replace("_", "")) for word in re.findall(r"(?<![0-9a-zA-Z])\d[\d_]*(?![0-9a-zA-Z])", text)}
        assert not numbers & set(SEALED_SEEDS), file


def test_nothing_but_the_publishing_command_reads_them() -> None:
    for file in (one for one in tracked() if one.suffix == ".py"):
        nodes = list(ast.walk(ast.parse((ROOT / file).read_text())))
        modules = {node.module for node in nodes if isinstance(node, ast.ImportFrom)}
        names = {alias.name for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names}
        reads = "benchmarks.seeds" in modules | names or ("benchmarks" in modules and "seeds" in names)
        assert not reads or file in READERS, file


def test_every_set_has_sealed_seeds_of_its_own() -> None:
    seeds = [seed for one in SEALED.values() for seed in (one.phantom, *one.others.values())]
    assert set(SEALED) == set(SETS) and len(set(seeds)) == len(seeds)
    assert set(seeds) <= set(SEALED_SEEDS) and not set(SEALED_SEEDS) & set(DEVELOPMENT_SEEDS)
    for name, chosen in SETS.items():
        assert set(chosen.others) == set(SEALED[name].others)
        assert all(other["seed"] in DEVELOPMENT_SEEDS for other in chosen.others.values())


def test_parameters_and_commands_refuse_a_sealed_seed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with pytest.raises(BadInput, match=r"download\.phantom\.seed = 77"):
        changed(load_params(), {"download.phantom.seed": SEALED_SEEDS[1]})
    result = CliRunner().invoke(app, ["phantom", str(tmp_path / "set"), "--seed", str(SEALED_SEEDS[1])])
    assert result.exit_code == 2 and not (tmp_path / "set").exists()


@pytest.mark.parametrize("name", [name for name in SETS if "recorded" not in name])
def test_a_published_set_differs_in_its_seeds_alone(name: str) -> None:
    params = load_params(ROOT / "params.yaml")
    plan, developed = plan_of(name, params), params_of_set(params, name)
    assert plan.phantoms["phantom"].seed in SEALED_SEEDS
    assert plan.phantoms["phantom"].model_copy(update={"seed": params.download.phantom.seed}) == developed.download.phantom
    assert plan.params.model_copy(update={"train": developed.train}) == developed
    assert plan.params.train.model_copy(update={"threads": developed.train.threads}) == developed.train
    if name == "narrow":
        other = plan.phantoms["other"]
        assert other.seed in set(SEALED_SEEDS) - {plan.phantoms["phantom"].seed} and other.profile == "narrow"


def test_the_page_shows_what_was_published_with_sealed_seeds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    results = read_results()
    assert published_in(PAGE) == tables(results)
    for name, result in results.items():
        seeds = {key: seed for key, seed in result["seeds"].items() if key != "training"}
        assert seeds == {"phantom": SEALED[name].phantom, **SEALED[name].others}
        assert re.fullmatch(r"[0-9a-f]{40}", result["commit"]) and {"params", "clips", "code", "computed"} <= set(result)


def test_no_figure_of_development_stands_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The JSON of `tast benchmark accuracy` has another form, and none of it is read."""
    monkeypatch.chdir(ROOT)
    for path in Path("benchmarks/results").glob("published_*.json"):
        assert json.loads(path.read_text())["set"] == path.stem.removeprefix("published_")
