"""Clips of the store as batches for a network; the one place where (T, H, W, C) becomes (C, T, H, W)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from torch import Tensor
from torch.utils.data import Dataset

from tast.clip_store import ClipStore
from tast.seconds import is_spot
from tast.training.change_reader import window_colours
from tast.training.inputs import INPUTS, network_input

DIGEST_CLIPS = 64  # whose pixels enter the digest: all clips of a store come from the same parameters


@dataclass(frozen=True, eq=False, repr=False)
class Batch:
    """video (B, 3, T, H, W) float32; spo2_percent (B, S) float32, NaN where unknown; clip_ids (B,)."""

    video: Tensor
    spo2_percent: Tensor
    clip_ids: tuple[str, ...]

    def __post_init__(self) -> None:
        if self.video.ndim != 5 or self.video.shape[1] != 3:
            raise ValueError(f"video of a batch must be (B, 3, T, H, W), not {tuple(self.video.shape)}")
        if self.spo2_percent.ndim != 2 or not len(self.video) == len(self.spo2_percent) == len(self.clip_ids):
            raise ValueError("a batch needs as many rows of spo2_percent (B, S) and clip_ids as clips")

    def __len__(self) -> int:
        return len(self.clip_ids)

    def __repr__(self) -> str:
        return f"Batch({'x'.join(map(str, self.video.shape))}, {self.spo2_percent.shape[1]} s)"


def clip_input(frames: npt.NDArray[np.generic], fps_hz: float, *, kind: str, frame_size_px: int) -> Tensor:
    """Frames of a clip (T, H, W, 3) at fps_hz -> what the network sees of it, (3, T, frame_size_px, frame_size_px).

    float16, or float32 of a kind that is exact.
    """
    made = network_input(frames, fps_hz, kind=kind, frame_size_px=frame_size_px)
    kept = made if INPUTS[kind].exact else made.astype(np.float16)
    return torch.from_numpy(kept).permute(3, 0, 1, 2)  # a view: memory stays with channels innermost


class ClipDataset(Dataset[Batch]):
    """Chosen clips of a store; indexing by a list of positions gives a Batch. spot (N,): whose label is one spot reading.

    Inputs are computed once and kept, as float16 (their noise is far above its rounding) where their kind allows, if they fit
    `memory_bytes`, else on each access.
    """

    def __init__(
        self, store: ClipStore, clip_ids: Sequence[str], *, kind: str, frame_size_px: int, memory_bytes: int = 4 * 2**30
    ) -> None:
        if not clip_ids:
            raise ValueError("a data set needs at least one clip")
        self.clip_ids = tuple(clip_ids)
        self.kind, self.frame_size_px = kind, frame_size_px
        self._store = store
        self.clips: pd.DataFrame = store.manifest.loc[list(clip_ids)]
        self.spo2_percent = np.stack([np.asarray(labels, dtype=np.float32) for labels in self.clips["spo2_percent"]])
        self.spot: npt.NDArray[np.bool_] = is_spot(self.clips).copy()  # torch wants it writable
        self.frames, self.seconds = int(self.clips["n_frames"].iloc[0]), self.spo2_percent.shape[1]
        fits = len(clip_ids) * self.frames * frame_size_px**2 * 3 * (4 if INPUTS[kind].exact else 2) <= memory_bytes
        self._inputs = torch.stack([self._input(clip_id) for clip_id in self.clip_ids]) if fits else None

    @cached_property
    def pulse(self) -> npt.NDArray[np.float32] | None:
        """(N, T) the wave that was recorded beside each clip, NaN where it is unknown; None where no clip has one."""
        waves = {name: self._store.pulse(name) for name in self.clips["record_id"].unique()}
        if all(wave is None for wave in waves.values()):
            return None
        pulse = np.full((len(self), self.frames), np.nan, dtype=np.float32)
        for row, (name, first) in enumerate(zip(self.clips["record_id"], self.clips["first_frame"], strict=True)):
            if (wave := waves[name]) is not None:
                pulse[row] = wave[first : first + self.frames]
        return pulse

    @cached_property
    def colours(self) -> npt.NDArray[np.float64]:
        """(N, COLOURS) of each clip's light (tast.training.change_reader). Raises BadInput where a recording has none."""
        whole = {name: self._store.light(name) for name in self.clips["record_id"].unique()}
        rows = zip(self.clips["record_id"], self.clips["first_frame"], self.clips["fps_hz"], strict=True)
        return np.array([window_colours(whole[name][first : first + self.frames], float(fps_hz)) for name, first, fps_hz in rows])

    def every_second(self) -> ClipDataset:
        """The windows that `predict` would read of these clips' recordings: see ClipStore.with_every_second."""
        store, clip_ids = self._store.with_every_second(self.clip_ids)
        if clip_ids == self.clip_ids:
            return self
        return ClipDataset(store, clip_ids, kind=self.kind, frame_size_px=self.frame_size_px)

    def frames_of(self, position: int) -> tuple[npt.NDArray[np.generic], float]:
        """The frames (T, H, W, 3) that the store holds of a clip, and their rate in Hz."""
        clip = self._store.clip(self.clip_ids[position])
        return clip.frames, clip.fps_hz

    def _input(self, clip_id: str) -> Tensor:
        fps_hz = float(self.clips.at[clip_id, "fps_hz"])
        return clip_input(self._store.clip(clip_id).frames, fps_hz, kind=self.kind, frame_size_px=self.frame_size_px)

    def __len__(self) -> int:
        return len(self.clip_ids)

    def __getitem__(self, positions: Sequence[int]) -> Batch:
        ids = tuple(self.clip_ids[i] for i in positions)
        video = torch.stack([self._input(i) for i in ids]) if self._inputs is None else self._inputs[list(positions)]
        return Batch(video.float(), torch.from_numpy(self.spo2_percent[list(positions)]), ids)

    @property
    def digest(self) -> str:
        """sha256 of the clips' names, labels, pulse and (of up to DIGEST_CLIPS of them, evenly chosen) network inputs."""
        digest = hashlib.sha256(f"{self.kind} {self.frame_size_px} {self.clip_ids}".encode())
        digest.update(self.spo2_percent.tobytes())
        digest.update(b"" if self.pulse is None else self.pulse.tobytes())
        digest.update(self.spot.tobytes() if self.spot.any() else b"")
        for position in np.unique(np.linspace(0, len(self) - 1, DIGEST_CLIPS).astype(int)):
            digest.update(self[[int(position)]].video.numpy().tobytes())
        return digest.hexdigest()
