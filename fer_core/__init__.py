"""What both families share: labels, datasets and splits, faces, calibration, ensemble, store."""

__version__ = "0.1.0"

import os

# ONNX Runtime's builds report to their maker unless this is set before they are imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
