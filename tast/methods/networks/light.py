"""The face's light out of the input `light`, and its course in percent of its own mean: AC over DC.

A network whose paper divides each trace by its mean does so here, inside its forward pass, so that what is exported is whole.
Sums and products only: matrix products would be rounded to bfloat16 under autocast, which the pulse, a thousandth of the light,
does not outlive.
"""

from __future__ import annotations

import torch
from torch import Tensor

DARK_LEVEL = 1 / 255  # of full scale: a pixel whose mean over the clip is below is outside the face
NO_LIGHT = 1e-6  # of full scale: a mean over pixels that is below has none of the face in it


def lit_light(video: Tensor) -> Tensor:
    """Video of the input `light` (B, 3, T, H, W) -> the light in parts of full scale, 0 at every pixel outside the face.

    What is outside is one set of pixels for the whole clip, told by their mean: a pixel that came and went would move every
    mean over the face.
    """
    light = video + 0.5
    lit = light.mean(dim=(1, 2), keepdim=True) > DARK_LEVEL
    return torch.where(lit, light, 0.0)


def percent_of_mean(light: Tensor, dim: int) -> Tensor:
    """Light over time, which is the dimension `dim` -> how far it is from its mean, in percent of that mean; 0 where it is dark.

    light / mean - 1, with the constant taken away: of order one, and what convolutions pad with, 0, is the mean. Light may be a
    sum over the face, or its mean over any number of pixels: the number divides out.
    """
    mean = light.mean(dim=dim, keepdim=True)
    dark = mean <= NO_LIGHT
    return torch.where(dark, 0.0, 100 * (light - mean) / torch.where(dark, 1.0, mean))
