"""`@job`, and the registry of the kinds it makes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeVar

import msgspec

from hub.errors import BarcastError, Invalid, NotFound
from hub.launch import KindInfo, Prepared, RunsIn
from hub.view import SAFE, Phase
from workers.job import declared
from workers.modules import load
from workers.parameters import BadSignature, Parameters
from workers.texts import checked_number
from workers.title import TitleTemplate

F = TypeVar("F", bound=Callable[..., Any])
KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")  # hub.view.Kind
MARK = "__barcast_kind__"
MOST_RETRIES = 1_000
PRIORITIES = (-100, 100)  # hub.view.Priority


class DuplicateKind(BarcastError):
    """Two functions are registered under one name."""


class Kind:
    """A function, and what is known of it.

    Args:
        function: the job function.
        info: what the hub is told.
        no_retry: errors after which no further attempt follows by itself.

    Raises:
        BadSignature: see :class:`workers.parameters.Parameters`.
        Invalid: the name, the title or a phase is not as it must be.
    """

    def __init__(
        self,
        function: Callable[..., Any],
        parameters: Parameters,
        info: KindInfo,
        no_retry: tuple[type[BaseException], ...] = (),
    ) -> None:
        self.function = function
        self.parameters = parameters
        self.info = info
        self.no_retry = no_retry
        self.title = TitleTemplate(info.title, parameters.names)

    def prepare(self, given: Mapping[str, Any]) -> Prepared:
        """Check parameters and make the title of them.

        Raises:
            Invalid: see :meth:`workers.parameters.Parameters.check`.
        """
        values = self.parameters.check(given)
        return Prepared(params=self.parameters.plain(values), title=self.title.format(values))


def job(
    kind: str, *, title: str | None = None, phases: Sequence[str | Phase] = (),
    runs_in: Literal["process", "thread"] | None = None, cancel_note: str | None = None,
    retries: int = 0, backoff_s: float | None = None, backoff_max_s: float | None = None,
    no_retry: Sequence[type[BaseException]] = (), timeout_s: float | None = None,
    concurrency: int | None = None, priority: int = 0, stall_s: float | None = None, grace_s: float | None = None,
) -> Callable[[F], F]:  # fmt: skip
    """Register a function as a kind of job. The function itself stays what it is.

    Args:
        kind: name under which its runs are grouped.
        title: template such as `Import {path.name}`; None for the kind's name.
        phases: names, or `hub.view.Phase`, in order.
        runs_in: `process` (the default) or `thread`; an `async` function runs on the hub's event loop.
        cancel_note: what a cancel does, for people.
        retries: how many attempts may follow a failed first one by themselves, at most 1,000.
        backoff_s: seconds before the second attempt, doubled for each further one; None for the hub's setting.
        backoff_max_s: the most that becomes of it (of which up to a half is left out); None for the hub's setting.
        no_retry: errors, and their subclasses, after which no further attempt follows by itself.
        timeout_s: seconds that one attempt may work, pauses not counted; then it is stopped, and has failed.
        concurrency: how many jobs of this kind may run at once; None for no limit but the hub's.
        priority: -100 to 100, where a start names none; a higher one starts first.
        stall_s: seconds without advance that count as stalled.
        grace_s: seconds from a cancel to force: SIGTERM, or for an `async` function the end of its task.

    Raises:
        BadSignature: the function has no `job` first, or parameters that cannot be named.
        Invalid: one of the arguments is not as above.
    """
    info = KindInfo(
        kind=_checked_name(kind), title=title or kind, doc="", params={}, cancel_note=cancel_note,
        phases=declared(phases), retries=_whole(retries, "retries", 0, MOST_RETRIES),
        timeout_s=_positive(timeout_s, "timeout_s"), priority=_whole(priority, "priority", *PRIORITIES),
        concurrency=None if concurrency is None else _whole(concurrency, "concurrency", 1, SAFE),
        backoff_s=_seconds(backoff_s, "backoff_s"), backoff_max_s=_seconds(backoff_max_s, "backoff_max_s"),
        grace_s=_seconds(grace_s, "grace_s"), stall_s=_seconds(stall_s, "stall_s"),
    )  # fmt: skip
    return partial(_registered, info=info, runs_in=runs_in, no_retry=_errors(no_retry))


def _registered(function: F, info: KindInfo, runs_in: RunsIn | None, no_retry: tuple[type[BaseException], ...]) -> F:
    parameters = Parameters(function)
    doc, where = _first_paragraph(function), _where(function, runs_in)
    info = msgspec.structs.replace(info, doc=doc, params=parameters.schema, runs_in=where)
    setattr(function, MARK, Kind(function, parameters, info, no_retry))
    return function


class Kinds:
    """The kinds that a hub serves, by name.

    Attributes:
        modules: where they came from, so that a child process can import the same.
    """

    def __init__(self, functions: Iterable[Callable[..., Any]] = ()) -> None:
        self.modules: list[str] = []
        self._kinds: dict[str, Kind] = {}
        for function in functions:
            self.add(function)

    def add(self, function: Callable[..., Any]) -> None:
        """Serve a function that `@job` was put on.

        Raises:
            BadSignature: it was not.
            DuplicateKind: another function has its name.
        """
        kind = getattr(function, MARK, None)
        if not isinstance(kind, Kind):
            raise BadSignature(f"{function!r} has no @job")
        other = self._kinds.setdefault(kind.info.kind, kind)
        if other.function is not kind.function:
            raise DuplicateKind(f"{kind.info.kind!r} is {_place(other.function)} and {_place(kind.function)}")

    def load(self, named: str) -> list[str]:
        """Import a module and serve the jobs in it.

        Args:
            named: the path of a Python file, or a dotted name.

        Returns:
            the names of the kinds found there.

        Raises:
            NoSuchModule, DuplicateKind: see there.
            NotFound: the module holds no job.
        """
        module, stable = load(named)
        found = [one for one in vars(module).values() if isinstance(getattr(one, MARK, None), Kind)]
        if not found:
            raise NotFound(f"expected at least one function with @job in {named}, found none")
        for function in found:
            self.add(function)
        if stable not in self.modules:
            self.modules.append(stable)
        return [getattr(function, MARK).info.kind for function in found]

    def __getitem__(self, kind: str) -> Kind:
        """The kind of that name.

        Raises:
            NotFound: there is none.
        """
        try:
            return self._kinds[kind]
        except KeyError:
            raise NotFound(f"expected one of {sorted(self._kinds)}, got {kind!r}", "kind") from None

    def infos(self) -> list[KindInfo]:
        """What the hub is told of each, by name."""
        return [self._kinds[name].info for name in sorted(self._kinds)]


def _checked_name(kind: str) -> str:
    if not KIND.fullmatch(kind):
        raise Invalid(f"expected letters, digits and . _ : - (at most 128), got {kind!r}", "kind")
    return kind


def _whole(number: int, field: str, least: int, most: int) -> int:
    if not isinstance(number, int) or isinstance(number, bool) or not least <= number <= most:
        raise Invalid(f"expected {least} to {most}, got {number!r}", field)
    return number


def _seconds(seconds: float | None, field: str) -> float | None:
    return None if seconds is None else float(checked_number(seconds, field))


def _positive(seconds: float | None, field: str) -> float | None:
    if seconds == 0:
        raise Invalid("expected more than 0 s, got 0", field)
    return _seconds(seconds, field)


def _errors(classes: Sequence[type[BaseException]]) -> tuple[type[BaseException], ...]:
    if not isinstance(classes, Sequence) or not all(map(_is_error, classes)):
        raise Invalid(f"expected a list of classes of errors, got {classes!r}", "no_retry")
    return tuple(classes)


def _is_error(one: object) -> bool:
    return isinstance(one, type) and issubclass(one, BaseException)


def _where(function: Callable[..., Any], runs_in: RunsIn | None) -> RunsIn:
    if inspect.iscoroutinefunction(function):
        if runs_in is not None:
            raise Invalid("expected none for an async function, which runs on the hub's loop", "runs_in")
        return "loop"
    if runs_in not in (None, "process", "thread"):
        raise Invalid(f"expected 'process' or 'thread', got {runs_in!r}", "runs_in")
    return runs_in or "process"


def _first_paragraph(function: Callable[..., Any]) -> str:
    return " ".join((inspect.getdoc(function) or "").partition("\n\n")[0].split())


def _place(function: Callable[..., Any]) -> str:
    return f"{function.__module__}.{function.__qualname__}"
