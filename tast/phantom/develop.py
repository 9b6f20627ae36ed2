"""From raw light to a picture: what a camera does to a frame between its sensor and the file.

    raw light -> exposure, lamp's flicker row by row -> shot and read noise, full well -> white balance and colour matrix
    -> temporal denoising -> tone curve -> spatial denoising, sharpening -> 8 or 10 bit

`shots` plans a whole recording (how exposure and white wander), `develop` makes one frame of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from tast.compiled import compiled
from tast.phantom.colours import Colours
from tast.phantom.lamps import Lamp
from tast.phantom.randomness import stream, wander
from tast.phantom.sensor import Camera
from tast.phantom.spectra import LUMINANCE_OF_SRGB, encoded_srgb
from tast.records import FloatArray

Float32Array = npt.NDArray[np.float32]
Picture = npt.NDArray[Any]  # (h, w, 3) uint8, or uint16 in 0..1023

# An automatic exposure makes up for part of what a darker scene lacks: one of MIDDLING_LUMINANCE is brought to its tone's middle.
MIDDLING_LUMINANCE, COMPENSATION = 0.3, 0.55
HUNTING_HZ, DRIFT_HZ = (0.05, 1.0), (0.005, 0.05)
SETTLING_S, OVERSHOOT_HZ = 0.35, 0.9  # of an exposure that steps: a damped swing
WHITE_STEP_S = 0.3
STILL = 0.05  # a pixel whose luminance changes by more is taken for one that moves, and keeps nothing of its past

TONE_STEPS = 4096
_NORMAL = ndtri((np.arange(4096) + 0.5) / 4096).astype(np.float32)  # a noise sample is one look-up


def _bt709(linear: FloatArray) -> FloatArray:
    """ITU-R BT.709's transfer function on 0..1."""
    return np.where(linear < 0.018, 4.5 * linear, 1.099 * np.maximum(linear, 0.018) ** 0.45 - 0.099)


@dataclass(frozen=True)
class Tone:
    """encode: linear light 0..1 to what is written. middle: linear light that a middling scene is exposed to."""

    encode: Callable[[FloatArray], FloatArray]
    middle: float


TONES = {"srgb": Tone(encoded_srgb, 0.2), "bt709": Tone(_bt709, 0.2), "linear": Tone(np.asarray, 0.26)}


def tone_curve(tone: str, contrast: float) -> FloatArray:
    """(TONE_STEPS + 2,) encoded values 0..1 of linear light 0..1, the last one twice; contrast 0..1 bends them into an S."""
    linear = np.linspace(0, 1, TONE_STEPS + 1)
    encoded = TONES[tone].encode(np.append(linear, 1))
    return encoded - contrast / (2 * np.pi) * np.sin(2 * np.pi * encoded)


@dataclass(frozen=True, eq=False)
class Shots:
    """All that a camera does in one recording of N frames.

    rows (N, height): light on each row, exposure and flicker together. matrices (N, 3, 3): white balance and colour matrix.
    ceilings (N, 3): raw values of white, at which the channels are cut, so that what is too bright is white and not pink.
    noise_keys (N,): what each frame's noise follows from. tone (TONE_STEPS + 2,): grey levels of linear light.
    """

    camera: Camera
    rows: Float32Array
    matrices: Float32Array
    ceilings: Float32Array
    noise_keys: npt.NDArray[np.uint64]
    tone: Float32Array


