"""`@job`, and the registry of the kinds it makes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, TypeVar

import msgspec

from hub.errors import BarcastError, Invalid, NotFound
from hub.launch import KindInfo, Prepared, RunsIn
from hub.view import Phase
from workers.job import declared
from workers.modules import load
from workers.parameters import BadSignature, Parameters
from workers.texts import checked_number
from workers.title import TitleTemplate

F = TypeVar("F", bound=Callable[..., Any])
KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")  # hub.view.Kind
MARK = "__barcast_kind__"


class DuplicateKind(BarcastError):
    """Two functions are registered under one name."""


class Kind:
    """A function, and what is known of it.

    Args:
        function: the job function.
        info: what the hub is told; its `params` are made here.

    Raises:
        BadSignature: see :class:`workers.parameters.Parameters`.
        Invalid: the name, the title or a phase is not as it must be.
    """

    def __init__(self, function: Callable[..., Any], parameters: Parameters, info: KindInfo) -> None:
        self.function = function
        self.parameters = parameters
        self.info = info
        self.title = TitleTemplate(info.title, parameters.names)

    def prepare(self, given: Mapping[str, Any]) -> Prepared:
        """Check parameters and make the title of them.

        Raises:
            Invalid: see :meth:`workers.parameters.Parameters.check`.
        """
        values = self.parameters.check(given)
        return Prepared(params=self.parameters.plain(values), title=self.title.format(values))


def job(
    kind: str,
    *,
    title: str | None = None,
    retries: int = 0,
    phases: Sequence[str | Phase] = (),
    runs_in: Literal["process", "thread"] | None = None,
    cancel_note: str | None = None,
    stall_s: float | None = None,
    grace_s: float | None = None,
) -> Callable[[F], F]:
    """Register a function as a kind of job. The function itself stays what it is.

    Args:
        kind: name under which its runs are grouped.
        title: template such as `Import {path.name}`; None for the kind's name.
        retries: how many attempts may follow a failed first one by themselves; kept, nothing retries yet.
        phases: names, or `hub.view.Phase`, in order.
        runs_in: `process` (the default) or `thread`; an `async` function runs on the hub's event loop.
        cancel_note: what a cancel does, for people.
        stall_s: seconds without advance that count as stalled.
        grace_s: seconds from a cancel to SIGTERM.

    Raises:
        BadSignature: the function has no `job` first, or parameters that cannot be named.
        Invalid: one of the arguments is not as above.
    """

    info = KindInfo(
        kind=_checked_name(kind),
        title=title or kind,
        doc="",
        params={},
        cancel_note=cancel_note,
        phases=declared(phases),
        retries=_checked_retries(retries),
        grace_s=_checked_seconds(grace_s, "grace_s"),
        stall_s=_checked_seconds(stall_s, "stall_s"),
    )
    return lambda function: _registered(function, info, runs_in)


def _registered(function: F, info: KindInfo, runs_in: RunsIn | None) -> F:
    parameters = Parameters(function)
    doc, where = _first_paragraph(function), _where(function, runs_in)
    info = msgspec.structs.replace(info, doc=doc, params=parameters.schema, runs_in=where)
    setattr(function, MARK, Kind(function, parameters, info))
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


def _checked_retries(retries: int) -> int:
    if not isinstance(retries, int) or not 0 <= retries <= 1000:
        raise Invalid(f"expected 0 to 1000, got {retries!r}", "retries")
    return retries


def _checked_seconds(seconds: float | None, field: str) -> float | None:
    return None if seconds is None else float(checked_number(seconds, field))


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
