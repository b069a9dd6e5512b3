"""What a script that is over could not tell any hub: a file of its user's, told on the next contact with that hub.

The first line says which hub and how the work is introduced, each further one is a message in the JSON of the wire.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from hub.codec import encode, worker_codec
from hub.errors import PeerError
from hub.protocol import Entry, Finish, FromWorker, Open
from hub.view import Number
from workers.attempt import Attempt
from workers.backlog import Durable
from workers.figures import Figures
from workers.introduction import UNKNOWN
from workers.meter import Meter

KEPT_S = 7 * 86_400.0
CLAIMED_S = 600.0  # a claim as old as that is a process's that did not live to tell
WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH
FILES = 100
FILE_BYTES = 4 * 1024 * 1024
FOLDER_BYTES = 32 * 1024 * 1024
WAITING, CLAIMED = ".untold", ".claimed"


class Numbers(msgspec.Struct, omit_defaults=True):
    """The figures as they were at the end."""

    done: Number | None = None
    total: Number | None = None
    unit: str | None = None
    counters: dict[str, Number] | None = None
    message: str | None = None
    worker: str | None = None


class Head(msgspec.Struct):
    """The first line of a file."""

    url: str
    opening: Open
    numbers: Numbers
    ended_at: int | None = None


def folder() -> Path:
    """Where such files are: the user's state folder (XDG Base Directory Specification 0.8)."""
    state = os.environ.get("XDG_STATE_HOME") or "~/.local/state"
    return Path(state).expanduser() / "barcast" / "spool"


# ── To keep ───────────────────────────────────────────────────────────────────


def keep(url: str, attempt: Attempt, began_at_s: float) -> None:
    """Write down what is not acknowledged; nothing where that is too much, or the folder cannot be written.

    Args:
        url: of the hub that is to be told.
        attempt: whose end is among it.
        began_at_s: when it began, in seconds since 1970.
    """
    who = attempt.introduction
    opening = msgspec.structs.replace(who.opening, job=who.job, attempt=who.attempt)
    head = Head(url, opening, _numbers(attempt), round(time.time() * 1000))
    messages = attempt.unacknowledged()
    if who.job is None:
        messages = _dated(messages, began_at_s)
    lines = [msgspec.json.encode(head), *(encode(message, "json") for message in messages)]
    raw = b"\n".join(lines) + b"\n"
    if len(raw) <= FILE_BYTES:
        with suppress(OSError):
            _write(url, raw)


def _numbers(attempt: Attempt) -> Numbers:
    attempt.figures.forget_told()
    with suppress(PeerError):
        return Numbers(**attempt.figures.news())
    return Numbers()


def _dated(messages: list[Durable], began_at_s: float) -> list[Durable]:
    """The hub takes the time of telling for the time of the work, so the story says otherwise."""
    began, ended = (datetime.fromtimestamp(at_s, UTC) for at_s in (began_at_s, time.time()))
    text = f"Told afterwards: it ran from {began:%Y-%m-%d %H:%M:%S} to {ended:%Y-%m-%d %H:%M:%S} UTC, without a hub"
    entry = Entry(job=UNKNOWN, attempt=1, n=len(messages), text=text)
    first = len(messages) - 1
    return [*messages[:first], entry, *(msgspec.structs.replace(m, n=m.n + 1) for m in messages[first:])]


