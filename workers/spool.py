"""What a child could not tell any hub before it stopped, as a file beside the address file.

The attempt's token, then one message a line, in the JSON of the wire; for the owner's eyes only.
The hub that next looks after that attempt is told them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

import msgspec

from hub.codec import encode, worker_codec
from hub.errors import PeerError
from hub.protocol import FromWorker
from workers.backlog import Durable

SUFFIX = ".workers"  # of the folder beside the database; its other files are named likewise
UNSAFE = re.compile(r"[^A-Za-z0-9_-]")


def place(address_file: Path, job: str, attempt: int, suffix: str) -> Path:
    """Where a file that belongs to an attempt stands."""
    return address_file.with_suffix(SUFFIX) / f"{UNSAFE.sub('_', job)}.{attempt}.{suffix}"


class Spool(msgspec.Struct):
    """What a file holds."""

    token: str
    messages: list[Durable]


class _Head(msgspec.Struct):
    token: str


def write(path: Path, token: str, messages: Iterable[Durable]) -> None:
    """Keep messages in a file, which appears whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial")
    partial.touch(mode=0o600)
    lines = [msgspec.json.encode(_Head(token)), *(encode(message, "json") for message in messages)]
    partial.write_bytes(b"\n".join(lines) + b"\n")
    partial.replace(path)


def read(path: Path) -> Spool | None:
    """What a file holds; None where there is no file or it cannot be read."""
    try:
        head, *lines = path.read_bytes().splitlines()
        token = msgspec.json.decode(head, type=_Head).token
    except (OSError, ValueError, RecursionError):
        return None
    return Spool(token, [message for line in lines if isinstance(message := _decoded(line), Durable)])


def _decoded(line: bytes) -> FromWorker | None:
    try:
        return worker_codec("json").decode(line)
    except PeerError:
        return None
