"""``python -m fer_live``: the live demo's commands."""

import argparse
import sys
from collections.abc import Sequence

import cv2

from fer_core.cli import run_command
from fer_live import image, video
from fer_live.web import command as web


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``fer-live`` with `argv`, or with the process's arguments."""
    parser = argparse.ArgumentParser(
        prog="fer-live", description="Finds faces and labels their expressions, offline."
    )
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")
    image.add_parser(subparsers)
    video.add_parsers(subparsers)
    web.add_parser(subparsers)
    # Pictures this small gain nothing from OpenCV's threads, which the models' would fight.
    cv2.setNumThreads(1)
    return run_command(parser, lambda args: args.command(args), argv)


if __name__ == "__main__":
    sys.exit(main())
