"""What tests of the page's server share: how its own page asks, and made-up pictures."""

import struct
import zlib

ORIGIN = "http://127.0.0.1:8747"

#: The test client's sockets name another host of themselves.
HOST = {"host": "127.0.0.1:8747"}
OWN = {**HOST, "origin": ORIGIN}


def png_header(width, height):
    """Return a PNG of a few bytes that says it is large."""

    def chunk(kind, data):
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )
