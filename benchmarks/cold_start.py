"""From nothing to a label, in a process of its own: ``python -m benchmarks.cold_start WHAT``.

Nothing heavy is imported up here: the child that is measured runs this file.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any


def measure_start(arguments: Sequence[str]) -> dict[str, Any]:
    """Start a process with `arguments` (see `main`) and return what it took.

    Returns
    -------
    dict
        ``seconds`` from before Python starts until it has ended, what the process says of its
        steps, and ``peak_mb``, the most memory that it held.

    Raises
    ------
    FerError
        If the process fails.
    """
    from fer_core.errors import FerError

    start = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cold_start", *arguments],
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )
    seconds = time.perf_counter() - start
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise FerError(f"a cold start ({' '.join(arguments)}) failed: {last}")
    return {"seconds": seconds, **json.loads(done.stdout.splitlines()[-1])}


def main(argv: Sequence[str]) -> None:
    """Do one of three things and print as JSON how long its steps took.

    ``nothing``: only start Python. ``pipeline NAME``: import the classical family and make a
    pipeline. ``label PHOTO MODEL [STORE]``: import, load a model, and label a photograph.
    """
    what, *rest = argv
    kinds: dict[str, Callable[..., dict[str, float]]] = {
        "nothing": dict,
        "pipeline": _make_pipeline,
        "label": _label,
    }
    steps = kinds[what](*rest)
    from benchmarks.timing import peak_memory_mb

    print(json.dumps({"steps": steps, "peak_mb": peak_memory_mb()}))


def _make_pipeline(name: str) -> dict[str, float]:
    start = time.perf_counter()
    from fer_landmarks import make_pipeline

    imported = time.perf_counter()
    make_pipeline(name)
    made = time.perf_counter()
    return {"import": imported - start, "make": made - imported}


def _label(photo: str, model: str, store: str | None = None) -> dict[str, float]:
    start = time.perf_counter()
    from fer_core.pictures import read_picture
    from fer_live import EmotionRecognizer

    imported = time.perf_counter()
    recognizer = EmotionRecognizer.load(model, store=store)
    loaded = time.perf_counter()
    recognizer.analyze(read_picture(photo))
    labelled = time.perf_counter()
    recognizer.analyze(read_picture(photo))
    again = time.perf_counter()
    return {
        "import": imported - start,
        "load": loaded - imported,
        "first label": labelled - loaded,
        "second label": again - labelled,
    }


if __name__ == "__main__":
    main(sys.argv[1:])
