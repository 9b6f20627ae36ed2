"""What is kept for one model alone: JSON that names the weights it was made with, from a file or sent to a service.

An anchor that `tast anchor` keeps and a profile that `tast calibrate` makes are the same to this reader: a frozen dataclass,
whose fields stand beside `weights_sha256`. Of another model they would be numbers without a meaning, and are refused.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Generic, TypeVar

from pydantic import BaseModel, ConfigDict, JsonValue, TypeAdapter, ValidationError

from tast.digests import CHANGED, OWN, content_digest
from tast.errors import BadInput, TastError
from tast.files import whole_file

MOST_BYTES = 64 * 1024  # a profile has half a kilobyte, a kept anchor one for every ten readings
OBJECT: TypeAdapter[dict[str, JsonValue]] = TypeAdapter(dict[str, JsonValue])

Kind = TypeVar("Kind")


class _Kept(BaseModel, Generic[Kind]):
    """The fields of `kept` are held to the same: no other key, no text for a number, and each number finite."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)

    weights_sha256: str
    kept: Kind


def write_kept(path: Path, fields: Mapping[str, Any], weights_sha256: str) -> None:
    """fields: of the dataclass that read_kept gives back."""
    content = {"weights_sha256": weights_sha256, **fields}
    with whole_file(path) as part:
        part.write_text(json.dumps(content | {OWN: content_digest(content)}, indent=1) + "\n", encoding="utf-8")


def kept_bytes(path: Path, expected: str) -> bytes:
    """Of such a file; of a larger one no more than shows that it is too large. Raises BadInput where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise BadInput(path, "no such file", expected) from None
    except OSError as error:
        raise BadInput(path, f"cannot be read ({error.strerror})", expected) from None


def read_kept(name: str | Path, text: str | bytes, weights_sha256: str, kind: type[Kind], noun: str, expected: str) -> Kind:
    """The `kind` (a dataclass) that a text holds, kept for the model of these weights.

    name: of the file, or of where it was sent. noun, expected: what it is, and what makes it, for the error's line. Raises
    BadInput where the text is longer than MOST_BYTES or no such thing, and where it is of another model.
    """
    if len(text) > MOST_BYTES:
        raise BadInput(name, f"more than {MOST_BYTES // 1024} KiB", expected)
    try:
        content = OBJECT.validate_json(text)
        if content.pop(OWN, None) not in (None, content_digest(content)):  # of an earlier release, or of a hand: none
            raise BadInput(name, CHANGED, expected)
        of = content.pop("weights_sha256", None)
        found = _Kept[kind].model_validate_json(json.dumps({"weights_sha256": of, "kept": content}))  # type: ignore[valid-type]
    except ValidationError as error:
        mistake = error.errors()[0]
        place = " ".join(".".join(str(part) for part in mistake["loc"] if part != "kept").split())[:40]
        raise BadInput(name, f"not {noun} ({place}{': ' if place else ''}{mistake['msg']})", expected) from None
    except BadInput:
        raise
    except TastError as error:  # a number that cannot be one
        raise BadInput(name, f"not {noun} ({error})", expected) from None
    if found.weights_sha256 != weights_sha256:
        raise BadInput(name, f"{noun} of another model", expected)
    return found.kept
