"""What every command line shares: errors as one sentence, exit codes, Ctrl-C."""

import argparse
import logging
import sys
from collections.abc import Callable, Sequence

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
    try:
        return command(args) or 0
    except KeyboardInterrupt:
        print("Interrupted.", file=sys.stderr)
        return EXIT_INTERRUPTED
    except (FerError, OSError) as error:
        if args.debug:
            raise
        print(f"{parser.prog}: {explain(error)}", file=sys.stderr)
        return EXIT_BAD_INPUT


def natural(text: str) -> int:
    """Return a number of the command line, such as a seed, that has to be 0 or more."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"must be 0 or more. Got {number} instead.")
    return number


def positive(text: str) -> float:
    """Return a number of the command line that has to be above 0."""
    value = float(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0. Got {text} instead.")
    return value


def not_negative(text: str) -> float:
    """Return a number of the command line that has to be 0 or more."""
    value = float(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be 0 or more. Got {text} instead")
    return value


def threads(text: str) -> int:
    """Return a number of threads, or -1 for one a core."""
    number = int(text)
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


def explain(error: FerError | OSError) -> str:
    """Return `error` as one sentence for people, with the file it is about."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.filename}: {error.strerror}" if error.filename else error.strerror
    return str(error)
