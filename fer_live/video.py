"""``python -m fer_live webcam`` and ``video``: follow and label faces, seen and saved."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from time import monotonic
from typing import Any

import cv2
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from fer_core.cli import not_negative, positive, terminated_as_interrupted
from fer_core.errors import DataError
from fer_live.follower import DETECT_EVERY, LIVE_MODEL, FaceFollower
from fer_live.job import describe_job
from fer_live.native_threads import bound_native_threads
from fer_live.options import add_arguments, count, recognizer_options
from fer_live.outputs import KINDS, Outputs
from fer_live.panel import View
from fer_live.recognizer import EmotionRecognizer
from fer_live.session import Session
from fer_live.sources import PICTURES_RATE, Pictures, Source, open_source
from fer_live.steadiness import Steadiness
from fer_live.video_file import DamagedVideoError
from fer_live.window import Window, WindowProbe

#: Seconds from one line of progress to the next, where no bar can be drawn.
_LINE_SECONDS = 10.0

#: Where the window's keys save pictures and recordings if --out names no folder.
_DEFAULT_FOLDER = Path("fer_out")


def add_parsers(subparsers: Any) -> None:
    """Add the subcommands ``webcam`` and ``video``."""
    webcam = subparsers.add_parser(
        "webcam",
        help="follow faces of a camera or stream",
        description="Shows a camera or stream with its faces labelled. In the window, h lists "
        "the keys. Nothing is saved unless --out, or a key, says so.",
    )
    webcam.add_argument(
        "source",
        nargs="?",
        default="0",
        metavar="CAMERA",
        help="number of a camera, or address such as rtsp://... or http://... (default: 0)",
    )
    webcam.add_argument(
        "--retry",
        type=not_negative,
        default=30.0,
        metavar="SECONDS",
        help="how long a camera that has vanished is tried again (default: %(default)s)",
    )
    _add_arguments(webcam)
    webcam.set_defaults(
        command=run,
        rate=None,
        resume=False,
        restart=False,
        live_only=True,
        skip_broken=False,
    )

    video = subparsers.add_parser(
        "video",
        help="follow faces of a video file",
        description="Follows and labels the faces of a video, in every frame. With --out, writes "
        "tables, an annotated video and a timeline of each person.",
    )
    video.add_argument(
        "source",
        metavar="VIDEO",
        help="file or address; a folder or pattern of pictures, or - for their paths on standard "
        "input, is played as a video",
    )
    video.add_argument(
        "--rate",
        type=positive,
        metavar="N",
        help=f"pictures a second, of a folder of pictures (default: {PICTURES_RATE:g})",
    )
    video.add_argument(
        "--skip-broken", action="store_true", help="go on without pictures that can't be read"
    )
    again = video.add_mutually_exclusive_group()
    again.add_argument(
        "--resume", action="store_true", help="go on where the run in --out was ended"
    )
    again.add_argument("--restart", action="store_true", help="replace an unfinished run in --out")
    _add_arguments(video)
    video.set_defaults(command=run, retry=0.0, live_only=False)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand ``webcam`` or ``video``.

    Raises
    ------
    FerError, OSError
        If something can't be had, read or written, once everything so far is safely kept.
    """
    options = recognizer_options(args)
    if (args.resume or args.restart) and args.out is None:
        raise DataError("--resume and --restart need the folder of the run: name it with --out")
    if args.save and args.out is None:
        raise DataError("--save says what goes into the folder of the run: name that with --out")
    args.save = args.save or list(KINDS)
    if not args.debug:
        # FFmpeg and OpenCV report on standard error what is said here in a sentence.
        os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
    source = open_source(
        args.source,
        rate=args.rate or PICTURES_RATE,
        retry_seconds=args.retry,
        results=args.out,
        skip_broken=args.skip_broken,
    )
    try:
        if args.rate and not isinstance(source, Pictures):
            raise DataError(f"{source.name}: --rate is for folders of pictures")
        if args.live_only and not source.live:
            raise DataError(
                f"{source.name}: this is no camera or stream; use: python -m fer_live video"
            )
        probe = None if args.headless else WindowProbe()
        try:
            return _run(args, source, probe, options)
        finally:
            if probe is not None:
                probe.cancel()
    finally:
        source.close()


