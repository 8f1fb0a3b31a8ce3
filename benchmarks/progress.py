"""What a long run shows: a live line on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic

from rich.console import Console

from benchmarks.worker import Notify


class Progress:
    """Shows which of several tasks runs, what it does, and how long each took.

    Parameters
    ----------
    console : Console
    total : int
        Number of tasks.
    """

    def __init__(self, console: Console, total: int) -> None:
        self.console = console
        self.total = total
        self.done = 0

    @contextmanager
    def task(self, name: str) -> Iterator[Notify]:
        """Show one task; the block gets a function to tell what it is doing."""
        self.done += 1
        label = f"[{self.done}/{self.total}] {name}"
        start = monotonic()
        if self.console.is_terminal:
            with self.console.status(_plain(label)) as status:
                yield lambda text: status.update(
                    _plain(f"{label}: {text} ({monotonic() - start:.0f} s)")
                )
        else:
            self.say(label)
            yield lambda text: self.say(f"    {text}")
        self.say(f"{label}: done in {monotonic() - start:.1f} s")

    def skip(self, name: str, why: str) -> None:
        """Show that a task needs no work."""
        self.done += 1
        self.say(f"[{self.done}/{self.total}] {name}: {why}")

    def say(self, text: str) -> None:
        """Print one line as it is."""
        say(self.console, text)


def say(console: Console, text: str) -> None:
    """Print one line as it is: file names may look like rich's markup, and stay in one piece."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def _plain(text: str) -> str:
    return text.replace("[", r"\[")
