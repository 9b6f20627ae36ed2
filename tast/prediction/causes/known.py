"""The causes of a wrong reading, in the order in which a refusal names them, with their limits.

Limits were chosen on development seeds of the phantom and on its photograph; `python -m benchmarks.causes` says what they find
on other seeds.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tast.prediction import MIN_QUALITY
from tast.prediction.causes import light, pulse, recording
from tast.prediction.causes.evidence import Evidence
from tast.records import FloatArray
from tast.training.domain import LIGHT, PULSE


@dataclass(frozen=True)
class Cause:
    """name: of its measure too. sentence: for a person, in lower case. holds_beyond: of the measure; below, where low_is_bad.
    unreadable_beyond: where a second cannot be read at all; None where that never follows from this measure alone. measure: of
    the evidence, (S,) per second; None where the file alone tells, the same for all seconds. no_level_beyond: where the
    pulse can be read but no percentage without an anchor; no_change_beyond: with an anchor neither; None: never."""

    name: str
    sentence: str
    holds_beyond: float
    unreadable_beyond: float | None
    measure: Callable[[Evidence], FloatArray] | None
    low_is_bad: bool = False
    no_level_beyond: float | None = None
    no_change_beyond: float | None = None

    def holds(self, measured: FloatArray) -> npt.NDArray[np.bool_]:
        """(S,) of the measure (S,); nowhere that it is NaN."""
        return self._beyond(measured, self.holds_beyond)

    def unreadable(self, measured: FloatArray) -> npt.NDArray[np.bool_]:
        """(S,) of the measure (S,)."""
        return self._beyond(measured, self.unreadable_beyond)

    def untold(self, measured: FloatArray, anchored: bool) -> npt.NDArray[np.bool_]:
        """(S,) of the measure (S,)."""
        return self._beyond(measured, self.no_change_beyond if anchored else self.no_level_beyond)

    def _beyond(self, measured: FloatArray, limit: float | None) -> npt.NDArray[np.bool_]:
        if limit is None:
            return np.zeros(len(measured), dtype=bool)
        return np.asarray(measured < limit if self.low_is_bad else measured > limit)


COMPRESSION = Cause(
    "compression", "the video is compressed so strongly that little of the pulse's colour is left", 1.0, 0.2, None, True
)
FROZEN = Cause(
    "frozen colour", "the video is compressed so strongly that the face's colour stands still from frame to frame", 0.02, None,
    recording.frozen_colour, no_level_beyond=0.04, no_change_beyond=0.2,
)  # fmt: skip
CAUSES = (
    Cause("no colour", "the picture has no colour: grey, or near infrared", 0.1, 0.1, pulse.colour, True),
    Cause("red and blue exchanged", "the face is bluer than it is red, as no skin is: red and blue are exchanged", -0.1, -0.1,
          light.red_over_blue, True),
    Cause("dark", "the face is too dark", 35.0, 12.0, light.darkness, True),
    Cause("overexposed", "much of the face is over-exposed", 0.2, 0.7, light.overexposed),
    # a third of what pulses is the lamp's, whose colours are read for the blood's: with an anchor off by 7 points
    Cause("flicker", "the background pulses with the face: the lamp flickers", 0.35, 0.35, light.flicker),
    Cause("one wave", "red, green and blue move alike: near infrared, or lamp or exposure move more than the pulse", 0.85, None,
          pulse.one_wave),
    Cause("exposure", "the camera's exposure changes", 0.05, 0.1, light.exposure_steps),
    Cause("white balance", "the camera's white balance changes", 0.012, 0.03, light.white_steps),
    COMPRESSION,
    FROZEN,
    Cause("still", "nothing moves in the face but noise: a photograph?", 0.4, None, pulse.noise_flatness),
    Cause("no pulse", "no clear pulse is seen in the face", MIN_QUALITY, None, pulse.pulse_share, True),
    Cause("movement", "the head moves", 0.15, None, recording.speed),
    Cause("frames", "frames are missing or shown twice", 0.15, None, recording.missing_frames),
)  # fmt: skip
OUTSIDE = (  # of what the model was trained on: tast.training.domain measures it of what the model reads, 1 at the edge
    Cause(PULSE, "the pulse's colour is outside of all that the model was trained on", 1.0, None, None),
    Cause(LIGHT, "the light's colour on the face is outside of all that the model was trained on", 1.0, None, None),
)
