"""rich.progress that reports: `from workers.rich import Progress, track`, and everything else stays as it is.

A display is a job, from its first task to its `stop()`; the oldest unfinished task is the job's phase, the others are
told in its message. An exception that leaves its `with` block fails it, and so does one that leaves a loop of `track`
and that nobody catches. A cancel on the hub raises `Cancelled` at the next `advance` or `update`, or at the next step
of `track`; a pause waits there. Under `barcast exec` its tasks are phases of that job, like all others.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Iterator
from types import TracebackType
from typing import Any, TypeVar

import rich.progress
from rich.progress import TaskID

from workers import left, outcome
from workers.bars import Bar, Bars
from workers.desk import PLACE
from workers.hook.barcast_hook import INTERVAL_S, TASKS, rich_bar
from workers.outside import Session, opening
from workers.teller import AttemptBoard

__all__ = ["Progress", "track"]

T = TypeVar("T")


class Display:
    """The job of one display.

    Args:
        title: of its first task.
    """

    def __init__(self, title: str) -> None:
        self.session = Session(opening(None, title=title or None))
        self._bars = Bars(AttemptBoard(self.session.attempt))
        self._told: dict[str, Bar] = {}

    def show(self, bars: list[Bar]) -> None:
        """All its tasks stand like this; those that are missing are over."""
        now = {bar.id: bar for bar in bars}
        for name in set(self._told) - set(now):
            self._bars.gone(name.__eq__)
            del self._told[name]
        for name, bar in now.items():
            if self._told.get(name) != bar:
                self._told[name] = bar
                self._bars.show(bar)

    def end(self, error: BaseException | None) -> None:
        """It was stopped, perhaps by an exception."""
        if error is None:
            self.session.succeed()
        elif isinstance(error, GeneratorExit):
            left.hold(self.session, "Left before its end")
        else:
            self.session.end(outcome.raised(error, self.session.stop))


class Progress(rich.progress.Progress):
    """As `rich.progress.Progress`, and reports to the hub at `BARCAST_URL` (with `BARCAST_TOKEN`), if there is one.

    Raises:
        Cancelled: from `advance`, `update` and the steps of `track`, when somebody cancels the job on the hub.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        self._reported: Display | None = None
        self._due = 0.0
        self._error: BaseException | None = None
        super().__init__(*args, **options)

    def add_task(self, description: str, *args: Any, **options: Any) -> TaskID:
        """Add a task; the first one begins the job."""
        task = super().add_task(description, *args, **options)
        self._tell(at_once=True)
        return task

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Count."""
        super().advance(task_id, advance)
        self._step()

    def update(self, task_id: TaskID, **changes: Any) -> None:
        """Change a task."""
        super().update(task_id, **changes)
        self._step()

    def reset(self, task_id: TaskID, **changes: Any) -> None:
        """Begin a task anew."""
        super().reset(task_id, **changes)
        self._tell(at_once=True)

    def remove_task(self, task_id: TaskID) -> None:
        """Forget a task."""
        super().remove_task(task_id)
        self._tell(at_once=True)

    def get_renderable(self) -> Any:
        """What is drawn; called ten times a second by rich's own thread, which so tells what came last."""
        self._tell()
        return super().get_renderable()

    def track(self, sequence: Iterable[T], *args: Any, **options: Any) -> Iterator[T]:
        """Iterate, counting."""
        for item in super().track(sequence, *args, **options):
            yield item
            self._attend()

    def stop(self) -> None:
        """The display is over, and so is the job."""
        super().stop()
        self._tell(at_once=True)
        display, self._reported = self._reported, None
        if display is not None:
            display.end(self._error)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the block; an exception is how it ended."""
        self._error = error
        super().__exit__(kind, error, trace)

    def _step(self) -> None:
        self._tell()
        self._attend()

    def _attend(self) -> None:
        """Raise nothing in the thread by which rich itself counts the steps of `track`."""
        display = self._reported
        if display is not None and not isinstance(threading.current_thread(), rich.progress._TrackThread):  # noqa: SLF001
            display.session.stop.attend()

    def _tell(self, at_once: bool = False) -> None:
        now = time.monotonic()
        if self.disable or PLACE in os.environ or (not at_once and now < self._due):
            return
        self._due = now + INTERVAL_S
        with self._lock:
            bars = [Bar(**rich_bar(str(task.id), task, over=False)) for task in self.tasks[:TASKS] if task.visible]
            if self._reported is None and bars and at_once:
                self._reported = Display(bars[0].name)
            if self._reported is not None:
                self._reported.show(bars)


def track(
    sequence: Iterable[T], description: str = "Working...", total: float | None = None, **options: Any
) -> Iterator[T]:
    """As `rich.progress.track`, reported.

    Args:
        sequence: what to go through.
        description: of its task, and of the job.
        total: how many there are; None for its length, where it has one.
        options: as of `rich.progress.Progress`, besides `completed` and `update_period`.
    """
    steps = {name: options.pop(name) for name in ("completed", "update_period") if name in options}
    with Progress(**options) as progress:
        yield from progress.track(sequence, total=total, description=description, **steps)
