"""Text and JSON of files that somebody else wrote, bounded in size and depth; every mistake is one line that names the file."""

from __future__ import annotations

import json
import stat
from pathlib import Path
from typing import Any

from tast.errors import BadInput

MOST_BYTES = 2**28  # of a file that is read whole: the longest table of these data sets has a hundredth of it


def bounded_bytes(path: Path, expected: str, most_bytes: int = MOST_BYTES) -> bytes:
    """A file's content. Raises BadInput where it cannot be read, and where it is larger, before more of it is read than that."""
    try:
        if not (stat.S_ISREG(path.stat().st_mode) or path.is_dir()):
            raise BadInput(path, "no plain file", expected)  # a pipe that nobody writes into would be waited for
        with path.open("rb") as file:
            content = file.read(most_bytes + 1)
    except (OSError, ValueError) as error:  # ValueError: a name that no file can have
        raise BadInput(path, f"cannot be read ({getattr(error, 'strerror', None) or error})", expected) from None
    if len(content) > most_bytes:
        raise BadInput(path, f"larger than {most_bytes:,} bytes", expected)
    return content


def read_text(path: Path, expected: str, most_bytes: int = MOST_BYTES) -> str:
    """A UTF-8 file, with or without a byte order mark. Raises BadInput as bounded_bytes, and where it is no such text."""
    try:
        text = bounded_bytes(path, expected, most_bytes).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise BadInput(path, "not UTF-8 text", expected) from None
    if "\0" in text:  # a cell may be a path, which must not hold one
        raise BadInput(path, "zero bytes among its text", expected)
    return text


def read_json(path: Path, expected: str = "a whole JSON file", most_bytes: int = MOST_BYTES) -> Any:
    """What a JSON file says. Raises BadInput as read_text, and where it is cut short, or says what no computer takes up."""
    text = read_text(path, expected, most_bytes)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise BadInput(path, f"not JSON ({error.msg} at line {error.lineno} column {error.colno})", expected) from None
    except RecursionError:
        raise BadInput(path, "lists within lists without an end", expected) from None
    except ValueError:  # the interpreter's limit of digits
        raise BadInput(path, "a number of thousands of digits", expected) from None
