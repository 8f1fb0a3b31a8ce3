"""What a run over a video or camera does with what, so that only the same run goes on with it."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
from pathlib import Path
from typing import Any

from fer_core.crop import FRAMING_VERSION
from fer_core.files import sha256_of
from fer_core.landmarks import predictor_hash
from fer_core.model_store import ModelStore
from fer_live.recognizer import EmotionRecognizer
from fer_live.sources import Pictures, Source, shown_name


def describe_job(
    args: argparse.Namespace, source: Source, recognizer: EmotionRecognizer, every: int
) -> dict[str, Any]:
    """Return what a run must share with another to be continued by it."""
    return {
        "source": shown_name(args.source),
        "content": _fingerprint(args.source, source),
        "model": args.model,
        "digests": _digests(args),
        "models": str(args.models or ""),
        "members": args.members,
        "blur": args.blur,
        "landmarks": args.landmarks,
        "detector": args.detector,
        "detector_file": str(args.detector_file or ""),
        "detect_every": every,
        "smoothing_seconds": args.smoothing,
        "threshold": recognizer.threshold if args.threshold is None else args.threshold,
        "scheme": recognizer.scheme.name,
        "labels": list(recognizer.scheme.labels),
        "framing": FRAMING_VERSION,
        "rate": source.rate,
        "seconds": args.seconds,
        "save": sorted(args.save),
    }


def _digests(args: argparse.Namespace) -> list[str]:
    """Return what the model, the landmark predictor and a detector's file hold: names may stay."""
    found = [ModelStore(args.models).entry(args.model).digest, predictor_hash()]
    return found + ([sha256_of(args.detector_file)] if args.detector_file else [])


def _fingerprint(name: str, source: Source) -> str:
    """Return the beginning of the SHA-256 of what is played; "" of what is live.

    That is a file's size and first megabyte, or the names of pictures: a broken one may be replaced
    before the run goes on.
    """
    if isinstance(source, Pictures):
        names = "\n".join(map(str, source.paths))
        return hashlib.sha256(os.fsencode(names)).hexdigest()[:16]
    path = Path(name)
    with contextlib.suppress(OSError):
        if path.is_file():
            with path.open("rb") as file:
                content = f"{path.stat().st_size} ".encode() + file.read(1_000_000)
            return hashlib.sha256(content).hexdigest()[:16]
    return ""
