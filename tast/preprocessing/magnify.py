"""Eulerian video magnification (Wu et al., "Eulerian Video Magnification for Revealing Subtle Changes", ACM TOG 31(4), 2012).

Each level of a Laplacian pyramid is band-passed in time, multiplied by alpha and added (section 3, figure 2). Pyramid, colour
space and filter are linear, so they commute: the levels to be amplified are collapsed first and filtered once. Deviations from
the paper by default: the filter is a zero-phase Butterworth instead of an ideal or causal one; one factor alpha for all amplified
levels (no spatial cut-off lambda_c); RGB instead of YIQ (attenuated chroma would destroy the ratio of red to green); nothing is
clipped.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from tast.errors import VideoRejected
from tast.preprocessing.band_pass import Band, band_pass
from tast.preprocessing.pyramid import (
    Amplification,
    amplified_part,
    base_level,
    colour_matrix,
    gaussian_terms,
    level_weights,
    raised,
)
from tast.preprocessing.resample import mean_rate_hz, to_uniform_grid
from tast.records import FaceVideo

Float32Array = npt.NDArray[np.float32]


def magnify(
    face: FaceVideo,
    *,
    levels: int,
    residual: bool,
    low_hz: float,
    high_hz: float,
    alpha: float,
    fps_hz: float | None = None,
    filter: str = "butterworth",
    skip_finest: int = 0,
    cutoff_wavelength_px: float | None = None,
    colour_space: str = "rgb",
    chroma_attenuation: float = 1.0,
) -> FaceVideo:
    """Amplify what varies between low_hz and high_hz by 1 + alpha; the rest stays as it is.

    face.frames: (T, H, W, 3), any dtype; resampled by true time stamps to a uniform grid of fps_hz (None: the video's own mean
    rate). The others are those of Amplification and Band.
    Returns frames (T', H, W, 3) float32, linear and unclipped; pixels that are 0 throughout stay exactly 0.
    Raises VideoRejected where the frame rate is too low for the band or the video is too short to filter.
    """
    fps_hz = mean_rate_hz(face.times_s) if fps_hz is None else fps_hz
    if fps_hz <= 2 * high_hz:
        raise VideoRejected(face.record_id, f"{fps_hz:.1f} frames per second cannot carry {high_hz:g} Hz")
    if face.times_s[-1] - face.times_s[0] < 1 / low_hz:
        raise VideoRejected(face.record_id, f"shorter than one period of {low_hz:g} Hz")
    amplification = Amplification(alpha, levels, residual, skip_finest, cutoff_wavelength_px, colour_space, chroma_attenuation)
    uniform = to_uniform_grid(face, fps_hz)
    frames = uniform.frames.astype(np.float32, copy=False)
    inside = (frames != 0).any(axis=(0, 3))
    varying = _amplified_parts(frames, amplification)
    flat = np.ascontiguousarray(varying[:, inside].reshape(len(frames), -1))
    passed = band_pass(flat, fps_hz, Band(low_hz, high_hz, filter)).reshape(len(frames), -1, 3)
    mixing = colour_matrix(amplification)
    if mixing is not None:
        passed = passed @ mixing.T.astype(np.float32)
    magnified = np.zeros_like(frames)
    magnified[:, inside] = frames[:, inside] + alpha * passed
    return replace(uniform, frames=magnified)


def _amplified_parts(frames: Float32Array, amplification: Amplification) -> Float32Array:
    """(T, H, W, 3): the amplified levels of each frame, each as a share of alpha, collapsed at full size."""
    terms = gaussian_terms(level_weights(amplification))
    if terms == (1.0,):
        return frames
    base, (height, width) = base_level(terms), frames.shape[1:3]
    return np.stack([raised(amplified_part(frame, terms), base, height, width) for frame in frames])
