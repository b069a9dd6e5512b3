"""A hub from outside, over HTTP: what the commands ask of it."""

from __future__ import annotations

import http.client
import socket
from collections.abc import Iterable
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from hub.calls import Problem
from hub.errors import BarcastError, Invalid

DEFAULT_URL = "http://127.0.0.1:8600"
TIMEOUT_S = 30.0  # a hub answers once it has stored, and gives its disk up to 10 s
ANSWER_BYTES = 64 * 1024 * 1024  # 500 jobs of 64 KiB parameters and results each, with room


class Unreachable(BarcastError):
    """Nobody answered at the hub's address."""


class Refused(BarcastError):
    """The hub answered that it will not, and why."""


class Remote:
    """The hub at one address.

    Args:
        url: such as `http://127.0.0.1:8600`.
        token: for its Authorization header.

    Raises:
        Invalid: not an http or https address, or a token that no header can carry.
    """

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = checked_url(url)
        self.token = checked_token(token)

    @property
    def local(self) -> bool:
        """Whether it runs on this machine, where the same paths lead to the same files."""
        return (urlsplit(self.url).hostname or "") in ("127.0.0.1", "::1", "localhost")

    @property
    def headers(self) -> dict[str, str]:
        """What goes with every request."""
        return {"Authorization": f"Bearer {self.token}"} if self.token else {}

    def get(self, path: str, query: Iterable[tuple[str, str]] = ()) -> bytes:
        """The answer's JSON.

        Raises:
            Unreachable, Refused: see there.
        """
        search = urlencode(list(query))
        return self._call("GET", f"{path}?{search}" if search else path, None)

    def post(self, path: str, body: msgspec.Struct) -> bytes:
        """The answer's JSON, once the hub has stored what was asked.

        Raises:
            Unreachable, Refused: see there.
        """
        return self._call("POST", path, msgspec.json.encode(body))

    def _call(self, method: str, path: str, body: bytes | None) -> bytes:
        connection = self._connection()
        parts = urlsplit(self.url)
        try:
            headers = self.headers | ({"Content-Type": "application/json"} if body is not None else {})
            connection.request(method, parts.path + path, body, headers)
            response = connection.getresponse()
            answer = response.read(ANSWER_BYTES)
        except (OSError, http.client.HTTPException) as error:
            raise Unreachable(f"expected a hub at {self.url}, but {reason_of(error)}") from None
        finally:
            connection.close()
        if response.status >= 300:
            raise self._refusal(response.status, answer)
        return answer

    def _connection(self) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        return kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)

    def _refusal(self, status: int, answer: bytes) -> BarcastError:
        try:
            problem = msgspec.json.decode(answer, type=Problem)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return Unreachable(f"expected a hub at {self.url}, but what answers there is none (HTTP {status})")
        return Refused(problem.detail.removeprefix("params."))


def job_path(job: str, *more: str) -> str:
    """Path of a job, or of something of it."""
    return "/".join(["/api/jobs", quote(job, safe=""), *more])


def checked_url(url: str) -> str:
    """The address without a slash at its end.

    Raises:
        Invalid: not an http or https address.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0 and not parts.query
    except ValueError:
        good = False
    if not good or not url.isascii() or not url.isprintable() or " " in url:
        raise Invalid(f"expected an address such as http://127.0.0.1:8600, got {url!r}", "--url")
    return url.rstrip("/")


def checked_token(token: str | None) -> str | None:
    """The token, or None for none.

    Raises:
        Invalid: it has characters that no header can carry; says not which.
    """
    if token and not (token.isascii() and token.isprintable()):
        raise Invalid("expected printable ASCII", "BARCAST_TOKEN")
    return token or None


def reason_of(error: Exception) -> str:
    """Why nobody answered, for people."""
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there (is `barcast serve` running?)"
    if isinstance(error, TimeoutError):
        return f"it did not answer within {TIMEOUT_S:g} s"
    if isinstance(error, socket.gaierror):
        return "its name is not known"
    return f"the connection failed: {_words(error)}"


def _words(error: Any) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
