"""TAST: blood-oxygen saturation (SpO2) from face video, from data set to registered model."""

__version__ = "0.1.0"
