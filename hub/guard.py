"""What every request passes first: is it made under our name, by our own page or by no page at all?"""

from __future__ import annotations

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub import auth
from hub.answers import problem
from hub.errors import PeerError

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Middleware around everything.

    Args:
        app: what it guards.
        hosts: names under which this hub may be asked, besides this machine's own.
    """

    def __init__(self, app: ASGIApp, hosts: tuple[str, ...] = ()) -> None:
        self._app = app
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        try:
            host, origin = the_only(headers, "host"), the_only(headers, "origin")
            auth.check_host(host, self._hosts)
            auth.check_origin(origin, host, scope["scheme"])
        except PeerError as error:
            await self._refuse(error, scope, receive, send)
            return
        await self._app(scope, receive, with_headers(send) if scope["type"] == "http" else send)

    async def _refuse(self, error: PeerError, scope: Scope, receive: Receive, send: Send) -> None:
        """Before the upgrade, where the server can say why; else by closing an unaccepted socket (403)."""
        if scope["type"] == "http":
            await problem(error)(scope, receive, with_headers(send))
        elif "websocket.http.response" in (scope.get("extensions") or {}):
            await problem(error)(scope, receive, send)
        else:
            await send({"type": "websocket.close", "code": 1008, "reason": str(error)[:120]})


def the_only(headers: Headers, name: str) -> str | None:
    """A header's value; two of them could mean one thing to us and another to a proxy.

    Raises:
        Foreign: there is more than one.
    """
    values = headers.getlist(name)
    if len(values) > 1:
        raise auth.Foreign(f"expected one value, got {len(values)}", name.capitalize())
    return values[0] if values else None


def with_headers(send: Send) -> Send:
    """A `send` whose responses tell browsers what they may do with them, unless they say so themselves."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return sending
