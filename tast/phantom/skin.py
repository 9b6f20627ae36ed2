"""A person's skin, wavelength by wavelength: the light that it gives back, and what arterial blood that pulsates takes of it.

Epidermis with melanin over a dermis that scatters and holds blood and is deep enough to count as endless:

- Epidermis: melanosomes absorb 6.6e11 * nm^-3.33 per cm (Jacques 1998), passed twice.
- Dermis: reduced scattering a (nm / 500)^-b, b = 1.42, a = 50 per cm (46 in Jacques 2013, table 1; from memory); bloodless
  tissue absorbs half of 0.244 + 85.3 exp(-(nm - 154) / 66.2) per cm (Jacques 1998); blood of 150 g/l haemoglobin
  (64,500 g/mol) fills a given share, its saturation below the arteries' by what the tissue takes.
- Blood lies in vessels: what their surface absorbs shades their middle, which leaves (1 - exp(-2 r k)) / (2 r k) of blood's
  absorption k in vessels of radius r (van Veen et al. 2002; from memory): a fifth in the Soret band.
- Given back, by diffusion (Flock et al. 1989; from memory): a / (1 + 2 m (1 - a) + (1 + 2 m / 3) sqrt(3 (1 - a))) with
  a = s / (k + s), k absorption, s reduced scattering, m = 2.94 for the surface's inner reflection at index 1.4. Its logarithm's
  slope in k is the mean path of the light, which therefore falls where blood absorbs strongly.
- Vessels that pulse lie below a depth d: light that reaches so deep and returns is exp(-2 d sqrt(3 k (k + s))) of all paths
  (diffusion). Moco, Stuijk and de Haan 2018 (Sci. Rep. 8:8501; from memory) explain the spectrum of remote pulses so: most
  green light returns from above the vessels that pulse, red light from below them.
- The surface reflects a share of the light that has seen no blood.

What is assumed: one depth for all vessels that pulse, and all values of MEDIAN and SPREAD that have no source beside them.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from tast.phantom.spectra import DEOXYHAEMOGLOBIN, OXYHAEMOGLOBIN, WAVELENGTHS_NM, curve, linear_srgb
from tast.phantom.tissue import EPIDERMIS_CM, FITZPATRICK_MELANOSOMES, MELANOSOME_EXPONENT, MELANOSOME_SCALE_PER_CM
from tast.records import FloatArray

REST_SATURATION = 0.97
OXYGEN_TAKEN = 0.25  # saturation of the blood at rest in the tissue below the arteries': capillaries and veins together (assumed)
HAEMOGLOBIN_MOL_PER_L = 150 / 64500
# Half of what was measured on bloodless rat skin: fair faces give back too little blue with all of it (assumed).
BLOODLESS_PER_CM = 0.5 * (0.244 + 85.3 * np.exp(-(WAVELENGTHS_NM - 154) / 66.2))
INNER_REFLECTION = 2.94
CAPILLARY_RADIUS_CM = 0.0005
BEND_NODES_NM = (400.0, 500.0, 560.0, 620.0, 700.0)

MELANIN_PER_CM = MELANOSOME_SCALE_PER_CM * WAVELENGTHS_NM**MELANOSOME_EXPONENT

GREEN_AC_RANGE = (0.002, 0.02)


@dataclass(frozen=True)
class Skin:
    """What one person's skin is, on the mean of the face.

    melanosomes: their share of the epidermis' volume; blood: its share of the dermis'. scattering_per_cm: reduced scattering at
    500 nm, falling as nm^-scattering_power. depth_cm: above it no vessel pulses; arteriole_radius_cm: of those that do.
    path_bends: logarithm of the pulsating path over the model's at BEND_NODES_NM, smooth between. sheen: share of the light that
    the surface reflects. green_ac: peak-to-peak pulse over the mean in green, for an sRGB camera under D65 at 97 %.
    """

    melanosomes: float = 0.05
    blood: float = 0.027
    scattering_per_cm: float = 50.0
    scattering_power: float = 1.42
    depth_cm: float = 0.018
    arteriole_radius_cm: float = 0.001
    path_bends: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0, 0.0)
    sheen: float = 0.013
    green_ac: float = 0.008


MEDIAN = Skin()

# Standard deviations between people, of logarithms. Together with melanin they leave one straight line from red over green to
# SpO2 an error of 4 to 6.6 points over people of one world, as studies of real hypoxia report: see benchmarks/optics.py.
SPREAD = {"blood": 0.10, "scattering_per_cm": 0.10, "depth_cm": 0.085, "arteriole_radius_cm": 0.15}
BEND_SPREAD = 0.03
# Contactless pulses of 26 people differed by a factor of five, 0.9e-3 to 4.6e-3 (Verkruysse et al. 2017, infrared): about +-2 SD.
AC_SPREAD = 0.42


def remitted(skin: Skin, saturation: FloatArray | float = REST_SATURATION) -> FloatArray:
    """Share of the light that comes back (..., wavelengths), sheen included, at arterial saturations (...,) in 0..1."""
    return reflectance(skin, skin.melanosomes, skin.blood, saturation)


def reflectance(
    skin: Skin, melanosomes: FloatArray | float, blood: FloatArray | float, saturation: FloatArray | float = REST_SATURATION,
    taken: FloatArray | float = OXYGEN_TAKEN,
) -> FloatArray:  # fmt: skip
    """As `remitted`, for other melanosome and blood shares (...,) in the same person, and where the tissue has taken another part
    of the saturation; the four broadcast."""
    absorption, scattering = _dermis(skin, np.asarray(blood), np.asarray(saturation), np.asarray(taken))
    albedo = scattering / (absorption + scattering)
    return skin.sheen + (1 - skin.sheen) * albedo / _losses(albedo) * np.exp(
        -2 * EPIDERMIS_CM * np.asarray(melanosomes)[..., None] * MELANIN_PER_CM
    )


def pulsatility(skin: Skin, saturation: FloatArray | float = REST_SATURATION) -> FloatArray:
    """Share of the remitted light that is lost per share of the dermis that arterial blood newly fills, (..., wavelengths).

    saturation: arterial (...,) in 0..1. The sheen, which has seen no blood, dilutes it.
    """
    at = np.asarray(saturation)
    absorption, scattering = _dermis(skin, np.asarray(skin.blood), at)
    both = absorption + scattering
    albedo = scattering / both
    growth = 2 * INNER_REFLECTION + (1 + 2 * INNER_REFLECTION / 3) * np.sqrt(3) / (2 * np.sqrt(1 - albedo))  # of the losses
    path_cm = albedo / both * (1 / albedo + growth / _losses(albedo))
    reaches = np.exp(-2 * skin.depth_cm * np.sqrt(3 * absorption * both))
    bend = np.exp(np.interp(WAVELENGTHS_NM, BEND_NODES_NM, skin.path_bends))
    light = remitted(skin, at)
    return path_cm * reaches * bend * in_vessels(blood_absorption(at), skin.arteriole_radius_cm) * (light - skin.sheen) / light


def blood_absorption(saturation: FloatArray) -> FloatArray:
    """Absorption of whole blood per cm (..., wavelengths) at saturations (...,) in 0..1."""
    oxygenated = saturation[..., None]
    return np.log(10) * HAEMOGLOBIN_MOL_PER_L * (OXYHAEMOGLOBIN * oxygenated + DEOXYHAEMOGLOBIN * (1 - oxygenated))


def in_vessels(absorption_per_cm: FloatArray, radius_cm: float) -> FloatArray:
    """What of blood's absorption is left where it lies in vessels."""
    across = 2 * radius_cm * absorption_per_cm
    return absorption_per_cm * -np.expm1(-across) / across


