"""Whoever receives a webhook, over HTTP: one try to hand over one notice, bounded in time, and what came of it."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from contextlib import suppress
from typing import NamedTuple

import httpx

ANSWER_BYTES = 4_096  # of an answer's body are looked at, so that its connection can be used again; none is kept
USER_AGENT = "barcast-webhook"


class Answer(NamedTuple):
    """What a try came to.

    Attributes:
        status: of HTTP; None where nobody answered.
        wait_s: what its Retry-After asks for, 0 for nothing.
        why: for people, without the address, which may hold a secret.
    """

    status: int | None
    wait_s: float
    why: str


class Receiver:
    """One address.

    No proxy of the environment is used, no redirect followed, nothing of the request is logged, and certificates are
    checked against the system's trust store: the transport below httpx's client is used, which does none of that.

    Args:
        url: http or https.
        timeout_s: for one try in all, from the look-up of its name to the head of its answer.
    """

    def __init__(self, url: str, timeout_s: float) -> None:
        self._url = httpx.URL(url)
        self._timeout_s = timeout_s
        limits = httpx.Limits(max_connections=1, max_keepalive_connections=1)
        trusted = ssl.create_default_context() if self._url.scheme == "https" else False
        self._transport = httpx.AsyncHTTPTransport(verify=trusted, trust_env=False, limits=limits)

    @property
    def name(self) -> str:
        """Host and port, for logs: path and query may hold what nobody else is to know."""
        return self._url.netloc.decode("ascii", "replace")

    async def post(self, body: bytes, headers: dict[str, str]) -> Answer:
        """Try once. Raises nothing: whatever goes wrong is an answer."""
        heard: list[Answer] = []
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._post(body, headers, heard)
        except Exception as error:  # noqa: BLE001 - whatever a library raises costs this try only, never the hub
            return heard[0] if heard else Answer(None, 0.0, self._reason(error))
        return heard[0]

    async def _post(self, body: bytes, headers: dict[str, str], heard: list[Answer]) -> None:
        """One address of the name after the other, until one can be reached."""
        *others, last = await addresses(self._url.host, self._url.port or 0)
        for address in others:
            with suppress(httpx.ConnectError):
                return await self._post_to(address, body, headers, heard)
        return await self._post_to(last, body, headers, heard)

    async def _post_to(self, address: str, body: bytes, headers: dict[str, str], heard: list[Answer]) -> None:
        given = {"host": self.name, "user-agent": USER_AGENT, "content-type": "application/json", **headers}
        request = httpx.Request(
            "POST",
            self._url.copy_with(host=address),
            content=body,
            headers=given,
            extensions={"timeout": httpx.Timeout(self._timeout_s).as_dict(), "sni_hostname": self._url.host},
        )
        answer = await self._transport.handle_async_request(request)
        try:
            heard.append(Answer(answer.status_code, asked_wait_s(answer), f"it answered {answer.status_code}"))
            await _skim(answer)
        finally:
            await answer.aclose()

    def _reason(self, error: Exception) -> str:
        if isinstance(error, TimeoutError | httpx.TimeoutException):
            return f"it did not answer within {self._timeout_s:g} s"
        return f"it could not be asked: {type(error).__name__}"

    async def close(self) -> None:
        """Let go of its connection."""
        await self._transport.aclose()


def asked_wait_s(answer: httpx.Response) -> float:
    """The seconds of its Retry-After; 0 where it names none (a date counts as none)."""
    text = answer.headers.get("retry-after", "")
    return float(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0.0


async def _skim(answer: httpx.Response) -> None:
    """Read a little of a body as it comes, packed or not."""
    size = 0
    async for part in answer.aiter_raw():
        size += len(part)
        if size >= ANSWER_BYTES:
            return


async def addresses(host: str, port: int) -> list[str]:
    """The addresses of a name, one or more.

    It is looked up in a thread that nothing waits for: the loop's own threads are waited for when it ends, and a
    name server that is silent would hold up the hub's stop.

    Raises:
        OSError: there is no such name, or nobody who would know.
    """
    loop = asyncio.get_running_loop()
    found: asyncio.Future[list[str]] = loop.create_future()

    def tell(addresses: list[str] | None, error: OSError | None) -> None:
        if found.done():
            return
        if error is not None:
            found.set_exception(error)
        else:
            found.set_result(addresses or [host])

    def look_up() -> None:
        known: list[str] | None = None
        failed: OSError | None = None
        try:
            infos = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            known = list(dict.fromkeys(str(info[4][0]) for info in infos))
        except OSError as error:
            failed = error
        with suppress(RuntimeError):  # the loop has ended meanwhile
            loop.call_soon_threadsafe(tell, known, failed)

    threading.Thread(target=look_up, name="webhook look-up", daemon=True).start()
    return await found