def shots(
    camera: Camera, lamp: Lamp, seen: Colours, times_s: FloatArray, height_px: int, scene_raw: FloatArray, seed: int
) -> Shots:
    """The plan of a recording: frames that begin at times_s (N,), of height_px rows; the same for the same seed.

    seen: the colours of this lamp and this camera's sensor. scene_raw (3,): mean raw value of what the exposure is metered on.
    No row is exposed for longer than a frame lasts.
    """
    white = _white_gains(camera, times_s, stream(seed, "white balance")) * seen.white_balance
    starts_s = times_s[:, None] + np.arange(height_px) / height_px * camera.readout_s
    exposed = _exposure(camera, times_s, stream(seed, "exposure")) * _metered(camera, seen, scene_raw)
    exposed_s = min(camera.exposure.shutter_s, float(np.median(np.diff(times_s))))
    levels = float((1 << camera.bits) - 1)
    return Shots(
        camera=camera,
        rows=(exposed[:, None] * lamp.mean_level(starts_s, exposed_s)).astype(np.float32),
        matrices=(seen.matrix * white[:, None, :]).astype(np.float32),
        ceilings=(1 / white).astype(np.float32),
        noise_keys=stream(seed, "noise").integers(0, 1 << 64, len(times_s), np.uint64),
        tone=(levels * tone_curve(camera.tone, camera.contrast)).astype(np.float32),
    )


def _metered(camera: Camera, seen: Colours, scene_raw: FloatArray) -> float:
    luminance = float(LUMINANCE_OF_SRGB @ seen.matrix @ (seen.white_balance * scene_raw))
    middling = TONES[camera.tone].middle / MIDDLING_LUMINANCE * (MIDDLING_LUMINANCE / luminance) ** COMPENSATION
    return float(middling * 2**camera.exposure.offset_ev)


