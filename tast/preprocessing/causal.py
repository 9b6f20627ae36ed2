"""The causal Butterworth band-pass of signals that come block by block; its state is two numbers per section and signal."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, zpk2sos

from tast.compiled import compiled
from tast.preprocessing.banded import BEFORE, COLOURS, REACH, Up, raise_along_row
from tast.preprocessing.compiled import Float32Array, Pixels, add_values, limits

COLUMNS = 1024  # filtered together over a block of time: samples and state of so many stay in the second-level cache
TIMES = 8  # of a block
HELD_COLUMNS = 32768  # signals whose state stays in a cache from one block to the next

_Sample = tuple[np.float32, np.float32, np.float32]


@compiled
def _step(x: np.float32, near: np.float32, far: np.float32, a1: np.float32, a2: np.float32) -> _Sample:
    """One sample through y = (1 - z^-2) / (1 + a1 z^-1 + a2 z^-2) x in transposed direct form II -> y and the new state."""
    y = x + near
    return y, far - a1 * y, -x - a2 * y


@compiled
def _through_two(
    signals: Float32Array, start: int, state: Float32Array, first: int, count: int, feedback: Float32Array, scale: np.float32
) -> None:
    """Columns start and on of (T, N) signals, `count` of them, through two sections; state: (2, 2, M), columns first and on.

    Four times in a row and both sections, while all is in registers, since memory is what limits it.
    """
    a1, a2 = feedback[0]
    b1, b2 = feedback[1]
    stop = first + count
    near, far = state[0, 0, first:stop], state[0, 1, first:stop]
    near2, far2 = state[1, 0, first:stop], state[1, 1, first:stop]
    in_fours = len(signals) - len(signals) % 4
    for time in range(0, in_fours, 4):
        one, two = signals[time, start : start + count], signals[time + 1, start : start + count]
        three, four = signals[time + 2, start : start + count], signals[time + 3, start : start + count]
        for k in range(count):
            y1, z1, z2 = _step(scale * one[k], near[k], far[k], a1, a2)
            y2, z1, z2 = _step(scale * two[k], z1, z2, a1, a2)
            y3, z1, z2 = _step(scale * three[k], z1, z2, a1, a2)
            y4, near[k], far[k] = _step(scale * four[k], z1, z2, a1, a2)
            one[k], z1, z2 = _step(y1, near2[k], far2[k], b1, b2)
            two[k], z1, z2 = _step(y2, z1, z2, b1, b2)
            three[k], z1, z2 = _step(y3, z1, z2, b1, b2)
            four[k], near2[k], far2[k] = _step(y4, z1, z2, b1, b2)
    for time in range(in_fours, len(signals)):
        last = signals[time, start : start + count]
        for k in range(count):
            y1, near[k], far[k] = _step(scale * last[k], near[k], far[k], a1, a2)
            last[k], near2[k], far2[k] = _step(y1, near2[k], far2[k], b1, b2)


@compiled
def _through_one(
    signals: Float32Array, start: int, state: Float32Array, first: int, count: int, feedback: Float32Array, scale: np.float32
) -> None:
    """As `_through_two`, a single section."""
    a1, a2 = feedback
    near, far = state[0, first : first + count], state[1, first : first + count]
    in_fours = len(signals) - len(signals) % 4
    for time in range(0, in_fours, 4):
        one, two = signals[time, start : start + count], signals[time + 1, start : start + count]
        three, four = signals[time + 2, start : start + count], signals[time + 3, start : start + count]
        for k in range(count):
            y1, z1, z2 = _step(scale * one[k], near[k], far[k], a1, a2)
            y2, z1, z2 = _step(scale * two[k], z1, z2, a1, a2)
            y3, z1, z2 = _step(scale * three[k], z1, z2, a1, a2)
            four[k], near[k], far[k] = _step(scale * four[k], z1, z2, a1, a2)
            one[k], two[k], three[k] = y1, y2, y3
    for time in range(in_fours, len(signals)):
        last = signals[time, start : start + count]
        for k in range(count):
            last[k], near[k], far[k] = _step(scale * last[k], near[k], far[k], a1, a2)


@compiled
def _filter_columns(
    signals: Float32Array, start: int, state: Float32Array, first: int, count: int, feedback: Float32Array, gain: np.float32
) -> None:
    """All sections over columns of (T, N) signals; state: (S, 2, M); feedback: (S, 2), a1 and a2. gain: of the whole chain."""
    n_sections = len(feedback)
    scale = gain
    if n_sections % 2:
        _through_one(signals, start, state[0], first, count, feedback[0], scale)
        scale = np.float32(1)
    for section in range(n_sections % 2, n_sections, 2):
        _through_two(signals, start, state[section : section + 2], first, count, feedback[section : section + 2], scale)
        scale = np.float32(1)


@compiled
def _filter_in_place(signals: Float32Array, state: Float32Array, feedback: Float32Array, gain: np.float32) -> None:
    for start in range(0, signals.shape[1], COLUMNS):
        _filter_columns(signals, start, state, start, min(COLUMNS, signals.shape[1] - start), feedback, gain)


@compiled
def _fill(
    frames: Pixels, factor: np.float32, raised: Float32Array, place: int, weights: Float32Array,
    first_time: int, row: int, start: int, signals: Float32Array, count: int,
) -> None:  # fmt: skip
    """signals = factor * frames + what the coarse rows about `place` give, some columns of a row over a block of times."""
    a, b, c, d = weights
    stop = start + count
    for number in range(len(signals)):
        time = first_time + number
        frame, signal = frames[time, row, start:stop], signals[number, :count]
        before, own = raised[(place + 3) % REACH, time, start:stop], raised[place % REACH, time, start:stop]
        after, second = raised[(place + 1) % REACH, time, start:stop], raised[(place + 2) % REACH, time, start:stop]
        for k in range(count):
            signal[k] = factor * np.float32(frame[k]) + (a * before[k] + b * own[k] + c * after[k] + d * second[k])


@compiled
def _add(
    frames: Pixels, signals: Float32Array, result: Pixels, first_time: int, row: int, start: int, count: int,
    lowest: np.float32, highest: np.float32,
) -> None:  # fmt: skip
    """result = frames + signals, as `add_values`, of the columns, row and times that `_fill` filled."""
    stop = start + count
    for number in range(len(signals)):
        time = first_time + number
        add_values(frames[time, row, start:stop], signals[number, :count], result[time, row, start:stop], lowest, highest)


@compiled
def _magnify(
    frames: Pixels, factor: np.float32, coarse: Float32Array, group: int, rows: Float32Array, columns: Float32Array,
    state: Float32Array, unsettled: bool, feedback: Float32Array, gain: np.float32,
    result: Pixels, lowest: np.float32, highest: np.float32,
) -> None:  # fmt: skip
    """result = frames + filter(factor * frames + raised coarse), over (T, H, N) frames and (T, h, n) coarse pictures.

    A group of rows at a time: the coarse rows that it needs are raised along themselves once, and lie in `raised` by their
    number modulo REACH. state: (S, 2, H N); unsettled: it is yet to become what a still picture like the first one leaves.
    """
    n_times, height, width = frames.shape
    n_coarse = coarse.shape[1]
    raised = np.zeros((REACH, n_times, width), np.float32)
    spread = np.zeros(width + REACH * COLOURS * group, np.float32)
    signals = np.empty((TIMES, COLUMNS), np.float32)
    held_rows = max(HELD_COLUMNS // width, 1)
    n_raised = 0
    for group_start in range(0, height, group):
        place = group_start // group
        while n_raised < min(place + REACH - BEFORE, n_coarse):
            for time in range(n_times):
                raise_along_row(coarse[time, n_raised], group, columns, spread, raised[n_raised % REACH, time])
            n_raised += 1
        group_stop = min(group_start + group, height)
        for first_row in range(group_start, group_stop, held_rows):
            for time in range(0, n_times, TIMES):
                block = signals[: min(TIMES, n_times - time)]
                for row in range(first_row, min(first_row + held_rows, group_stop)):
                    for start in range(0, width, COLUMNS):
                        count, held = min(COLUMNS, width - start), row * width + start
                        _fill(frames, factor, raised, place, rows[row], time, row, start, block, count)
                        if time == 0 and unsettled:
                            for k in range(count):
                                state[0, 0, held + k] = state[0, 1, held + k] = -gain * block[0, k]
                        _filter_columns(block, 0, state, held, count, feedback, gain)
                        _add(frames, block, result, time, row, start, count, lowest, highest)


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
        state, unsettled = self._before(signals.shape[1])
        if unsettled:
            state[0] = -self._gain * signals[0]
        _filter_in_place(signals, state, self._feedback, self._gain)

    def magnify(self, frames: Pixels, factor: float, coarse: Float32Array, up: Up, result: Pixels) -> None:
        """result = frames + what passes of (factor * frames + coarse, raised), the next block: (T, H, W, 3), all contiguous.

        frames, result: uint8 or float32; uint8 is rounded (halves to even) and saturated. coarse: (T, h, w, 3) float32.
        """
        state, unsettled = self._before(frames[0].size)
        frames, coarse, result = (array.reshape(*array.shape[:2], array.shape[2] * COLOURS) for array in (frames, coarse, result))
        _magnify(
            frames, np.float32(factor), coarse, up.group, up.rows, up.columns,
            state, unsettled, self._feedback, self._gain, result, *limits(result.dtype),
        )  # fmt: skip

    def _before(self, n_signals: int) -> tuple[Float32Array, bool]:
        """The state before the next block, and whether the block's first sample is yet to settle it."""
        begins = self._state is None
        if self._state is None:
            self._state = np.zeros((len(self._feedback), 2, n_signals), dtype=np.float32)
        return self._state, begins and self._settled
