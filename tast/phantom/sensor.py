"""Cameras: what the sensor's three channels see of each wavelength, and the settings of all that happens before the picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from tast.errors import TastError
from tast.phantom.spectra import CHANNELS, WAVELENGTHS_NM, curve, names
from tast.records import FloatArray

INFRARED_CUT_WIDTH_NM = 8.0
SENSORS = names("green")  # the measured ones


@dataclass(frozen=True)
class Sensor:
    """A measured sensor, or one like it.

    name: in SENSORS. shifts_nm, stretches: of the red, green and blue curve, about its peak. infrared_cut_nm: where a filter
    beyond the measured one lets half of the light through.
    """

    name: str
    shifts_nm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    stretches: tuple[float, float, float] = (1.0, 1.0, 1.0)
    infrared_cut_nm: float | None = None

    def sensitivities(self) -> FloatArray:
        """(3, wavelengths) relative response of red, green and blue. Raises TastError for a sensor that is not in the table."""
        curves = []
        for channel, shift_nm, stretch in zip(CHANNELS, self.shifts_nm, self.stretches, strict=True):
            measured = curve(channel, self.name)
            peak_nm = WAVELENGTHS_NM[measured.argmax()]
            curves.append(np.interp(peak_nm + (WAVELENGTHS_NM - peak_nm - shift_nm) / stretch, WAVELENGTHS_NM, measured))
        seen = np.stack(curves)
        if self.infrared_cut_nm is not None:
            seen /= 1 + np.exp((WAVELENGTHS_NM - self.infrared_cut_nm) / INFRARED_CUT_WIDTH_NM)
        return seen


@dataclass(frozen=True)
class WhiteBalance:
    """How far off white is, as logarithms of a gain.

    error: of red and of blue, for the whole recording. drift: standard deviation of a slow course. step: size of the sudden
    changes, steps_per_min of them; they go along the colour of light, red up and blue down.
    """

    error: tuple[float, float] = (0.0, 0.0)
    drift: float = 0.0
    step: float = 0.0
    steps_per_min: float = 0.0


@dataclass(frozen=True)
class Exposure:
    """offset_ev: from a middling exposure. hunting_ev: standard deviation of its unrest. step_ev: size of the sudden changes,
    steps_per_min of them; each overshoots. shutter_s: how long each row is exposed."""

    offset_ev: float = 0.0
    hunting_ev: float = 0.0
    step_ev: float = 0.0
    steps_per_min: float = 0.0
    shutter_s: float = 0.01


@dataclass(frozen=True)
class Camera:
    """kind: phone, webcam, system (with changeable lenses) or industrial, which its other values are drawn by.

    full_well_electrons: at raw value 1, at the gain in use. tone: a name in tast.phantom.develop.TONES; contrast: of an S-curve
    on top, 0..1. sharpening: how much of the fine detail of lightness is added. spatial_denoising, temporal_denoising: share of a
    pixel that comes from its neighbours and from its past. readout_s: from the first row to the last. bits: 8 or 10.
    """

    kind: str
    sensor: Sensor
    white_balance: WhiteBalance = field(default_factory=WhiteBalance)
    exposure: Exposure = field(default_factory=Exposure)
    full_well_electrons: float = 10_000.0
    read_noise_electrons: float = 5.0
    tone: str = "srgb"
    contrast: float = 0.0
    sharpening: float = 0.0
    spatial_denoising: float = 0.0
    temporal_denoising: float = 0.0
    readout_s: float = 0.015
    bits: int = 8


@dataclass(frozen=True)
class _Kind:
    """Ranges that cameras of a kind are drawn from; tones with equal chances; the chances that exposure and white are automatic,
    and that a picture has 10 bits."""

    tones: tuple[str, ...]
    contrast: tuple[float, float]
    sharpening: tuple[float, float]
    spatial_denoising: tuple[float, float]
    temporal_denoising: tuple[float, float]
    full_well_electrons: tuple[float, float]
    readout_s: tuple[float, float]
    automatic: float
    ten_bits: float


# Assumed, all of them: makers publish none. What they must give is variety, and pictures that look like each kind's.
_KINDS = {
    "phone": _Kind(
        ("srgb", "bt709"), (0.1, 0.5), (0.2, 1.0), (0.1, 0.6), (0.0, 0.6), (4e3, 2e4), (0.008, 0.025), automatic=0.8, ten_bits=0.3
    ),
    "webcam": _Kind(
        ("srgb", "bt709"),
        (0.0, 0.4),
        (0.0, 0.8),
        (0.0, 0.7),
        (0.0, 0.7),
        (3e3, 1.2e4),
        (0.015, 0.032),
        automatic=0.9,
        ten_bits=0.0,
    ),
    "system": _Kind(
        ("srgb", "bt709"), (0.0, 0.4), (0.0, 0.5), (0.0, 0.3), (0.0, 0.2), (1e4, 4e4), (0.005, 0.025), automatic=0.4, ten_bits=0.4
    ),
    "industrial": _Kind(
        ("linear", "bt709"), (0.0, 0.0), (0.0, 0.1), (0.0, 0.0), (0.0, 0.0), (8e3, 3e4), (0.0, 0.015), automatic=0.1, ten_bits=0.3
    ),
}
CAMERA_KINDS = tuple(_KINDS)

# Half of all sensors are measured ones as they are; the others stand for those that nobody measured.
AS_MEASURED, SHIFT_SPREAD_NM, STRETCH_SPREAD, EXTRA_CUT = 0.5, 4.0, 0.08, 0.5
INFRARED_CUTS_NM = (630.0, 690.0)


def draw_sensor(rng: np.random.Generator, pool: Sequence[str] = SENSORS) -> Sensor:
    """A random sensor: one of `pool` as it was measured, or one like it."""
    name = _drawn(rng, pool, SENSORS, "sensors")
    if rng.random() < AS_MEASURED:
        return Sensor(name)
    red_nm, green_nm, blue_nm = (float(shift) for shift in rng.normal(0, SHIFT_SPREAD_NM, 3))
    red, green, blue = (float(stretch) for stretch in np.exp(rng.normal(0, STRETCH_SPREAD, 3)))
    cut_nm = float(rng.uniform(*INFRARED_CUTS_NM)) if rng.random() < EXTRA_CUT else None
    return Sensor(name, (red_nm, green_nm, blue_nm), (red, green, blue), cut_nm)


def draw_camera(rng: np.random.Generator, pool: Sequence[str] = SENSORS, kinds: Sequence[str] = CAMERA_KINDS) -> Camera:
    """A random camera of one of `kinds` with a sensor from or like `pool`. Raises TastError for names that are unknown."""
    kind = _drawn(rng, kinds, CAMERA_KINDS, "camera kinds")
    ranges, sensor = _KINDS[kind], draw_sensor(rng, pool)
    automatic_white, automatic_exposure = rng.random(2) < ranges.automatic
    return Camera(
        kind=kind,
        sensor=sensor,
        white_balance=_draw_white_balance(rng, bool(automatic_white)),
        exposure=_draw_exposure(rng, bool(automatic_exposure)),
        full_well_electrons=float(np.exp(rng.uniform(*np.log(ranges.full_well_electrons)))),
        read_noise_electrons=float(rng.uniform(2, 10)),
        tone=ranges.tones[int(rng.integers(len(ranges.tones)))],
        contrast=float(rng.uniform(*ranges.contrast)),
        sharpening=float(rng.uniform(*ranges.sharpening)),
        spatial_denoising=float(rng.uniform(*ranges.spatial_denoising)),
        temporal_denoising=float(rng.uniform(*ranges.temporal_denoising)),
        readout_s=float(rng.uniform(*ranges.readout_s)),
        bits=10 if rng.random() < ranges.ten_bits else 8,
    )


def _draw_white_balance(rng: np.random.Generator, automatic: bool) -> WhiteBalance:
    """A fixed white is wrong by more; an automatic one drifts, and in one camera of four steps as well.

    Wrong mostly along the colour of light, warm or cold, less across it; the colour matrix nearly doubles what is wrong.
    """
    warm, tint = rng.normal(0, (0.03, 0.012) if automatic else (0.06, 0.02))
    steps = automatic and rng.random() < 0.25
    return WhiteBalance(
        error=(float(tint + warm), float(tint - warm)),
        drift=float(rng.uniform(0, 0.015)) if automatic else 0.0,
        step=float(rng.uniform(0.02, 0.1)) if steps else 0.0,
        steps_per_min=float(rng.uniform(0.5, 3)) if steps else 0.0,
    )


def _draw_exposure(rng: np.random.Generator, automatic: bool) -> Exposure:
    """In one automatic camera of four it steps: MCD-rPPG's swings by 80 grey levels."""
    steps = automatic and rng.random() < 0.25
    return Exposure(
        offset_ev=float(np.clip(rng.normal(0, 0.25), -0.6, 0.5)),
        hunting_ev=float(rng.uniform(0, 0.02)) if automatic else 0.0,
        step_ev=float(rng.uniform(0.05, 0.8)) if steps else 0.0,
        steps_per_min=float(rng.uniform(1, 6)) if steps else 0.0,
        shutter_s=float(rng.choice([1 / 30, 1 / 50, 1 / 60, 1 / 100, 1 / 120, 1 / 200])),
    )


def _drawn(rng: np.random.Generator, pool: Sequence[str], known: Sequence[str], what: str) -> str:
    unknown = [name for name in pool if name not in known]
    if unknown or not pool:
        raise TastError(f"phantom {what} {', '.join(unknown) or '(none)'}; expected some of {', '.join(known)}")
    return pool[int(rng.integers(len(pool)))]
