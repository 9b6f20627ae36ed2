"""Compiling a loop that numpy and OpenCV have no fast call for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba

from tast.closure import code_digest


def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """Compiled on first use and kept on disk; where no folder can be written, compiled anew in each process.

    numba asks for the age of the function's own file alone, and what is compiled holds a copy of the compiled functions of other
    files that it calls: it is kept in a folder of its module's code, with all that it imports.
    """
    contract = {"contract"}  # a * b + c in one rounding; no other freedom, so sums keep their order
    outer = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = str(Path(outer or Path(__file__).parent / "__pycache__") / code_digest(function.__module__)[:16])
    try:
        return numba.njit(fastmath=contract, cache=True)(function)
    except RuntimeError:  # numba's word for: no folder to cache in
        return numba.njit(fastmath=contract)(function)
    finally:
        numba.config.CACHE_DIR = outer
