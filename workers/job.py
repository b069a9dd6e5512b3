"""What a job function holds: everything it may say, and how it hears of a cancel."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import msgspec

from hub.errors import Invalid
from hub.protocol import Artifact, Checkpoint, Entry
from hub.view import Level, Number, Phase
from workers.advance import Advance, advancing
from workers.attempt import Attempt
from workers.introduction import UNKNOWN
from workers.phase import RunningPhase
from workers.started import Child
from workers.stopping import Cancelled, Interrupted
from workers.texts import checked_number, number_or_none, plain_data, trimmed
from workers.tracking import tracked

if TYPE_CHECKING:
    from workers.block import OpenJob

__all__ = ["Cancelled", "Interrupted", "Job", "declared"]

T = TypeVar("T")
LINK = re.compile(r"^https?://")
COUNTERS = PHASES = 100  # of one job; a page of more cannot be read
NAME_LENGTH = 256


def declared(phases: Sequence[str | Phase]) -> list[Phase]:
    """Phases from names and `Phase` structs.

    Raises:
        Invalid: a name is empty, a total negative, or there are more than 100.
    """
    if len(phases) > PHASES:
        raise Invalid(f"expected at most {PHASES}, got {len(phases)}", "phases")
    structs = [Phase(name=phase) if isinstance(phase, str) else phase for phase in phases]
    try:
        return msgspec.convert(msgspec.to_builtins(structs), list[Phase])
    except msgspec.ValidationError as error:
        raise Invalid(str(error), "phases") from None


class Job:
    """One attempt of one job, in the hands of the function that does the work.

    Every method that reports raises :class:`Cancelled` once, at the first report after a cancel. From then on
    reports pass again, so that `finally` and `except Cancelled` may still say what they do.

    Args:
        attempt: what it speaks for.
        title: what it is called on the page.

    Attributes:
        advance: call it with `n` (1) to add to what is done, in the current phase where there is one.
    """

    def __init__(self, attempt: Attempt, title: str) -> None:
        self._attempt = attempt
        self._stop = attempt.stop
        self._figures = attempt.figures
        self.advance: Advance = advancing(attempt.figures, attempt.stop)
        self.title = title

    @classmethod
    def open(
        cls,
        kind: str | None = None,
        *,
        title: str | None = None,
        total: Number | None = None,
        unit: str | None = None,
        phases: Sequence[str | Phase] = (),
        params: Mapping[str, Any] | None = None,
        tags: Mapping[str, str] | None = None,
        key: str | None = None,
        parent: str | None = None,
        max_attempts: int | None = None,
    ) -> OpenJob:
        """A job of any script's own: `with Job.open("nightly") as job:`, or `async with`. Arguments of `opening`."""
        from workers.block import OpenJob  # that builds on this module
        from workers.outside import opening

        introduced = opening(
            kind, title=title, total=total, unit=unit, phases=phases, params=params, tags=tags, key=key, parent=parent,
            max_attempts=max_attempts,
        )  # fmt: skip
        return OpenJob(introduced)

    @property
    def id(self) -> str:
        """The job's id."""
        return self._attempt.introduction.job or UNKNOWN

    @property
    def attempt(self) -> int:
        """1, 2, 3 …"""
        return self._attempt.introduction.attempt or 1

    @property
    def checkpoint_data(self) -> Any:
        """Data of this job's last checkpoint, this attempt's or an earlier one's; None when there is none."""
        saved = self._attempt.checkpoint
        return None if saved is None else saved.data

    # ── How far ───────────────────────────────────────────────────────────────

    def plan(self, phases: Sequence[str | Phase]) -> None:
        """Replace the phases that have not started.

        Args:
            phases: names, or `hub.view.Phase` with `name`, `total`, `unit` and `weight` (0 to 1, a share of the whole).
        """
        self._attempt.plan(declared(phases))
        self._stop.attend()

    def phase(self, name: str, total: Number | None = None, unit: str | None = None) -> RunningPhase:
        """Start a phase; the one before is done. Use it with `with`.

        Args:
            name: a declared phase that has not started, or a new one.
            total: its work; None for what was declared.
            unit: what is counted; None for what was declared.
        """
        self._stop.attend()
        name = trimmed(name, NAME_LENGTH)
        return RunningPhase(self._stop, self._attempt.begin_phase(name, total, unit), name)

    def track(self, iterable: Iterable[T], total: Number | None = None, unit: str | None = None) -> Iterator[T]:
        """Iterate, counting what is handed out. None of our Python runs per item.

        Args:
            iterable: what to go through.
            total: how many there are; None for `len(iterable)` where it has one. A total given to the phase stands.
            unit: what is counted.

        Raises:
            Cancelled: at the next step after a cancel, once.

        A tracked loop inside another of the same phase can be cancelled too, but only the outer one counts.
        """
        return tracked(iterable, self._figures.meter, self._stop, number_or_none(total, "total"), unit)

    @property
    def done(self) -> Number:
        """Work done so far, in the current phase where there is one; may be assigned."""
        return self._figures.meter.done

    @done.setter
    def done(self, done: Number) -> None:
        self._figures.meter.done = checked_number(done, "done")
        self._stop.attend()

    @property
    def total(self) -> Number | None:
        """Work in all, in the current phase where there is one; None while unknown; may be assigned."""
        return self._figures.meter.total

    @total.setter
    def total(self, total: Number | None) -> None:
        self._figures.meter.total = number_or_none(total, "total")
        self._stop.attend()

    def count(self, name: str, n: Number = 1) -> None:
        """Add `n` to a counter; a new one starts at 0."""
        counters = self._figures.counters
        counters[name] = (counters[name] if name in counters else self._new_counter(name)) + n
        if self._stop.attention:
            self._stop.attend()

    def _new_counter(self, name: str) -> int:
        if not 1 <= len(name) <= NAME_LENGTH:
            raise Invalid(f"expected a name of 1 to {NAME_LENGTH} characters, got {len(name)}", "counters")
        if len(self._figures.counters) >= COUNTERS:
            raise Invalid(f"expected at most {COUNTERS} counters, got one more: {name!r}", "counters")
        return 0

    def counter(self, name: str) -> Number:
        """What a counter stands at; 0 where nothing was counted."""
        return self._figures.counters.get(name, 0)

    # ── What happens ──────────────────────────────────────────────────────────

    def message(self, text: str) -> None:
        """What is being done right now; only the newest is shown."""
        self._figures.message = trimmed(text)
        self._stop.attend()

    def log(self, text: str, level: Level = "info", data: Any = None) -> None:
        """One line of the job's story. None is lost: where 10,000 wait for the hub, the call waits too.

        Args:
            text: one sentence; trimmed to 4,096 characters.
            level: `info`, `warning` or `error`.
            data: anything JSON can hold, up to 64 KiB.

        Raises:
            Invalid, TooLarge: the level or the data is not as above.
        """
        fields = self._fields()
        self._attempt.say(Entry(**fields, level=level, text=trimmed(text), data=plain_data(data, "entry data")))
        self._stop.attend()

    def checkpoint(self, data: Any, done: Number | None = None) -> None:
        """Save where to go on from; the next attempt finds it in `checkpoint_data`.

        Args:
            data: anything JSON can hold, up to 64 KiB.
            done: how much is done at this point; None for what `done` is now.
        """
        done = self.done if done is None else done
        plain = plain_data(data, "checkpoint data")
        self._attempt.say(Checkpoint(**self._fields(), data=plain, done=checked_number(done, "done")))
        self._attempt.remember(plain, done)
        self._stop.attend()

    def attach(self, path_or_url: str | Path, name: str | None = None) -> None:
        """Put a file of this machine, or a link (http, https), on the job's page.

        Args:
            path_or_url: a file that exists, or a link.
            name: what it is called; None for the last part of its path.

        Raises:
            Invalid: no such file.
        """
        text = str(path_or_url)
        name = name or Path(text.rstrip("/")).name or text
        where: dict[str, Any] = {"url": text} if LINK.match(text) else {"path": _existing(text)}
        self._attempt.say(Artifact(**self._fields(), name=trimmed(name, NAME_LENGTH), **where))
        self._stop.attend()

    def _fields(self) -> dict[str, Any]:
        return {"job": self.id, "attempt": self.attempt, "n": 1}

    # ── Other jobs ────────────────────────────────────────────────────────────

    def start(
        self,
        kind: str,
        /,
        *,
        params: Mapping[str, Any] | None = None,
        title: str | None = None,
        tags: Mapping[str, str] | None = None,
        key: str | None = None,
        priority: int | None = None,
        **more_params: Any,
    ) -> Child:
        """Start another job of this hub, as a child of this one: `job.start("resize", path=path)`.

        It is shown below this one, cancelled with it, and counts into how far this one is where this one reports
        no numbers of its own. A function that returns waits for its children first; it fails where one of them
        did and nobody waited for that one. A further attempt of this job finds what an earlier one started.

        Args:
            kind: a registered kind.
            params: its parameters, where a name among them is one of these arguments; otherwise give them by name.
            title: None for the kind's own.
            tags: names and values, as of any job.
            key: under which a further attempt finds it again; None for one made of kind and parameters.
            priority: None for the kind's.

        Raises:
            Invalid, NotFound, Conflict: the hub does not start that; an `async` function hears so when it awaits it.
            Cancelled: once, after a cancel.
        """
        given = {**(params or {}), **more_params}
        return self._attempt.family.start(kind, given, title=title, tags=tags, key=key, priority=priority)

    def wait(self) -> list[Any]:
        """Wait for all jobs that were started here.

        Returns:
            their results, in the order of the starts; None for one whose failure was raised before.

        Raises:
            ChildrenFailed: once all have ended, where some did not succeed.
            Cancelled: once, after a cancel.
            Conflict: in an `async` function; `await job.wait_async()` there.
        """
        return self._attempt.family.wait()

    async def wait_async(self) -> list[Any]:
        """As `wait`, for an `async` function."""
        return await self._attempt.family.wait_async()

    # ── Cancel and pause ──────────────────────────────────────────────────────

    @property
    def cancelled(self) -> bool:
        """Whether the work was asked to stop. Never raises."""
        return self._stop.stopping

    @property
    def paused(self) -> bool:
        """Whether somebody paused it. A report waits then; where none is near, a function may look here itself."""
        return self._stop.paused

    async def resumed(self) -> None:
        """Wait while paused, in an `async` function, where a report cannot wait.

        Raises:
            Cancelled: once, after a cancel.
        """
        await self._stop.resumed()

    def raise_if_cancelled(self) -> None:
        """Raise :class:`Cancelled` if the work was asked to stop and it has not been raised yet."""
        self._stop.attend()


def _existing(path: str) -> str:
    resolved = Path(path).resolve()
    if not resolved.is_file():
        raise Invalid(f"expected a file that exists, got {path}", "path")
    return str(resolved)