def _run(
    args: argparse.Namespace,
    source: Source,
    probe: WindowProbe | None,
    options: dict[str, Any],
) -> int:
    if args.headless and args.out is None and source.live:
        raise DataError("--headless shows nothing, and nothing is saved: name a folder with --out")
    recognizer = EmotionRecognizer.load(args.model, scheme=args.scheme, **options)
    bound_native_threads(recognizer.model)
    # What is to be hidden must be found at once.
    every = args.detect_every or (1 if args.blur else DETECT_EVERY)
    follower = FaceFollower(recognizer, detect_every=every, smoothing_seconds=args.smoothing)
    window = None
    if probe is not None:
        # Before an older run's results are touched: without a window this one can't begin.
        probe.check()
        window = Window(f"fer-live: {source.name}  (h: keys)")
    outputs = None
    if args.out is not None:
        outputs = Outputs(
            args.out,
            args.save,
            source,
            describe_job(args, source, recognizer, every),
            recognizer.scheme.labels,
            resume=args.resume,
            restart=args.restart,
        )
        if outputs.finished:
            print(f"The run in {args.out} is finished already; there is nothing to resume")
            return 0
    session = Session(
        source,
        follower,
        View(landmarks=args.landmarks, blur=args.blur),
        outputs=outputs,
        window=window,
        names=(args.model, args.detector),
        detect_every=args.detect_every,
        detector_file=args.detector_file,
        snapshots=args.out or _DEFAULT_FOLDER,
        longest=args.seconds,
        tell=lambda message: print(message, file=sys.stderr),
    )
    if outputs is not None and outputs.before is not None:
        follower.restore(outputs.before.follower)
        session.summary.restore(outputs.before.summary)
        print(f"Going on at frame {outputs.start}", file=sys.stderr)
    _work(session, args)
    return 0


def _work(session: Session, args: argparse.Namespace) -> None:
    """Run the session; whatever ends it, close its files and say what was done."""
    problem: BaseException | None = None
    whole = False
    try:
        with terminated_as_interrupted():
            for _ in _progress(session):
                pass
        whole = not session.quit
    except BaseException as error:  # raised again when its files are closed
        problem = error
        # A file that is cut off gives no more; a picture, a connection or a disk can be mended.
        whole = isinstance(error, DamagedVideoError)
    finally:
        if session.window is not None:
            session.window.close()
    # Nobody can go back in what a camera saw, whatever ended it.
    ended = whole or session.source.live
    summary = session.summary.as_dict()
    if problem is not None and not isinstance(problem, KeyboardInterrupt):
        summary["problem"] = str(problem) or type(problem).__name__
    if session.outputs is not None:
        try:
            # Ended within a frame, the last checkpoint holds: a later one would have it twice.
            if not ended and session.between_frames:
                session.outputs.checkpoint(session.follower, session.summary, now=True)
            session.outputs.close(summary, finished=ended)
        except OSError:
            # On a full disk this fails too; what it is about is said below.
            if not isinstance(problem, OSError):
                raise
    _print_summary(session, args, ended)
    if problem is not None and not (isinstance(problem, KeyboardInterrupt) and session.source.live):
        raise problem


def _print_summary(session: Session, args: argparse.Namespace, ended: bool) -> None:
    summary = session.summary
    if summary.people:
        Console().print(summary.table())
    spent = summary.as_dict()
    print(
        f"{summary.n_frames} frames, {summary.n_empty} of them without a face; "
        f"{spent['median ms from frame to labels']} ms from frame to labels (median), "
        f"{spent['95th percentile ms']} ms (95th percentile)"
    )
    if session.outputs is not None:
        print(f"{'Results are' if ended else 'What is done is'} in {args.out}")
        if "timeline" in args.save and not summary.people:
            print("No face was seen, so there is no timeline")
        if not ended and session.outputs.can_go_on:
            print("Go on with --resume")


def _progress(session: Session) -> Iterator[None]:
    """Run a session, showing on standard error how far it is where no window does."""
    total = session.source.n_frames
    if session.window is not None:
        for _ in session.run():
            yield
        return
    console = Console(stderr=True)
    if console.is_terminal and "CI" not in os.environ:
        rate = TextColumn("{task.fields[rate]:.0f} fps")
        with Progress(
            TextColumn("{task.completed} frames"),
            BarColumn(),
            TimeRemainingColumn(),
            rate,
            console=console,
            transient=True,
        ) as progress:
            task = progress.add_task("", total=total, rate=0.0)
            for frame in session.run():
                progress.update(task, completed=frame.number + 1, rate=session.summary.rate)
                yield
        return
    said = monotonic()
    for frame in session.run():
        if monotonic() - said > _LINE_SECONDS:
            said = monotonic()
            of = f" of {total}" if total else ""
            console.print(f"{frame.number + 1}{of} frames, {session.summary.rate:.0f} a second")
        yield


def _add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="folder for the results (default: nothing is saved)"
    )
    parser.add_argument(
        "--save",
        nargs="+",
        choices=list(KINDS),
        help="what goes into --out (default: all of it)",
    )
    parser.add_argument("--headless", action="store_true", help="open no window")
    parser.add_argument(
        "--blur",
        action="store_true",
        help="hide the faces that are found, in everything shown and saved",
    )
    parser.add_argument("--landmarks", action="store_true", help="draw the landmarks")
    parser.add_argument(
        "--seconds", type=positive, metavar="N", help="end after so many seconds of the source"
    )
    add_arguments(parser, LIVE_MODEL)
    parser.add_argument(
        "--detect-every",
        type=count,
        metavar="N",
        help=f"frames from one search for faces to the next; faces are followed between (default: "
        f"{DETECT_EVERY}; 1 with --blur)",
    )
    parser.add_argument(
        "--smoothing",
        type=not_negative,
        default=Steadiness.smoothing_seconds,
        metavar="SECONDS",
        help="time constant of the probabilities' average; 0 for none (default: %(default)s)",
    )
