"""One spawned process a task, so that no two models share an OpenMP runtime."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from pathlib import Path

from fer_core.cli import explain
from fer_core.errors import FerError

#: Told what a task is doing now, in a few words.
Notify = Callable[[str], None]
#: Work for a process of its own; must be picklable (a function of a module, or a partial of one).
Task = Callable[[Notify], None]

#: Packages whose INFO log lines are shown as progress.
_TALKATIVE = ("fer_core", "fer_landmarks", "fer_cnn", "benchmarks")


#: Told the id of a task's process, returns why it has to end, or None.
Watch = Callable[[int], str | None]

_WATCH_SECONDS = 0.5


class TaskError(FerError):
    """A task in a process of its own failed."""


class TaskStopped(TaskError):
    """A task was stopped because it took too much."""


def run_task(task: Task, log: Path, notify: Notify, watch: Watch | None = None) -> None:
    """Run `task` in a fresh process and wait for it.

    Parameters
    ----------
    task : callable
    log : Path
        Takes everything that the task and its libraries print, and the traceback if it fails.
    notify : callable
        Called here with what the task tells about its progress.
    watch : callable or None
        Asked twice a second whether the process has to end.

    Raises
    ------
    TaskError
        If the task fails or its process dies.
    TaskStopped
        If `watch` gave a reason, which is the message, or the system killed the process.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(task, log, sender))
    with _ignored_interrupts():
        process.start()
    pid = process.pid
    assert pid is not None  # of a started process
    sender.close()
    failure: str | None = None
    try:
        while True:
            while watch is not None and not receiver.poll(_WATCH_SECONDS):
                if (reason := watch(pid)) is not None:
                    raise TaskStopped(reason)
            try:
                kind, text = receiver.recv()
            except (EOFError, OSError):  # its end is closed, perhaps within a message: it is over
                process.join()
                break
            if kind == "failed":
                failure = text
            else:
                notify(text)
    finally:
        if process.is_alive():
            _end_group(pid)
            process.terminate()  # if it was not yet at the head of its group
            process.join()
        receiver.close()
    if failure is not None:
        raise TaskError(failure)
    if (process.exitcode or 0) < 0:  # by a signal: it could not tell what it has started
        _end_group(pid)
    killed = getattr(signal, "SIGKILL", None)  # Windows has none
    if killed is not None and process.exitcode == -killed:
        raise TaskStopped(f"ended by the system, most often for want of memory; see {log}")
    if process.exitcode != 0:
        raise TaskError(f"its process died (exit code {process.exitcode}); see {log}")


@contextmanager
def _ignored_interrupts() -> Iterator[None]:
    """Start a process that Ctrl-C doesn't reach: the parent ends it, without a traceback."""
    try:
        before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    except ValueError:  # not in the main thread, where Ctrl-C is handled elsewhere
        yield
        return
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _end_with_parent() -> None:
    """End this process when the one that started it is gone, however that ended."""
    parent = multiprocessing.parent_process()
    assert parent is not None  # this runs in spawned processes only
    parent.join()
    _end_group(os.getpid())
    os._exit(1)


def _end_group(pid: int) -> None:
    """End a task's process with those that it has started, such as joblib's."""
    if hasattr(os, "killpg"):  # Windows has no groups
        with suppress(ProcessLookupError, PermissionError):  # macOS's word for an ended one
            os.killpg(pid, signal.SIGTERM)


def _child(task: Task, log: Path, sender: Connection) -> None:
    if hasattr(os, "setpgrp"):
        os.setpgrp()
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with open(log, "w", encoding="utf-8", buffering=1) as file:
        # Native libraries print to the descriptors, whatever sys.stdout is.
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
        logging.basicConfig(stream=sys.stderr, level=logging.WARNING)
        handler = _Forward(sender)
        for name in _TALKATIVE:
            logging.getLogger(name).setLevel(logging.INFO)
            logging.getLogger(name).addHandler(handler)
        try:
            task(lambda text: sender.send(("stage", text)))
        except (FerError, OSError) as error:
            logging.exception("task failed")
            sender.send(("failed", explain(error)))
        except Exception as error:
            logging.exception("task failed")
            sender.send(("failed", f"{type(error).__name__}: {error} (traceback in {log})"))
        finally:
            sender.close()


class _Forward(logging.Handler):
    def __init__(self, sender: Connection) -> None:
        super().__init__(logging.INFO)
        self._sender = sender

    def emit(self, record: logging.LogRecord) -> None:
        if not self._sender.closed:
            self._sender.send(("stage", record.getMessage()))
