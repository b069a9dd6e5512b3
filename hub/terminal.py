"""What a watched job looks like in a terminal (live bars), in a pipe (plain lines) and to a script (JSON lines)."""

from __future__ import annotations

import time
from collections.abc import Iterable
from typing import Protocol, Self, TextIO

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from hub import words
from hub.listing import CHILD
from hub.protocol import Gone, Log, Snapshot, Summary, Update
from hub.view import JobView, LogEntry, Status
from hub.watch import Lost, Told

FRAMES_PER_S = 8
BAR_WIDTH = 24
ENDED_SHOWN = 5  # on the feed, below those that go on
STEP = 0.1  # of a fraction: how often a plain line is written
STYLES = {
    Status.QUEUED: "dim",
    Status.RUNNING: "cyan",
    Status.PAUSED: "yellow",
    Status.CANCELLING: "yellow",
    Status.LOST: "red",
    Status.SUCCEEDED: "green",
    Status.FAILED: "red",
    Status.CANCELLED: "magenta",
}
DATA = (Snapshot, Update, Log, Summary, Gone)


class Display(Protocol):
    """Shows what a watch tells."""

    def __enter__(self) -> Self:
        """Begin."""
        ...

    def __exit__(self, *_: object) -> None:
        """End."""
        ...

    def show(self, told: Told, jobs: dict[str, JobView]) -> None:
        """One message, and what is known of all jobs after it."""
        ...

    def lost(self, lost: Lost) -> None:
        """The connection is gone."""
        ...


class Written:
    """A display that writes line after line.

    Args:
        out: for what is shown.
        err: for what is said about the connection.
    """

    def __init__(self, out: TextIO, err: TextIO) -> None:
        self._out = out
        self._err = err

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._out.flush()

    def lost(self, lost: Lost) -> None:
        """Say so, where it does not mix with what is shown."""
        print(lost_words(lost), file=self._err, flush=True)

    def write(self, line: str) -> None:
        """One line, at once: whoever reads a pipe waits for it."""
        print(line, file=self._out, flush=True)


class JsonLines(Written):
    """The hub's own messages, one a line."""

    def show(self, told: Told, jobs: dict[str, JobView]) -> None:
        """The message as it came."""
        if isinstance(told.message, DATA):
            self.write(told.text)


class Lines(Written):
    """Plain lines: each log entry, each change of status, and progress by tenths.

    Args:
        out, err: as of :class:`Written`.
        job: the one that is watched; None for all.
    """

    def __init__(self, out: TextIO, err: TextIO, job: str | None) -> None:
        super().__init__(out, err)
        self._job = job
        self._written: dict[str, tuple[str, int]] = {}

    def show(self, told: Told, jobs: dict[str, JobView]) -> None:
        """What is new in it."""
        match told.message:
            case Log():
                for entry in told.message.entries:
                    self.write(entry_words(entry))
            case Snapshot() | Update():
                for job in told.message.jobs:
                    if job.id in jobs:
                        self._moved(jobs[job.id])
            case Gone():
                self.write(f"{words.plain(told.message.job)}  {told.message.reason}")
            case _:
                pass

    def _moved(self, job: JobView) -> None:
        place = (job.status.value, int((job.fraction or 0.0) / STEP))
        if self._written.get(job.id) != place:
            self._written[job.id] = place
            line = words.ending(job) if job.status.terminal else words.progress(job)
            self.write(line if self._job else f"{job.id}  {words.plain(job.title)}: {line}")


