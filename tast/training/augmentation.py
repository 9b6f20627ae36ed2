"""Changes to a batch that leave the ratio between colours alone: never hue, never a gain or noise of one channel only."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """How strongly training clips are changed.

    stretch: largest change of the clip's pace, 0.3 for 1/1.3 to 1.3 times: other pulse rates. flip: chance of a left-right
    flip. shift_cells: largest shift of the picture, in cells either way, zeros coming in. drop_fraction: largest share of cells
    blanked for the whole clip. noise: largest deviation of noise common to all channels, in units of the input; half of it
    moves the whole picture, half each cell (of use to inputs that hold what channels share).
    """

    stretch: float = 0.3
    flip: float = 0.5
    shift_cells: int = 1
    drop_fraction: float = 0.3
    noise: float = 0.0


def augment(video: Tensor, how: Augmentation, generator: torch.Generator) -> Tensor:
    """Video (B, 3, T, H, W) -> the same shape; every clip changed by its own draw from `generator` (on the CPU)."""
    video = stretch_time(video, how.stretch, generator)
    video = flip_some(video, how.flip, generator)
    video = shift_some(video, how.shift_cells, generator)
    video = add_common_noise(video, how.noise, generator)
    return drop_cells(video, how.drop_fraction, generator)


def stretch_time(video: Tensor, largest: float, generator: torch.Generator) -> Tensor:
    """Each clip of (B, C, T, H, W) played at a pace between 1 / (1 + largest) and 1 + largest about its middle.

    Linear interpolation. Where a quicker pace asks for frames beyond an end, the clip runs backwards from there. Labels stay:
    SpO2 moves little in the second or so by which a moment is displaced.
    """
    if largest == 0:
        return video
    clips, frames = len(video), video.shape[2]
    pace = (1 + largest) ** (2 * torch.rand((clips, 1), generator=generator, dtype=torch.float64) - 1)
    middle = (frames - 1) / 2
    moments = middle + (torch.arange(frames, dtype=torch.float64) - middle) * pace
    moments = (frames - 1) - ((frames - 1) - moments.abs()).abs()  # reflected at both ends
    return torch.stack([_at_moments(clip, at) for clip, at in zip(video, moments, strict=True)])


def _at_moments(clip: Tensor, moments: Tensor) -> Tensor:
    """Clip (C, T, H, W) at fractional frame numbers (N,) within 0 to T - 1 -> (C, N, H, W)."""
    before = moments.floor().long().clamp(max=clip.shape[1] - 2)
    share = (moments - before).to(clip)[:, None, None]
    before = before.to(clip.device)
    return torch.lerp(clip.index_select(1, before), clip.index_select(1, before + 1), share)


def flip_some(video: Tensor, chance: float, generator: torch.Generator) -> Tensor:
    """Each clip of (B, C, T, H, W) mirrored left to right with this chance."""
    chosen = torch.rand(len(video), generator=generator) < chance
    return torch.where(_per_clip(chosen, video), video.flip(-1), video)


def shift_some(video: Tensor, largest: int, generator: torch.Generator) -> Tensor:
    """Each clip of (B, C, T, H, W) moved by up to `largest` cells along H and W; zeros come in at the edge."""
    if largest == 0:
        return video
    height, width = video.shape[-2:]
    padded = torch.nn.functional.pad(video, (largest,) * 4)
    corners = torch.randint(0, 2 * largest + 1, (len(video), 2), generator=generator).tolist()
    return torch.stack([clip[..., y : y + height, x : x + width] for clip, (y, x) in zip(padded, corners, strict=True)])


def add_common_noise(video: Tensor, largest: float, generator: torch.Generator) -> Tensor:
    """Noise, the same in all channels of (B, C, T, H, W), each clip's deviation its own, up to `largest`; blanks stay blank."""
    if largest == 0:
        return video
    clips, _, frames, height, width = video.shape
    strength = torch.rand((clips, 1, 1, 1, 1), generator=generator) * largest / 2
    noise = torch.randn((clips, 1, frames, 1, 1), generator=generator)
    noise = noise + torch.randn((clips, 1, frames, height, width), generator=generator)
    seen = (video != 0).any(dim=2, keepdim=True)
    return video + (strength * noise).to(video.device) * seen


def drop_cells(video: Tensor, largest: float, generator: torch.Generator) -> Tensor:
    """A share of the cells of (B, C, T, H, W), each clip's own between 0 and `largest`, set to 0 for the whole clip."""
    clips, height, width = len(video), *video.shape[-2:]
    share = torch.rand((clips, 1, 1), generator=generator) * largest
    kept = torch.rand((clips, height, width), generator=generator) >= share
    return video * kept[:, None, None].to(video)


def _per_clip(values: Tensor, video: Tensor) -> Tensor:
    return values.to(video.device).reshape(-1, 1, 1, 1, 1)
