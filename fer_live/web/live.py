"""The WebSocket of the camera: a frame comes, its faces go back, then the next frame comes.

A message is the time of the frame in seconds (little-endian double) and then a JPEG. Never more
than one frame of a connection is here: whoever sends the next before the answer is cut off, so a
slow machine gets fewer frames and no queue.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import struct
from time import perf_counter
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from fer_core.errors import FerError
from fer_core.pictures import decode_picture
from fer_live.follower import FaceFollower
from fer_live.web.answers import frame_answer
from fer_live.web.engine import Engine
from fer_live.web.uploads import check_picture

#: Bytes of a message. The page sends some 60,000.
MAX_FRAME_BYTES = 4 << 20

#: Pixels of a frame: full HD.
MAX_FRAME_PIXELS = 1920 * 1088

#: Cameras that are served at a time, each in a tab of its own.
MAX_CAMERAS = 8

_SECONDS = struct.Struct("<d")

# RFC 6455, section 7.4.1, and the IANA registry for 1013.
_NOT_A_PICTURE, _BROKEN_RULE, _TOO_LARGE, _TRY_LATER = 1003, 1008, 1009, 1013


class _Refused(Exception):
    """The connection is closed with a code and a reason."""

    def __init__(self, code: int, reason: str) -> None:
        self.code, self.reason = code, reason


class Cameras:
    """The connections of all tabs' cameras."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.connected = 0

    async def serve(self, socket: WebSocket) -> None:
        """Answer one camera's frames until it leaves or breaks the rules."""
        await socket.accept()
        self.connected += 1
        try:
            if self.connected > MAX_CAMERAS:
                raise _Refused(_TRY_LATER, f"{MAX_CAMERAS} cameras are being served; close a tab")
            await self._serve(socket)
        except WebSocketDisconnect:
            pass
        except _Refused as refusal:
            await _close(socket, refusal.code, refusal.reason)
        except FerError as error:
            await _close(socket, _NOT_A_PICTURE, str(error))
        finally:
            self.connected -= 1

    async def _serve(self, socket: WebSocket) -> None:
        scheme = self.engine.scheme(socket.query_params.get("scheme")).name
        follower = await self.engine.run(self.engine.follower, scheme)
        last = -math.inf
        message = await socket.receive()
        while message["type"] == "websocket.receive":
            seconds, content = _take_apart(message.get("bytes"), after=last)
            last = seconds
            # Listening goes on meanwhile: for a tab that leaves, and for a frame out of turn.
            coming = asyncio.ensure_future(socket.receive())
            try:
                answer = await self.engine.run(_analyze, follower, content, seconds)
                if coming.done() and coming.result()["type"] == "websocket.receive":
                    raise _Refused(_BROKEN_RULE, "send a frame when the last one is answered")
                if not coming.done():
                    await socket.send_json(answer)
                message = await coming
            finally:
                coming.cancel()


async def _close(socket: WebSocket, code: int, reason: str) -> None:
    # A close frame has room for 123 bytes; whoever is gone already needs none.
    with contextlib.suppress(WebSocketDisconnect):
        await socket.close(code, reason.encode()[:123].decode(errors="ignore"))


def _take_apart(message: bytes | None, after: float) -> tuple[float, bytes]:
    if message is None or len(message) <= _SECONDS.size:
        raise _Refused(_BROKEN_RULE, "a message is a time in 8 bytes and then a JPEG")
    if len(message) > MAX_FRAME_BYTES:
        raise _Refused(_TOO_LARGE, f"a frame has at most {MAX_FRAME_BYTES} bytes")
    (seconds,) = _SECONDS.unpack_from(message)
    if not (math.isfinite(seconds) and seconds > after):
        raise _Refused(_BROKEN_RULE, "each frame's time is later than the last one's")
    return seconds, message[_SECONDS.size :]


def _analyze(follower: FaceFollower, content: bytes, seconds: float) -> dict[str, Any]:
    start = perf_counter()
    check_picture(content, "frame", MAX_FRAME_PIXELS)
    frame = decode_picture(content, "frame", MAX_FRAME_PIXELS)
    decode = 1000 * (perf_counter() - start)
    result = follower.update(frame, seconds)
    answer = frame_answer(result.faces, frame.shape, {"decode": decode, **result.timings})
    return {"seconds": seconds, **answer}
