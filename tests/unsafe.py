"""What could run somebody else's code: in sources by their syntax trees, in files by what lies in them."""

from __future__ import annotations

import ast
import io
import pickletools
import zipfile
from collections.abc import Iterator
from pathlib import Path

import torch

from tast.pt2 import EXAMPLES

UNPICKLERS = {"pickle", "_pickle", "cPickle", "dill", "cloudpickle", "joblib", "shelve", "marshal", "yaml", "jsonpickle"}
RUNNERS = {"eval", "exec", "compile", "__import__", "os.system", "os.popen", "subprocess.getoutput", "subprocess.getstatusoutput"}
PICKLING = {"read_pickle", "to_pickle", "extractall", "unpack_archive", "mktemp"}  # and two that follow paths in archives; a race
SAFE_YAML = {"safe", "rt"}  # ruamel.yaml's that make no objects
TORCH_KEEPS = "data.pkl"  # in an archive of torch.save


def in_source(text: str) -> Iterator[tuple[int, str]]:
    """(line, what) of each: unpicklers and PyYAML imported, code run from text, shells, weights_only and allow_pickle."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            named = [alias.name for alias in node.names] if isinstance(node, ast.Import) else [node.module or ""]
            yield from ((node.lineno, f"import of {name}") for name in named if name.partition(".")[0] in UNPICKLERS)
        elif isinstance(node, ast.Call):
            yield from ((node.lineno, what) for what in _in_call(node))


def _in_call(call: ast.Call) -> Iterator[str]:
    name = ast.unparse(call.func)
    given = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords if keyword.arg}
    if name in RUNNERS or name.rpartition(".")[2] in PICKLING:
        yield name
    if name.startswith(("subprocess.", "asyncio.")) and given.get("shell", "False") != "False":
        yield f"{name} with a shell"
    if given.get("allow_pickle", "False") != "False":
        yield f"{name} with allow_pickle"
    if name == "torch.load" and given.get("weights_only") != "True":
        yield "torch.load without weights_only=True"
    if name == "YAML" and ast.literal_eval(given.get("typ", "'rt'")) not in SAFE_YAML:
        yield "YAML that makes objects"


def pickles_in(path: Path) -> list[str]:
    """Names of a file, or of what lies in it where it is a zip, that are pickles."""
    return list(_pickles(path.name, path.read_bytes()))


def beside_mlflows_examples(path: Path) -> list[str]:
    """pickles_in, less the example inputs of a pt2 archive where torch reads them as tensors alone: MLflow's own loader opens
    no archive without them, and none whose are more than tensors."""
    kept = EXAMPLES if path.name == "model.pt2" and zipfile.is_zipfile(path) and _examples_are_tensors(path) else None
    return [name for name in pickles_in(path) if kept is None or kept not in name]


def _examples_are_tensors(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        for entry in archive.namelist():
            if EXAMPLES in entry:
                torch.load(io.BytesIO(archive.read(entry)), weights_only=True)  # raises where they are anything else
    return True


def _pickles(name: str, content: bytes) -> Iterator[str]:
    if content[:4] == b"PK\x03\x04":
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            for entry in archive.namelist():
                yield from _pickles(f"{name}/{entry}", archive.read(entry))
    elif content[:1] == b"\x80" and content[1:2] <= b"\x05" and _ends_as_a_pickle(content):
        yield name


def _ends_as_a_pickle(content: bytes) -> bool:
    try:
        return any(code.name == "STOP" for code, _, _ in pickletools.genops(content))
    except (ValueError, UnicodeDecodeError, IndexError):
        return False
