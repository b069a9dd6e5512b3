"""The face between the hub and whatever starts work on this machine: plain data and one protocol.

The hub knows workers by their messages alone; what it needs beyond them (which kinds exist, start
this attempt, stop it by force) is asked through :class:`Launcher`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, Protocol

from msgspec import Struct

from hub.protocol import FromWorker, ToWorker
from hub.view import Phase

RunsIn = Literal["process", "thread", "loop"]


class KindInfo(Struct, frozen=True, kw_only=True):
    """A registered kind.

    Attributes:
        kind: its name.
        title: title template, such as `Import {path.name}`.
        doc: first paragraph of the function's docstring.
        params: JSON Schema of the parameters.
        cancel_note: what a cancel does, for people (`rolls the batch back`).
        phases: declared phases, in order.
        retries: how many attempts may follow a failed first one by themselves.
        backoff_s: seconds before the second attempt, doubled for each further one; None for the hub's setting.
        backoff_max_s: the most that becomes of it; None for the hub's setting.
        timeout_s: seconds that an attempt may work (pauses not counted); None for no limit.
        concurrency: how many jobs of this kind may run at once; None for no limit but the hub's.
        priority: of its jobs where a start names none, -100 to 100; higher starts first.
        grace_s: seconds from cancel to SIGTERM; None for the hub's setting.
        stall_s: seconds without advance that count as stalled; None for the hub's rule.
        runs_in: where the function runs.
    """

    kind: str
    title: str
    doc: str
    params: dict[str, Any]
    cancel_note: str | None = None
    phases: list[Phase] = []
    retries: int = 0
    backoff_s: float | None = None
    backoff_max_s: float | None = None
    timeout_s: float | None = None
    concurrency: int | None = None
    priority: int = 0
    grace_s: float | None = None
    stall_s: float | None = None
    runs_in: RunsIn = "process"


class Prepared(Struct, frozen=True, kw_only=True):
    """Parameters as they will be passed (defaults filled in, JSON values) and the title made of them."""

    params: dict[str, Any]
    title: str


class Handout(Struct, frozen=True, kw_only=True):
    """One attempt, to be started.

    Attributes:
        job: the job's id.
        attempt: 1, 2, 3 …
        kind: which registered function.
        params: as in :class:`Prepared`.
        title: the job's title.
        token: the secret with which this attempt's worker opens its socket.
    """

    job: str
    attempt: int
    kind: str
    params: dict[str, Any]
    title: str
    token: str


class ProcessId(Struct, frozen=True, kw_only=True):
    """A process that is told apart from a later one with the same number.

    Attributes:
        pid: its number.
        started_at: when it was started, as the system tells it (milliseconds since 1970).
    """

    pid: int
    started_at: int


class Launcher(Protocol):
    """Starts, watches and stops work. All methods are called on the hub's event loop."""

    def kinds(self) -> list[KindInfo]:
        """Every registered kind, by name."""
        ...

    def prepare(self, kind: str, params: dict[str, Any]) -> Prepared:
        """Check parameters against the function's signature.

        Raises:
            NotFound: no such kind.
            Invalid: a parameter is missing, unknown or of the wrong type; field `params.NAME`.
        """
        ...

    async def launch(self, handout: Handout) -> ProcessId | None:
        """Start an attempt; None when it runs inside the hub's own process.

        Raises:
            LaunchError: it could not be started.
        """
        ...

    def adopt(self, job: str, attempt: int, process: ProcessId) -> bool:
        """Watch a process that a former hub started; False when it is gone already."""
        ...

    async def stop(self, job: str, attempt: int, kill_s: float) -> bool:
        """End an attempt by force: SIGTERM, after `kill_s` seconds SIGKILL, to the whole process tree.

        A coroutine's task is cancelled. Also asked for an attempt that is over, before the next one starts.

        Returns True when nothing of it is left, False for a thread, which cannot be forced, and what does not die.
        """
        ...

    async def stack(self, job: str, attempt: int) -> str | None:
        """Where a process is, told by the system rather than by the worker, which does not answer; None if untold."""
        ...

    async def close(self) -> None:
        """Forget all that is watched, without stopping it; work in the hub's own process is told to stop first."""
        ...


class Link(Protocol):
    """The hub's end of work that runs in its own process: the worker's messages with no socket between."""

    def receive(self, message: FromWorker) -> None:
        """Take one message. On the hub's event loop only; answers come through `deliver`."""
        ...

    def close(self) -> None:
        """The worker is gone."""
        ...


Connect = Callable[[Callable[[ToWorker], None]], Link]
"""Called with `deliver`, which the hub calls on its loop with each message for the worker."""

Exited = Callable[[str, int, str], None]
"""`(job, attempt, how)`: that attempt's process has ended; how is for people (`killed by SIGKILL`, `exit status 3`)."""
