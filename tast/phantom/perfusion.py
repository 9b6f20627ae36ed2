"""How much blood flows through a face from minute to minute: vessels narrow, widen and fill, and the skin's colour follows.

Besides oxygen in the arteries, it moves how much blood the skin holds and how dark that is, so that a change of the skin's colour
is not yet a change of SpO2. What flows faster fills more (volume as flow^0.38: Grubb 1974, of the brain) and is taken less oxygen
from, for the tissue uses what it uses (Fick). Veins fill besides, with the posture.

What is assumed: that skin fills as the brain does, how much flow differs within a recording, and how fast.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tast.phantom.randomness import Wander, wander
from tast.phantom.skin import OXYGEN_TAKEN
from tast.records import FloatArray

BAND_HZ = (0.004, 0.08)
FLOW_SPREAD = (0.02, 0.15)  # SD within a recording, of the logarithm; of most people between these, evenly in the logarithm
VOLUME_OF_FLOW = 0.38
VEINS_SPREAD = 0.015  # SD of the logarithm of what the skin holds, besides


@dataclass(frozen=True, eq=False)
class Perfusion:
    """One recording's. flow, veins: courses of unit variance; flow_spread: SD of the flow's logarithm."""

    flow: Wander
    veins: Wander
    flow_spread: float

    def at(self, times_s: FloatArray) -> tuple[FloatArray, FloatArray]:
        """At times_s (N,): blood in the skin over the person's own mean (N,), and how far its saturation lies below the
        arteries' (N,), 0 to 1."""
        faster = self.flow_spread * self.flow.at(times_s)
        return np.exp(VOLUME_OF_FLOW * faster + VEINS_SPREAD * self.veins.at(times_s)), OXYGEN_TAKEN * np.exp(-faster)


def draw_perfusion(rng: np.random.Generator) -> Perfusion:
    least, most = np.log(FLOW_SPREAD)
    return Perfusion(wander(rng, *BAND_HZ), wander(rng, *BAND_HZ), float(np.exp(rng.uniform(least, most))))
