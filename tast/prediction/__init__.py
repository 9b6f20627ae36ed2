"""From a video of a face to its SpO2, second by second, with quality and an interval, by a saved model alone."""
