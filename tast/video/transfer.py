"""How light is written into a video's numbers, and back: luma's shares, ranges, transfer functions, primaries.

Everything meets in one RGB, 0 to 1, as training knows it: BT.709's primaries, sRGB's curve (IEC 61966-2-1), 1 at reference white.
HLG (ITU-R BT.2100-2, table 5) is undone to the light of the scene, as the camera took it in, with reference white at 75 % of the
signal; PQ (table 4) to the light of the display, with reference white at 203 cd/m2 (both whites: ITU-R BT.2408, from memory).
HLG's display curve is left out: it mixes the channels, and the ratio of their pulses with them. What is brighter than reference
white is cut off there.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from tast.compiled import compiled

FloatImage = npt.NDArray[np.floating]

# Shares of red and blue in luma (BT.601, BT.709, BT.2020).
LUMA_SHARES = {"bt601": (0.299, 0.114), "bt709": (0.2126, 0.0722), "bt2020": (0.2627, 0.0593)}
# Primaries -> light in them from light in BT.709's; all have the white of D65. BT.2020: ITU-R BT.2087-0, section 2. P3, which
# phones call Display P3: from the chromaticities of ITU-T H.273, table 2, numbers 1 and 12 (SMPTE EG 432-1).
TO_PRIMARIES = {
    "bt709": np.eye(3),
    "bt2020": np.array([[0.6274, 0.3293, 0.0433], [0.0691, 0.9195, 0.0114], [0.0164, 0.0880, 0.8956]]),
    "p3": np.array([[0.822462, 0.177538, 0.0], [0.033194, 0.966806, 0.0], [0.017083, 0.072397, 0.910520]]),
}
FROM_PRIMARIES = {name: np.linalg.inv(matrix) for name, matrix in TO_PRIMARIES.items()}
HLG_A, HLG_B, HLG_C = 0.17883277, 0.28466892, 0.55991073
HLG_WHITE = (np.exp((0.75 - HLG_C) / HLG_A) + HLG_B) / 12  # of the scene's light, at 75 % of the signal
PQ_M1, PQ_M2, PQ_C1, PQ_C2, PQ_C3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
PQ_WHITE = 203 / 10000


def srgb_from_light(light: FloatImage) -> FloatImage:
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * np.maximum(light, 0.0031308) ** (1 / 2.4) - 0.055)


def light_from_srgb(signal: FloatImage) -> FloatImage:
    return np.where(signal <= 0.04045, signal / 12.92, ((np.maximum(signal, 0.04045) + 0.055) / 1.055) ** 2.4)


def hlg_from_light(light: FloatImage) -> FloatImage:
    signal = np.empty(light.shape)
    _hlg(np.ravel(light), signal.reshape(-1))
    return signal


@compiled
def _hlg(light: FloatImage, signal: FloatImage) -> None:
    for k in range(len(light)):
        signal[k] = HLG_A * math.log(max(12 * min(light[k] * HLG_WHITE, 1.0) - HLG_B, 1e-6)) + HLG_C
    for k in range(len(light)):  # apart: which branch comes next cannot be foreseen
        scene = max(light[k] * HLG_WHITE, 0.0)
        signal[k] = math.sqrt(3 * scene) if scene <= 1 / 12 else signal[k]


def light_from_hlg(signal: FloatImage) -> FloatImage:
    scene = np.where(signal <= 0.5, np.maximum(signal, 0) ** 2 / 3, (np.exp((signal - HLG_C) / HLG_A) + HLG_B) / 12)
    return scene / HLG_WHITE


def pq_from_light(light: FloatImage) -> FloatImage:
    signal = np.empty(light.shape)
    _pq(np.ravel(light), signal.reshape(-1))
    return signal


@compiled
def _pq(light: FloatImage, signal: FloatImage) -> None:
    for k in range(len(light)):
        shown = min(max(light[k] * PQ_WHITE, 0.0), 1.0)
        power = math.exp(PQ_M1 * math.log(max(shown, 1e-300)))  # a third of the time of a power
        signal[k] = math.exp(PQ_M2 * math.log((PQ_C1 + PQ_C2 * power) / (1 + PQ_C3 * power)))


def light_from_pq(signal: FloatImage) -> FloatImage:
    power = np.clip(signal, 0, 1) ** (1 / PQ_M2)
    return (np.maximum(power - PQ_C1, 0) / (PQ_C2 - PQ_C3 * power)) ** (1 / PQ_M1) / PQ_WHITE


# A transfer's name -> its signal from light, light from its signal.
TRANSFERS: dict[str, tuple[Callable[[FloatImage], FloatImage], Callable[[FloatImage], FloatImage]]] = {
    "sdr": (srgb_from_light, light_from_srgb),
    "hlg": (hlg_from_light, light_from_hlg),
    "pq": (pq_from_light, light_from_pq),
}


def coded_rgb(rgb: FloatImage, transfer: str, *, primaries: str) -> FloatImage:
    """(..., 3) RGB, 0 to 1, as training knows it -> the same in another transfer and other primaries (names in TO_PRIMARIES)."""
    if (transfer, primaries) == ("sdr", "bt709"):
        return rgb
    return coded_light(light_from_srgb(rgb), transfer, primaries=primaries)


def coded_light(light: FloatImage, transfer: str, *, primaries: str) -> FloatImage:
    """As `coded_rgb`, from light (..., 3), 1 at reference white."""
    return TRANSFERS[transfer][0](light @ TO_PRIMARIES[primaries].T)


def known_rgb(coded: FloatImage, transfer: str, *, primaries: str) -> FloatImage:
    """The inverse of `coded_rgb`; values beyond 0 to 1, where there are such, stay."""
    if (transfer, primaries) == ("sdr", "bt709"):
        return coded
    return srgb_from_light(TRANSFERS[transfer][1](coded) @ FROM_PRIMARIES[primaries].T)


def yuv_matrix(matrix: str, *, bits: int, full_range: bool) -> FloatImage:
    """(3, 4) from R, G, B, 0 to 1, and 1 to luma, Cb and Cr in steps of a file of so many bits (BT.601, BT.709, BT.2100)."""
    red, blue = LUMA_SHARES[matrix]
    luma = np.array([red, 1 - red - blue, blue])
    chroma_blue = (np.array([0, 0, 1.0]) - luma) / (2 * (1 - blue))
    chroma_red = (np.array([1.0, 0, 0]) - luma) / (2 * (1 - red))
    steps = 2 ** (bits - 8)
    top = 2**bits - 1
    scale, offset = ((top, top, top), 0) if full_range else ((219 * steps, 224 * steps, 224 * steps), 16 * steps)
    weights = np.stack([luma, chroma_blue, chroma_red]) * np.array(scale)[:, None]
    return np.column_stack([weights, [offset, 128 * steps, 128 * steps]])
