"""All recognition of the server but the search for faces: a thread each for video and pictures.

They bound what any number of tabs can ask of the machine: their frames take turns, and so do their
photographs, one of which may take seconds. Faces of cameras and videos are searched for beside
them, one search at a time for all. The event loop only waits; dlib's CNN detector, which holds
Python's lock for seconds, makes it wait that long.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import numpy as np

from fer_core.datasets.dataset import FACE_SIZE
from fer_core.detectors import PHOTO_WORKING_SIDE
from fer_core.labels import SCHEMES, Scheme
from fer_core.lookup import look_up
from fer_live.follower import LIVE_MODEL, FaceFollower
from fer_live.native_threads import bound_native_threads
from fer_live.recognizer import DEFAULT_MODEL, EmotionRecognizer

T = TypeVar("T")


class Engine:
    """Recognisers by purpose and label scheme, and the threads that they work in.

    Parameters
    ----------
    live, picture : callable
        Make the recogniser for moving pictures and the one for photographs; called once each, in
        the purpose's thread, the latter when the first photograph comes.

    Attributes
    ----------
    stopping : bool
        Set when the server is asked to stop: what lasts long ends then.
    """

    def __init__(
        self,
        live: Callable[[], EmotionRecognizer],
        picture: Callable[[], EmotionRecognizer],
    ) -> None:
        self._make = {"live": live, "picture": picture}
        self._made: dict[tuple[str, str | None], EmotionRecognizer] = {}
        self._threads = {
            purpose: ThreadPoolExecutor(1, thread_name_prefix=f"fer-{purpose}")
            for purpose in self._make
        }
        self.stopping = False

    @classmethod
    def of(cls, model: str | None = None, **options: Any) -> Engine:
        """Make an engine that loads stored models.

        Parameters
        ----------
        model : str or None
            For everything; None takes the shipped ones for video and for pictures.
        **options
            For `EmotionRecognizer.load`.
        """
        return cls(
            lambda: EmotionRecognizer.load(model or LIVE_MODEL, **options),
            lambda: EmotionRecognizer.load(
                model or DEFAULT_MODEL, working_side=PHOTO_WORKING_SIDE, **options
            ),
        )

    def load(self) -> EmotionRecognizer:
        """Load the live recogniser now; raises what keeps it from being loaded."""
        return self._threads["live"].submit(self._load_live).result()

    def _load_live(self) -> EmotionRecognizer:
        recognizer = self.recognizer("live")
        # Predictor and networks are read at first use, which the first frame should not wait for.
        recognizer.analyze_crop(np.zeros((FACE_SIZE, FACE_SIZE), np.uint8))
        return recognizer

    def close(self) -> None:
        """Let the threads end what they were asked for."""
        for thread in self._threads.values():
            thread.shutdown()

    async def run(self, work: Callable[..., T], *arguments: Any, purpose: str = "live") -> T:
        """Call `work` in a purpose's thread when its turn comes."""
        thread = self._threads[purpose]
        return await asyncio.get_running_loop().run_in_executor(thread, work, *arguments)

    async def finish(self, work: Callable[[], None]) -> None:
        """Call `work` in the thread for video after all that it does, whoever is cancelled."""
        try:
            future = self._threads["live"].submit(work)
        except RuntimeError:  # the thread has ended, so nothing else is at work
            work()
        else:
            await asyncio.shield(asyncio.wrap_future(future))

    @property
    def schemes(self) -> Sequence[Scheme]:
        """Label schemes that the live model can answer in; its own first. Loaded models only."""
        own = self._made["live", None].scheme
        others = SCHEMES.values() if own == SCHEMES["fer7"] else ()
        return [own, *(scheme for scheme in others if scheme != own)]

    def scheme(self, name: str | None) -> Scheme:
        """Return one of `schemes`; None or an empty name for the model's own.

        Raises
        ------
        DataError
            If there is none; the message suggests the nearest name.
        """
        schemes = {scheme.name: scheme for scheme in self.schemes}
        return look_up(schemes, name, "label scheme") if name else self.schemes[0]

    def recognizer(self, purpose: str, scheme: str | None = None) -> EmotionRecognizer:
        """Return the recogniser for a purpose that answers in a scheme; in the purpose's thread.

        All of one purpose share model, detector and predictor.
        """
        if (purpose, None) not in self._made:
            made = self._make[purpose]()
            bound_native_threads(made.model)
            self._made[purpose, None] = made
        own = self._made[purpose, None]
        if (purpose, scheme) not in self._made:
            self._made[purpose, scheme] = own.using(scheme=self.scheme(scheme))
        return self._made[purpose, scheme]

    def follower(self, scheme: str | None) -> FaceFollower:
        """Make a follower of one camera's or video's faces; in the thread for video."""
        return FaceFollower(self.recognizer("live", scheme))