class Bars:
    """Live bars.

    Args:
        console: the terminal.
        job: the one that is watched; None for all.
    """

    def __init__(self, console: Console, job: str | None) -> None:
        self._console = console
        self._job = job
        self._jobs: dict[str, JobView] = {}
        self._ended: list[str] = []
        self._lost: Lost | None = None
        self._live = Live(console=console, get_renderable=lambda: self, refresh_per_second=FRAMES_PER_S)

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, told: Told, jobs: dict[str, JobView]) -> None:
        """Log entries scroll by above the bars."""
        self._lost = None
        if isinstance(told.message, Log):
            for entry in told.message.entries:
                self._console.print(Text(entry_words(entry), style=entry_style(entry)), soft_wrap=True)
        known, self._jobs = self._jobs, dict(jobs)
        self._ended += [
            id_ for id_, job in jobs.items() if job.status.terminal and id_ in known and not known[id_].status.terminal
        ]

    def lost(self, lost: Lost) -> None:
        """Said under the bars, which stay as they were."""
        self._lost = lost

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield self._picture(options.max_height if options.height is None else options.height)

    def _picture(self, height: int) -> RenderableType:
        jobs = self._shown()
        room = max(1, height - 3)
        parts: list[RenderableType] = [table(jobs[:room])]
        if len(jobs) > room:
            parts.append(Text(f"and {len(jobs) - room} more", style="dim"))
        if not jobs:
            parts = [Text("No job is running or waiting.", style="dim")]
        if self._lost is not None:
            parts.append(Text(lost_words(self._lost), style="yellow"))
        return Group(*parts)

    def _shown(self) -> list[JobView]:
        if self._job is not None:
            return [self._jobs[self._job]] if self._job in self._jobs else []
        alive = [job for job in self._jobs.values() if not job.status.terminal]
        ended = [self._jobs[id_] for id_ in reversed(self._ended) if id_ in self._jobs]
        alive.sort(key=lambda job: (job.status is Status.QUEUED, job.created_at, job.id))
        return families(alive) + [job for job in ended if job.status.terminal and job.parent is None][:ENDED_SHOWN]


def families(jobs: list[JobView]) -> list[JobView]:
    """The jobs, each with its children behind it, but for queued ones: a large batch would fill the screen."""
    known = {job.id for job in jobs}
    below: dict[str | None, list[JobView]] = {}
    for job in jobs:
        parent = job.parent if job.parent in known else None
        if parent is None or job.status is not Status.QUEUED:
            below.setdefault(parent, []).append(job)
    shown: list[JobView] = []
    waiting = below.get(None, [])[::-1]
    while waiting:
        shown.append(waiting.pop())
        waiting += below.get(shown[-1].id, [])[::-1]
    return shown


def table(jobs: Iterable[JobView]) -> Table:
    """One row a job: title, bar, what moves."""
    rows = Table.grid(padding=(0, 1), expand=True)
    rows.add_column(ratio=2, no_wrap=True, overflow="ellipsis")
    rows.add_column(width=BAR_WIDTH)
    rows.add_column(width=5, justify="right")
    rows.add_column(ratio=3, no_wrap=True, overflow="ellipsis")
    for job in jobs:
        title = f"{CHILD if job.parent else ''}{words.plain(job.title)}"
        rows.add_row(Text(title), bar(job), Text(words.percent(job)), Text(line(job), style=STYLES[job.status]))
    return rows


def bar(job: JobView) -> RenderableType:
    """How far it is; a moving stripe while nobody can know."""
    if job.fraction is None and job.status is Status.RUNNING:
        return ProgressBar(pulse=True, width=BAR_WIDTH, animation_time=time.monotonic())
    done = 1.0 if job.status is Status.SUCCEEDED else job.fraction or 0.0
    style = STYLES[job.status]
    return ProgressBar(total=1.0, completed=done, width=BAR_WIDTH, complete_style=style, finished_style=style)


def line(job: JobView) -> str:
    """What stands beside the bar, which has the percent."""
    if job.status.terminal:
        return words.ending(job)
    parts = [words.standing(job) if job.status is not Status.RUNNING or job.stalled else "", words.left(job)]
    parts += [words.counts(job.done, job.total, job.unit), words.phase(job), words.started(job)]
    if job.status is Status.RUNNING:
        parts.append(words.rate(job.rate, job.unit))
    parts.append(words.plain(job.message or ""))
    return ", ".join(filter(None, parts))


def entry_words(entry: LogEntry) -> str:
    """A log entry in one line, with the local time it was made at."""
    at = time.strftime("%H:%M:%S", time.localtime(entry.at / 1000))
    return f"{at} {entry.event.replace('_', ' ')}: {words.plain(entry.text)}"


def entry_style(entry: LogEntry) -> str:
    """Colour of an entry."""
    return {"info": "dim", "warning": "yellow", "error": "red"}[entry.level]


def lost_words(lost: Lost) -> str:
    """That the connection is gone, and what happens next."""
    return f"Not connected ({words.plain(lost.why)}); trying again in {max(lost.wait_s, 0.1):.1f} s"
