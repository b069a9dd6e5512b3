"""Runs an example with the real `Job`; whatever it says is kept in lists."""

import copy
import itertools
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from hub.protocol import Artifact, CancelOrder, Checkpoint, Entry, Open, PhaseStart
from hub.view import Level, Number, Phase
from workers import Cancelled, Job
from workers.attempt import Attempt
from workers.kinds import MARK, Kind
from workers.phase import RunningPhase

Told = PhaseStart | Entry | Checkpoint | Artifact
When = Callable[[Told], bool]
Act = Callable[[], object]
IDS = itertools.count(1)


class HeardJob(Job):
    """The real job; all that is said through it is heard just before, so that a cancel can come at that moment."""

    def __init__(self, attempt: Attempt, title: str, hear: Callable[[Told], None]) -> None:
        super().__init__(attempt, title)
        self.said: list[str] = []
        self.planned: list[list[str]] = []
        self._hear = hear

    def phase(self, name: str, total: Number | None = None, unit: str | None = None) -> RunningPhase:
        phase = super().phase(name, total, unit)
        self._hear(PhaseStart(**self._fields(), name=name, total=phase.total, unit=phase.unit))
        return phase

    def log(self, text: str, level: Level = "info", data: Any = None) -> None:
        self._hear(Entry(**self._fields(), text=text, level=level, data=data))
        super().log(text, level, data)

    def checkpoint(self, data: Any, done: Number | None = None) -> None:
        self._hear(Checkpoint(**self._fields(), data=copy.deepcopy(data), done=done))
        super().checkpoint(data, done)

    def attach(self, path_or_url: str | Path, name: str | None = None) -> None:
        self._hear(Artifact(**self._fields(), name=name or "", path=str(path_or_url)))
        super().attach(path_or_url, name)

    def plan(self, phases: Sequence[str | Phase]) -> None:
        self.planned.append([phase if isinstance(phase, str) else phase.name for phase in phases])
        super().plan(phases)

    def message(self, text: str) -> None:
        self.said.append(text)
        super().message(text)


class Story:
    """All that one run said.

    Args:
        kind: what is run.
        number: which attempt it is.
        checkpoint: what the attempt before saved.
        cancel_at: the job is cancelled at the message for which this is true.
        meanwhile: what somebody else does when the phase of that name starts.

    Attributes:
        messages: all durable ones, in order.
        result: what the function returned.
        cancelled: what it said of its cancel; None when it was not cancelled.
    """

    def __init__(self, kind: Kind, number: int, checkpoint: Any, cancel_at: When, meanwhile: Mapping[str, Act]) -> None:
        self.messages: list[Told] = []
        self.result: Any = None
        self.cancelled: str | None = None
        self._kind = kind
        self._cancel_at = cancel_at
        self._meanwhile = meanwhile
        self._attempt = Attempt(Open(id=0, job=f"J{next(IDS)}", attempt=number))
        self._attempt.expect_phases(kind.info.phases)
        if checkpoint is not None:
            self._attempt.remember(checkpoint, 0)
        self._job = HeardJob(self._attempt, kind.info.title, self._hear)

    def _hear(self, message: Told) -> None:
        self.messages.append(message)
        if isinstance(message, PhaseStart) and message.name in self._meanwhile:
            self._meanwhile[message.name]()
        if self._cancel_at(message):
            self._attempt.stop.cancel(CancelOrder(reason=None, by=None, grace_s=10.0))

    def run(self, params: dict[str, Any]) -> None:
        values = self._kind.parameters.check(params)
        try:
            self.result = self._kind.function(self._job, **values)
        except Cancelled as cancelled:
            self.cancelled = str(cancelled)

    @property
    def planned(self) -> list[list[str]]:
        """Names of the phases to come, as they were after each plan."""
        return self._job.planned

    @property
    def said(self) -> list[str]:
        """All that was given as `message`."""
        return self._job.said

    @property
    def counters(self) -> dict[str, Number]:
        return self._attempt.figures.counters

    @property
    def entries(self) -> list[Entry]:
        return [message for message in self.messages if isinstance(message, Entry)]

    @property
    def phases(self) -> list[PhaseStart]:
        return [message for message in self.messages if isinstance(message, PhaseStart)]

    @property
    def checkpoints(self) -> list[Any]:
        return [message.data for message in self.messages if isinstance(message, Checkpoint)]

    @property
    def attached(self) -> list[Path]:
        return [Path(message.path or "") for message in self.messages if isinstance(message, Artifact)]

    @property
    def done(self) -> Number:
        return self._job.done

    @property
    def total(self) -> Number | None:
        return self._job.total


class Play:
    """Runs a function as the hub would, with its parameters checked; errors of the function pass."""

    def __call__(
        self,
        function: Callable[..., Any],
        *,
        attempt: int = 1,
        checkpoint: Any = None,
        cancel_at: When = lambda _: False,
        meanwhile: Mapping[str, Act] | None = None,
        **params: Any,
    ) -> Story:
        story = Story(getattr(function, MARK), attempt, checkpoint, cancel_at, meanwhile or {})
        story.run(params)
        return story


@pytest.fixture
def play(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Play:
    """What the examples write when they are not told where goes below `tmp_path / "tmp"`."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    return Play()


@pytest.fixture
def at_phase() -> Callable[[str], When]:
    """True when a phase of that name starts."""
    return lambda name: lambda message: isinstance(message, PhaseStart) and message.name == name
