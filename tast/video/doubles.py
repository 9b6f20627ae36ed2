"""Frames that show the picture before them once more, found by how little they differ from it.

A recorder that fills gaps, or a camera that sends a frame twice, repeats a picture; encoded again, the two are no longer equal.
What is left of their difference is far below that of other neighbours, which holds a camera's new noise at least. Where a codec
leaves nothing of that noise (H.264 of a still scene at a rate factor of 23 and beyond) nobody can tell, and nothing is claimed.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.ndimage import percentile_filter

from tast.records import FloatArray

NEIGHBOURS = 17  # frames that a difference is compared with, about half a second
USUAL_PERCENTILE = 75  # of theirs: what a new picture makes, even where two of three frames are repeated
LEAST_USUAL = 0.2  # grey levels: below it the codec took the camera's noise away, and a difference says nothing
KNOWN_SHARE = 0.75  # of the frames that must have neighbours of LEAST_USUAL: a codec starved of bits repeats pictures by itself
MOST_OF_USUAL = 0.6
SPREADS = 4.0  # that a difference must lie below the usual ones, in the logarithm: robust standard deviations
VALLEY = 1.5  # between the smallest usual differences and the largest of repeated pictures: otherwise they are one crowd
SMALLEST = 1e-3


def repeated(differences: FloatArray) -> npt.NDArray[np.bool_]:
    """(N,) whether a frame shows the one before it, from the mean absolute differences (N,) in grey levels (of 255) to it.

    No difference at all is a repetition, whatever the neighbours. Others count where all of this holds: the usual difference
    about most frames is at least LEAST_USUAL, they are below MOST_OF_USUAL of it and SPREADS below what is usual in this video,
    and they form a group of their own, VALLEY apart from the rest. The constants were chosen on rendered heads and noisy stills
    in twelve codings; docs/performance.md has what is found and what is falsely found (`python -m benchmarks.door`).
    """
    equal = differences == 0
    if len(differences) < NEIGHBOURS:
        return equal
    usual = usual_differences(differences)
    known = usual >= LEAST_USUAL
    share = np.log(np.maximum(differences, SMALLEST) / np.maximum(usual, SMALLEST))
    new = share[known & (share > np.log(0.5))]
    if known.mean() < KNOWN_SHARE or not len(new):
        return equal
    middle = np.median(new)
    spread = 1.4826 * np.median(np.abs(new - middle))  # of a normal distribution its standard deviation
    limit = min(middle - SPREADS * spread, np.log(MOST_OF_USUAL))
    below = known & (share < limit)
    rest = share[known & ~below]
    if below.any() and np.quantile(rest, 0.02) - np.quantile(share[below], 0.9) >= np.log(VALLEY):
        return equal | below
    return equal


def usual_differences(differences: FloatArray) -> FloatArray:
    """(N,) what a new picture differs by about each of the differences (N,)."""
    if not len(differences):
        return differences
    return np.asarray(percentile_filter(differences, USUAL_PERCENTILE, size=NEIGHBOURS, mode="reflect"))


def among_new(differences: FloatArray) -> npt.NDArray[np.bool_]:
    """(N,) about which frames new pictures differ by LEAST_USUAL: what is repeated there was repeated by a recorder, and not by a
    codec, which leaves a still scene as it is."""
    return usual_differences(differences) >= LEAST_USUAL
