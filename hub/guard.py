"""What every request passes first: is it made under our name, by our own page, by one that may watch, or by no page?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from hub import auth
from hub.answers import problem
from hub.errors import PeerError
from hub.protocol import May

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "worker-src 'none'; manifest-src 'none'; form-action 'self'; base-uri 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'; frame-ancestors "
)
UNUSED = """
accelerometer autoplay camera display-capture encrypted-media fullscreen geolocation gyroscope hid magnetometer
microphone midi payment publickey-credentials-get screen-wake-lock serial usb xr-spatial-tracking
"""
SECURITY_HEADERS = {
    "content-security-policy": f"{POLICY}'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": ", ".join(f"{name}=()" for name in UNUSED.split()),
}
PREFLIGHT = {
    "access-control-allow-methods": "GET, HEAD",
    "access-control-allow-headers": "authorization, last-event-id",
    "access-control-max-age": "600",
}
HEADERS, MAY = "barcast.headers", "barcast.may"  # of a scope: what its answers carry, and what the asker may do


class Guard:
    """Middleware around everything.

    Args:
        app: what it guards.
        hosts: names under which this hub may be asked, besides this machine's own.
        embeds: origins whose pages may watch.
        frames: origins whose pages may show ours in a frame.
    """

    def __init__(
        self, app: ASGIApp, hosts: tuple[str, ...] = (), embeds: Iterable[str] = (), frames: Iterable[str] = ()
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._embeds = frozenset(embeds)
        self._headers = {**SECURITY_HEADERS, "content-security-policy": POLICY + (" ".join(frames) or "'none'")}
        if self._embeds:
            self._headers["vary"] = "origin"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        scope[HEADERS], scope[MAY] = self._headers, auth.EVERYTHING
        if scope["type"] == "http":
            send = with_headers(send, scope)
        try:
            asks = self._let_in(scope)
        except PeerError as error:
            await refuse(error, scope, receive, send)
            return
        app = self._app if asks is None else Response(status_code=204, headers=asks)
        await app(scope, receive, send)

    def _let_in(self, scope: Scope) -> Mapping[str, str] | None:
        """Whether a request may come in at all; the answer to a preflight.

        Raises:
            PeerError: it may not.
        """
        headers = Headers(scope=scope)
        host, origin = the_only(headers, "host"), the_only(headers, "origin")
        auth.check_host(host, self._hosts)
        if origin is None or origin not in self._embeds or auth.is_own(origin, host, scope["scheme"]):
            auth.check_origin(origin, host, scope["scheme"])
            if origin is None:
                auth.check_fetch(headers.get("sec-fetch-site"), headers.get("sec-fetch-mode"))
            return None
        scope[HEADERS], scope[MAY] = self._headers | shared_with(origin), auth.WATCHING
        method = scope.get("method")
        asked = headers.get("access-control-request-method") if method == "OPTIONS" else None
        auth.check_embedded(origin, asked or method, scope["path"].removeprefix(scope.get("root_path", "")))
        return PREFLIGHT if asked else None


def shared_with(origin: str) -> dict[str, str]:
    """What lets a page of another origin read an answer (the Fetch standard, 3.3)."""
    return {
        "access-control-allow-origin": origin,
        "access-control-expose-headers": "etag, date",
        "cross-origin-resource-policy": "cross-origin",
    }


def may_of(scope: Scope) -> May:
    """What whoever asks may do."""
    may: May = scope[MAY]
    return may


async def refuse(error: PeerError, scope: Scope, receive: Receive, send: Send) -> None:
    """Before the upgrade, where the server can say why; else by closing an unaccepted socket (403)."""
    if scope["type"] == "http" or "websocket.http.response" in (scope.get("extensions") or {}):
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


def with_headers(send: Send, scope: Scope) -> Send:
    """A `send` whose responses tell browsers what they may do with them."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            add_headers(MutableHeaders(scope=message), scope)
        await send(message)

    return sending


def add_headers(headers: MutableHeaders, scope: Scope) -> None:
    """Add what a request's answers carry, unless they say so themselves."""
    for name, value in scope[HEADERS].items():
        if name == "vary":
            headers.add_vary_header(value)
        else:
            headers.setdefault(name, value)
