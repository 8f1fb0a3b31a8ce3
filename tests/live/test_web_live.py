"""The camera's WebSocket: one frame at a time, and what ends a connection."""

import contextlib
import math
import struct
import threading

import cv2
import numpy as np
import pytest
from starlette.websockets import WebSocketDisconnect

from fer_live.web import live
from tests.live.own_page import OWN, png_header


def message(seconds, content):
    return struct.pack("<d", seconds) + content


def test_frames_are_answered_one_by_one(client, jpeg):
    with client.websocket_connect("/api/camera", headers=OWN) as socket:
        for seconds in (1.0, 1.05, 1.1):
            socket.send_bytes(message(seconds, jpeg))
            answer = socket.receive_json()
            assert answer["seconds"] == seconds
            assert (answer["width"], answer["height"]) == (512, 512)
            (face,) = answer["faces"]
            assert face["id"] == 1
            assert sum(face["probabilities"]) == pytest.approx(1, abs=1e-3)
            assert {face["label"], face["second"]} == {"happy", "sad"}
            assert abs(face["box"][0] + face["box"][2] / 2 - 226) < 14
            assert len(face["landmarks"]) == 136
            assert set(answer["timings"]) == {"decode", "detect", "landmarks", "classify", "total"}


def test_a_frame_without_a_face_has_none(client):
    gray = cv2.imencode(".jpg", np.full((120, 160), 90, np.uint8))[1].tobytes()
    with client.websocket_connect("/api/camera", headers=OWN) as socket:
        socket.send_bytes(message(0, gray))
        assert socket.receive_json()["faces"] == []


def test_the_scheme_is_the_connection_s(client, jpeg):
    address = "/api/camera?scheme=valence3"
    with client.websocket_connect(address, headers=OWN) as socket:
        socket.send_bytes(message(1, jpeg))
        assert len(socket.receive_json()["faces"][0]["probabilities"]) == 3


def closing(client, *messages, address="/api/camera"):
    """Return the code and the reason that the server closes with after messages."""
    with client.websocket_connect(address, headers=OWN) as socket:
        for each in messages:
            socket.send_text(each) if isinstance(each, str) else socket.send_bytes(each)
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    return closed.value.code, closed.value.reason


def test_an_unknown_scheme_is_named(client):
    code, reason = closing(client, address="/api/camera?scheme=valence")
    assert code == 1003
    assert "Did you mean 'valence3'" in reason


def test_a_second_frame_before_the_answer_ends_the_connection(client, recognizer, jpeg):
    going_on, started = threading.Event(), threading.Event()
    detect = recognizer.detector.detect

    def slow(frame):
        started.set()
        assert going_on.wait(10)
        return detect(frame)

    recognizer.detector.detect = slow
    with client.websocket_connect("/api/camera", headers=OWN) as socket:
        socket.send_bytes(message(1, jpeg))
        assert started.wait(10)
        socket.send_bytes(message(2, jpeg))
        going_on.set()
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1008
    assert "when the last one is answered" in closed.value.reason


@pytest.mark.parametrize(
    "messages",
    [
        ("text",),
        (b"\0" * 8,),
        (message(math.nan, b"x"),),
        (message(math.inf, b"x"),),
    ],
)
def test_messages_of_another_form_end_the_connection(client, messages):
    assert closing(client, *messages)[0] == 1008


def test_time_goes_on(client, jpeg):
    with client.websocket_connect("/api/camera", headers=OWN) as socket:
        socket.send_bytes(message(2, jpeg))
        socket.receive_json()
        socket.send_bytes(message(2, jpeg))
        with pytest.raises(WebSocketDisconnect) as closed:
            socket.receive_json()
    assert closed.value.code == 1008


def test_frames_that_are_no_pictures_end_the_connection(client):
    code, reason = closing(client, message(1, b"no picture"))
    assert code == 1003
    assert "not a picture" in reason


def test_large_frames_end_the_connection(client):
    assert closing(client, message(1, bytes(live.MAX_FRAME_BYTES)))[0] == 1009
    code, reason = closing(client, message(1, png_header(4000, 3000)))
    assert code == 1003
    assert "million pixels" in reason


def test_only_so_many_cameras_are_served(client, jpeg, monkeypatch):
    monkeypatch.setattr(live, "MAX_CAMERAS", 2)
    with contextlib.ExitStack() as stack:
        first, _ = (
            stack.enter_context(client.websocket_connect("/api/camera", headers=OWN))
            for _ in range(2)
        )
        code, reason = closing(client)
        assert code == 1013
        assert "close a tab" in reason
        first.send_bytes(message(1, jpeg))
        assert first.receive_json()["faces"]
    # Places of those who left are free again.
    with client.websocket_connect("/api/camera", headers=OWN) as socket:
        socket.send_bytes(message(1, jpeg))
        assert socket.receive_json()["faces"]


def test_a_tab_that_leaves_in_the_middle_harms_no_other(client, jpeg):
    with client.websocket_connect("/api/camera", headers=OWN) as staying:
        with client.websocket_connect("/api/camera", headers=OWN) as leaving:
            leaving.send_bytes(message(1, jpeg))
        for seconds in (1, 2):
            staying.send_bytes(message(seconds, jpeg))
            assert staying.receive_json()["faces"][0]["id"] == 1