def _write(url: str, raw: bytes) -> None:
    place = folder()
    place.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not _is_ours(place):
        return
    _thin_out(place, len(raw))
    path = place / f"{_mark(url)}-{time.time_ns()}-{secrets.token_hex(4)}{WAITING}"
    partial = path.with_suffix(".partial")
    with open(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(raw)
    partial.rename(path)


def _thin_out(place: Path, coming_bytes: int) -> None:
    """Make room: what is too old goes, then the oldest."""
    found = sorted(((about.st_mtime, path, about.st_size) for path, about in _files(place)), reverse=True)
    kept, kept_bytes = 1, coming_bytes
    for modified_s, path, size in found:
        kept, kept_bytes = kept + 1, kept_bytes + size
        if kept > FILES or kept_bytes > FOLDER_BYTES or time.time() - modified_s > KEPT_S:
            path.unlink(missing_ok=True)


def _is_ours(place: Path) -> bool:
    """Whether nobody else can put something into a folder."""
    about = place.stat(follow_symlinks=False)
    return stat.S_ISDIR(about.st_mode) and about.st_uid == os.geteuid() and not about.st_mode & WRITABLE_BY_OTHERS


def _files(place: Path) -> Iterator[tuple[Path, os.stat_result]]:
    """Plain files alone: links, pipes and folders are none of ours, and are neither read nor removed."""
    for path in place.iterdir():
        with suppress(OSError):
            about = path.stat(follow_symlinks=False)
            if stat.S_ISREG(about.st_mode):
                yield path, about


def _mark(url: str) -> str:
    return hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:16]


# ── To tell ───────────────────────────────────────────────────────────────────


class Claim:
    """A file that this process, and no other, tells the hub.

    Args:
        path: the file, under its new name.
        attempt: what is to be told.
    """

    def __init__(self, path: Path, attempt: Attempt) -> None:
        self.attempt = attempt
        self._path = path

    def done(self) -> None:
        """The hub has it, or will never take it."""
        self._path.unlink(missing_ok=True)

    def give_back(self) -> None:
        """Somebody else may try."""
        with suppress(OSError):
            self._path.rename(self._path.with_name(self._path.name.split(".")[0] + WAITING))


def claims(url: str) -> Iterator[Claim]:
    """What waits for the hub at `url`, the oldest first, each claimed as it is handed out."""
    with suppress(OSError):
        place = folder()
        for path, about in sorted(_files(place), key=lambda found: found[0].name) if _is_ours(place) else ():
            free = path.suffix == WAITING or (path.suffix == CLAIMED and time.time() - about.st_atime > CLAIMED_S)
            ours = path.name.startswith(_mark(url)) and about.st_uid == os.geteuid() and about.st_size <= FILE_BYTES
            if free and ours and (claim := _claimed(path, about)) is not None:
                yield claim


def _claimed(path: Path, about: os.stat_result) -> Claim | None:
    claimed = path.with_name(f"{path.name.split('.')[0]}.{secrets.token_hex(4)}{CLAIMED}")
    try:
        path.rename(claimed)
    except FileNotFoundError:
        return None  # another process was first
    old = time.time() - about.st_mtime > KEPT_S
    os.utime(claimed, (time.time(), about.st_mtime))  # claimed now, and as old as it was
    attempt = None if old else _attempt(claimed)
    if attempt is None:
        claimed.unlink(missing_ok=True)
        return None
    return Claim(claimed, attempt)


def _attempt(path: Path) -> Attempt | None:
    """What stands in a file, ready to be told; None where it cannot be read."""
    try:
        first, *lines = path.read_bytes().splitlines()
        head = msgspec.json.decode(first, type=Head)
        messages = [_decoded(line) for line in lines]
    except (OSError, ValueError, PeerError, RecursionError):
        return None
    if not messages or not isinstance(messages[-1], Finish):
        return None
    attempt = Attempt(_moved(head), worker=head.numbers.worker, independent=True)
    _set(attempt.figures, head.numbers)
    attempt.keep(message for message in messages if isinstance(message, Durable))
    return attempt


def _moved(head: Head) -> Open:
    """The opening, as if the work ended now: the hub takes the time of telling for its end, and learns its length."""
    started_at, ended_at = head.opening.started_at, head.ended_at
    if started_at is None or ended_at is None:
        return head.opening
    now = round(time.time() * 1000)
    return msgspec.structs.replace(head.opening, started_at=now - max(ended_at - started_at, 0))


def _decoded(line: bytes) -> FromWorker:
    return worker_codec("json").decode(line)


def _set(figures: Figures, numbers: Numbers) -> None:
    figures.meter = Meter(numbers.total, numbers.unit, numbers.done or 0)
    figures.counters = numbers.counters or {}
    figures.message = numbers.message
