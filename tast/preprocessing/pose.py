"""Where a face is in a frame, as a similarity transform; fitted to landmarks and smoothed without lag.

Points of the plane are complex numbers x + iy. A similarity without reflection is then z -> turn * z + centre, and its
least-squares fit (Umeyama, IEEE TPAMI 13(4), 1991, for two dimensions) is one line of linear regression.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

ComplexArray = npt.NDArray[np.complex128]
FloatArray = npt.NDArray[np.float64]

SMOOTHING_WINDOW_SIGMAS = 3.0
ROI_HEIGHT = 3.6  # side of the ROI in eye distances: chin (1.75 below the eyes) to hairline (about 1.2 above) and a margin
ROI_CENTRE = 0 + 0.25j  # middle of the face, below the eyes


@dataclass(frozen=True)
class Pose:
    """Face coordinates -> frame pixels: z -> turn * z + centre_px; |turn| is the scale, its angle the roll in the image plane."""

    turn: complex
    centre_px: complex

    def matrix(self) -> FloatArray:
        """(2, 3) affine matrix for OpenCV that takes face coordinates (x, y) to pixels."""
        a, b = self.turn.real, self.turn.imag
        return np.array([[a, -b, self.centre_px.real], [b, a, self.centre_px.imag]])

    def after(self, first: Pose) -> Pose:
        """The pose that applies `first`, then this one."""
        return Pose(self.turn * first.turn, self.turn * first.centre_px + self.centre_px)

    def inverse(self) -> Pose:
        return Pose(1 / self.turn, -self.centre_px / self.turn)

    def scaled(self, factor: float) -> Pose:
        """The same face in a frame whose pixels were resized by `factor` (pixel centres at whole numbers)."""
        return Pose(self.turn * factor, (self.centre_px + 0.5 + 0.5j) * factor - (0.5 + 0.5j))


def roi_pose(roi_size_px: int) -> Pose:
    """Face coordinates (eye distances from between the eyes) -> pixels of the square ROI."""
    scale = roi_size_px / ROI_HEIGHT
    middle_px = 0.5 * (roi_size_px - 1) * (1 + 1j)
    return Pose(scale + 0j, middle_px - scale * ROI_CENTRE)


def as_complex(points: npt.ArrayLike) -> ComplexArray:
    """(N, 2) x, y -> (N,) x + iy."""
    xy = np.asarray(points, dtype=np.float64)
    return xy[..., 0] + 1j * xy[..., 1]


def fit_pose(face: ComplexArray, frame_px: ComplexArray, weights: FloatArray | None = None) -> Pose:
    """Least-squares similarity that takes the points `face` (N,) to `frame_px` (N,); two distinct points suffice."""
    w = np.full(len(face), 1.0 / len(face)) if weights is None else weights / weights.sum()
    face_mean, frame_mean = w @ face, w @ frame_px
    centred = face - face_mean
    turn = ((w * centred.conj()) @ (frame_px - frame_mean)) / (w @ (centred.real**2 + centred.imag**2))
    return Pose(complex(turn), complex(frame_mean - turn * face_mean))


def smooth_pose(times_s: FloatArray, poses: ComplexArray, at_s: float, sigma_s: float) -> Pose:
    """The pose at one instant by locally linear Gaussian regression over the found ones: no lag, no drag at the ends.

    times_s: (N,) seconds of the found poses; poses: (N, 2) turn and centre_px; sigma_s: 0 interpolates linearly.
    Gaps are bridged by the same line. `at_s` must lie within times_s.
    """
    if sigma_s == 0:
        return Pose(*(complex(np.interp(at_s, times_s, values)) for values in poses.T))
    left, right = np.searchsorted(times_s, [at_s - SMOOTHING_WINDOW_SIGMAS * sigma_s, at_s + SMOOTHING_WINDOW_SIGMAS * sigma_s])
    nearest = int(np.searchsorted(times_s, at_s))
    left, right = min(left, max(nearest - 1, 0)), max(right, nearest + 1)  # at least the neighbours on both sides of a gap
    offset_s = times_s[left:right] - at_s
    weight = np.exp(-0.5 * np.minimum(np.abs(offset_s) / sigma_s, SMOOTHING_WINDOW_SIGMAS + 1) ** 2)
    first_moment = weight * offset_s
    s0, s1, s2 = weight.sum(), first_moment.sum(), first_moment @ offset_s
    determinant = s0 * s2 - s1 * s1
    local = weight / s0 if determinant <= 1e-12 * s0 * s0 * sigma_s**2 else weight * (s2 - s1 * offset_s) / determinant
    turn, centre_px = local @ poses[left:right]
    return Pose(complex(turn), complex(centre_px))
