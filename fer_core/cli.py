"""What every command line shares: errors as one sentence, exit codes, Ctrl-C."""

import argparse
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import TextIOWrapper
from typing import TypeVar

from fer_core.errors import FerError

#: Exit codes: wrong input or use (as argparse), and interrupted (128 + SIGINT).
EXIT_BAD_INPUT = 2
EXIT_INTERRUPTED = 130

_PACKAGES = ("fer_core", "fer_landmarks", "fer_cnn", "fer_live", "benchmarks")


def run_command(
    parser: argparse.ArgumentParser,
    command: Callable[[argparse.Namespace], int | None],
    argv: Sequence[str] | None = None,
) -> int:
    """Parse `argv`, run `command`, and turn its errors into one sentence and an exit code.

    Adds ``--debug`` to the parser, which logs more and lets tracebacks through.

    Returns
    -------
    int
        0 (or what `command` returned), 2 for a `FerError` or a file system error,
        130 for Ctrl-C.
    """
    parser.add_argument("--debug", action="store_true", help="show tracebacks and debug logging")
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    for package in _PACKAGES:
        # Of ours alone: other libraries tell hundreds of lines.
        logging.getLogger(package).setLevel(logging.DEBUG if args.debug else logging.NOTSET)
    if isinstance(sys.stdout, TextIOWrapper):  # a file's name may hold what the terminal can't
        sys.stdout.reconfigure(errors="backslashreplace")
    try:
        return command(args) or 0
    except BrokenPipeError:  # whoever reads what is printed has read enough, as head does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except (FerError, OSError, MemoryError) as error:
        if args.debug:
            raise
        print(f"{parser.prog}: {explain(error)}", file=sys.stderr)
        return EXIT_BAD_INPUT


@contextmanager
def terminated_as_interrupted() -> Iterator[None]:
    """Take SIGTERM, by which services are stopped, for Ctrl-C: results are finished."""

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():  # which can't be told
        yield
        return
    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def natural(text: str) -> int:
    """Return a number of the command line that has to be 0 or more."""
    number = number_of(int, text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more. Got {number} instead.")
    return number


def seed(text: str) -> int:
    """Return a seed of the command line, as large as NumPy and Keras take it."""
    number = natural(text)
    if number >= 2**32:
        raise argparse.ArgumentTypeError(f"must be below {2**32}. Got {number} instead.")
    return number


def positive(text: str) -> float:
    """Return a number of the command line that has to be above 0."""
    value = number_of(float, text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0. Got {text} instead.")
    return value


def not_negative(text: str) -> float:
    """Return a number of the command line that has to be 0 or more."""
    value = number_of(float, text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be 0 or more. Got {text} instead")
    return value


def threads(text: str) -> int:
    """Return a number of threads, or -1 for one a core."""
    number = number_of(int, text)
    if number == 0 or number < -1:
        raise argparse.ArgumentTypeError(f"must be 1 or more, or -1. Got {number} instead.")
    return number


def names(text: str) -> list[str]:
    """Return the names in a list of the command line, such as ``blur,noise``.

    Raises
    ------
    argparse.ArgumentTypeError
        If there are none.
    """
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise argparse.ArgumentTypeError("it names nothing; leave it out, or name at least one")
    return found


_Number = TypeVar("_Number", int, float)


def number_of(kind: type[_Number], text: str) -> _Number:
    """Return what a text of the command line says as an `int` or `float`."""
    try:
        return kind(text)
    except ValueError:
        wanted = "whole number" if kind is int else "number"
        raise argparse.ArgumentTypeError(f"must be a {wanted}. Got '{text}' instead.") from None


def explain(error: FerError | OSError | MemoryError) -> str:
    """Return `error` as one sentence for people, with the file it is about."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    if isinstance(error, MemoryError):
        return (
            f"there is too little memory for this ({error or 'no size told'}); take fewer "
            "pictures, or a model that grows less with them (docs/growth.md)"
        )
    return str(error)
