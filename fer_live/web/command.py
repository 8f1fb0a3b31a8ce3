"""``python -m fer_live web``: serve the page on this machine."""

import argparse
import contextlib
import errno
import socket
import sys
import webbrowser
from typing import Any

from fer_core.cli import number_of
from fer_core.errors import DataError, FerError
from fer_core.extras import require
from fer_live.options import add_arguments, recognizer_options

#: Port that the page is served at.
DEFAULT_PORT = 8747

#: Seconds that a request in progress has to end after Ctrl-C.
_GRACE_SECONDS = 2


def add_parser(subparsers: Any) -> None:
    """Add the subcommand ``web``."""
    parser: argparse.ArgumentParser = subparsers.add_parser(
        "web",
        help="open a page for camera, pictures and video",
        description="Serves a page for camera, pictures and video on this machine, offline. "
        "Nothing is saved. Ctrl-C ends it.",
    )
    parser.add_argument(
        "--port", type=_port, default=DEFAULT_PORT, help="0 takes a free one; default: %(default)s"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="address to listen on; any but this machine's own lets others in "
        "(default: %(default)s)",
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser")
    add_arguments(
        parser,
        model=None,
        model_help="model for everything (default: ensemble-live for camera and video, ensemble "
        "for pictures)",
    )
    parser.set_defaults(command=run)


def run(args: argparse.Namespace) -> int:
    """Run the subcommand ``web``.

    Raises
    ------
    FerError
        If the extra, a model or an option can't be used, or the address can't be had.
    """
    options = recognizer_options(args)
    if args.members is not None and args.model is None:
        raise DataError(
            "--members chooses among one ensemble's; name it too, for example --model ensemble"
        )
    uvicorn, *_ = (require(module, "web") for module in ("uvicorn", "starlette", "websockets"))
    from fer_live.web.app import make_app
    from fer_live.web.engine import Engine
    from fer_live.web.gate import AllowedHosts, is_loopback, is_wildcard
    from fer_live.web.live import MAX_FRAME_BYTES

    # Before the models are loaded: a port in use should not cost seconds.
    with listen(args.host, args.port) as listening:
        engine = Engine.of(args.model, **options)
        try:
            engine.load()
            app = make_app(engine, AllowedHosts.of(args.host), args.scheme)
        except BaseException:
            engine.close()
            raise
        port = listening.getsockname()[1]
        address = page_address(args.host, port)
        if not is_loopback(args.host):
            print(_warning(args.host), file=sys.stderr)
        others = f"others open {other_address(port)} ; " if is_wildcard(args.host) else ""
        print(f"The page is at {address} ({others}Ctrl-C ends it)", flush=True)
        if args.open:
            webbrowser.open(address)
        config = uvicorn.Config(
            app,
            # Its own configuration closes every handler that there is, and some close their stream.
            log_config=None,
            log_level="info" if args.debug else "warning",
            access_log=args.debug,
            server_header=False,
            proxy_headers=False,
            ws="websockets-sansio",
            ws_max_size=MAX_FRAME_BYTES,
            # JPEG doesn't get smaller.
            ws_per_message_deflate=False,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )

        class Server(uvicorn.Server):  # type: ignore[name-defined]
            """Ends the analysis of videos, too, when it is asked to stop."""

            def handle_exit(self, sig: int, frame: Any) -> None:
                engine.stopping = True
                super().handle_exit(sig, frame)

        # The server raises the interrupt once more when it is done, unless whoever started the
        # command has interrupts ignored, as shells do for jobs in the background.
        with contextlib.suppress(KeyboardInterrupt):
            Server(config).run(sockets=[listening])
        print("\nStopped.")
    return 0


def listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises
    ------
    FerError
        If the address or the port can't be had; the message says what to do.
    """
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
    except (socket.gaierror, UnicodeError) as error:
        raise DataError(
            f"--host {host}: there is no such address ({error}); leave it out to serve the page "
            "on this machine alone"
        ) from error
    listening = socket.socket(family, kind, proto)
    try:
        if sys.platform != "win32":
            # There it would let two servers share the port; elsewhere it allows a quick restart.
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen()
    except OSError as error:
        listening.close()
        raise _unavailable(host, port, error) from error
    return listening


def page_address(host: str, port: int) -> str:
    """Return the address to open: of this machine where the server listens everywhere."""
    name = host.strip("[]")
    if name in ("0.0.0.0", "::", ""):
        name = "127.0.0.1"
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


def other_address(port: int) -> str:
    """Return the address that other machines open where the server listens everywhere."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            # Nothing is sent: it only chooses the way, and with it this machine's own address.
            probe.connect(("192.0.2.1", 9))
            name = probe.getsockname()[0]
        except OSError:  # without a network
            name = socket.gethostname()
    return f"http://{name}:{port}/"


def _port(text: str) -> int:
    port = number_of(int, text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"must be 0 to 65535. Got {port} instead.")
    return port


def _unavailable(host: str, port: int, error: OSError) -> FerError:
    if error.errno == errno.EADDRINUSE:
        return DataError(
            f"port {port} is in use, perhaps by another fer-live web; stop that one, or choose "
            "another port with --port (0 takes a free one)"
        )
    if error.errno == errno.EACCES:
        return DataError(f"port {port} needs more rights; choose one above 1023 with --port")
    if error.errno == errno.EADDRNOTAVAIL:
        return DataError(f"--host {host}: this machine doesn't have that address; leave it out")
    return DataError(f"can't listen on {host}, port {port}: {error.strerror or error}")


def _warning(host: str) -> str:
    return (
        f"Warning: everyone who reaches {host} can use this page, unencrypted and without a "
        "password. Browsers give their camera only to pages of their own machine or over HTTPS; "
        "pictures and videos work."
    )
