"""How a person looks: what stays the same over all recordings, drawn from the seed and the person's number alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from tast.phantom.randomness import stratified_fraction, stream
from tast.phantom.tissue import FITZPATRICK_MELANOSOMES

Rgb = tuple[float, float, float]  # sRGB in 0..1, coded as in a picture

IDENTITY_MODES = 48
LARGEST_WEIGHT = 2.2  # standard deviations: beyond it the model's faces are caricatures
IDENTITY_SPREAD = 0.9

HAIR_RGB: dict[str, Rgb] = {
    "black": (0.075, 0.062, 0.058), "dark_brown": (0.155, 0.108, 0.082), "brown": (0.27, 0.18, 0.12),
    "chestnut": (0.37, 0.22, 0.13), "red": (0.50, 0.25, 0.12), "dark_blond": (0.47, 0.35, 0.21), "blond": (0.66, 0.53, 0.34),
    "grey": (0.56, 0.55, 0.53),
}  # fmt: skip
HAIR_OF_SKIN = (  # Fitzpatrick I-VI: colours and their odds
    (("red", 2), ("blond", 3), ("dark_blond", 3), ("chestnut", 2)),
    (("blond", 2), ("dark_blond", 3), ("brown", 3), ("chestnut", 2), ("dark_brown", 2)),
    (("brown", 3), ("dark_brown", 4), ("black", 2), ("dark_blond", 1)),
    (("dark_brown", 3), ("black", 4)),
    (("black", 5), ("dark_brown", 1)),
    (("black", 1),),
)
EYE_RGB: dict[str, Rgb] = {
    "blue": (0.36, 0.48, 0.58), "grey": (0.45, 0.50, 0.52), "green": (0.40, 0.45, 0.30), "hazel": (0.42, 0.31, 0.17),
    "brown": (0.29, 0.18, 0.10), "dark_brown": (0.17, 0.105, 0.07),
}  # fmt: skip
EYES_OF_SKIN = (
    (("blue", 4), ("grey", 2), ("green", 2)),
    (("blue", 3), ("grey", 1), ("green", 2), ("hazel", 2), ("brown", 2)),
    (("hazel", 2), ("brown", 4), ("green", 1)),
    (("brown", 3), ("dark_brown", 3)),
    (("dark_brown", 4), ("brown", 1)),
    (("dark_brown", 1),),
)
# Styles and their odds: of all; women-like and men-like looks differ in hair, brows, beard and lips, and mix otherwise.
LONG_HAIR = (("long", 4), ("shoulder", 4), ("bob", 3), ("tied", 4), ("short", 1), ("curly_long", 2))
SHORT_HAIR = (("short", 5), ("crop", 4), ("swept", 4), ("shaved", 2), ("bald", 1), ("receding", 2), ("curly", 2))
LONG_TIGHT_HAIR = (("curly_long", 5), ("tied", 5), ("crop", 1), ("bob", 1), ("long", 1))  # of skin types V and VI
SHORT_TIGHT_HAIR = (("crop", 5), ("shaved", 3), ("curly", 4), ("bald", 1), ("receding", 1))
BEARDS = (("none", 6), ("stubble", 4), ("full", 2), ("goatee", 1), ("moustache", 1))
GLASSES = (("none", 7), ("thin", 1), ("thick", 1), ("round", 1))
NECKLINES = (("crew", 5), ("v", 3), ("turtle", 1))
CLOTHES_RGB: tuple[Rgb, ...] = (
    (0.16, 0.18, 0.22), (0.72, 0.71, 0.69), (0.20, 0.27, 0.40), (0.38, 0.14, 0.16), (0.22, 0.34, 0.28), (0.52, 0.50, 0.46),
    (0.62, 0.56, 0.46), (0.33, 0.24, 0.32), (0.40, 0.48, 0.56), (0.10, 0.10, 0.11), (0.66, 0.40, 0.30), (0.85, 0.83, 0.78),
)  # fmt: skip


@dataclass(frozen=True)
class Looks:
    """A person's face, hair and clothes; plain values, from which everything that is drawn follows.

    fitzpatrick: skin type 1..6; melanosomes: their volume fraction (tissue.FITZPATRICK_MELANOSOMES). identity: weights of the
    morphable head's modes in standard deviations. age: 0 (about 20 years) to 1 (about 70). freckles, unevenness, redness,
    shine: 0..1. hair, beard, glasses, neckline: names of styles. Colours are sRGB in 0..1.
    """

    seed: int
    number: int
    fitzpatrick: int
    melanosomes: float
    identity: tuple[float, ...]
    age: float
    freckles: float
    unevenness: float
    redness: float
    shine: float
    full_lips: float
    hair: str
    hair_rgb: Rgb
    brow_density: float
    beard: str
    eye_rgb: Rgb
    glasses: str
    glasses_rgb: Rgb
    neckline: str
    clothes_rgb: Rgb
    striped: bool

    def stream(self, name: str) -> np.random.Generator:
        """The random numbers of this person for one purpose."""
        return stream(self.seed, "looks", self.number, name)


def looks(seed: int, number: int, fitzpatrick: int | None = None) -> Looks:
    """Person `number` (1...), independent of how many others there are; skin types take turns unless one is given."""
    rng = stream(seed, "looks", number)
    if fitzpatrick is None:
        fitzpatrick = 1 + int(6 * stratified_fraction(seed, "looks skin type", number - 1, 6))
    weights = np.clip(IDENTITY_SPREAD * rng.standard_normal(IDENTITY_MODES), -LARGEST_WEIGHT, LARGEST_WEIGHT)
    melanosomes = FITZPATRICK_MELANOSOMES[fitzpatrick - 1] * float(rng.uniform(0.85, 1.15))
    age = float(rng.beta(1.3, 2.0))
    long_haired = bool(rng.random() < 0.5)
    styles = (SHORT_HAIR, LONG_HAIR) if fitzpatrick <= 4 else (SHORT_TIGHT_HAIR, LONG_TIGHT_HAIR)
    hair = _drawn(rng, styles[long_haired])
    if hair in ("receding", "bald"):
        age = 0.35 + 0.65 * age
    natural = _drawn(rng, HAIR_OF_SKIN[fitzpatrick - 1])
    grey = float(np.clip((age - 0.45 + 0.15 * rng.standard_normal()) / 0.4, 0, 1))
    hair_rgb = _mixed(HAIR_RGB[natural], HAIR_RGB["grey"], grey * (0.5 if long_haired else 0.9))
    beard = "none" if long_haired else _drawn(rng, BEARDS)
    freckled = fitzpatrick <= 2 and rng.random() < 0.5
    return Looks(
        seed=seed,
        number=number,
        fitzpatrick=fitzpatrick,
        melanosomes=melanosomes,
        identity=tuple(map(float, weights)),
        age=age,
        freckles=float(rng.uniform(0.3, 1.0)) if freckled else float(rng.uniform(0, 0.15)),
        unevenness=float(rng.uniform(0.3, 1.0)),
        redness=float(rng.uniform(0.2, 1.0)),
        shine=float(rng.uniform(0.2, 1.0)),
        full_lips=float(rng.uniform(0.4, 1.0)) if long_haired else float(rng.uniform(0.0, 0.6)),
        hair=hair,
        hair_rgb=hair_rgb,
        brow_density=float(rng.uniform(0.45, 0.85)) if long_haired else float(rng.uniform(0.6, 1.0)),
        beard=beard,
        eye_rgb=EYE_RGB[_drawn(rng, EYES_OF_SKIN[fitzpatrick - 1])],
        glasses=_drawn(rng, GLASSES),
        glasses_rgb=((0.05, 0.05, 0.06), (0.22, 0.13, 0.08), (0.45, 0.44, 0.42), (0.20, 0.10, 0.12))[int(rng.integers(4))],
        neckline=_drawn(rng, NECKLINES),
        clothes_rgb=_shaded(rng, CLOTHES_RGB[int(rng.integers(len(CLOTHES_RGB)))]),
        striped=bool(rng.random() < 0.15),
    )


def _drawn(rng: np.random.Generator, odds: tuple[tuple[str, int], ...]) -> str:
    names, weights = zip(*odds, strict=True)
    share = np.asarray(weights, float)
    return str(names[int(rng.choice(len(names), p=share / share.sum()))])


def _mixed(first: Rgb, second: Rgb, share: float) -> Rgb:
    red, green, blue = ((1 - share) * a + share * b for a, b in zip(first, second, strict=True))
    return red, green, blue


def _shaded(rng: np.random.Generator, colour: Rgb) -> Rgb:
    red, green, blue = (
        float(np.clip(c * factor, 0.03, 0.95)) for c, factor in zip(colour, rng.uniform(0.85, 1.15, 3), strict=True)
    )
    return red, green, blue
