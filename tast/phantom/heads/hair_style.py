"""Coiffures by name, and what one is made of: sheets of strands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Float32Array = npt.NDArray[np.float32]
IntArray = npt.NDArray[np.int32]


@dataclass(frozen=True)
class Style:
    """thick_cm: how far the outermost hairs stand off at the crown, and over the forehead (lift_cm more). reach: layers.

    curl: 0 straight, 1 tight curls. length_cm: height where hanging locks end, None without; opening_deg: from the nose to the
    foremost lock. parting_cm: its place, None: combed back from the forehead. bun: a knot on top.
    """

    thick_cm: float
    lift_cm: float = 0.0
    curl: float = 0.0
    length_cm: float | None = None
    opening_deg: float = 40.0
    parting_cm: float | None = None
    bun: bool = False


STYLES = {
    "shaved": Style(0.12), "crop": Style(0.7), "receding": Style(0.6), "short": Style(1.5, lift_cm=0.4, parting_cm=2.5),
    "swept": Style(1.7, lift_cm=1.3), "curly": Style(2.4, curl=1.0, lift_cm=0.3), "tied": Style(0.7, bun=True),
    "long": Style(1.3, length_cm=-24.0, parting_cm=0.3),
    "shoulder": Style(1.5, length_cm=-14.5, parting_cm=1.8, opening_deg=36.0),
    "bob": Style(1.8, length_cm=-8.2, parting_cm=2.2, opening_deg=33.0), "curly_long": Style(3.0, curl=0.9, length_cm=-13.0),
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Layer:
    """One sheet of hair: vertices_cm (n, 3) on the head at rest, triangles (m, 3), texels (n, 2) in cover and tone (h, w).

    cover: how much of the light behind the strands hide; tone: their lightness relative to the hair's. occlusion (n,): share of
    the sky that reaches the sheet; opacity (n,): fades where it ends. hangs (n,): 0 on the head, 1 on the shoulders.
    two_sided: its inside is seen as well.
    """

    vertices_cm: Float32Array
    triangles: IntArray
    texels: Float32Array
    cover: Float32Array
    tone: Float32Array
    occlusion: Float32Array
    opacity: Float32Array
    hangs: Float32Array
    two_sided: bool