def _exposure(camera: Camera, times_s: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(N,) factor over time: restless, and now and then a step that swings before it settles."""
    exposure = camera.exposure
    ev = exposure.hunting_ev * wander(rng, *HUNTING_HZ, waves=8).at(times_s)
    for at_s, size in _steps(times_s, exposure.steps_per_min, rng):
        since_s = np.maximum(times_s - at_s, 0)
        ev += exposure.step_ev * size * (1 - np.exp(-since_s / SETTLING_S) * np.cos(2 * np.pi * OVERSHOOT_HZ * since_s))
    return 2 ** (ev - ev.mean())


def _white_gains(camera: Camera, times_s: FloatArray, rng: np.random.Generator) -> FloatArray:
    """(N, 3) gains by which the white of red, green and blue is off."""
    white = camera.white_balance
    warm = np.zeros(len(times_s))
    for at_s, size in _steps(times_s, white.steps_per_min, rng):
        warm += white.step * size / (1 + np.exp(-np.clip((times_s - at_s) / (WHITE_STEP_S / 4), -50, 50)))
    red, blue = (white.drift * wander(rng, *DRIFT_HZ).at(times_s) for _ in range(2))
    return np.exp(np.stack([white.error[0] + red + warm, np.zeros(len(times_s)), white.error[1] + blue - warm], axis=1))


def _steps(times_s: FloatArray, per_min: float, rng: np.random.Generator) -> list[tuple[float, float]]:
    """When something steps and by what share of its size, -1..1 but not near 0."""
    seconds = float(times_s[-1] - times_s[0])
    at_s = times_s[0] + seconds * rng.random(rng.poisson(per_min * seconds / 60))
    return [(float(time_s), float(rng.choice([-1.0, 1.0]) * rng.uniform(0.4, 1))) for time_s in np.sort(at_s)]


def develop(raw: Float32Array, plan: Shots, frame: int, past: Float32Array) -> Picture:
    """The picture of a frame's raw light (h, w, 3): uint8, or uint16 where the camera has 10 bits.

    frame: its number in the plan; frames in order, as temporal denoising looks back. past (h, w, 3) float32: the camera's memory,
    any array for the first frame and the same one from then on; it is written to. The bytes follow from these alone, whatever the
    number of threads. Raises ValueError where raw or past has another shape or type than the plan asks for.
    """
    if raw.dtype != np.float32 or raw.ndim != 3 or raw.shape[2] != 3 or raw.shape[0] != plan.rows.shape[1]:
        raise ValueError(f"raw light is {raw.dtype} {raw.shape}; expected float32 ({plan.rows.shape[1]}, width, 3)")
    if past.dtype != np.float32 or past.shape != raw.shape:
        raise ValueError(f"the camera's past is {past.dtype} {past.shape}; expected float32 {raw.shape}")
    camera = plan.camera
    picture = np.empty(raw.shape, np.uint8 if camera.bits == 8 else np.uint16)
    memory, apart = np.ascontiguousarray(past), (raw.shape[0], 3, raw.shape[1])
    _developed(
        np.ascontiguousarray(raw), plan.rows[frame], plan.matrices[frame], plan.ceilings[frame], plan.noise_keys[frame],
        _NORMAL, plan.tone,
        np.float32(1 / camera.full_well_electrons), np.float32((camera.read_noise_electrons / camera.full_well_electrons) ** 2),
        np.float32(camera.temporal_denoising if frame else 0), np.float32(1 / STILL), memory.reshape(apart),
        np.float32(camera.spatial_denoising), np.float32(camera.sharpening), np.float32((1 << camera.bits) - 1), picture,
    )  # fmt: skip
    if memory is not past:
        past[:] = memory
    return picture


@compiled
def _developed(
    raw: Float32Array,
    rows: Float32Array,
    matrix: Float32Array,
    ceiling: Float32Array,
    key: np.uint64,
    normal: Float32Array,
    tone: Float32Array,
    shot: np.float32,
    read: np.float32,
    keeps: np.float32,
    per_still: np.float32,
    past: Float32Array,
    denoises: np.float32,
    sharpens: np.float32,
    highest: np.float32,
    picture: Picture,
) -> None:
    """Raw light to a picture, row by row, in steps of their own where many values are as fast as one.

    From the colour matrix on a row's red, green and blue values lie apart, (3, width), in the past as well: side by side they
    would be computed one at a time. Three rows of tone-mapped values are kept, as many as a row's neighbourhood has: whole
    pictures would leave the processor's caches between two steps.
    """
    height, width, _ = raw.shape
    noise, exposed = np.empty(3 * width, np.float32), np.empty(3 * width, np.float32)
    linear, toned = np.empty((3, width), np.float32), np.empty((3, 3, width), np.float32)
    step, beyond = np.empty(3 * width, np.int32), np.empty(3 * width, np.float32)
    column, off, each = np.empty((3, width + 2), np.float32), np.empty((3, width), np.float32), np.empty(width, np.float32)
    for y in range(height + 1):
        if y < height:
            _noise(key, y * width + 1, normal, noise)
            _exposed(raw[y].reshape(-1), rows[y], noise, shot, read, exposed)
            _matched(exposed, ceiling, matrix, linear[0], linear[1], linear[2])
            _remembered(linear, keeps, per_still, past[y], each)
            _curved(linear.reshape(-1), tone, step, beyond, toned[y % 3].reshape(-1))
        if y > 0:
            above, row, below = toned[max(y - 2, 0) % 3], toned[(y - 1) % 3], toned[min(y, height - 1) % 3]
            _finished(above, row, below, denoises, sharpens, highest, column, off, each)
            _written(off[0], off[1], off[2], picture[y - 1].reshape(-1))


@compiled
def _exposed(
    raw: Float32Array, light: np.float32, noise: Float32Array, shot: np.float32, read: np.float32, level: Float32Array
) -> None:
    """level (n,) = raw (n,) x light, and the noise of that many electrons."""
    for k in range(len(level)):
        exposed = raw[k] * light
        level[k] = exposed + noise[k] * np.sqrt(max(exposed, np.float32(0)) * shot + read)


@compiled
def _matched(
    level: Float32Array, ceiling: Float32Array, matrix: Float32Array, red: Float32Array, green: Float32Array, blue: Float32Array
) -> None:
    """red, green, blue (n,) of linear sRGB = raw values of pixels, level (3 n,), cut at the ceiling."""
    top_red, top_green, top_blue = ceiling[0], ceiling[1], ceiling[2]
    m00, m01, m02 = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    m10, m11, m12 = matrix[1, 0], matrix[1, 1], matrix[1, 2]
    m20, m21, m22 = matrix[2, 0], matrix[2, 1], matrix[2, 2]
    for x in range(len(red)):
        r, g, b = min(level[3 * x], top_red), min(level[3 * x + 1], top_green), min(level[3 * x + 2], top_blue)
        red[x] = m00 * r + m01 * g + m02 * b
        green[x] = m10 * r + m11 * g + m12 * b
        blue[x] = m20 * r + m21 * g + m22 * b


@compiled
def _remembered(linear: Float32Array, keeps: np.float32, per_still: np.float32, past: Float32Array, share: Float32Array) -> None:
    """linear (3, n) becomes a mixture with the past (3, n), and the past what comes of it. share (n,): working memory."""
    zero, one, quarter, half = np.float32(0), np.float32(1), np.float32(0.25), np.float32(0.5)
    if keeps > zero:
        for x in range(len(share)):
            off_red, off_green, off_blue = past[0, x] - linear[0, x], past[1, x] - linear[1, x], past[2, x] - linear[2, x]
            moved = abs(quarter * off_red + half * off_green + quarter * off_blue) * per_still
            share[x] = keeps * max(zero, one - moved)
        for c in range(3):
            for x in range(len(share)):
                linear[c, x] += share[x] * (past[c, x] - linear[c, x])
    for c in range(3):
        for x in range(len(share)):
            past[c, x] = linear[c, x]


@compiled
def _noise(key: np.uint64, first: int, normal: Float32Array, noise: Float32Array) -> None:
    """noise (3 n,): normal values of n pixels from number `first` on: a hash (SplitMix64) of the frame's key and that number."""
    low = np.uint64(len(normal) - 1)
    for x in range(len(noise) // 3):
        z = key + np.uint64(first + x) * np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        z = z ^ (z >> np.uint64(31))
        noise[3 * x] = normal[z & low]
        noise[3 * x + 1] = normal[(z >> np.uint64(12)) & low]
        noise[3 * x + 2] = normal[(z >> np.uint64(24)) & low]


@compiled
def _curved(
    linear: Float32Array, tone: Float32Array, step: npt.NDArray[np.int32], beyond: Float32Array, values: Float32Array
) -> None:
    """values (n,): the tone curve at linear values, bounded by 0 and 1. step, beyond (n,): working memory."""
    for k in range(len(linear)):
        place = min(max(linear[k], np.float32(0)), np.float32(1)) * np.float32(TONE_STEPS)
        step[k] = np.int32(place)
        beyond[k] = place - np.float32(step[k])
    for k in range(len(linear)):
        at = np.uint32(step[k])
        below = tone[at]
        values[k] = below + beyond[k] * (tone[at + np.uint32(1)] - below)


@compiled
def _finished(
    above: Float32Array,
    row: Float32Array,
    below: Float32Array,
    denoises: np.float32,
    sharpens: np.float32,
    highest: np.float32,
    column: Float32Array,
    off: Float32Array,
    detail: Float32Array,
) -> None:
    """off (3, n) becomes a row (3, n) blended with its neighbourhood of 3 x 3, with lightness' fine detail added, saturated.

    column (3, n + 2), detail (n,): working memory.
    """
    quarter, half, zero = np.float32(0.25), np.float32(0.5), np.float32(0)
    n = len(detail)
    for c in range(3):
        for x in range(n):
            column[c, x + 1] = quarter * (above[c, x] + below[c, x]) + half * row[c, x]
        column[c, 0], column[c, n + 1] = column[c, 1], column[c, n]
        for x in range(n):
            off[c, x] = row[c, x] - (quarter * (column[c, x] + column[c, x + 2]) + half * column[c, x + 1])
    for x in range(n):
        detail[x] = sharpens * (quarter * off[0, x] + half * off[1, x] + quarter * off[2, x])
    for c in range(3):
        for x in range(n):
            off[c, x] = min(max(row[c, x] - denoises * off[c, x] + detail[x], zero), highest)


@compiled
def _written(red: Float32Array, green: Float32Array, blue: Float32Array, written: Picture) -> None:
    """written (3 n,): values (n,) each, rounded, side by side."""
    half = np.float32(0.5)
    for x in range(len(red)):
        written[3 * x] = np.int32(red[x] + half)
        written[3 * x + 1] = np.int32(green[x] + half)
        written[3 * x + 2] = np.int32(blue[x] + half)
