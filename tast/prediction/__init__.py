"""From a video of a face to its SpO2, second by second, with quality and an interval, by a saved model alone."""

from __future__ import annotations

MIN_QUALITY = 0.45  # mean of a video, 0 to 1: a face with a pulse has more, a photograph under camera noise less
