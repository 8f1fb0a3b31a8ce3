"""The training curve of a history as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from fer_cnn.history import EpochRecord
from fer_core.files import write_atomically


def plot_history(history: Sequence[EpochRecord], path: Path, title: str = "") -> None:
    """Draw loss and accuracy over epochs, fitting and validation, to a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    epochs = [record.epoch for record in history]
    for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        fitted = [getattr(record, quantity) for record in history]
        validated = [getattr(record, f"val_{quantity}") for record in history]
        axes.plot(epochs, fitted, "--", color="#999999", label="fitting (augmented)")
        axes.plot(epochs, validated, "-", color="#0072B2", label="validation")
        axes.set(xlabel="epoch", ylabel=quantity)
        axes.grid(alpha=0.3)
        axes.legend(frameon=False)
    figure.suptitle(title)
    with write_atomically(path) as temporary:
        figure.savefig(temporary, dpi=120)
