"""Made-up videos and streams."""

import http.server
import struct
import threading
import time
from contextlib import contextmanager

import cv2
import numpy as np


def write_video(path, frames, rate=25.0, coding="mp4v"):
    """Write frames as a video file."""
    height, width = frames[0].shape[:2]
    writer = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*coding), rate, (width, height)
    )
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame)
    writer.release()
    return path


def turn_by_metadata(path):
    """Say in an MP4 file's track header that its pictures are to be shown turned by 90 degrees."""
    content = bytearray(path.read_bytes())
    at = content.find(b"tkhd")
    matrix = at + 4 + 4 + (20 if content[at + 4] == 0 else 32) + 16
    upright = (65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    assert struct.unpack(">9i", content[matrix : matrix + 36]) == upright
    turned = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    content[matrix : matrix + 36] = struct.pack(">9i", *turned)
    path.write_bytes(content)


@contextmanager
def stream(pause, n=10_000, port=0):
    """Serve numbered gray pictures as motion JPEG, as network cameras do; give the address.

    `pause(i)` says how many seconds come after picture i; after `n` pictures the line is cut.
    """
    stop = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_):
            pass

        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=b")
            self.end_headers()
            try:
                for i in range(n):
                    gray = np.full((48, 64, 3), i % 250, np.uint8)
                    picture = cv2.imencode(".jpg", gray)[1].tobytes()
                    head = f"--b\r\nContent-Type: image/jpeg\r\nContent-Length: {len(picture)}"
                    self.wfile.write(head.encode() + b"\r\n\r\n" + picture + b"\r\n")
                    if stop.wait(pause(i)):
                        return
            except OSError:
                pass

    class Server(http.server.ThreadingHTTPServer):
        allow_reuse_address = True
        daemon_threads = True

    server = Server(("127.0.0.1", port), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/camera"
    finally:
        stop.set()
        server.shutdown()
        server.server_close()
        thread.join()


def until(condition, seconds=10.0):
    """Wait until a condition holds; whether it did."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


def write_uneven_webm(path, pictures, rate=30, spread=12):
    """Write a WebM as browsers do: frames at uneven times, in milliseconds, and no rate stated."""
    write_video(path, pictures, rate, coding="VP80")
    data = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    place = data.find(b"\x23\xe3\x83")  # DefaultDuration, which becomes a void of its length
    length = data[place + 3] & 0x7F
    data[place : place + 4 + length] = bytes([0xEC, 0x80 | (length + 2)]) + bytes(length + 2)
    for start, stop, kind in _ebml(data, 0, len(data)):
        if kind in (0xA3, 0xA1) and stop - start > 3:  # a block: track, time, flags, picture
            (time,) = struct.unpack_from(">h", data, start + 1)
            moved = time + int(rng.integers(-spread, spread + 1)) if time else 0
            struct.pack_into(">h", data, start + 1, max(moved, 0))
    path.write_bytes(data)


#: Segment, cluster, tracks, track, block group: elements that hold elements.
_HOLDERS = {0x18538067, 0x1F43B675, 0x1654AE6B, 0xAE, 0xA0}


def _ebml(data, place, end):
    """Give where the content of each element of a Matroska file begins and ends, and its kind."""
    while place < end:
        kind, place = _number(data, place, marked=True)
        size, start = _number(data, place, marked=False)
        unknown = size == 2 ** (7 * (start - place)) - 1
        place = end if unknown else start + size
        yield start, place, kind
        if kind in _HOLDERS:
            yield from _ebml(data, start, place)


def _number(data, place, *, marked):
    n = 9 - data[place].bit_length()
    value = int.from_bytes(data[place : place + n], "big")
    return (value if marked else value & (2 ** (7 * n) - 1)), place + n
