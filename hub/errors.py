"""Causes of failure, one class each; what to say about them is in `__str__`, what to do in attributes.

Two families: :class:`PeerError` is the other side's mistake (it gets an answer and, where it must,
a close code); :class:`HubError` is ours or the machine's.
"""

from __future__ import annotations

from typing import ClassVar, Literal

ErrorCode = Literal[
    "malformed",
    "unknown_type",
    "invalid",
    "not_found",
    "unauthenticated",
    "forbidden",
    "conflict",
    "revoked",
    "too_large",
    "too_many",
    "out_of_order",
    "unavailable",
    "internal",
]


class BarcastError(Exception):
    """Root of everything Barcast raises on purpose."""


class PeerError(BarcastError):
    """The other side erred: it is answered with `code`, and over HTTP with `status`.

    Args:
        detail: what was expected and what came, one sentence for a person.
        field: dotted name of the field at fault, where there is one.
    """

    code: ClassVar[ErrorCode] = "invalid"
    status: ClassVar[int] = 422

    def __init__(self, detail: str, field: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.field = field

    def __str__(self) -> str:
        return f"{self.field}: {self.detail}" if self.field else self.detail


class Malformed(PeerError):
    """Not a message at all: not JSON or MessagePack, not an object, no text in `type`."""

    code = "malformed"
    status = 400


class UnknownType(PeerError):
    """A well-formed message of a type that this socket does not know."""

    code = "unknown_type"
    status = 422


class Invalid(PeerError):
    """A field is missing, of the wrong type or beyond its limit."""


class NotFound(PeerError):
    """No such job, kind, phase, artifact or address."""

    code = "not_found"
    status = 404


class Unauthenticated(PeerError):
    """No token, or one that nobody issued."""

    code = "unauthenticated"
    status = 401


class Forbidden(PeerError):
    """Known, but not allowed."""

    code = "forbidden"
    status = 403


class Conflict(PeerError):
    """Right in itself, but not in the state the job is in."""

    code = "conflict"
    status = 409


class Revoked(PeerError):
    """The attempt reported on is over; nothing further is taken for it.

    Args:
        detail: as of :class:`PeerError`.
        stands: the status of the job, where there is one.
    """

    code = "revoked"
    status = 410

    def __init__(self, detail: str, stands: str | None = None) -> None:
        super().__init__(detail)
        self.stands = stands


class TooLarge(PeerError):
    """Over a size limit."""

    code = "too_large"
    status = 413


class TooMany(PeerError):
    """Over a rate or count limit.

    Args:
        retry_after_s: seconds after which the same request is welcome again.
    """

    code = "too_many"
    status = 429

    def __init__(self, detail: str, retry_after_s: float = 1.0) -> None:
        super().__init__(detail)
        self.retry_after_s = retry_after_s


class OutOfOrder(PeerError):
    """A numbered message came before the one that is due.

    Args:
        expected: the number that is due next.
        came: the number that came.
    """

    code = "out_of_order"
    status = 409

    def __init__(self, expected: int, came: int) -> None:
        super().__init__(f"expected {expected}, got {came}", "n")
        self.expected = expected
        self.came = came


class HubError(BarcastError):
    """Our side failed; the peer did nothing wrong."""

    code: ClassVar[ErrorCode] = "internal"
    status: ClassVar[int] = 500


class Unavailable(HubError):
    """What was asked cannot be stored or done at the moment; the same request may succeed later."""

    code = "unavailable"
    status = 503


class StoreError(HubError):
    """The database refused; each cause is a class of its own, below.

    Args:
        detail: what was expected and what came, with the file's name.

    Attributes:
        cause: the same in a few words, for those who need not know where the file is.
        advice: what a person can do about it; empty where nothing is known to help.
    """

    code = "unavailable"
    status = 503
    cause: ClassVar[str] = "it failed"
    advice: ClassVar[str] = ""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail

    def __str__(self) -> str:
        return f"{self.detail}; {self.advice}" if self.advice else self.detail


class Locked(StoreError):
    """Another program, not a hub, keeps it locked for longer than we wait."""

    cause = "another program keeps it locked"
    advice = "end the program that has the file open (`fuser -v` on the file names it)"


class Full(StoreError):
    """No room on its disk, or within the quota."""

    cause = "its disk is full"
    advice = "make room on its disk, or raise the quota"


class DiskFailed(StoreError):
    """A read, a write or a sync failed."""

    cause = "its disk failed"
    advice = "look at the disk: its room, quota and health (`dmesg` tells)"


class ReadOnly(StoreError):
    """It may be read, or not even that."""

    cause = "it cannot be written to"
    advice = "let the user that the hub runs as write to the file and to its folder, on a disk mounted for writing"


class Missing(StoreError):
    """The file, or the folder that it is to be made in, is not there."""

    cause = "it is not there"
    advice = "give --db a file in a folder that exists"


class Damaged(StoreError):
    """Its content is not what SQLite wrote."""

    cause = "it is damaged"
    advice = (
        "stop any hub that has it open, keep the file, look at it with `barcast check`, and go on with the newest "
        "backup or another --db"
    )


class Replaced(StoreError):
    """The file that is open was removed, or another was put in its place."""

    cause = "its file was removed or replaced"
    advice = (
        "stop the hub, then put the file back, or restore a backup without the -wal and -shm that are left of the "
        "former one, and look at it with `barcast check`"
    )


class Newer(StoreError):
    """A newer Barcast wrote it."""

    cause = "a newer Barcast wrote it"
    advice = "use that Barcast, or give another --db"


class Foreign(StoreError):
    """Another program's database."""

    cause = "it is another program's"
    advice = "give another --db"


class Taken(StoreError):
    """Another hub has it."""

    cause = "another hub has it"
    advice = "stop that hub, or give this one another --db"


class Unpackable(HubError):
    """A source of the page cannot be packed.

    Args:
        file: its path inside of the page's folder.
        line: from 1.
        detail: what was expected and what came.
    """

    def __init__(self, file: str, line: int, detail: str) -> None:
        super().__init__(f"{file}:{line}: {detail}")
        self.file = file
        self.line = line


class LaunchError(HubError):
    """A job's work could not be started (its process or function did not come up)."""


class Occupied(BarcastError):
    """A file is where one of ours is to be."""


class BeyondLoopback(BarcastError):
    """An address to bind that other machines could reach."""

    def __init__(self, host: str) -> None:
        super().__init__(
            f"expected an address of this machine alone, such as 127.0.0.1, ::1 or localhost, got {host!r}: "
            "whoever reaches the hub may start and cancel jobs, because there are no tokens yet"
        )
