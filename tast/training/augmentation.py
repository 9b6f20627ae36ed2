"""Changes to a batch that leave the ratio between colours alone: never hue, never a gain or noise of one channel only.

What is changed is drawn first, for all clips of a batch, and applied after, to those that a process holds: several processes
that share a batch change it as one would. What is not asked for draws nothing, so that it cannot shift the other draws.

Brightness is one gain on the light of all channels, as of a lamp or of the exposure. By Beer and Lambert, and since every step
up to magnification is linear, pulse and steady light of each channel both change by it: AC over DC stays, and with it the ratio
of ratios. An input of which the light has been divided out (all but `magnified`) cannot show it, and is left alone. Nor is it
given a gain of its pulse instead, as of perfusion: it is in units of the clip's own pulse, and no clip has another.
"""

from __future__ import annotations

from collections.abc import Sequence
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
    """Video (B, C, T, H, W) -> the same shape; `blank` is its value where there is no face and no light.

    A clip at a time: what lies between the first step and the last stays in the processor's cache.
    """
    shown = torch.full(video.shape, blank, dtype=video.dtype, device=video.device)
    kept = changes.kept.to(video.device)
    for number, (clip, out) in enumerate(zip(video, shown, strict=True)):
        if changes.moments is not None:
            clip = at_moments(clip, changes.moments[number])
        if changes.flipped[number]:
            clip = clip.flip(-1)
        if changes.corners is None:
            out.copy_(clip)
        else:
            put_shifted(out, clip, (changes.corners[number] - changes.padding).tolist())
        if changes.noise is not None:
            seen = (out != blank).any(dim=1, keepdim=True)  # blanks stay blank
            out += changes.noise[number].to(out) * seen
        if changes.gains is not None:
            out.copy_(blank + changes.gains[number].to(out) * (out - blank))
        put_blank(out, kept[number], blank)
    return shown


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


def put_shifted(out: Tensor, clip: Tensor, corner: Sequence[int]) -> None:
    """What of a clip (C, T, H, W) is seen from (row, column), cells from its own top left, negative above it or left of it, into
    `out`, which stays as it is beyond."""
    seen, place = [], []
    for first, size in zip(corner, clip.shape[-2:], strict=True):
        seen.append(slice(max(0, first), max(0, size + min(0, first))))
        place.append(slice(max(0, -first), max(0, size - max(0, first))))
    out[..., place[0], place[1]] = clip[..., seen[0], seen[1]]


def put_blank(out: Tensor, kept: Tensor, blank: float) -> None:
    """`blank` into the cells of a clip (C, T, H, W) that are not kept (H, W).

    Where it is 0, by the bits of the numbers: a tenth of the time of torch.where, and of the 0 of a product, which can be -0.
    """
    if blank == 0 and out.dtype == torch.float32:
        out.view(torch.int32).bitwise_and_(-kept.to(torch.int32))
    else:
        out.masked_fill_(~kept, blank)


def draw_noise(clips: int, frames: int, height: int, width: int, largest: float, generator: torch.Generator) -> Tensor:
    """Noise (clips, 1, frames, height, width), each clip's deviation its own, up to `largest`."""
    strength = torch.rand((clips, 1, 1, 1, 1), generator=generator) * largest / 2
    noise = torch.randn((clips, 1, frames, 1, 1), generator=generator)
    noise = noise + torch.randn((clips, 1, frames, height, width), generator=generator)
    return strength * noise


def draw_gains(clips: int, brightness: float, generator: torch.Generator) -> Tensor:
    """Gains (clips,) between 1 / (1 + brightness) and 1 + brightness, of either side of 1 as often."""
    return (1 + brightness) ** (2 * torch.rand(clips, generator=generator) - 1)
