"""Who may do what. Until tokens are issued: everybody on this machine everything, nobody else anything.

Pages are told apart from programs by the Origin header, which a page cannot leave out or forge. The
Host header is checked against rebinding: a foreign name that resolves to this machine. Pages that the
operator named may watch, and do nothing else.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from collections.abc import Iterable
from urllib.parse import urlsplit

from hub.errors import Forbidden, Invalid, Unauthenticated
from hub.protocol import May

LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "[::1]"})
EVERYTHING = May(view=True, control=True, report=True, tracebacks=True)
WATCHING = May(view=True, control=False, report=False, tracebacks=False)
READS = frozenset({"GET", "HEAD"})
WATCHED = re.compile(
    r"/api/(?:summary|stream|kinds|kinds/[^/]+/history|jobs|jobs/[^/]+(?:/(?:log|samples|stream))?)"
    r"|/barcast\.js|/job-progress\.js"
)


def is_loopback(host: str) -> bool:
    """Whether an address to bind can be reached from this machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_host(host: str | None, allowed: Iterable[str] = ()) -> None:
    """Refuse a request made under a foreign name.

    Args:
        host: the Host header, with or without a port.
        allowed: further names that are ours.

    Raises:
        Invalid: the name is not this machine's (HTTP 400).
    """
    name = host_name(host or "")
    if name not in LOCAL_NAMES and name not in allowed:
        raise Foreign(f"expected a Host of this machine, got {host!r}", "Host")


class Foreign(Invalid):
    """A Host header that is not ours."""

    status = 400


def check_origin(origin: str | None, host: str | None, scheme: str) -> None:
    """Refuse requests of other sites' pages; a client that sends no Origin is no browser.

    Raises:
        Forbidden: another origin, or the opaque `null`.
    """
    if origin is not None and not is_own(origin, host, scheme):
        raise Forbidden(f"expected the page's own origin, got {origin!r}", "Origin")


def check_fetch(site: str | None, mode: str | None) -> None:
    """Refuse what another site's page asks for without an Origin: a picture, or a request whose answer it cannot read.

    Browsers say so in Sec-Fetch headers (Fetch Metadata, W3C); programs send none. Following a link is let be.

    Raises:
        Forbidden: such a page asks.
    """
    if site in ("cross-site", "same-site") and mode != "navigate":
        raise Forbidden(f"expected no request of another site's page, got one that is {site}", "Sec-Fetch-Site")


def is_own(origin: str, host: str | None, scheme: str) -> bool:
    """Whether an origin is that of the page which the hub serves under this Host."""
    try:
        parts = urlsplit(origin)
    except ValueError:  # brackets without an address, say
        return False
    web = {"http": "http", "https": "https", "ws": "http", "wss": "https"}[scheme]
    return parts.scheme == web and parts.netloc.lower() == (host or "").lower()


def check_embedded(origin: str, method: str | None, path: str) -> None:
    """Refuse what a page of another site, which may watch, has no business with.

    Args:
        origin: the page's.
        method: of the request, or the one that a preflight asks for; None for a WebSocket.
        path: inside of this application.

    Raises:
        Forbidden: it is more than watching.
    """
    reads = path == "/ws" if method is None else method in READS and WATCHED.fullmatch(path)
    if not reads:
        raise Forbidden(f"pages of {origin} may watch jobs and nothing else")


def host_name(host: str) -> str:
    """A Host header without its port, in lower case."""
    name, colon, port = host.lower().rpartition(":")
    return name if colon and port.isdigit() else host.lower()


def token_of(authorization: str | None) -> str | None:
    """The token of an `Authorization: Bearer …` header."""
    scheme, _, token = (authorization or "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def worker_token(secret: bytes, job: str, attempt: int, launch: int) -> str:
    """The token with which one start of one attempt opens its socket; made, not stored."""
    return _sign(secret, f"worker/{job}/{attempt}/{launch}")


def report_token(secret: bytes, job: str) -> str:
    """The token with which a job opened over HTTP is reported on."""
    return _sign(secret, f"report/{job}")


def check_token(given: str | None, expected: str, *, needed: bool) -> None:
    """Refuse a wrong token, and a missing one where it is needed.

    Raises:
        Unauthenticated: none was given.
        Forbidden: it is not for this job.
    """
    if given is None:
        if needed:
            raise Unauthenticated("expected a token in the Authorization header, got none")
    elif not hmac.compare_digest(given.encode(), expected.encode()):
        raise Forbidden("this token is not for this job")


def _sign(secret: bytes, text: str) -> str:
    return hmac.new(secret, text.encode(), hashlib.sha256).hexdigest()
