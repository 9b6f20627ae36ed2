"""Changes to a batch that leave the ratio between colours alone: never hue, never a gain or noise of one channel only.

What is changed is drawn first, for all clips of a batch, and applied after, to those that a process holds: several processes
that share a batch change it as one would. What is not asked for draws nothing, so that it cannot shift the other draws.

Brightness is one gain on the light of all channels, as of a lamp or of the exposure. By Beer and Lambert, and since every step
up to magnification is linear, pulse and steady light of each channel both change by it: AC over DC stays, and with it the ratio
of ratios. An input of which the light has been divided out (all but `magnified`) cannot show it, and is left alone. Nor is it
given a gain of its pulse instead, as of perfusion: it is in units of the clip's own pulse, and no clip has another.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor


@dataclass(frozen=True)
class Augmentation:
    """How strongly training clips are changed.

    stretch: largest change of the clip's pace, 0.3 for 1/1.3 to 1.3 times: other pulse rates. flip: chance of a left-right
    flip. shift_cells: largest shift of the picture, in cells either way, blank ones coming in. drop_fraction: largest share
    of cells blanked for the whole clip. noise: largest deviation of noise common to all channels, in units of the input; half
    of it moves the whole picture, half each cell (of use to inputs that hold what channels share). shift_frames: largest
    shift in time, in frames either way. brightness: largest change of the light, 0.3 for 1/1.3 to 1.3 times, of inputs that
    hold it.
    """

    stretch: float = 0.3
    flip: float = 0.5
    shift_cells: int = 1
    drop_fraction: float = 0.3
    noise: float = 0.0
    shift_frames: int = 0
    brightness: float = 0.0


@dataclass(frozen=True, eq=False)
class Changes:
    """What is done to each clip of a batch (B clips); None: nothing of this kind.

    moments: (B, T) fractional frame numbers to show. flipped: (B,) bool. corners: (B, 2) cells from the top left of a picture
    padded by padding cells. noise: (B, 1, T, H, W). kept: (B, H, W) bool, cells that are not blanked. gains: (B,) on the light.
    """

    moments: Tensor | None
    flipped: Tensor
    padding: int
    corners: Tensor | None
    noise: Tensor | None
    kept: Tensor
    gains: Tensor | None

    def of(self, place: slice) -> Changes:
        """Those of some clips of the batch."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        own: dict[str, Any] = {name: value[place] for name, value in values.items() if isinstance(value, Tensor)}
        return replace(self, **own)


def draw_changes(
    shape: torch.Size | tuple[int, ...], how: Augmentation, generator: torch.Generator, *, holds_light: bool
) -> Changes:
    """A draw for every clip of a batch of video (B, C, T, H, W), from `generator` (on the CPU).

    holds_light: see tast.training.inputs.Input; without it there is no brightness to change.
    """
    clips, _, frames, height, width = shape
    moments = draw_moments(clips, frames, how.stretch, how.shift_frames, generator)
    flipped = torch.rand(clips, generator=generator) < how.flip
    corners = torch.randint(0, 2 * how.shift_cells + 1, (clips, 2), generator=generator) if how.shift_cells else None
    noise = draw_noise(clips, frames, height, width, how.noise, generator) if how.noise else None
    share = torch.rand((clips, 1, 1), generator=generator) * how.drop_fraction
    kept = torch.rand((clips, height, width), generator=generator) >= share
    gains = draw_gains(clips, how.brightness, generator) if how.brightness and holds_light else None
    return Changes(moments, flipped, how.shift_cells, corners, noise, kept, gains)


def change(video: Tensor, changes: Changes, *, blank: float) -> Tensor:
    """Video (B, C, T, H, W) -> the same shape; `blank` is its value where there is no face and no light."""
    if changes.moments is not None:
        video = torch.stack([at_moments(clip, at) for clip, at in zip(video, changes.moments, strict=True)])
    video = torch.where(changes.flipped.to(video.device).reshape(-1, 1, 1, 1, 1), video.flip(-1), video)
    if changes.corners is not None:
        video = shifted(video, changes.corners, changes.padding, blank)
    if changes.noise is not None:
        seen = (video != blank).any(dim=2, keepdim=True)  # blanks stay blank
        video = video + changes.noise.to(video) * seen
    if changes.gains is not None:
        video = blank + changes.gains.to(video).reshape(-1, 1, 1, 1, 1) * (video - blank)
    return torch.where(changes.kept[:, None, None].to(video.device), video, blank)


