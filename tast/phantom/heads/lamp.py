"""The light on a person: where the main lamp is, how much comes from everywhere, on some a shadow that moves over the face."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tast.phantom.randomness import stream


@dataclass(frozen=True)
class Lamp:
    """towards: unit vector to the lamp (to the right of the picture, up, towards the camera). ambient: share from everywhere.

    The shadow: its direction in degrees, how deep it is in 0..1 (0: none), how soft its edge in cm, how far it swings in cm, how
    often in Hz, and its phase in radians.
    """

    towards: tuple[float, float, float]
    ambient: float
    shadow_deg: float = 0.0
    shadow_depth: float = 0.0
    shadow_softness_cm: float = 5.0
    shadow_swing_cm: float = 8.0
    shadow_hz: float = 0.1
    shadow_phase_rad: float = 0.0

    def shadow_at(self, time_s: float) -> npt.NDArray[np.float32]:
        """(5,) what raster.lit takes: direction across (x, y), place, softness, depth."""
        angle = np.radians(self.shadow_deg)
        place = self.shadow_swing_cm * np.sin(2 * np.pi * self.shadow_hz * time_s + self.shadow_phase_rad)
        return np.array([np.cos(angle), np.sin(angle), place, self.shadow_softness_cm, self.shadow_depth], np.float32)


SHADOWED_SHARE = 0.2  # of the recordings


def lamp(seed: int, *key: str | int) -> Lamp:
    """A lamp above and to one side of the camera, soft to hard; in some recordings a shadow moves over the face."""
    rng = stream(seed, "lamp of a head", *key)
    azimuth, elevation = rng.uniform(-0.9, 0.9), rng.uniform(0.1, 0.75)
    towards = np.sin(azimuth) * np.cos(elevation), np.sin(elevation), np.cos(azimuth) * np.cos(elevation)
    shadowed = rng.random() < SHADOWED_SHARE
    return Lamp(
        towards=(float(towards[0]), float(towards[1]), float(towards[2])),
        ambient=float(rng.uniform(0.42, 0.75)),
        shadow_deg=float(rng.uniform(-180, 180)),
        shadow_depth=float(rng.uniform(0.3, 0.7)) if shadowed else 0.0,
        shadow_softness_cm=float(rng.uniform(3, 9)),
        shadow_swing_cm=float(rng.uniform(5, 14)),
        shadow_hz=float(rng.uniform(0.04, 0.2)),
        shadow_phase_rad=float(rng.uniform(0, 2 * np.pi)),
    )
