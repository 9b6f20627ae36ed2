"""What is asked of the subject, and under which light: PURE's six setups and VIPL-HR's nine scenarios."""

from __future__ import annotations

from dataclasses import dataclass

from tast.phantom.motion import SETUPS, Setup


@dataclass(frozen=True)
class Scenario:
    """How a recording differs from one of a steady head one metre away at rest in ordinary light.

    light: strength of what reaches the sensor once the automatic exposure has done its best. distance: how many times further the
    face is. pulse: factor on the resting pulse rate.
    """

    setup: Setup
    light: float = 1.0
    distance: float = 1.0
    pulse: float = 1.0


PURE = {name: Scenario(setup) for name, setup in SETUPS.items()}

HAND_HELD = Setup(shift_speed=0.02, shift_hz=(0.3, 0.9), tilt_deg=0.4)

# Niu et al. 2018, table 2, in the order of the folders v1 to v9.
VIPL_HR = {
    "stable": Scenario(Setup()),
    "motion": Scenario(Setup(shift_speed=0.05, turn_deg=6.0, nod_deg=2.5, tilt_deg=1.0)),
    "talking": PURE["talking"],
    "bright": Scenario(Setup(), light=1.3),
    "dark": Scenario(Setup(), light=0.5),
    "long_distance": Scenario(Setup(), distance=1.5),
    "exercise": Scenario(Setup(shift_speed=0.01, nod_deg=0.6, turn_hz=(0.3, 0.6)), pulse=1.45),
    "phone_stable": Scenario(HAND_HELD),
    "phone_motion": Scenario(Setup(shift_speed=0.06, shift_hz=(0.15, 0.5), turn_deg=5.0, nod_deg=2.0, tilt_deg=1.0)),
}

SCENARIOS_OF_LAYOUT = {"pure": tuple(PURE), "vipl_hr": tuple(VIPL_HR), "csv": tuple(PURE)}
SCENARIOS = VIPL_HR | PURE
