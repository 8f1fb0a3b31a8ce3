"""Annotated video is written at any rate, or says in a sentence why not."""

import os
import sys

import numpy as np
import pytest

from fer_live.annotated_video import AnnotatedVideo, readable_frames


@pytest.mark.parametrize("rate", [0.0004, 12.5, 66.667, 74.973, 119.123, 999.99, 100_000.0])
def test_every_rate_is_written(tmp_path, rate):
    video = AnnotatedVideo(tmp_path / "a.mkv", rate, (49, 64))
    for level in (0, 100, 200):
        video.write(np.full((49, 64, 3), level, np.uint8))
    video.close()
    assert readable_frames(tmp_path / "a.mkv") == 3
    assert video.rate == pytest.approx(min(max(rate, 0.01), 1000), rel=1e-4)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are Unicode elsewhere")
def test_a_folder_that_is_no_text_is_one_sentence(tmp_path):
    folder = tmp_path / os.fsdecode(b"o\xff")
    folder.mkdir()
    with pytest.raises(OSError, match="must be valid UTF-8"):
        AnnotatedVideo(folder / "a.mkv", 25.0, (48, 64))
    (folder / "a.mkv").write_bytes(b"something")
    assert readable_frames(folder / "a.mkv") == 0
