"""Parameters changed on a command line."""

from __future__ import annotations

import argparse
from typing import Any

from ruamel.yaml import YAML


def change_of(text: str) -> tuple[str, Any]:
    """`train.epochs=2` -> the key and the value, read as YAML; the type of an argument, for argparse."""
    key, sign, value = text.partition("=")
    if not sign:
        raise argparse.ArgumentTypeError(f"{text!r} is not KEY=VALUE, such as train.epochs=2")
    return key, YAML(typ="safe").load(value)
