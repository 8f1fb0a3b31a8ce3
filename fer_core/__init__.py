"""What both families share: labels, datasets and splits, faces, calibration, ensemble, store."""

__version__ = "0.1.0"
