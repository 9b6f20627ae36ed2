"""A world: which camera under which lamp films, how its frames arrive, and how they are coded on the way to the file.

Each part is drawn by random numbers of its own from a pool of its own, so that a protocol can hold out lamps, sensors, kinds of
cameras, codings or faces: worlds with other pools share no part that the pools do not share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tast.errors import TastError
from tast.phantom.delivery import Delivery
from tast.phantom.lamps import LAMP_FAMILIES, Lamp, draw_lamp
from tast.phantom.randomness import stream
from tast.phantom.sensor import CAMERA_KINDS, SENSORS, Camera, draw_camera
from tast.video.coding import CODINGS, Coding, draw_coding

RATES_HZ = (15.0, 24.0, 25.0, 29.97, 30.0)
RATE_ODDS = (0.06, 0.14, 0.2, 0.2, 0.4)
RATE_SPREAD = 0.002  # of a camera's clock
UNSTEADY = 0.3  # share of cameras that lose frames or send some twice
MOST_DROPPED, MOST_DOUBLED = 0.03, 0.05


@dataclass(frozen=True)
class Pools:
    """What worlds and people may be drawn from: names of lamp families, measured sensors, kinds of cameras and codings, frame
    rates, and faces from the first number to the one before the last."""

    lamps: tuple[str, ...] = LAMP_FAMILIES
    sensors: tuple[str, ...] = SENSORS
    cameras: tuple[str, ...] = CAMERA_KINDS
    codings: tuple[str, ...] = tuple(name for name in CODINGS if name != "png")  # a folder of images holds no readings' clock
    rates_hz: tuple[float, ...] = RATES_HZ
    faces: tuple[int, int] = (1, 1001)


@dataclass(frozen=True)
class World:
    """number: 1..., among those of one seed."""

    number: int
    lamp: Lamp
    camera: Camera
    delivery: Delivery
    coding: Coding

    @property
    def name(self) -> str:
        """World 3: world-03."""
        return f"world-{self.number:02d}"


def world(seed: int, number: int, pools: Pools = Pools()) -> World:
    """World `number` (1...) of a seed, the same however many there are. Raises TastError for a name that no pool has."""
    camera = draw_camera(stream(seed, "world", number, "camera"), pools.sensors, pools.cameras)
    deep = camera.bits > 8 and any(CODINGS[name][0] == camera.bits for name in pools.codings if name in CODINGS)
    return World(
        number=number,
        lamp=draw_lamp(stream(seed, "world", number, "lamp"), pools.lamps),
        camera=camera,
        delivery=_delivery(stream(seed, "world", number, "delivery"), pools.rates_hz),
        coding=draw_coding(stream(seed, "world", number, "coding"), pools.codings, bits=camera.bits if deep else 8),
    )


def face_numbers(seed: int, count: int, pools: Pools) -> tuple[int, ...]:
    """`count` different faces; of fewer the first. Raises TastError where the pool has too few."""
    first, beyond = pools.faces
    if count > beyond - first:
        raise TastError(f"heads of phantom subjects = {count}; expected at most {beyond - first}, as many as worlds.faces holds")
    return tuple(int(face) for face in first + stream(seed, "faces").permutation(beyond - first)[:count])


def facts(world: World) -> dict[str, str | int | float]:
    """A world's parts, by the names of their columns."""
    camera, lamp, coding = world.camera, world.lamp, world.coding
    return {
        "lamp": lamp.family, "mains_depth": lamp.mains_depth, "slow_flicker": lamp.slow_depth, "camera": camera.kind,
        "sensor": camera.sensor.name, "bits": camera.bits, "tone": camera.tone, "contrast": camera.contrast,
        "white_error_red": camera.white_balance.error[0], "white_error_blue": camera.white_balance.error[1],
        "white_step": camera.white_balance.step, "exposure_step_ev": camera.exposure.step_ev,
        "spatial_denoising": camera.spatial_denoising, "temporal_denoising": camera.temporal_denoising,
        "sharpening": camera.sharpening, "fps_hz": world.delivery.fps_hz, "dropped": world.delivery.dropped,
        "doubled": world.delivery.doubled, "coding": coding.label,
        "bits_per_pixel": coding.bits_per_pixel or 0.0, "quality": coding.quality or 0,
    }  # fmt: skip


def _delivery(rng: np.random.Generator, rates_hz: Sequence[float]) -> Delivery:
    if unknown := [rate for rate in rates_hz if rate not in RATES_HZ]:
        raise TastError(f"worlds.rates_hz {unknown[0]:g} is unknown; expected some of {', '.join(map(str, RATES_HZ))}")
    odds = np.array([RATE_ODDS[RATES_HZ.index(rate)] for rate in rates_hz])
    rate_hz = float(rng.choice(rates_hz, p=odds / odds.sum())) * (1 + RATE_SPREAD * float(rng.uniform(-1, 1)))
    unsteady, dropped, doubled = rng.random(3)
    if unsteady >= UNSTEADY:
        return Delivery(rate_hz)
    return Delivery(rate_hz, dropped=MOST_DROPPED * float(dropped), doubled=MOST_DOUBLED * float(doubled))
