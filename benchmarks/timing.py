"""How long, how big, on what machine, and with which versions."""

from __future__ import annotations

import os
import platform
import sys
from importlib import metadata
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fer_core.ensemble import Model

#: Distributions whose versions can change a figure.
_PACKAGES = (
    "fer-ensemble",
    "numpy",
    "scipy",
    "scikit-learn",
    "scikit-image",
    "opencv-python",
    "opencv-python-headless",
    "dlib-bin",
    "xgboost",
    "keras",
    "tensorflow",
    "onnxruntime",
)

#: Faces in the batch whose time a face is reported besides that of a single face.
BATCH = 64

_SINGLE_ROUNDS = 30
_BATCH_ROUNDS = 5
#: Seconds after which no further round starts.
_PATIENCE = 3.0


def time_model(model: Model, faces: NDArray[np.uint8]) -> dict[str, float]:
    """Measure the median milliseconds a face, one at a time and in batches of 64.

    Parameters
    ----------
    model : Model
    faces : uint8 (n, 48, 48)
        At least one; repeated to fill a batch.
    """
    batch = np.resize(faces, (BATCH, *faces.shape[1:]))
    model.predict_proba(batch[:1])  # loads what is loaded on first use
    return {
        "ms_per_face": _median_ms(model, batch[:1], _SINGLE_ROUNDS),
        "ms_per_face_batch": _median_ms(model, batch, _BATCH_ROUNDS) / BATCH,
    }


def peak_memory_mb() -> float | None:
    """Return the most memory that this process has held, in MB; None where unknown.

    Linux's own count comes first, because ``ru_maxrss`` survives exec there and so may tell of
    the process that started this one.
    """
    if (most := _memory_mb("self", "VmHWM")) is not None:
        return most
    try:
        import resource
    except ImportError:
        return None
    used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(used / (1024**2 if sys.platform == "darwin" else 1024), 1)


def resident_memory_mb(process: int | None = None) -> float | None:
    """Return the memory that a process holds now, this one by default; None where unknown.

    Known on Linux, of processes that run.
    """
    return _memory_mb(str(process or "self"), "VmRSS")


def forget_peak_memory() -> bool:
    """Let `peak_memory_mb` begin anew; return whether the system can do that."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return False
    return True


def hardware() -> dict[str, Any]:
    """Describe the machine: processor, cores this process may use, memory, system."""
    return {
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0))
        if hasattr(os, "sched_getaffinity")
        else os.cpu_count(),
        "memory_gb": _memory_gb(),
        "system": platform.platform(terse=True),
    }


def _median_ms(model: Model, faces: NDArray[np.uint8], rounds: int) -> float:
    times: list[float] = []
    while len(times) < rounds and sum(times) < _PATIENCE:
        start = perf_counter()
        model.predict_proba(faces)
        times.append(perf_counter() - start)
    return round(1000 * median(times), 3)


def _memory_mb(process: str, key: str) -> float | None:
    try:
        lines = Path("/proc", process, "status").read_text().splitlines()
    except OSError:
        return None
    sizes = [line.split()[1] for line in lines if line.startswith(f"{key}:")]
    return round(int(sizes[0]) / 1024, 1) if sizes else None


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    return platform.processor() or platform.machine()


def _memory_gb() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1024**3, 1)
    except (AttributeError, ValueError, OSError):
        return None


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of every package that can change a figure."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
