"""Where the hub is: its address file, and the addresses of its worker socket."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import msgspec

DEFAULT_URL = "http://127.0.0.1:8600"
SCHEMES = {"http": "ws", "https": "wss"}
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
Address = Callable[[], str | None]
"""Asked before each connection: the hub's URL (`http://…`) at this moment, None where nobody knows."""


class HubAddress(msgspec.Struct):
    """What stands in the address file; the hub writes it beside its database when it listens."""

    url: str
    pid: int | None = None


def from_file(path: Path) -> Address:
    """The address that stands in a file, read again each time: a hub that restarts may have another port."""

    def read() -> str | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=HubAddress).url
        except (OSError, ValueError, RecursionError):
            return None

    return read


def from_environment() -> Address:
    """The address in `BARCAST_URL`, or the default one."""
    return lambda: os.environ.get("BARCAST_URL") or DEFAULT_URL


def worker_socket(url: str) -> str:
    """Address of the worker socket of the hub at `url`.

    Raises:
        ValueError: not an http or https address.
    """
    parts = urlsplit(url)
    if parts.scheme not in SCHEMES or not parts.netloc:
        raise ValueError(f"expected an http or https address, got {url!r}")
    return urlunsplit((SCHEMES[parts.scheme], parts.netloc, f"{parts.path.rstrip('/')}/ws/worker", "", ""))


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own, for which no proxy is asked."""
    return (urlsplit(url).hostname or "") in LOOPBACK
