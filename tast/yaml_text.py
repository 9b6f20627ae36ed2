"""YAML that a person wrote, as plain values.

ruamel.yaml's parser in C follows lists within lists by calls of its own until the process dies; so their depth is counted first,
on the events, which need no such calls.
"""

from __future__ import annotations

from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

DEEPEST = 50  # levels; params.yaml has five


def yaml_of(text: str | bytes) -> Any:
    """What the text says. Raises YAMLError where it is no YAML, is nested too deeply, or holds a value that cannot be."""
    depth = 0
    try:
        for event in YAML(typ="safe").parse(text):
            kind = type(event).__name__
            depth += kind in ("SequenceStartEvent", "MappingStartEvent")
            depth -= kind in ("SequenceEndEvent", "MappingEndEvent")
            if depth > DEEPEST:
                raise YAMLError(f"more than {DEEPEST} levels, one within the other")
        return YAML(typ="safe").load(text)
    except UnicodeDecodeError:
        raise YAMLError("not UTF-8 text") from None
    except (ValueError, TypeError, RecursionError) as error:  # of what is written like a date, a number or a key and is none
        raise YAMLError(f"a value that cannot be ({error})") from None
