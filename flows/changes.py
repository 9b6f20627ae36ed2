"""Parameters changed on a command line."""

from __future__ import annotations

import argparse
from typing import Any

from ruamel.yaml.error import YAMLError

from tast.yaml_text import yaml_of


def change_of(text: str) -> tuple[str, Any]:
    """`train.epochs=2` -> the key and the value, read as YAML; the type of an argument, for argparse."""
    key, sign, value = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE, such as train.epochs=2")
    try:
        return key, yaml_of(value)
    except YAMLError as error:
        raise argparse.ArgumentTypeError(f"the value of {key} is not YAML ({' '.join(str(error).split())})") from None
