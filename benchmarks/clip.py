"""What a user is told of one video: a trace, or a refusal and its causes; and of the video of a living person.

The clip has a pulse that is known, and no SpO2. So of it the pulse must be right, what the model cannot know must be said, and no
percentage be told without an anchor.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from benchmarks.results import Row
from tast.anchors import reading_of
from tast.errors import VideoRejected
from tast.prediction.asked import PLAIN, Asked
from tast.prediction.causes.known import CAUSES, OUTSIDE
from tast.prediction.predict import delivered, read_video
from tast.prediction.trace import PredictedTrace
from tast.records import VideoSource
from tast.saved_model import ModelCard

PULSE_OFF, PULSE_SPAN = 3.0, 6.0  # per minute: of the whole clip, and of a second: with the breath alone a pulse at rest moves
MOST_SECONDS = 0.85  # share of them whose pulse must be that of the person
CLIP_OPTIONS = {
    "no anchor": PLAIN,
    "--anchor 97": Asked(anchor=[reading_of("97")]),
    "--uncalibrated": Asked(uncalibrated=True),
}


@dataclass(frozen=True, eq=False)
class Told:
    """What a user is given of one video: a trace, or the reason of its refusal."""

    trace: PredictedTrace | None
    refused: str = ""

    @property
    def causes(self) -> tuple[str, ...]:
        """By which it is refused; "other" where none of the known causes is named."""
        found = tuple(cause.name for cause in (*CAUSES, *OUTSIDE) if cause.sentence in self.refused)
        return found or (("other",) if self.refused else ())

    @property
    def marked(self) -> tuple[str, ...]:
        """Causes that hold in most of its seconds."""
        if self.trace is None:
            return ()
        held = [name for names in self.trace.findings.per_second(len(self.trace)) for name in names]
        return tuple(sorted(name for name in set(held) if held.count(name) > len(self.trace) / 2))


def told_of(trace: PredictedTrace, asked: Asked) -> Told:
    """What who asks so is given of a trace that was read."""
    try:
        return Told(delivered(trace, asked))
    except VideoRejected as error:
        return Told(None, error.reason)


def clip_told(clip: Path, model: nn.Module, card: ModelCard) -> dict[str, Told]:
    """Options of `tast predict` -> what it tells of the video with them."""
    trace = read_video(clip.stem, VideoSource(clip), model, card)
    return {options: told_of(trace, asked) for options, asked in CLIP_OPTIONS.items()}


def clip_rows(answers: dict[str, Told], pulse_per_minute: float) -> list[Row]:
    told, read = answers["no anchor"], answers["--uncalibrated"].trace
    percentages = 0.0 if told.trace is None else float(np.isfinite(told.trace.spo2_percent).mean())
    assert read is not None, answers["--uncalibrated"].refused
    shown = float(np.nanmedian(read.pulse_per_minute))
    within = float((abs(read.pulse_per_minute - pulse_per_minute) <= PULSE_SPAN).mean())
    noticed = {
        "that the person is outside of the training": bool(
            told.trace is None and set(told.causes) & {one.name for one in OUTSIDE}
        ),
        "that rendered people alone were seen": bool(read.caution),
    }
    return [
        Row("clip, no anchor: seconds with a percentage", percentages, "1", better="lower", must=0.0),
        Row("clip: pulse, median", shown, "per minute"),
        Row("clip: pulse, median, off by", abs(shown - pulse_per_minute), "per minute", better="lower", must=PULSE_OFF),
        Row(f"clip: seconds whose pulse is within {PULSE_SPAN:g} per minute", within, "1", must=MOST_SECONDS),
        *(Row(f"clip: said {what}", float(said), "1", must=1.0) for what, said in noticed.items()),
    ]


def clip_lines(answers: dict[str, Told], rows: Sequence[Row]) -> list[str]:
    table = ["| `tast predict` of the clip with | says |", "|---|---|"]
    for options, told in answers.items():
        says = f"refused: {told.refused}"
        if (trace := told.trace) is not None:
            given = (
                "no percentage"
                if trace.trend is not None
                else f"{trace.spo2_percent.min():.1f} to {trace.spo2_percent.max():.1f} %"
            )
            width = "" if np.isfinite(trace.half_width_percent).all() or trace.trend is not None else ", no interval"
            says = "; ".join([given + width, *trace.findings.sentences(), *trace.notes, *filter(None, [trace.caution])])
        table.append(f"| {options} | {says} |")
    shown = [f"{row.name.removeprefix('clip: ')} {row.value:.3g}" for row in rows]
    return [*table, "", f"{'; '.join(shown)}."]
