"""The causal Butterworth band-pass of signals that come block by block; its state is two numbers per section and signal."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, zpk2sos

from tast.compiled import compiled
from tast.preprocessing.compiled import Float32Array, Pixels, add_values, limits

COLUMNS = 1024  # filtered together over a block of time: samples and state of so many stay in the second-level cache

_Sample = tuple[np.float32, np.float32, np.float32]


@compiled
def _step(x: np.float32, near: np.float32, far: np.float32, a1: np.float32, a2: np.float32) -> _Sample:
    """One sample through y = (1 - z^-2) / (1 + a1 z^-1 + a2 z^-2) x in transposed direct form II -> y and the new state."""
    y = x + near
    return y, far - a1 * y, -x - a2 * y


@compiled
def _filter_columns(
    signals: Float32Array, state: Float32Array, feedback: Float32Array, gain: np.float32, start: int, stop: int
) -> None:
    """Run all sections over columns start:stop of (T, N) signals; state: (S, 2, N); feedback: (S, 2), a1 and a2.

    Four times in a row, while the state is in registers, since memory is what limits it. gain: of the whole chain.
    """
    for section in range(len(feedback)):
        a1, a2 = feedback[section]
        scale = gain if section == 0 else np.float32(1)
        near, far = state[section, 0, start:stop], state[section, 1, start:stop]
        in_fours = len(signals) - len(signals) % 4
        for time in range(0, in_fours, 4):
            one, two = signals[time, start:stop], signals[time + 1, start:stop]
            three, four = signals[time + 2, start:stop], signals[time + 3, start:stop]
            for k in range(stop - start):
                y1, z1, z2 = _step(scale * one[k], near[k], far[k], a1, a2)
                y2, z1, z2 = _step(scale * two[k], z1, z2, a1, a2)
                y3, z1, z2 = _step(scale * three[k], z1, z2, a1, a2)
                four[k], near[k], far[k] = _step(scale * four[k], z1, z2, a1, a2)
                one[k], two[k], three[k] = y1, y2, y3
        for time in range(in_fours, len(signals)):
            last = signals[time, start:stop]
            for k in range(stop - start):
                last[k], near[k], far[k] = _step(scale * last[k], near[k], far[k], a1, a2)


@compiled
def _filter_in_place(signals: Float32Array, state: Float32Array, feedback: Float32Array, gain: np.float32) -> None:
    for start in range(0, signals.shape[1], COLUMNS):
        _filter_columns(signals, state, feedback, gain, start, min(start + COLUMNS, signals.shape[1]))


@compiled
def _magnify(
    frames: Pixels, factor: np.float32, parts: Float32Array, state: Float32Array, feedback: Float32Array, gain: np.float32,
    result: Pixels, lowest: np.float32, highest: np.float32,
) -> None:  # fmt: skip
    """result = frames + filter(factor * frames + parts) over (T, N), while a tile is in the cache; parts are overwritten."""
    n_times, n_signals = frames.shape
    for start in range(0, n_signals, COLUMNS):
        stop = min(start + COLUMNS, n_signals)
        for time in range(n_times):
            frame, part = frames[time, start:stop], parts[time, start:stop]
            for k in range(stop - start):
                part[k] += factor * np.float32(frame[k])
        _filter_columns(parts, state, feedback, gain, start, stop)
        for time in range(n_times):
            add_values(frames[time, start:stop], parts[time, start:stop], result[time, start:stop], lowest, highest)


class CausalBandPass:
    """Butterworth band-pass of (T, N) float32 signals along time, in blocks of any length, as if they came in one.

    order: of the low-pass prototype, as scipy's `butter` counts it. settled: start as if the first sample had stood for ever, so
    a picture's brightness makes no step; otherwise from rest, as scipy's `lfilter` does. float32 throughout: 1e-5 of the largest
    value.
    """

    def __init__(self, fps_hz: float, low_hz: float, high_hz: float, *, order: int, settled: bool = True) -> None:
        zeros, poles, gain = butter(order, (low_hz, high_hz), btype="bandpass", fs=fps_hz, output="zpk")
        # each section gets one of the zeros at +1 and one at -1: the numerator 1 - z^-2, and no multiplication
        self._feedback = np.ascontiguousarray(zpk2sos(zeros, poles, 1.0)[:, 4:], dtype=np.float32)
        self._gain = np.float32(gain)
        self._settled = settled
        self._state: Float32Array | None = None

    def filter_in_place(self, signals: Float32Array) -> None:
        """The next block, (T, N) contiguous float32, replaced by what passes."""
        _filter_in_place(signals, self._state_before(signals[0]), self._feedback, self._gain)

    def magnify(self, frames: Pixels, factor: float, parts: Float32Array, result: Pixels) -> None:
        """result = frames + what passes of (factor * frames + parts), the next block: all (T, N) and contiguous.

        frames, result: uint8 or float32; uint8 is rounded (halves to even) and saturated. parts: float32, overwritten.
        """
        state = self._state_before(np.float32(factor) * frames[0] + parts[0])
        _magnify(frames, np.float32(factor), parts, state, self._feedback, self._gain, result, *limits(result.dtype))

    def _state_before(self, first: Float32Array) -> Float32Array:
        if self._state is None:
            self._state = np.zeros((len(self._feedback), 2, len(first)), dtype=np.float32)
            if self._settled:
                self._state[0] = -self._gain * first
        return self._state
