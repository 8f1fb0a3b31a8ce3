"""The server's addresses: the page, what it may ask, and how errors are answered."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import cv2
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.types import Receive, Scope, Send

from fer_core.detectors import working_picture
from fer_core.errors import FerError
from fer_core.pictures import decode_picture
from fer_live.web.answers import frame_answer
from fer_live.web.engine import Engine
from fer_live.web.gate import AllowedHosts, Gate
from fer_live.web.live import Cameras
from fer_live.web.uploads import (
    MAX_PICTURE_BYTES,
    MAX_VIDEO_BYTES,
    check_picture,
    receive_picture,
    receive_video,
)
from fer_live.web.video import analyse_video

#: Uploads that are received or analysed at a time: what bounds memory and the temporary folder.
MAX_UPLOADS = 3

#: Longer side, in pixels, of a picture that is sent back to a browser that can't show its format.
_PREVIEW_SIDE = 1600

#: How messages name a file whose name they needn't repeat.
_UPLOAD = "upload"

_PAGE = Path(__file__).parent / "page"


def make_app(engine: Engine, hosts: AllowedHosts, scheme: str | None = None) -> Starlette:
    """Make the ASGI application.

    Parameters
    ----------
    engine : Engine
        With its live recogniser loaded. Closed when the application ends.
    hosts : AllowedHosts
    scheme : str or None
        Label scheme that the page begins with; None for the model's own.
    """

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await asyncio.to_thread(engine.close)

    uploads = _Uploads(engine)
    about = _about(engine, scheme)

    async def tell_about(request: Request) -> Response:
        return JSONResponse(about)

    return Starlette(
        routes=[
            Route("/api/about", tell_about),
            Route("/api/picture", uploads.picture, methods=["POST"]),
            Route("/api/video", uploads.video, methods=["POST"]),
            WebSocketRoute("/api/camera", Cameras(engine).serve),
            Mount("/", StaticFiles(directory=_PAGE, html=True)),
        ],
        middleware=[Middleware(Gate, hosts=hosts)],
        exception_handlers={FerError: _explain, HTTPException: _explain, OSError: _explain},
        lifespan=lifespan,
    )


class _Uploads:
    """Pictures and videos that the page sends, a few at a time."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self.taken = 0

    async def picture(self, request: Request) -> Response:
        async with self._place():
            scheme = self.engine.scheme(request.query_params.get("scheme")).name
            content = await _unless_gone(receive_picture(request))
            preview = "preview" in request.query_params
            work = self.engine.run(
                _analyze_picture, self.engine, content, scheme, preview, purpose="picture"
            )
            return JSONResponse(await _while_there(request, work))

    async def video(self, request: Request) -> Response:
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(self._place())
            scheme = self.engine.scheme(request.query_params.get("scheme")).name
            folder = stack.enter_context(TemporaryDirectory(prefix="fer-live-"))
            path = Path(folder) / "upload"
            await _unless_gone(receive_video(request, path))
            lines = analyse_video(self.engine, path, scheme)
            stack.push_async_callback(lines.aclose)
            # An unreadable video is an error of the request, not of the stream: it shows here.
            first = await anext(lines)
            return _Lines(first, lines, stack.pop_all().aclose)

    @asynccontextmanager
    async def _place(self) -> AsyncIterator[None]:
        if self.taken >= MAX_UPLOADS:
            raise HTTPException(
                503, f"{MAX_UPLOADS} files are being analysed already; try again in a while"
            )
        self.taken += 1
        try:
            yield
        finally:
            self.taken -= 1


class _Lines(StreamingResponse):
    """Streams lines, and cleans up however that ends: also when the page is closed meanwhile."""

    def __init__(
        self, first: str, rest: AsyncIterator[str], clean_up: Callable[[], Awaitable[None]]
    ) -> None:
        async def lines() -> AsyncIterator[str]:
            yield first
            async for line in rest:
                yield line

        super().__init__(lines(), media_type="application/x-ndjson")
        self._clean_up = clean_up

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._clean_up()


def _analyze_picture(engine: Engine, content: bytes, scheme: str, preview: bool) -> dict[str, Any]:
    start = perf_counter()
    check_picture(content, _UPLOAD)
    picture = decode_picture(content, _UPLOAD)
    decode = 1000 * (perf_counter() - start)
    recognizer = engine.recognizer("picture", scheme)
    start = perf_counter()
    faces = recognizer.analyze_picture(picture)
    analyse = 1000 * (perf_counter() - start)
    answer = frame_answer(faces, picture.shape, {"decode": decode, "analyse": analyse})
    if preview:
        jpeg = cv2.imencode(".jpg", working_picture(picture, _PREVIEW_SIDE, 1.0)[0])[1].tobytes()
        answer["preview"] = "data:image/jpeg;base64," + base64.b64encode(jpeg).decode()
    return answer


def _about(engine: Engine, scheme: str | None) -> dict[str, Any]:
    try:
        release = version("fer-ensemble")
    except PackageNotFoundError:
        release = ""
    return {
        "version": release,
        "scheme": engine.scheme(scheme).name,
        "schemes": {each.name: list(each.labels) for each in engine.schemes},
        "limits": {"picture": MAX_PICTURE_BYTES, "video": MAX_VIDEO_BYTES},
    }


async def _unless_gone(receiving: Awaitable[Any]) -> Any:
    try:
        return await receiving
    except ClientDisconnect:
        raise _gone() from None


async def _while_there(request: Request, working: Awaitable[Any]) -> Any:
    """Return the result of work, which is given up if it waits when the page asks no more."""
    work, left = asyncio.ensure_future(working), asyncio.ensure_future(_left(request))
    try:
        await asyncio.wait((work, left), return_when=asyncio.FIRST_COMPLETED)
        answered = work.done()
    finally:
        left.cancel()
        work.cancel()  # if it is not done
    if not answered:
        raise _gone()
    return work.result()


async def _left(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


def _gone() -> HTTPException:
    # Nobody is there to read it; the code is what servers log in this case.
    return HTTPException(499, "The request was broken off")


async def _explain(request: Request, error: Exception) -> Response:
    """Answer with an error's one sentence, for the page to show."""
    if isinstance(error, HTTPException):
        status, message = error.status_code, error.detail
    elif isinstance(error, OSError):  # such as a full disk; the file's name is no one's concern
        status, message = 500, f"The server can't keep the file: {error.strerror or error}"
    else:
        status, message = 422, str(error)
    message = message.removeprefix(f"{_UPLOAD}: ")
    message = message[:1].upper() + message[1:]
    return JSONResponse({"error": message}, status_code=status)
