"""``python -m fer_live web``: starting, refusing to start, and ending."""

import asyncio
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from contextlib import contextmanager
from http.client import HTTPConnection
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from fer_core.errors import DataError
from fer_live.__main__ import main
from fer_live.web import command
from fer_live.web.command import listen, page_address
from fer_live.web.engine import Engine

PATIENCE = 60


@contextmanager
def started(*options, **environment):
    """Run the command in a process of its own; give it and the page's host and port."""
    process = subprocess.Popen(
        [sys.executable, "-m", "fer_live", "web", "--port", "0", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **environment},
    )
    try:
        line = process.stdout.readline()
        found = re.search(r"http://(\S+)/ \(Ctrl-C ends it\)", line)
        assert found, line + process.stderr.read()
        yield process, found[1]
    finally:
        process.kill()
        process.communicate()


def test_ctrl_c_ends_it_also_with_a_video_half_done(tmp_path):
    frames = np.random.default_rng(0).integers(0, 256, (400, 240, 320, 3), np.uint8)
    path = tmp_path / "long.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 25, (320, 240))
    for frame in frames:
        writer.write(frame)
    writer.release()
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    with started("--model", "hog-svm", TMPDIR=str(temporary)) as (process, address):
        with urllib.request.urlopen(f"http://{address}/api/about") as answer:
            assert len(json.load(answer)["schemes"]) == 5

        def begin():
            connection = HTTPConnection(address, timeout=PATIENCE)
            origin = {"Origin": f"http://{address}"}
            connection.request("POST", "/api/video", path.read_bytes(), origin)
            answer = connection.getresponse()
            assert answer.status == 200
            assert json.loads(answer.readline())["type"] == "video"
            return connection, answer

        # A page that is closed meanwhile leaves nothing behind.
        connection, answer = begin()
        assert len(list(temporary.iterdir())) == 1
        answer.close()
        connection.close()
        deadline = time.monotonic() + PATIENCE
        while list(temporary.iterdir()) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert list(temporary.iterdir()) == []

        held = begin()  # kept: a connection that nobody holds is closed before the signal
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 0
        assert out.strip() == "Stopped."
        assert "Traceback" not in err
        assert b"the server was stopped" in held[1].read()
        assert list(temporary.iterdir()) == []


def test_the_loggers_of_others_stay_open(monkeypatch):
    class Handler(logging.NullHandler):
        closed = False

        def close(self):
            self.closed = True

    handler = Handler()
    monkeypatch.setattr("uvicorn.Server.run", lambda *args, **options: None)
    assert main(["web", "--port", "0", "--model", "hog-svm"]) == 0
    assert not handler.closed


def test_listening_for_others_warns(capsys, monkeypatch):
    def ctrl_c(*args, **options):
        raise KeyboardInterrupt

    # Nothing is opened to others while tests run.
    monkeypatch.setattr(command, "listen", lambda host, port: listen("127.0.0.1", 0))
    monkeypatch.setattr("uvicorn.Server.run", ctrl_c)
    assert main(["web", "--host", "0.0.0.0", "--model", "hog-svm"]) == 0
    out, err = capsys.readouterr()
    assert err.startswith("Warning: everyone who reaches 0.0.0.0 can use this page")
    assert re.match(r"The page is at http://127.0.0.1:(\d+)/ \(others open http://\S+:\1/ ;", out)
    assert main(["web", "--host", "127.0.0.2", "--model", "hog-svm"]) == 0
    assert capsys.readouterr().err == ""


def fails(capsys, *options):
    assert main(["web", *options]) == 2
    return capsys.readouterr().err


def test_a_port_in_use_is_named(capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        error = fails(capsys, "--port", port)
    assert f"port {port} is in use" in error
    assert "--port" in error
    assert error.count("\n") == 1


def test_a_port_that_is_no_number_is_one_sentence(capsys):
    for port, words in (("abc", "must be a whole number. Got 'abc'"), ("70000", "0 to 65535")):
        with pytest.raises(SystemExit):
            main(["web", "--port", port])
        assert words in capsys.readouterr().err


@pytest.mark.parametrize("module", ["uvicorn", "starlette", "websockets"])
def test_without_the_extra_it_says_what_to_install(capsys, monkeypatch, module):
    monkeypatch.setitem(sys.modules, module, None)
    error = fails(capsys)
    assert "pip install 'fer-ensemble[web]'" in error
    assert module in error


def test_wrong_options_are_explained(capsys):
    assert "no-such-model" in fails(capsys, "--port", "0", "--model", "no-such-model")
    file = ("--detector", "haar", "--detector-file", "x.onnx")
    assert "takes no file" in fails(capsys, *file)
    assert "name it too" in fails(capsys, "--members", "cnn", "landmarks")
    assert "no such address" in fails(capsys, "--host", "no such host")
    assert "doesn't have that address" in fails(capsys, "--port", "0", "--host", "192.0.2.1")
    with pytest.raises(SystemExit):
        main(["web", "--port", "70000"])
    with pytest.raises(SystemExit):
        main(["web", "--port", "0", "--threshold", "2"])
    assert "must lie between 0 and 1" in capsys.readouterr().err


def test_the_port_is_free_again_afterwards():
    with listen("127.0.0.1", 0) as listening:
        port = listening.getsockname()[1]
        with pytest.raises(DataError):
            listen("127.0.0.1", port)
    listen("127.0.0.1", port).close()


def test_addresses_to_open():
    assert page_address("0.0.0.0", 80) == "http://127.0.0.1:80/"
    assert page_address("::1", 8) == "http://[::1]:8/"
    assert page_address("localhost", 8) == "http://localhost:8/"


def test_the_threads_of_every_model_are_bounded(monkeypatch):
    bounded = []
    monkeypatch.setattr("fer_live.web.engine.bound_native_threads", bounded.append)
    engine = Engine(lambda: SimpleNamespace(model="live"), lambda: SimpleNamespace(model="picture"))
    for purpose in ("live", "picture", "picture"):
        engine.recognizer(purpose)
    engine.close()
    assert bounded == ["live", "picture"]


def test_a_photograph_keeps_no_camera_waiting():
    engine = Engine(lambda: None, lambda: None)
    seen = threading.Event()

    async def both():
        picture = asyncio.ensure_future(engine.run(seen.wait, PATIENCE, purpose="picture"))
        await engine.run(seen.set)  # while the photograph is being looked at
        return await picture

    assert asyncio.run(both())
    engine.close()
