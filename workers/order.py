"""What a child process is told on its standard input."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

ENVIRONMENT = "BARCAST_JOB"  # carried by a child and all that it starts, so that they are found when it is gone


class WorkOrder(Struct, kw_only=True):
    """One attempt, for a process of its own.

    Attributes:
        job, attempt, kind, params, title, token: as in `hub.launch.Handout`.
        address_file: where the hub's address stands.
        modules: what to import for the kind.
        path: where the hub imports from.
        orphan_s: seconds without a hub after which the child stops itself.
        beat_s: seconds of silence after which it says that it is alive.
    """

    job: str
    attempt: int
    kind: str
    params: dict[str, Any]
    title: str
    token: str
    address_file: str
    modules: list[str]
    path: list[str] = []
    orphan_s: float = 600.0
    beat_s: float = 5.0


def mark(job: str, attempt: int) -> str:
    """The value of `BARCAST_JOB` in all processes of an attempt."""
    return f"{job}/{attempt}"
