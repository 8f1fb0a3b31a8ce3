"""Who may talk to the page's server, and the headers that keep the page to itself.

Any web page that a browser shows can send requests to 127.0.0.1. Two checks keep them out: the
``Host`` must be a name of this machine, which a foreign name that resolves to 127.0.0.1 is not
(DNS rebinding), and whatever changes or computes something must come from this server's own page
(``Origin``).
"""

from __future__ import annotations

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

#: Names of this machine that only programs on it can use.
LOOPBACK_NAMES = frozenset({"127.0.0.1", "::1", "localhost"})

_SAFE_METHODS = frozenset({"GET", "HEAD"})

_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(self), microphone=(), geolocation=()",
    "Cache-Control": "no-store",
}


@dataclass(frozen=True)
class AllowedHosts:
    """Host names that requests may be addressed to.

    Attributes
    ----------
    names : frozenset of str
        In lower case, without port.
    any_address : bool
        Also allow every numeric address: a name that is rebound to this machine is never one.
    """

    names: frozenset[str]
    any_address: bool = False

    @classmethod
    def of(cls, host: str) -> AllowedHosts:
        """Return what may be in ``Host`` where the server listens on `host`."""
        name = host.strip("[]").lower()
        if is_loopback(name):
            return cls(LOOPBACK_NAMES | {name})
        own = socket.gethostname().lower()
        names = {name, own, f"{own}.local"}  # as multicast DNS calls it in a local network
        return cls(LOOPBACK_NAMES | names, any_address=is_wildcard(name))

    def allows(self, header: str) -> bool:
        """Say whether a ``Host`` header names this machine. Ports don't matter."""
        try:
            name = urlsplit(f"//{header}").hostname or ""
        except ValueError:
            return False
        return name in self.names or (self.any_address and _is_address(name))


class Gate:
    """ASGI middleware: refuses other hosts and origins, and adds headers to every answer.

    Parameters
    ----------
    app : ASGI application
    hosts : AllowedHosts
    """

    def __init__(self, app: ASGIApp, hosts: AllowedHosts) -> None:
        self.app = app
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request or connection, or refuse it."""
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = MutableHeaders(scope=message)
                own.update(_HEADERS)
                own["Content-Security-Policy"] = _content_security_policy(host)
            await send(message)

        refusal = self._refusal(scope, headers, host)
        if not refusal:
            await self.app(scope, receive, send_with_headers)
        elif scope["type"] == "websocket":
            # Before it is accepted, this answers the handshake with 403.
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        else:
            # Nothing of a refused request's text is repeated, so that the policy can stay fixed.
            host = ""
            await PlainTextResponse(refusal, status_code=403)(scope, receive, send_with_headers)

    def _refusal(self, scope: Scope, headers: Headers, host: str) -> str:
        if not self.hosts.allows(host):
            return "This address is not one of this machine's; open the page as fer-live printed it"
        if scope["type"] == "http" and scope["method"] in _SAFE_METHODS:
            return ""
        if headers.get("origin", "") not in (f"http://{host}", f"https://{host}"):
            return "Only the page of this server may ask for that"
        return ""


def is_loopback(host: str) -> bool:
    """Say whether only programs on this machine can reach a server that listens on `host`."""
    name = host.strip("[]").lower()
    if name in LOOPBACK_NAMES:
        return True
    return _is_address(name) and ipaddress.ip_address(name).is_loopback


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def is_wildcard(host: str) -> bool:
    """Say whether a server that listens on `host` listens at every address of this machine."""
    name = host.strip("[]")
    return _is_address(name) and ipaddress.ip_address(name).is_unspecified


def _content_security_policy(host: str) -> str:
    # Older Safari doesn't count a WebSocket to the page's own host as 'self'.
    socket_source = f" ws://{host} wss://{host}" if host else ""
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob: data:",
            "media-src 'self' blob:",
            f"connect-src 'self'{socket_source}",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )
