"""Tables of README and docs from committed results: ``python -m benchmarks.readme [--check]``.

A text holds ``<!-- table:DATASET/TABLE -->`` and ``<!-- /table -->``; what stands between them is
written from ``benchmarks/results/DATASET/*.json``. ``DATASET/TABLE/MODEL,MODEL`` shows some models
alone.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.named_tables import make_table
from fer_core.cli import run_command
from fer_core.errors import DataError
from fer_core.files import write_atomically

#: Exit code of --check where a text is stale.
EXIT_STALE = 1

_MARKED = re.compile(r"(<!-- table:(?P<name>\S+) -->\n).*?(<!-- /table -->)", re.DOTALL)
_OPENING = re.compile(r"<!-- table:")


def filled(text: str, results: Path, source: str) -> str:
    """Return `text` with the tables between its markers made anew.

    Parameters
    ----------
    text : str
    results : Path
        Folder with a folder of result files a dataset.
    source : str
        The text's file, for messages.

    Raises
    ------
    DataError
        If a marker names no table or a dataset without results, or has no end.
    """
    if len(_OPENING.findall(text)) != len(_MARKED.findall(text)):
        raise DataError(f"{source}: a '<!-- table:… -->' has no '<!-- /table -->' after it")

    def table(match: re.Match[str]) -> str:
        made = make_table(match["name"], results, source)
        return f"{match[1]}\n{made.markdown()}\n\n{made.legend()}\n\n{match[3]}"

    return _MARKED.sub(table, text)


def texts(root: Path) -> Iterator[Path]:
    """Yield the texts that may hold tables.

    Raises
    ------
    DataError
        If `root` holds no README.
    """
    if not (root / "README.md").exists():
        raise DataError(f"{root}: there is no README.md here; name the project's folder as --root")
    yield root / "README.md"
    yield from sorted((root / "docs").glob("**/*.md"))


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.readme",
        description="Write the tables in README.md and docs from committed results.",
    )
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit code 1 if a text is stale"
    )
    parser.add_argument(
        "--root", type=Path, default=Path(__file__).parents[1], help="folder of README.md"
    )
    return run_command(parser, _command, argv)


def _command(args: argparse.Namespace) -> int:
    stale = []
    for path in texts(args.root):
        old = path.read_text(encoding="utf-8")
        new = filled(old, args.root / "benchmarks" / "results", str(path))
        if new != old:
            stale.append(path)
            if not args.check:
                with write_atomically(path) as temporary:
                    temporary.write_text(new, encoding="utf-8")
    for path in stale:
        print(f"{path}: {'stale; run python -m benchmarks.readme' if args.check else 'written'}")
    return EXIT_STALE if args.check and stale else 0


if __name__ == "__main__":
    raise SystemExit(main())
