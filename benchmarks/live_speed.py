"""How fast the live app is: ``python -m benchmarks.speed live``."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter, process_time, sleep
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from benchmarks.live_frames import RATE, crossing, find_people, swaying
from benchmarks.results import save_study
from benchmarks.timing import hardware, installed_versions
from benchmarks.worker import Notify
from fer_core.cli import run_command
from fer_core.errors import FerError
from fer_live.annotated_video import AnnotatedVideo
from fer_live.follower import DETECT_EVERY, LIVE_MODEL, FaceFollower
from fer_live.native_threads import bound_native_threads
from fer_live.recognizer import DEFAULT_MODEL, EmotionRecognizer
from fer_live.stopwatch import STAGES, TOTAL

#: Frames left out of the figures: what is loaded on first use.
_WARM_UP = 20

#: Frames after which growing memory counts as leaking.
_SETTLED = 500

#: Frames that `fer` is asked about.
_PEER_FRAMES = 100


def measure_following(
    recognizer: EmotionRecognizer, frames: Sequence[NDArray[np.uint8]], detect_every: int
) -> dict[str, Any]:
    """Follow the faces of frames and return speeds.

    Returns
    -------
    dict
        ``fps`` from frame to labels; median and 95th percentile of its milliseconds; of
        processor time, ``cpu ms``, which other programs' load lengthens less; mean milliseconds
        of each stage; ``faces`` a frame.
    """
    follower = FaceFollower(recognizer, detect_every=detect_every)
    times, faces = [], []
    began = process_time()
    for i, frame in enumerate(frames):
        if i == _WARM_UP:
            began = process_time()
        result = follower.update(frame, i / RATE)
        if i >= _WARM_UP:
            times.append([result.timings[name] for name in (*STAGES, TOTAL)])
            faces.append(len(result.faces))
    cpu = 1000 * (process_time() - began) / len(times)
    spent = np.array(times)
    total = spent[:, -1]
    return {
        "frames": len(times),
        "faces": round(float(np.mean(faces)), 3),
        "fps": round(float(1000 / total.mean()), 1),
        "median ms": round(float(np.median(total)), 2),
        "95th percentile ms": round(float(np.percentile(total, 95)), 2),
        "cpu ms": round(cpu, 2),
        **{f"{name} ms": round(float(spent[:, i].mean()), 2) for i, name in enumerate(STAGES)},
    }


def count_switches(recognizer: EmotionRecognizer, people: list[NDArray[np.uint8]]) -> int:
    """Return how often a number passes to somebody else where three people cross."""
    follower = FaceFollower(recognizer)
    last: dict[int, int] = {}
    switches = 0
    for i, (frame, owner) in enumerate(crossing(people)):
        for face in follower.update(frame, i / RATE).faces:
            x, y = (face.box[:2] + face.box[2:] / 2).round().astype(int)
            person = int(owner[y, x])
            switches += last.get(person, face.track_id) != face.track_id
            last[person] = face.track_id
    return switches


def measure_memory(
    recognizer: EmotionRecognizer,
    frames: Sequence[NDArray[np.uint8]],
    n_frames: int,
    notify: Notify,
) -> dict[str, Any]:
    """Follow faces through the same frames again and again; return what is left behind.

    Returns
    -------
    dict
        ``growth MB`` of resident memory from frame 500 to the end, and of threads and file
        handles likewise.
    """
    follower = FaceFollower(recognizer)
    before = _held()
    for i in range(n_frames):
        follower.update(frames[i % len(frames)], i / RATE)
        if i == _SETTLED:
            before = _held()
        if i % 1000 == 0:
            notify(f"memory: {i} of {n_frames} frames")
    after = _held()
    return {"frames": n_frames, **{f"growth {name}": after[name] - before[name] for name in after}}


def measure_first_label(frames: Sequence[NDArray[np.uint8]]) -> float:
    """Return the seconds from starting the command to the first face in its table."""
    with tempfile.TemporaryDirectory() as folder:
        clip, out = Path(folder, "clip.mkv"), Path(folder, "out")
        video = AnnotatedVideo(clip, RATE, frames[0].shape[:2])
        for frame in frames:
            video.write(frame)
        video.close()
        command = [sys.executable, "-m", "fer_live", "video", str(clip), "--headless"]
        command += ["--save", "csv", "--out", str(out)]
        start = perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        table = out / "faces.csv"
        try:
            while not (table.exists() and table.read_bytes().count(b"\n") > 1):
                if process.poll() is not None:
                    raise FerError(f"it ended with exit code {process.returncode} and no row")
                sleep(0.01)
            return round(perf_counter() - start, 2)
        finally:
            process.kill()
            process.wait()


def measure_fer(frames: Sequence[NDArray[np.uint8]], notify: Notify) -> dict[str, Any]:
    """Return the milliseconds a frame of PyPI's ``fer``, as it comes, on some of the frames."""
    from benchmarks.peers import PEERS

    peer = PEERS["fer"]
    gray = [
        cv2.cvtColor(f, cv2.COLOR_BGR2GRAY) for f in frames[:: max(len(frames) // _PEER_FRAMES, 1)]
    ]
    given = {"crops": np.zeros((1, 48, 48), np.uint8), "frames": np.stack(gray)}
    answers = peer.environment.answer(Path(__file__).parent / peer.script, given, notify)
    ms = answers["frame_ms"]
    return {
        "version": str(answers["version"]),
        "frames": len(ms),
        "faces": round(len(answers["frame_index"]) / len(ms), 3),
        "fps": round(float(1000 / ms.mean()), 1),
        "median ms": round(float(np.median(ms)), 2),
        "95th percentile ms": round(float(np.percentile(ms, 95)), 2),
    }


def measure_live(
    *,
    models: Sequence[str] = (LIVE_MODEL, DEFAULT_MODEL),
    n_frames: int = 300,
    memory_frames: int = 0,
    versus_fer: bool = False,
    notify: Notify = lambda text: None,
) -> dict[str, Any]:
    """Measure everything about the live app's speed.

    Parameters
    ----------
    models : sequence of str
        Shipped models.
    n_frames : int
        Of each measurement, 640 x 480.
    memory_frames : int
        Of the run that looks for leaks; 0 leaves it out.
    versus_fer : bool
        Also ask PyPI's ``fer`` about the same frames, in an environment of its own.
    notify : callable

    Returns
    -------
    dict
        Ready for JSON: ``following`` (a row for each model, number of faces and interval of
        detection), ``identity switches``, ``first label s``, and ``memory`` and ``fer`` if asked.
    """
    people = find_people(4)
    clips = {n: swaying(people[:n], n_frames) for n in (1, 4)}
    rows = []
    recognizers = {name: EmotionRecognizer.load(name) for name in models}
    for name, recognizer in recognizers.items():
        bound_native_threads(recognizer.model)
        for n, frames in clips.items():
            for every in (1, DETECT_EVERY):
                notify(f"{name}: {n} faces, searched every {every} frames")
                figures = measure_following(recognizer, frames, every)
                rows.append({"model": name, "people": n, "detect every": every, **figures})
    live = recognizers[models[0]]
    measured: dict[str, Any] = {
        "hardware": hardware(),
        "versions": installed_versions(),
        "following": rows,
        "identity switches": count_switches(live, people),
        "first label s": measure_first_label(clips[1][:50]),
    }
    if memory_frames:
        measured["memory"] = measure_memory(live, clips[1], memory_frames, notify)
    if versus_fer:
        measured["fer"] = measure_fer(clips[1], notify)
        ours = next(r for r in rows if r["people"] == 1 and r["detect every"] > 1)
        measured["times as fast as fer"] = round(ours["fps"] / measured["fer"]["fps"], 2)
    return measured


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.speed live",
        description="Time the live app on made-up video of 640 x 480 pixels.",
    )
    parser.add_argument("--models", nargs="+", default=[LIVE_MODEL, DEFAULT_MODEL], metavar="NAME")
    parser.add_argument("--frames", type=int, default=300, help="default: %(default)s")
    parser.add_argument(
        "--memory-frames",
        type=int,
        default=0,
        metavar="N",
        help="also look for leaks over so many frames, such as 20000",
    )
    parser.add_argument("--versus-fer", action="store_true", help="compare with PyPI's fer")
    parser.add_argument(
        "--out", type=Path, default=Path("runs/live-speed"), help="default: %(default)s"
    )
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> None:
    if args.frames <= _WARM_UP:
        raise FerError(
            f"--frames must be above {_WARM_UP}, which are not timed. Got {args.frames} instead."
        )
    console = Console()
    with console.status("timing") as status:
        measured = measure_live(
            models=args.models,
            n_frames=args.frames,
            memory_frames=args.memory_frames,
            versus_fer=args.versus_fer,
            notify=status.update,
        )
    save_study(args.out / "live.json", measured)
    console.print(as_table(measured["following"]))
    for name, value in measured.items():
        if name not in ("following", "hardware", "versions"):
            console.print(f"{name}: {value}")
    print(f"Written to {args.out / 'live.json'}")


def as_table(rows: Sequence[dict[str, Any]]) -> Table:
    """Return the rows of `measure_live` for a terminal: a column each, which fits."""
    table = Table("", *(row["model"] for row in rows))
    for name in list(rows[0])[1:]:
        table.add_row(name, *(str(row[name]) for row in rows))
    return table


def _held() -> dict[str, float]:
    """Return resident memory in MB, threads and file handles of this process."""
    held: dict[str, float] = {"threads": threading.active_count()}
    status = Path("/proc/self/status")
    if status.exists():
        lines = dict(line.split(":", 1) for line in status.read_text().splitlines())
        held["MB"] = round(int(lines["VmRSS"].split()[0]) / 1024, 1)
        held["threads"] = int(lines["Threads"])
        held["file handles"] = len(os.listdir("/proc/self/fd"))
    return held


if __name__ == "__main__":
    sys.exit(main())
