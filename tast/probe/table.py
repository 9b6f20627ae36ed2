"""The probe's rows as JSON and Markdown, with the same headings everywhere."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import asdict

from tast.probe.probe import ProbeRow

COLUMNS: dict[str, tuple[str, str]] = {  # field -> heading, format
    "group": ("recordings", "s"),
    "chain": ("chain", "s"),
    "step": ("after", "s"),
    "rate_error_per_min": ("pulse rate, error in 1/min", ".2f"),
    "snr_db": ("pulse SNR, dB", ".1f"),
    "log_std": ("log ratio error, std", ".3f"),
    "log_proj": ("log ratio error, proj", ".3f"),
    "log_blue": ("the same, blue", ".3f"),
    "saturated_share": ("saturated", ".2%"),
    "beyond_8_bit_share": ("a byte would clip", ".1%"),
    "jitter_px": ("jitter, px", ".3f"),
    "inside_share": ("mask inside each frame's contour", ".2%"),
}


def headings() -> list[str]:
    return [heading for heading, _ in COLUMNS.values()]


def cells(row: ProbeRow) -> list[str]:
    """The row as text; empty where a value is not asked."""
    return [_cell(getattr(row, name), style) for name, (_, style) in COLUMNS.items()]


def _cell(value: str | float, style: str) -> str:
    return "" if isinstance(value, float) and math.isnan(value) else format(value, style)


def as_markdown(rows: Sequence[ProbeRow]) -> str:
    lines = [headings(), ["---"] * len(COLUMNS), *map(cells, rows)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def as_json(rows: Sequence[ProbeRow]) -> str:
    """A list of objects, None where a value is not asked."""
    plain = [{name: _finite(value) for name, value in asdict(row).items()} for row in rows]
    return json.dumps(plain, indent=1) + "\n"


def _finite(value: str | float) -> str | float | None:
    return None if isinstance(value, float) and not math.isfinite(value) else value
