"""What one camera's raw channels make of skin, paint and pulse under one lamp: the table that a renderer looks colours up in.

Raw values are linear, before white balance: a white surface under the lamp is 1 in green.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from tast.phantom.lamps import Lamp
from tast.phantom.sensor import Sensor
from tast.phantom.skin import MEDIAN, OXYGEN_TAKEN, REST_SATURATION, Skin, pulsatility, reflectance, remitted, srgb_pulse
from tast.phantom.spectra import CHANNELS, WAVELENGTHS_NM, curve, decoded_srgb, linear_srgb
from tast.records import FloatArray

# Nodes of the table of skin, even in the logarithm: further apart, and the error of straight lines between them shows.
MELANOSOME_NODES = np.geomspace(0.002, 0.6, 97)
BLOOD_NODES = np.geomspace(0.002, 0.3, 97)

# Surfaces that the colour matrix is fitted on: their reflectance a smooth random curve, of all hues, from dull to saturated.
N_SURFACES, SURFACE_NODES, SURFACE_SPREAD = 120, 6, 1.0


@dataclass(frozen=True, eq=False)
class Colours:
    """One lamp seen by one sensor.

    weights (3, wavelengths): raw value per reflectance. white_balance (3,): makes white (1, 1, 1). matrix (3, 3): linear sRGB of
    white-balanced raw, white kept. log_skin (melanosomes, blood, 3): logarithm of skin's raw values at the table's nodes.
    paints (3, 3): raw values (columns) of the primaries of paint (rows).
    """

    weights: FloatArray
    white_balance: FloatArray
    matrix: FloatArray
    log_skin: FloatArray
    paints: FloatArray

    def skin(self, melanosomes: FloatArray | float, blood: FloatArray | float) -> FloatArray:
        """Raw (..., 3) of skin with melanosome and blood fractions (...,), which broadcast; beyond the table's ends, its ends."""
        i, along = _place(melanosomes, MELANOSOME_NODES)
        k, across = _place(blood, BLOOD_NODES)
        low, high = ((1 - along) * self.log_skin[i, column] + along * self.log_skin[i + 1, column] for column in (k, k + 1))
        return np.exp((1 - across) * low + across * high)

    def paint(self, srgb: FloatArray) -> FloatArray:
        """Raw (..., 3) of surfaces that are srgb (..., 3) in 0..1 (encoded) in daylight: hair, cloth, walls, make-up.

        Their reflectance is smooth: the primaries of Mallett and Yuksel 2019, weighted by linear sRGB.
        """
        return decoded_srgb(np.asarray(srgb)) @ self.paints

    def pulse_strengths(self, skin: Skin, saturation: FloatArray | float = REST_SATURATION) -> FloatArray:
        """AC/DC of the raw channels (..., 3) at arterial saturations (...,) in 0..1: light * (1 - strength * beat), beats 1 high.

        So scaled that the standard observer sees the person's own green_ac under D65 at 97 %.
        """
        steady = remitted(skin, saturation)
        lost = (steady * pulsatility(skin, saturation)) @ self.weights.T / (steady @ self.weights.T)
        return skin.green_ac / srgb_pulse(skin, curve("lamp", "D65"))[1] * lost

    def tint(
        self,
        skin: Skin,
        saturation: FloatArray | float,
        filled: FloatArray | float = 1.0,
        taken: FloatArray | float = OXYGEN_TAKEN,
    ) -> FloatArray:
        """How a person's steady raw light (..., 3) changes with arterial saturation (...,) in 0..1: 1 at 97 %; dark blood darkens
        red. filled: blood in the skin over the person's own; taken: how far its saturation lies below the arteries'."""
        now = reflectance(skin, skin.melanosomes, skin.blood * np.asarray(filled), saturation, taken)
        return (now @ self.weights.T) / (remitted(skin) @ self.weights.T)

    def picture_pulse(self, skin: Skin, saturation: FloatArray | float = REST_SATURATION) -> FloatArray:
        """AC/DC (..., 3) of red, green and blue in the picture's linear light, after white balance and matrix."""
        steady = remitted(skin, saturation) @ self.weights.T
        to_picture = (self.matrix * self.white_balance).T
        return (steady * self.pulse_strengths(skin, saturation)) @ to_picture / (steady @ to_picture)


def _place(share: FloatArray | float, nodes: FloatArray) -> tuple[npt.NDArray[np.intp], FloatArray]:
    """Number (...,) of the node below, and how far (..., 1) towards the next one, for nodes even in the logarithm."""
    last = len(nodes) - 1
    at = np.clip(np.log(np.asarray(share) / nodes[0]) / np.log(nodes[-1] / nodes[0]) * last, 0, last)
    below = np.minimum(at.astype(np.intp), last - 1)
    return below, (at - below)[..., None]


def colours(lamp: Lamp, sensor: Sensor, skin: Skin = MEDIAN) -> Colours:
    """The colours of one lamp and sensor. skin: whose scattering and sheen the table of skin has."""
    light = lamp.spectrum()
    weights = sensor.sensitivities() * light
    weights = weights / weights[1].sum()
    white_balance = 1 / weights.sum(axis=1)
    table = reflectance(skin, MELANOSOME_NODES[:, None], BLOOD_NODES)
    return Colours(
        weights=weights,
        white_balance=white_balance,
        matrix=colour_matrix(weights * white_balance[:, None], light),
        log_skin=np.log(table @ weights.T),
        paints=np.stack([curve("paint", primary) for primary in CHANNELS]) @ weights.T,
    )


def colour_matrix(weights: FloatArray, light: FloatArray) -> FloatArray:
    """(3, 3) from white-balanced raw to linear sRGB: least squares over smooth surfaces, each row summing to 1, so white is kept.

    weights (3, wavelengths): white-balanced raw per reflectance under the light (wavelengths,).
    """
    surfaces = smooth_surfaces()
    raw, wanted = surfaces @ weights.T, linear_srgb(surfaces, light)
    free, *_ = np.linalg.lstsq(raw[:, ::2] - raw[:, 1:2], wanted - raw[:, 1:2], rcond=None)  # red's and blue's coefficients
    return np.stack([free[0], 1 - free.sum(axis=0), free[1]], axis=1)


def smooth_surfaces() -> FloatArray:
    """(surfaces, wavelengths) reflectances to fit a colour matrix on; always the same ones."""
    rng = np.random.Generator(np.random.PCG64(15))
    nodes_nm = np.linspace(WAVELENGTHS_NM[0], WAVELENGTHS_NM[-1], SURFACE_NODES)
    logits = rng.normal(0, SURFACE_SPREAD, (N_SURFACES, SURFACE_NODES))
    return 1 / (1 + np.exp(-np.stack([np.interp(WAVELENGTHS_NM, nodes_nm, row) for row in logits])))