def _losses(albedo: FloatArray) -> FloatArray:
    """What the albedo is divided by to give the reflectance."""
    absorbed = 1 - albedo
    return 1 + 2 * INNER_REFLECTION * absorbed + (1 + 2 * INNER_REFLECTION / 3) * np.sqrt(3 * absorbed)


def _dermis(
    skin: Skin, blood: FloatArray, saturation: FloatArray, taken: FloatArray | float = OXYGEN_TAKEN
) -> tuple[FloatArray, FloatArray]:
    """Absorption and reduced scattering per cm, (..., wavelengths) and (wavelengths,)."""
    steady = in_vessels(blood_absorption(np.maximum(saturation - taken, 0)), CAPILLARY_RADIUS_CM)
    return blood[..., None] * steady + BLOODLESS_PER_CM, skin.scattering_per_cm * (WAVELENGTHS_NM / 500) ** -skin.scattering_power


def srgb_pulse(skin: Skin, light: FloatArray, saturation: FloatArray | float = REST_SATURATION) -> FloatArray:
    """AC/DC in linear sRGB (..., 3) per unit of new blood, as the standard observer sees it under a light (wavelengths,)."""
    steady = remitted(skin, saturation)
    return linear_srgb(steady * pulsatility(skin, saturation), light) / linear_srgb(steady, light)


def draw_skin(rng: np.random.Generator, fitzpatrick: int | None = None) -> Skin:
    """A random person's skin; fitzpatrick: skin type 1..6, drawn evenly unless given.

    The pulse of dark skin is smaller, by the sheen's part in the light (Fallow et al. 2013 found the least in dark brown skin).
    """
    skin_type = int(rng.integers(1, 7)) if fitzpatrick is None else fitzpatrick
    drawn = {name: float(getattr(MEDIAN, name) * np.exp(spread * rng.standard_normal())) for name, spread in SPREAD.items()}
    skin = Skin(
        melanosomes=FITZPATRICK_MELANOSOMES[skin_type - 1] * float(np.exp(rng.uniform(-0.22, 0.22))),
        path_bends=tuple(float(bend) for bend in BEND_SPREAD * rng.standard_normal(len(BEND_NODES_NM))),
        sheen=float(rng.uniform(0.006, 0.02)),
        **drawn,
    )
    perfusion = MEDIAN.green_ac * float(np.exp(AC_SPREAD * rng.standard_normal()))
    return replace(skin, green_ac=float(np.clip(perfusion * _undiluted(skin) / _undiluted(MEDIAN), *GREEN_AC_RANGE)))


def _undiluted(skin: Skin) -> float:
    """Share of the light in green that is not the sheen's."""
    return float(1 - skin.sheen / linear_srgb(remitted(skin), curve("lamp", "D65"))[1])
