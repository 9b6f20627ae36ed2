"""params.yaml with other values, and with its comments."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedSeq

from tast.errors import BadInput


def rewritten(path: Path, changes: dict[str, Any]) -> tuple[str, dict[str, tuple[Any, Any]]]:
    """The file's text with other values at dotted keys, comments kept, and key -> value before and after of those that differ."""
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = sys.maxsize  # a line stays one, however long
    yaml.representer.add_representer(type(None), lambda to, _: to.represent_scalar("tag:yaml.org,2002:null", "null"))
    content = yaml.load(path)
    differing = {}
    for key, value in changes.items():
        *sections, name = key.split(".")
        section = content
        for part in sections:
            if part not in section:
                raise BadInput(path, f"no section {part}", key)
            section = section[part]
        if section[name] == value:
            continue
        differing[key] = (section[name] if not isinstance(value, dict) else dict(section[name]), value)
        if isinstance(value, dict):  # key by key, for the comments of those that stay
            for gone in set(section[name]) - set(value):
                del section[name][gone]
            section[name].update(value)
        elif isinstance(value, list):  # on one line, as people write them
            section[name] = CommentedSeq(value)
            section[name].fa.set_flow_style()
        else:
            section[name] = value
    stream = io.StringIO()
    yaml.dump(content, stream)
    return stream.getvalue(), differing
