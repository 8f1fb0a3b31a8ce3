"""Live sources: the newest frame only, stalls and returns, and nothing left behind."""

import os
import sys
import threading
import time

import cv2
import pytest

from fer_core.errors import DataError
from fer_live import capture
from fer_live.capture import LiveSource, open_camera
from fer_live.sources import Frame, Waiting, open_source

from .videos import stream


def seen(moment):
    return round(float(moment.image.mean()))


def test_the_newest_frame_is_handed_over_and_others_dropped():
    with stream(lambda i: 0.02) as address:
        source = open_source(address)
        assert isinstance(source, LiveSource)
        frames = source.frames()
        first = next(m for m in frames if isinstance(m, Frame))
        time.sleep(0.6)  # some thirty pictures pass
        second = next(m for m in frames if isinstance(m, Frame))
        third = next(m for m in frames if isinstance(m, Frame))
        assert second.number - first.number > 10
        assert third.number - second.number <= 3
        assert seen(third) - seen(first) == third.number - first.number
        assert second.seconds - first.seconds > 0.4
        source.close()


def test_time_begins_with_the_first_frame_that_is_given():
    with stream(lambda i: 0.02) as address:
        source = open_source(address)
        time.sleep(0.6)  # as models are loaded
        frames = (m for m in source.frames() if isinstance(m, Frame))
        first, second = next(frames), next(frames)
        source.close()
    assert seen(first) > 10
    assert (first.number, first.seconds) == (0, 0)
    assert second.number == seen(second) - seen(first)
    assert 0 < second.seconds < 0.3


def test_a_stall_gives_messages_in_time_and_goes_on(monkeypatch):
    monkeypatch.setattr(capture, "STALLED", 0.3)
    with stream(lambda i: 1.0 if i == 5 else 0.02) as address:
        source = open_source(address)
        longest, messages, numbers, before = 0.0, set(), [], time.monotonic()
        for moment in source.frames():
            longest, before = max(longest, time.monotonic() - before), time.monotonic()
            if isinstance(moment, Waiting):
                messages.add(moment.message)
            else:
                numbers.append(moment.number)
                if moment.number > 10:
                    break
        source.close()
    assert f"{address} sends no pictures; waiting" in messages
    assert longest < 0.5
    assert numbers == sorted(set(numbers))


def test_a_source_that_vanishes_is_tried_again(monkeypatch):
    monkeypatch.setattr(capture, "_PAUSE", 0.1)
    with stream(lambda i: 0.02, n=10) as address:
        source = LiveSource(address)
        moments = source.frames()
        states = []
        for moment in moments:
            state = "frame" if isinstance(moment, Frame) else moment.message
            if state and (not states or states[-1] != state):
                states.append(state)
            if len(states) == 3:
                break
        source.close()
    assert states == ["frame", f"{address} was lost; trying again", "frame"]


def test_a_source_that_stays_away_ends_in_a_sentence(monkeypatch):
    monkeypatch.setattr(capture, "_PAUSE", 0.1)
    with stream(lambda i: 0.01, n=5) as address:
        source = LiveSource(address, retry_seconds=0.5)
        moments = source.frames()
        assert isinstance(next(m for m in moments if isinstance(m, Frame)), Frame)
        # The server goes on, but nobody may open it again.
        monkeypatch.setattr(source, "_open", lambda: (_ for _ in ()).throw(DataError("gone")))
        with pytest.raises(DataError, match="was lost and did not come back in"):
            for _ in moments:
                pass
        source.close()


class Silent:
    """A capture that opens and gives no picture."""

    opened = 0

    def __init__(self):
        type(self).opened += 1

    def read(self):
        return False, None

    def get(self, what):
        return 0.0

    def release(self):
        pass


def test_a_source_that_opens_and_gives_nothing_ends_in_a_sentence(monkeypatch):
    monkeypatch.setattr(capture, "_PAUSE", 0.1)
    monkeypatch.setattr(capture, "open_capture", lambda name: Silent())
    source = LiveSource("rtsp://silent", retry_seconds=0.5)
    with pytest.raises(DataError, match="was lost and did not come back"):
        list(source.frames())
    source.close()
    assert 1 < Silent.opened < 10


def test_a_driver_that_breaks_down_ends_in_a_sentence(monkeypatch):
    class Broken(Silent):
        def read(self):
            raise cv2.error("no buffer left")

    monkeypatch.setattr(capture, "open_capture", lambda name: Broken())
    source = LiveSource("rtsp://broken", retry_seconds=30)
    with pytest.raises(DataError, match=r"rtsp://broken broke down .*no buffer left"):
        list(source.frames())
    source.close()


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="counts Linux's file handles")
def test_no_thread_and_no_file_handle_is_left():
    with stream(lambda i: 0.02) as address:
        open_source(address).close()
        handles, threads = len(os.listdir("/proc/self/fd")), threading.active_count()
        for _ in range(3):
            source = open_source(address)
            next(m for m in source.frames() if isinstance(m, Frame))
            source.close()
        deadline = time.monotonic() + 5
        while time.monotonic() < deadline and len(os.listdir("/proc/self/fd")) > handles:
            time.sleep(0.05)  # the server closes its ends a little later
        assert len(os.listdir("/proc/self/fd")) <= handles
        assert threading.active_count() <= threads + 1  # one of the server's may just be ending


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux's devices")
def test_no_camera_is_one_sentence():
    with pytest.raises(DataError, match="there is no camera 97"):
        open_camera(97)


def test_an_address_where_nobody_answers_is_one_sentence():
    with pytest.raises(DataError, match="nothing answers there with a video"):
        open_source("http://127.0.0.1:9/none")
