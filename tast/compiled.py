"""Compiling a loop that numpy and OpenCV have no fast call for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
from numba.core.caching import UserProvidedCacheLocator

from tast.closure import code_digest


class ByCode(UserProvidedCacheLocator):
    """Where numba keeps what it compiled: in a folder of the code's content, wherever that code lies.

    numba's own name has the path in it: a copy of the project, as DVC makes of it for an experiment, would compile all anew.
    """

    @classmethod
    def get_suitable_cache_subpath(cls, py_file: str) -> str:
        return Path(py_file).stem


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled on first use and kept on disk; where no folder can be written, compiled anew in each process.

    numba asks for the age of the function's own file alone, and what is compiled holds a copy of the compiled functions of other
    files that it calls: it is kept in a folder of its module's code, with all that it imports.
    """
    contract = {"contract"}  # a * b + c in one rounding; no other freedom, so sums keep their order
    config = numba.config
    outer, locators = config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES
    config.CACHE_DIR = str(Path(outer or Path(__file__).parent / "__pycache__") / code_digest(function.__module__)[:16])
    config.CACHE_LOCATOR_CLASSES = f"{ByCode.__module__}.{ByCode.__name__}"
    try:
        return numba.njit(fastmath=contract, cache=True)(function)
    except RuntimeError:  # numba's word for: no folder to cache in
        return numba.njit(fastmath=contract)(function)
    finally:
        config.CACHE_DIR, config.CACHE_LOCATOR_CLASSES = outer, locators
