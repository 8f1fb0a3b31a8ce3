"""A training killed by the operating system goes on and loses at most one epoch."""

import subprocess
import sys
import time

import numpy as np
import pytest

from fer_cnn.checkpoint import CHECKPOINT, HISTORY
from fer_cnn.history import read_history
from fer_cnn.training import train

_TRAIN = """
import sys
from dataclasses import replace
from pathlib import Path
import numpy as np
from fer_cnn.recipes import get_recipe
from fer_cnn.training import train

data = np.load(sys.argv[1])
recipe = replace(get_recipe("tiny"), epochs=40, batch_size=16)
train(recipe, data["faces"], data["y"], 3, out=Path(sys.argv[2]))
"""


@pytest.mark.slow
def test_killed_in_the_middle_of_an_epoch(striped, quick_recipe, tmp_path):
    from dataclasses import replace

    faces, y = striped
    out = tmp_path / "killed"
    np.savez(tmp_path / "data.npz", faces=faces, y=y)
    process = subprocess.Popen(
        [sys.executable, "-c", _TRAIN, str(tmp_path / "data.npz"), str(out)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        for _ in range(1200):
            if (out / CHECKPOINT).exists() and len(read_history(out / HISTORY)) >= 2:
                break
            assert process.poll() is None, process.stderr.read()
            time.sleep(0.1)
    finally:
        process.kill()  # SIGKILL: nothing is tidied up
        process.wait()
    before = read_history(out / HISTORY)
    assert 2 <= len(before) < 40
    recipe = replace(quick_recipe, epochs=40)
    resumed = train(recipe, faces, y, 3, out=out, max_minutes=0).history
    assert len(before) - len(resumed) <= 1
    # It goes on as the training that is never interrupted.
    epochs = len(resumed) + 1

    class Enough(Exception):
        pass

    def stop(record):
        if record.epoch == epochs:
            raise Enough

    for folder in (out, tmp_path / "whole"):
        with pytest.raises(Enough):
            train(recipe, faces, y, 3, out=folder, on_epoch=stop)
    curves = [[r.loss for r in read_history(f / HISTORY)] for f in (out, tmp_path / "whole")]
    assert len(curves[0]) == epochs
    np.testing.assert_allclose(*curves, rtol=1e-3)
