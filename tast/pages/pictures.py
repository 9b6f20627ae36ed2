"""Pictures of the house style as PNG bytes: the same drawing gives the same bytes, whatever the user's matplotlib settings.

Colours are those of Okabe & Ito (2008), which people with any colour vision tell apart.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

BLUE, ORANGE, GREEN, PURPLE, SKY, VERMILION = "#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"
INK, MUTED, FAINT = "#1f2933", "#66727f", "#d9dee4"
DPI = 160
STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans", "font.size": 11, "axes.titlesize": 12, "axes.titleweight": "bold", "axes.titlelocation": "left",
    "axes.labelcolor": INK, "axes.edgecolor": MUTED, "text.color": INK, "xtick.color": MUTED, "ytick.color": MUTED,
    "xtick.labelcolor": INK, "ytick.labelcolor": INK, "axes.spines.top": False, "axes.spines.right": False,
    "axes.grid": True, "grid.color": FAINT, "grid.linewidth": 0.8, "axes.axisbelow": True,
    "legend.frameon": False, "legend.fontsize": 9.5, "figure.constrained_layout.use": True,
}  # fmt: skip


def png(draw: Callable[[Figure], None], *, width_in: float, height_in: float) -> bytes:
    """What `draw` puts on an empty figure of the house style, as PNG bytes without date or version."""
    with style.context(["default", STYLE]):
        figure = Figure(figsize=(width_in, height_in), dpi=DPI, facecolor="white")
        FigureCanvasAgg(figure)
        draw(figure)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png", metadata={"Software": None})
    return buffer.getvalue()
