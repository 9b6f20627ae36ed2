"""Self-contained HTML pages of one look: templates that extend base.html.j2, and the filters that write their numbers."""

from __future__ import annotations

import math

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined


def page_environment(package: str) -> Environment:
    """Templates of `package`, and base.html.j2; with the filters `number` and `percentage`. An unknown name is an error."""
    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("tast.pages")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"number": number, "percentage": percentage}
    return environment


def number(value: float | None, decimals: int = 2) -> str:
    """`1.23`, with a true minus; an en dash where there is no value."""
    if value is None or not math.isfinite(value):
        return "–"
    return f"{round(value, decimals) + 0.0:.{decimals}f}".replace("-", "−")


def percentage(fraction: float | None) -> str:
    """0.425 -> `42 %`."""
    return "–" if fraction is None or not math.isfinite(fraction) else f"{100 * fraction:.0f} %".replace("-", "−")
