"""Threads of the libraries below: one each, for work as small as a few faces."""

import cv2

from fer_core.ensemble import Ensemble, Model
from fer_core.extras import require


def bound_native_threads(model: Model) -> None:
    """Keep OpenCV and the linear algebra libraries to one thread, for the rest of the process.

    So are the networks of an ensemble, whose members work side by side.

    For programs, once their models are loaded: the libraries must be there to be told. OpenBLAS's
    threads wait for each other by spinning, so that on a busy machine the classical models took
    20 times the processor time for four faces; one face gains nothing from a second thread.
    """
    cv2.setNumThreads(1)
    require("threadpoolctl").threadpool_limits(limits=1)
    members = model.models.values() if isinstance(model, Ensemble) else ()
    if len(members) > 1:
        for member in members:
            if hasattr(member, "use_threads"):
                member.use_threads(1)
