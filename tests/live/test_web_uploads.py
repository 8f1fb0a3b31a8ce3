"""Uploaded pictures and videos: analysed, refused, and not kept."""

import asyncio
import base64
import errno
import io
import json
import tempfile
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image
from starlette.exceptions import HTTPException

from fer_live.web import app as app_module
from fer_live.web import uploads, video
from tests.live.own_page import OWN, png_header
from tests.live.videos import write_uneven_webm


@pytest.fixture
def own_tmp(tmp_path, monkeypatch):
    """Keep temporary files of the server in a folder that the test can look into."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def write_video(path, frames, coding="MJPG"):
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*coding), 10, (width, height))
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path.read_bytes()


def lines_of(response):
    assert response.status_code == 200, response.text
    return [json.loads(line) for line in response.text.splitlines()]


def post(client, content, address="/api/picture"):
    return client.post(address, content=content, headers=OWN)


def test_a_picture_is_analysed(client, recognizer, two_faces):
    answer = post(client, cv2.imencode(".png", two_faces)[1].tobytes()).json()
    assert (answer["width"], answer["height"]) == (480, 220)
    left, right = sorted(answer["faces"], key=lambda face: face["box"][0])
    assert (left["label"], right["label"]) == ("happy", "sad")
    assert left["id"] != right["id"]
    expected = {face.label: face.probabilities for face in recognizer.analyze(two_faces)}
    np.testing.assert_allclose(left["probabilities"], expected["happy"], atol=1e-4)
    assert "preview" not in answer


def test_a_preview_shows_what_was_analysed(client, astronaut):
    content = io.BytesIO()
    Image.fromarray(astronaut[:, ::-1, ::-1]).save(content, "TIFF")
    answer = post(client, content.getvalue(), "/api/picture?preview").json()
    kind, _, data = answer["preview"].partition(",")
    assert kind == "data:image/jpeg;base64"
    seen = cv2.imdecode(np.frombuffer(base64.b64decode(data), np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(seen.astype(int) - astronaut[:, ::-1]).mean() < 6


def test_a_thread_of_a_picture_has_a_preview(client):
    content = cv2.imencode(".tiff", np.zeros((1, 5000, 3), np.uint8))[1].tobytes()
    assert post(client, content, "/api/picture?preview").json()["preview"]


def test_a_small_picture_is_a_ready_crop(client):
    picture = np.full((48, 48), 255, np.uint8)
    picture[0, 0] = 254  # of one gray level it would be none
    answer = post(client, cv2.imencode(".png", picture)[1].tobytes())
    (face,) = answer.json()["faces"]
    assert face["box"] == [0, 0, 48, 48]
    assert face["probabilities"][3] == pytest.approx(0.92, abs=1e-3)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b"<html>no picture</html>", "not a picture in a format"),
        (png_header(30000, 30000), "million pixels"),
        (png_header(300, 300), "cut off or damaged"),
    ],
)
def test_what_is_no_picture_is_explained(client, content, reason):
    answer = post(client, content)
    assert answer.status_code == 422
    error = answer.json()["error"]
    assert reason in error
    assert error[0].isupper()
    assert "upload:" not in error


def test_unknown_schemes_are_explained(client, jpeg):
    answer = post(client, jpeg, "/api/picture?scheme=basic")
    assert answer.status_code == 422
    assert "Did you mean 'basic4'" in answer.json()["error"]


@pytest.mark.parametrize("stated", [True, False])
@pytest.mark.parametrize("kind", ["picture", "video"])
def test_oversize_uploads_are_refused(client, monkeypatch, own_tmp, kind, stated):
    monkeypatch.setattr(uploads, f"MAX_{kind.upper()}_BYTES", 1 << 20)
    taken = 0

    def pieces():
        nonlocal taken
        for _ in range(64):
            taken += 1
            yield b"\x1aE\xdf\xa3" + bytes(65532)

    content = b"".join(pieces()) if stated else pieces()
    answer = post(client, content, f"/api/{kind}")
    assert answer.status_code == 413
    assert "larger than 1 MB" in answer.json()["error"]
    assert list(own_tmp.iterdir()) == []


def test_only_so_many_uploads_at_a_time(client, jpeg, monkeypatch):
    monkeypatch.setattr(app_module, "MAX_UPLOADS", 0)
    answer = post(client, jpeg)
    assert answer.status_code == 503
    assert "try again" in answer.json()["error"]
    monkeypatch.setattr(app_module, "MAX_UPLOADS", 1)
    for _ in range(2):
        assert post(client, b"x").status_code == 422
    assert post(client, jpeg).status_code == 200


def test_every_frame_of_a_video_is_analysed(client, own_tmp, tmp_path, astronaut):
    face, none = astronaut[:240, 100:420], np.full((240, 320, 3), 90, np.uint8)
    content = write_video(tmp_path / "clip.avi", [face] * 8 + [none] * 3 + [face] * 4)
    first, *frames, end = lines_of(post(client, content, "/api/video?scheme=basic4"))
    assert first == {"type": "video", "seconds": pytest.approx(1.5)}
    assert [len(frame["faces"]) for frame in frames] == [1] * 8 + [0] * 3 + [1] * 4
    np.testing.assert_allclose([frame["seconds"] for frame in frames], np.arange(15) / 10)
    assert {face["id"] for frame in frames for face in frame["faces"]} == {1}
    assert len(frames[0]["faces"][0]["probabilities"]) == 4
    assert (end["type"], end["frames"], end["remark"]) == ("end", 15, "")
    assert list(own_tmp.iterdir()) == []


def test_a_browsers_recording_is_analysed(client, tmp_path):
    path = tmp_path / "recorded.webm"
    write_uneven_webm(path, [np.full((240, 320, 3), 90 + i, np.uint8) for i in range(20)])
    first, *frames, end = lines_of(post(client, path.read_bytes(), "/api/video"))
    assert first == {"type": "video", "seconds": 0}
    assert len(frames) == end["frames"] == 20
    assert frames[-1]["seconds"] == pytest.approx(19 / 30, abs=0.03)


def test_large_frames_are_shrunk_and_long_videos_cut(client, tmp_path, monkeypatch):
    monkeypatch.setattr(video, "MAX_SECONDS", 0.25)
    content = write_video(tmp_path / "clip.avi", [np.zeros((720, 1600, 3), np.uint8)] * 6)
    _, *frames, end = lines_of(post(client, content, "/api/video"))
    assert (frames[0]["width"], frames[0]["height"]) == (1280, 576)
    assert len(frames) == end["frames"] == 3
    assert "only the first" in end["remark"]


def test_a_video_that_is_cut_off_says_so_after_its_frames(client, tmp_path):
    random = np.random.default_rng(0)
    frames = [random.integers(0, 256, (120, 160, 3), np.uint8) for _ in range(40)]
    content = write_video(tmp_path / "clip.avi", frames)
    *_, end = lines_of(post(client, content[: len(content) // 2], "/api/video"))
    assert 0 < end["frames"] < 40
    assert "cut off" in end["remark"]


def test_a_full_disk_is_explained(client, own_tmp, tmp_path, monkeypatch):
    content = write_video(tmp_path / "clip.avi", [np.zeros((48, 64, 3), np.uint8)] * 5)

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, "No space left on device", "/tmp/fer-live-1/upload")

    monkeypatch.setattr(Path, "open", full)
    answer = post(client, content, "/api/video")
    assert answer.status_code == 500
    assert answer.json()["error"] == "The server can't keep the file: No space left on device"


PLAYLIST = b"#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\nfile:///etc/passwd\n#EXT-X-ENDLIST\n"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (PLAYLIST * 20, "not a video in a container"),
        (b"ffconcat version 1.0\nfile /etc/passwd\n", "not a video in a container"),
        (b"\x1aE\xdf\xa3" + bytes(5000), "damaged"),
    ],
)
def test_what_is_no_video_is_explained(client, own_tmp, content, reason):
    answer = post(client, content, "/api/video")
    assert answer.status_code == 422
    assert reason in answer.json()["error"]
    assert "fer-live-" not in answer.json()["error"]
    assert list(own_tmp.iterdir()) == []


def test_frames_of_too_many_pixels_are_refused(client, tmp_path, monkeypatch):
    monkeypatch.setattr(video, "MAX_FRAME_PIXELS", 1000)
    content = write_video(tmp_path / "clip.avi", [np.zeros((120, 160, 3), np.uint8)])
    answer = post(client, content, "/api/video")
    assert answer.status_code == 422
    assert "160 x 120" in answer.json()["error"]


def test_an_upload_that_stalls_gives_up_its_place(monkeypatch):
    monkeypatch.setattr(uploads, "_PATIENCE", 0.05)

    async def stream():
        yield b"abc"
        await asyncio.sleep(30)

    request = SimpleNamespace(headers={}, stream=stream)
    with pytest.raises(HTTPException) as told:
        asyncio.run(uploads.receive_picture(request))
    assert told.value.status_code == 408


def test_a_picture_that_nobody_waits_for_gives_its_place_up():
    class Left:
        """A request whose page has gone."""

        async def receive(self):
            return {"type": "http.disconnect"}

    class There:
        async def receive(self):
            await asyncio.Event().wait()

    async def ask(request, work):
        return await app_module._while_there(request, work)

    async def answered():
        return "faces"

    async def waiting():
        queued = asyncio.get_running_loop().create_future()
        with pytest.raises(HTTPException, match="broken off"):
            await ask(Left(), queued)
        return queued.cancelled()

    assert asyncio.run(ask(There(), answered())) == "faces"
    assert asyncio.run(waiting())
