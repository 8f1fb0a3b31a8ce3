"""How pipelines grow with the number of faces: ``python -m benchmarks.growth``.

Each fit runs in a process of its own, which is ended when it takes too long or too much memory.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from benchmarks.growth_points import Point
from benchmarks.growth_report import growth_table, write_report
from benchmarks.progress import Progress, say
from benchmarks.results import load_study, save_study
from benchmarks.timing import (
    forget_peak_memory,
    hardware,
    installed_versions,
    peak_memory_mb,
    resident_memory_mb,
    time_model,
)
from benchmarks.worker import Notify, TaskError, TaskStopped, run_task
from fer_core.cli import names, positive, run_command, seed
from fer_core.datasets.options import add_arguments, load_dataset
from fer_core.datasets.thinning import thinned
from fer_core.errors import DataError
from fer_core.files import write_atomically
from fer_core.parts import LabelledPart, require_role
from fer_core.splits import Split, make_split
from fer_landmarks import LandmarkGeometry, list_pipelines, make_pipeline
from fer_landmarks.pipelines import classifier_of

#: Faces fitted on, besides all there are, and all with their mirror images.
SIZES = (1000, 4000, 16_000)
MAX_MINUTES, MAX_GIB = 30.0, 12.0

#: Faces whose prediction is timed and whose memory is measured.
_PROBES = 1000


@dataclass(frozen=True)
class Limits:
    """What a process may take before it is ended.

    Attributes
    ----------
    minutes : float
    gib : float
        Memory, where it is known (on Linux).
    """

    minutes: float = MAX_MINUTES
    gib: float = MAX_GIB

    def watch(self) -> Any:
        """Return a watch for `benchmarks.worker.run_task`, whose clock starts now."""
        start = time.monotonic()

        def reason(process: int) -> str | None:
            if time.monotonic() - start > 60 * self.minutes:
                return f"more than {self.minutes:g} minutes"
            if (resident_memory_mb(process) or 0) > 1024 * self.gib:
                return f"more than {self.gib:g} GiB"
            return None

        return reason


def measure(
    name: str,
    faces: NDArray[np.uint8],
    y: NDArray[np.int64],
    validation: LabelledPart,
    seed: int,
    target: Path,
    notify: Notify,
) -> None:
    """Fit a pipeline and write figures to `target`: a task for a process of its own.

    Landmarks of the faces fitted on come from the cache: they take the same time for each face
    and for every pipeline. Predicting finds them.

    - ``fit_seconds``, ``fit_cpu_seconds``
    - ``base_mb``, ``fit_mb``, ``predict_mb``: memory before fitting, at most while fitting, at most
      while predicting 1,000 faces
    - ``ms_per_face``, ``ms_per_face_batch``: predicting one face, and in batches of 64
    - ``accuracy``: on the validation part, to see that the fit is a real one
    """
    probes = validation.faces[:_PROBES]
    pipeline = make_pipeline(name, random_state=seed, n_jobs=-1, cache=True)
    notify(f"fitting on {len(faces):,} faces")
    base = resident_memory_mb()
    start, start_cpu = time.perf_counter(), time.process_time()
    pipeline.fit(faces, y)
    figures: dict[str, float | None] = {
        "fit_seconds": round(time.perf_counter() - start, 2),
        "fit_cpu_seconds": round(time.process_time() - start_cpu, 2),
        "base_mb": base,
        "fit_mb": peak_memory_mb(),
    }
    notify("predicting")
    proba = pipeline.predict_proba(validation.faces)
    right = pipeline.classes_[proba.argmax(axis=1)] == validation.y
    figures["accuracy"] = round(float(right.mean()), 4)
    pipeline.named_steps["descriptor"].set_params(cache=False, n_jobs=None)
    figures.update(time_model(pipeline, probes))
    forgotten = forget_peak_memory()
    pipeline.predict_proba(probes)
    figures["predict_mb"] = peak_memory_mb() if forgotten else None
    with write_atomically(target) as temporary:
        temporary.write_text(json.dumps(figures), encoding="utf-8")


def parts_of(split: Split, sizes: Sequence[int], seed: int) -> list[tuple[LabelledPart, bool]]:
    """Return the parts to fit on, by size, and whether their mirror images are added.

    All fitting pictures come last, and once more with their mirror images.
    """
    fitting = require_role(split.fitting, "fit")
    parts = [thinned(fitting, n, seed) for n in sorted(sizes) if n < len(fitting)]
    return [*((part, False) for part in parts), (fitting, False), (fitting, True)]


def find_landmarks(names: Sequence[str], parts: Sequence[tuple[LabelledPart, bool]]) -> None:
    """Put the landmarks that pipelines will ask for into the cache."""
    finders = {}
    for name in names:
        descriptor = make_pipeline(name, cache=True).named_steps["descriptor"]
        if descriptor.features().uses_landmarks:
            # The same landmarks, and the least work with them.
            descriptor.set_params(parts=(LandmarkGeometry(coordinates_only=True),))
            finders[str(descriptor.get_params(deep=False))] = descriptor
    for descriptor in finders.values():
        for part, mirrored in parts:
            descriptor.transform(part.faces)
            if mirrored:
                descriptor.transform(part.faces[:, :, ::-1])


def run_point(
    name: str,
    part: LabelledPart,
    mirrored: bool,
    validation: LabelledPart,
    seed: int,
    limits: Limits,
    folder: Path,
    notify: Notify,
) -> Point:
    """Measure one pipeline at one size in a process of its own."""
    faces, y = part.faces, part.y
    if mirrored:
        faces, y = np.concatenate([faces, faces[:, :, ::-1]]), np.concatenate([y, y])
    target = folder / "point.json"
    task = partial(measure, name, faces, y, validation, seed, target)
    status, reason, figures = "measured", "", {}
    try:
        run_task(task, folder / "logs" / f"{name}-{len(y)}.log", notify, limits.watch())
        figures = json.loads(target.read_text(encoding="utf-8"))
    except TaskStopped as stopped:
        status, reason = "stopped", str(stopped)
    except TaskError as error:
        status, reason = "failed", str(error)
    finally:
        target.unlink(missing_ok=True)
    return Point(name, len(y), mirrored, status, reason, figures)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth",
        description="Measure time and memory of fitting and predicting at several sizes. What is "
        "measured stays; call again to go on.",
    )
    add_arguments(parser)
    group = parser.add_argument_group("measuring")
    group.add_argument("--models", type=names, metavar="A,B,…", help="pipelines (default: all)")
    group.add_argument(
        "--sizes",
        type=_numbers,
        default=list(SIZES),
        metavar="N,N,…",
        help=f"default: {','.join(map(str, SIZES))}; all faces, and all with their mirror "
        "images, come after them",
    )
    group.add_argument("--largest", type=int, metavar="N", help="measure no larger size now")
    group.add_argument(
        "--max-minutes",
        type=positive,
        default=MAX_MINUTES,
        metavar="M",
        help="default: %(default)g",
    )
    group.add_argument(
        "--max-gib", type=positive, default=MAX_GIB, metavar="G", help="default: %(default)g"
    )
    group.add_argument("--again", action="store_true", help="forget what was measured before")
    group.add_argument("--seed", type=seed, default=0)
    group.add_argument("--out", type=Path, metavar="DIR", help="default: runs/growth/DATASET")
    return run_command(parser, _command, argv)


def _numbers(text: str) -> list[int]:
    sizes = [int(number) if number.strip().isdecimal() else 0 for number in text.split(",")]
    if not all(sizes):
        raise argparse.ArgumentTypeError(f"must be whole numbers above 0. Got '{text}' instead.")
    return sizes


def _command(args: argparse.Namespace) -> None:
    console = Console()
    known = list_pipelines()
    asked = args.models or list(known)
    for name in asked:
        classifier_of(name)  # a wrong name is found before hours of work
    with console.status("reading pictures"):
        dataset = load_dataset(args)
        split = make_split(dataset, seed=args.seed)
    limits = Limits(args.max_minutes, args.max_gib)
    out = args.out or Path("runs/growth") / dataset.name
    path = out / "growth.json"
    content = {
        "dataset": dataset.name,
        "fingerprint": dataset.fingerprint(),
        "seed": args.seed,
        "limits": asdict(limits),
        "hardware": hardware(),
        "versions": installed_versions(),
    }
    points = [] if args.again else _earlier(path, content)
    parts = parts_of(split, args.sizes, args.seed)
    sizes = [len(part) * (1 + mirrored) for part, mirrored in parts]
    wanted = [i for i, n in enumerate(sizes) if args.largest is None or n <= args.largest]
    if not wanted:
        raise DataError(f"--largest {args.largest}: the smallest size is {min(sizes)}; allow more")
    say(console, f"{dataset.name}: sizes {', '.join(f'{sizes[i]:,}' for i in wanted)}")
    with console.status("finding landmarks"):
        find_landmarks(asked, [*(parts[i] for i in wanted), (split.validation, False)])
    progress = Progress(console, total=len(wanted) * len(asked))
    # Small sizes of all pipelines first: an interrupted run then says something of each.
    for i in wanted:
        for name in asked:
            mine = [p for p in points if p.pipeline == name]
            label = f"{name}, {sizes[i]:,} faces"
            if any(p.n == sizes[i] for p in mine):
                progress.skip(label, "measured before")
                continue
            if before := [p for p in mine if p.status == "stopped" and p.n < sizes[i]]:
                reason = f"stopped at {before[0].n:,}"
                point = Point(name, sizes[i], parts[i][1], "not tried", reason)
                progress.skip(label, f"not tried, {reason}")
            else:
                with progress.task(label) as notify:
                    point = run_point(
                        name, *parts[i], split.validation, args.seed, limits, out, notify
                    )
                if point.status != "measured":
                    progress.say(f"{label}: {point.status}, {point.reason}")
            points.append(point)
            save_study(path, {**content, "points": [asdict(p) for p in points]})
    write_report(out, load_study(path) or {})
    shown = growth_table([p for p in points if p.pipeline in asked])
    console.print(shown.markdown(), markup=False, highlight=False, soft_wrap=True)
    say(console, f"Written to {out}")


def _earlier(path: Path, content: Mapping[str, Any]) -> list[Point]:
    """Return the points measured before, without failed ones, which are tried again.

    Raises
    ------
    DataError
        If they were measured on other pictures, another machine, with other versions of
        libraries or within other limits.
    """
    before = load_study(path)
    if before is None:
        return []
    for key in ("fingerprint", "seed", "limits", "hardware", "versions"):
        if before.get(key) != content[key]:
            raise DataError(
                f"{path}: measured with other {key} ({before.get(key)}, now {content[key]}); "
                "choose another folder with --out, or start anew with --again"
            )
    return [p for p in (Point(**p) for p in before["points"]) if p.status != "failed"]


if __name__ == "__main__":
    raise SystemExit(main())
