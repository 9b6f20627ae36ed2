"""What dvc.yaml must declare for each stage: the file that says what its code is, and the sections of params.yaml that it reads.

    python -m flows.stage_deps            say what dvc.yaml lacks or has too much; exit 1 where it does
    python -m flows.stage_deps --write    mend it

The code of a stage is the closure of imports of its program: flows.stage_code writes it into data/code/NAME.json, on which the
stage rests, with requirements.lock. Its params are the sections that this code names to `tast.params.stage_params`. By hand stand
in dvc.yaml the stages, their outputs, and which outputs of earlier stages they read; stages that run other programs than this
project's are left as they are.
"""

from __future__ import annotations

import argparse
import ast
import difflib
import io
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from flows.layout import CODE
from flows.stage_code import DEP, program_of
from tast.closure import ROOT, closure
from tast.errors import BadInput, TastError
from tast.files import whole_file
from tast.params import HOW, Params

DVC_YAML = Path("dvc.yaml")
REQUIREMENTS = "requirements.lock"
KINDS = ("outs", "metrics", "plots")
READER, OTHER_READER = "stage_params", "load_params"  # tast.params: of the named sections, and of all


def declared(text: str, root: Path = ROOT) -> str:
    """dvc.yaml's text with deps and params of every stage as its program has them; all else, comments included, as it is.

    Raises BadInput where a stage's code reads sections of params.yaml in a way that cannot be followed.
    """
    yaml = YAML()
    yaml.indent(mapping=2, sequence=4, offset=2)
    yaml.width = 130
    pipeline = yaml.load(text)
    outputs = [out for stage in pipeline["stages"].values() for out in outputs_of(stage)]
    for name, stage in pipeline["stages"].items():
        module = program_of(stage)
        if module is None:
            continue
        if not stage.get("always_changed"):  # it runs anyway
            deps = stage.setdefault("deps", [])
            inputs = [one for one in deps if any(Path(one).is_relative_to(out) for out in outputs if out != CODE.as_posix())]
            _replace(deps, [*inputs, DEP.format(name), REQUIREMENTS])
        _replace(stage.setdefault("params", []), sections_read(module, root))
    stream = io.StringIO()
    yaml.dump(pipeline, stream)
    return stream.getvalue()


def read_stages(path: Path = DVC_YAML) -> dict[str, Any]:
    """The stages of dvc.yaml by name. Raises BadInput where it is not there, or no such file."""
    try:
        stages = YAML(typ="safe").load(path)["stages"]
    except FileNotFoundError:
        raise BadInput(
            path, "no such file", "dvc.yaml in the project's top folder (`tast init FOLDER` makes a project)"
        ) from None
    except (YAMLError, TypeError, KeyError) as error:
        raise BadInput(path, f"no stages can be read ({' '.join(str(error).split())})", "DVC's file of stages") from None
    return dict(stages)


def outputs_of(stage: Mapping[str, Any]) -> list[str]:
    """Paths of a stage's outputs, metrics and plots, as dvc.yaml names them; of a matrix the folder that all lie below."""
    named = (out if isinstance(out, str) else next(iter(out)) for kind in KINDS for out in stage.get(kind, []))
    return [out.partition("/${")[0] for out in named]


def sections_read(module: str, root: Path = ROOT) -> list[str]:
    """Sections of params.yaml, in its order, that the code of a stage names to stage_params(), but for those in HOW.

    Raises BadInput where one is named otherwise than by a literal, is no section, or where all sections are read.
    """
    named: set[str] = set()
    for file in closure(module, root=root):
        if file.suffix == ".py":
            named |= set(_named_sections(file, root))
    return [section for section in Params.model_fields if section in named - HOW]


def _named_sections(file: Path, root: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse((root / file).read_bytes())):
        called = node.func if isinstance(node, ast.Call) else None
        name = called.id if isinstance(called, ast.Name) else called.attr if isinstance(called, ast.Attribute) else None
        if not isinstance(node, ast.Call) or name not in (READER, OTHER_READER) or file == Path("tast/params.py"):
            continue
        if name == OTHER_READER:
            raise BadInput(
                f"{file}:{node.lineno}", "a stage that reads all of params.yaml", f"{READER}() with the names of its sections"
            )
        for argument in node.args:
            if not (isinstance(argument, ast.Constant) and argument.value in Params.model_fields):
                raise BadInput(f"{file}:{node.lineno}", ast.unparse(argument), f"literals of {', '.join(Params.model_fields)}")
            yield argument.value


def _replace(items: list[str], wanted: list[str]) -> None:
    """In place, and leaving what is there already: comments hang on places in the list."""
    kept = 0
    while kept < min(len(items), len(wanted)) and items[kept] == wanted[kept]:
        kept += 1
    del items[kept:]
    items.extend(wanted[kept:])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m flows.stage_deps", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", action="store_true", help="write dvc.yaml; without it nothing is changed")
    write = parser.parse_args().write
    try:
        read_stages()
        before = DVC_YAML.read_text(encoding="utf-8")
        after = declared(before)
    except TastError as error:
        sys.exit(f"error: {error}")
    if write and after != before:
        with whole_file(DVC_YAML) as part:
            part.write_text(after, encoding="utf-8")
    elif after != before:
        sys.stdout.writelines(
            difflib.unified_diff(before.splitlines(True), after.splitlines(True), "dvc.yaml", "as the code has it")
        )
        sys.exit("error: dvc.yaml does not declare what its stages rest on; `python -m flows.stage_deps --write` mends it")


if __name__ == "__main__":
    main()
