"""Keras networks to ONNX: ``python -m fer_cnn.export model.keras model.onnx``."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from fer_cnn.recipe import Views
from fer_cnn.start import load_keras
from fer_cnn.views import with_views
from fer_core.cli import run_command
from fer_core.errors import FerError, MissingExtraError
from fer_core.extras import how_to_install
from fer_core.files import write_atomically
from fer_core.model_entry import probe_faces
from fer_core.onnx_model import OnnxClassifier

#: Largest difference of a probability between Keras and ONNX Runtime.
PARITY = 1e-4


def export_onnx(keras_file: Path, onnx_file: Path, views: str = "one") -> None:
    """Export a saved network to ONNX in a process of its own.

    The converter reads TensorFlow graphs only, so that process runs Keras on TensorFlow whichever
    backend trained the network.

    Parameters
    ----------
    keras_file, onnx_file : Path
        What to read and what to write.
    views : {"one", "mirror", "crops"}
        See `fer_cnn.views.with_views`.

    Raises
    ------
    MissingExtraError
        If TensorFlow is not installed.
    FerError
        If the export fails, or its probabilities differ from Keras's by more than `PARITY`.
    """
    require_exporter()
    environment = {
        **os.environ,
        "KERAS_BACKEND": "tensorflow",
        # Compared is what a processor computes; and the graphics memory may be the training's.
        "CUDA_VISIBLE_DEVICES": "-1",
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent.parent), *sys.path[1:]]),
    }
    done = subprocess.run(
        [sys.executable, "-m", "fer_cnn.export", str(keras_file), str(onnx_file), "--views", views],
        env=environment,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    if done.returncode != 0:
        reason = done.stderr.strip().splitlines()[-1:] or ["no message"]
        raise FerError(f"{keras_file}: could not be exported to ONNX ({reason[0]})")


def require_exporter() -> None:
    """Raise `MissingExtraError` if something that the export needs is not installed."""
    for module, name in (("tensorflow", "TensorFlow"), ("tf2onnx", "tf2onnx")):
        if importlib.util.find_spec(module) is None:
            raise MissingExtraError(
                f"the export to ONNX needs {name}, whichever backend trained; "
                f"{how_to_install('train')}"
            )


def export_here(keras_file: Path, onnx_file: Path, views: str = "one") -> None:
    """Export a saved network to ONNX in this process, which must run Keras on TensorFlow."""
    require_exporter()
    model = with_views(load_keras(keras_file), views)
    # The exporter wants a model that was called.
    expected = np.asarray(model(probe_faces(), training=False))
    with write_atomically(onnx_file) as path:
        model.export(path, format="onnx", verbose=False)
        exported = OnnxClassifier(path, range(expected.shape[1])).predict_proba(probe_faces())
        difference = float(np.abs(exported - expected).max())
        if not difference < PARITY:
            raise FerError(
                f"{keras_file}: the exported network's probabilities differ by {difference:.2g} "
                f"from Keras's, more than {PARITY:g}"
            )


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(prog="python -m fer_cnn.export", description=__doc__)
    parser.add_argument("keras_file", type=Path)
    parser.add_argument("onnx_file", type=Path)
    parser.add_argument(
        "--views",
        choices=get_args(Views),
        default="one",
        help="what the exported network averages over: the face (default); and its mirror image; "
        "ten crops",
    )

    def command(args: argparse.Namespace) -> None:
        export_here(args.keras_file, args.onnx_file, args.views)

    return run_command(parser, command, argv)


if __name__ == "__main__":
    os.environ["KERAS_BACKEND"] = "tensorflow"  # the converter reads its graphs alone
    sys.exit(main())