def change_labels(spo2_percent: Tensor, changes: Changes) -> Tensor:
    """SpO2 of each second (B, S), given for its middle -> of the seconds as they are shown: where moments move, it moves along.

    Between two middles it is interpolated, and NaN where either is unknown; beyond the first and the last it stays.
    """
    if changes.moments is None:
        return spo2_percent
    seconds, frames = spo2_percent.shape[1], changes.moments.shape[1]
    middles = ((torch.arange(seconds) + 0.5) * frames / seconds - 0.5).expand(len(spo2_percent), -1)
    shown = interpolated(changes.moments, middles)
    return interpolated(spo2_percent, (shown + 0.5) * seconds / frames - 0.5)


def change_pulse(wave: Tensor, changes: Changes) -> Tensor:
    """The pulse at each frame (B, T) -> at the frames as they are shown; NaN beside an unknown one."""
    return wave if changes.moments is None else interpolated(wave, changes.moments)


def interpolated(values: Tensor, places: Tensor) -> Tensor:
    """Rows of values (B, N) at fractional places (B, M) of their own, linearly; the first and last value beyond the ends."""
    places = places.clamp(0, values.shape[1] - 1)
    before, after = places.floor().long(), places.ceil().long()
    first, second = values.gather(1, before), values.gather(1, after)
    return torch.where(before == after, first, torch.lerp(first, second, (places - before).to(values)))


def draw_moments(clips: int, frames: int, stretch: float, shift_frames: int, generator: torch.Generator) -> Tensor | None:
    """Frame numbers (clips, frames) of clips played at a pace between 1 / (1 + stretch) and 1 + stretch about their middle.

    Where they lie beyond an end, the clip runs backwards from there.
    """
    if not (stretch or shift_frames):
        return None
    pace = (1 + stretch) ** (2 * torch.rand((clips, 1), generator=generator, dtype=torch.float64) - 1)
    middle = (frames - 1) / 2
    moments = middle + (torch.arange(frames, dtype=torch.float64) - middle) * pace
    if shift_frames:
        moments = moments + shift_frames * (2 * torch.rand((clips, 1), generator=generator, dtype=torch.float64) - 1)
    return (frames - 1) - ((frames - 1) - moments.abs()).abs()  # reflected at both ends


def at_moments(clip: Tensor, moments: Tensor) -> Tensor:
    """Clip (C, T, H, W) at fractional frame numbers (N,) within 0 to T - 1, by linear interpolation -> (C, N, H, W)."""
    before = moments.floor().long().clamp(max=clip.shape[1] - 2)
    share = (moments - before).to(clip)[:, None, None]
    before = before.to(clip.device)
    return torch.lerp(clip.index_select(1, before), clip.index_select(1, before + 1), share)


def shifted(video: Tensor, corners: Tensor, padding: int, blank: float) -> Tensor:
    """Each clip of (B, C, T, H, W), padded by blank cells, cut to its old size from its own corner (B, 2)."""
    height, width = video.shape[-2:]
    padded = torch.nn.functional.pad(video, (padding,) * 4, value=blank)
    return torch.stack([clip[..., y : y + height, x : x + width] for clip, (y, x) in zip(padded, corners.tolist(), strict=True)])


def draw_noise(clips: int, frames: int, height: int, width: int, largest: float, generator: torch.Generator) -> Tensor:
    """Noise (clips, 1, frames, height, width), each clip's deviation its own, up to `largest`."""
    strength = torch.rand((clips, 1, 1, 1, 1), generator=generator) * largest / 2
    noise = torch.randn((clips, 1, frames, 1, 1), generator=generator)
    noise = noise + torch.randn((clips, 1, frames, height, width), generator=generator)
    return strength * noise


def draw_gains(clips: int, brightness: float, generator: torch.Generator) -> Tensor:
    """Gains (clips,) between 1 / (1 + brightness) and 1 + brightness, of either side of 1 as often."""
    return (1 + brightness) ** (2 * torch.rand(clips, generator=generator) - 1)
