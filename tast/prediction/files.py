"""A predicted trace on disk: a table in the format of one's choice, and a picture beside it."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from tast.files import whole_file
from tast.prediction.picture import trace_png
from tast.prediction.trace import PredictedTrace

Writer = Callable[[Path, PredictedTrace], None]


def write_trace(folder: Path, trace: PredictedTrace, kind: str, write: Writer | None = None) -> tuple[Path, Path]:
    """<name>.<kind>, a kind of FORMATS (of another, `write` writes it), and before it <name>.png, each written whole."""
    table, picture = table_path(folder, trace.name, kind), folder / f"{trace.name}.png"
    with whole_file(picture) as part:
        part.write_bytes(trace_png(trace))
    with whole_file(table) as part:
        (write or FORMATS[kind])(part, trace)
    return table, picture


def table_path(folder: Path, name: str, kind: str) -> Path:
    return folder / f"{name}.{kind}"


def _write_csv(path: Path, trace: PredictedTrace) -> None:
    trace.table().to_csv(path, index=False)


def _write_json(path: Path, trace: PredictedTrace) -> None:
    """What holds for the whole video once, then its seconds; null where there is no value."""
    of_video = ["video", "coverage", "trained_on", "calibrated_by", "anchored_by_percent"]
    rows = json.loads(trace.table().drop(columns=of_video).to_json(orient="records"))
    content = {
        "video": trace.name,
        "coverage": _known(trace.coverage),
        "half_width_percent": None if trace.anchor or not trace.interval else trace.interval.half_width_percent,
        "basis": list(trace.basis),
        "calibrated_by": trace.calibrated_by or None,
        "profile": None if trace.profile is None else asdict(trace.profile),
        "anchor": None if trace.anchor is None else asdict(trace.anchor),
        "trained_on": list(trace.trained_on),
        "caution": trace.caution or None,
        "notes": list(trace.notes),
        "source": None if trace.source is None else asdict(trace.source),
        "causes": list(trace.findings.sentences()),
        "seconds": [
            {
                **row,
                "causes": list(names),
                "measures": {name: _known(values[k]) for name, values in trace.findings.measures.items()},
            }
            for k, (row, names) in enumerate(zip(rows, trace.findings.per_second(len(trace)), strict=True))
        ],
    }
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def _known(measured: float) -> float | None:
    """Rounded; None where there is no value, or no limit to it."""
    return round(float(measured), 4) if math.isfinite(measured) else None


def _write_parquet(path: Path, trace: PredictedTrace) -> None:
    trace.table().to_parquet(path, index=False)


FORMATS: dict[str, Writer] = {
    "csv": _write_csv,
    "json": _write_json,
    "parquet": _write_parquet,
}
