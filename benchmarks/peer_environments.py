"""Environments for other people's packages, whose dependencies would clash with ours."""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
import sys
import tempfile
import venv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.worker import Notify
from fer_core.errors import FerError
from fer_core.files import cache_folder

logger = logging.getLogger(__name__)

#: File of an environment that is finished, with what was installed.
_MARKER = "installed.txt"


class PeerError(FerError):
    """A peer can't be installed or doesn't answer."""


@dataclass(frozen=True)
class PeerEnvironment:
    """A virtual environment in the cache folder, made when it is first needed.

    Attributes
    ----------
    name : str
    requirements : tuple of str
        For pip, installed with their dependencies.
    alone : tuple of str
        For pip, installed without: those that ask for far more than they need.
    """

    name: str
    requirements: tuple[str, ...]
    alone: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """Where it is, one for each Python version."""
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        return cache_folder() / "peers" / f"{self.name}-python{version}"

    def python(self, notify: Notify) -> Path:
        """Return its Python, after making the environment where there is none.

        Raises
        ------
        PeerError
            If it can't be made, most often for want of a network.
        """
        wanted = "\n".join([*self.requirements, "--no-deps", *self.alone]) + "\n"
        marker = self.folder / _MARKER
        python = self.folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
        if marker.exists() and marker.read_text() == wanted and python.exists():
            return python
        notify(f"{self.name}: making its environment, some minutes the first time")
        # Half an environment, or one for other requirements, is of no use.
        shutil.rmtree(self.folder, ignore_errors=True)
        try:
            venv.create(self.folder, with_pip=True)
        except subprocess.CalledProcessError as error:
            raise PeerError(
                f"the peer '{self.name}' could get no environment in {self.folder}: Python made "
                "none with pip; on Debian and Ubuntu install the package python3-venv"
            ) from error
        for options, packages in (([], self.requirements), (["--no-deps"], self.alone)):
            if packages:
                self._install(python, [*options, *packages])
        marker.write_text(wanted)
        return python

    def _install(self, python: Path, arguments: Sequence[str]) -> None:
        command = [
            str(python),
            "-I",
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        done = subprocess.run(
            [*command, *arguments],
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            env=_environment(),
        )
        if done.returncode != 0:
            logger.debug("%s", done.stderr)
            errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
            reason = errors[-1].removeprefix("ERROR: ") if errors else "pip failed"
            raise PeerError(
                f"the peer '{self.name}' could not be installed in {self.folder} ({reason}); "
                "it needs a network connection the first time"
            )

    def answer(
        self, script: Path, given: Mapping[str, NDArray], notify: Notify
    ) -> dict[str, NDArray]:
        """Run a script of ours in the environment: it reads one .npz and writes another.

        Parameters
        ----------
        script : Path
            Called as ``python script IN.npz OUT.npz``; imports nothing of fer-ensemble.
        given : dict of arrays
        notify : callable

        Returns
        -------
        dict of arrays

        Raises
        ------
        PeerError
            If the environment can't be made or the script fails.
        """
        python = self.python(notify)
        notify(f"{self.name}: answering")
        with tempfile.TemporaryDirectory() as folder:
            source, target = Path(folder, "given.npz"), Path(folder, "answers.npz")
            np.savez(source, allow_pickle=False, **given)
            done = subprocess.run(
                [str(python), "-I", str(script), str(source), str(target)],
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                env={**_environment(), "TF_CPP_MIN_LOG_LEVEL": "2"},
                cwd=folder,
            )
            if done.returncode != 0 or not target.exists():
                logger.debug("%s", done.stderr)
                last = (done.stderr.strip().splitlines() or ["it wrote nothing"])[-1]
                raise PeerError(
                    f"the peer '{self.name}' failed ({last}); delete {self.folder} to have its "
                    "environment made anew, or see everything with --debug"
                )
            with np.load(target) as answers:
                return {name: answers[name] for name in answers.files}


def _environment() -> dict[str, str]:
    """Return variables from which neither our packages nor the user's other ones are seen."""
    return {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
