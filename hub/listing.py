"""Kinds and jobs as lists for people: a table in a terminal, plain columns in a pipe."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from hub import words
from hub.arguments import types_of
from hub.resetting import is_stuck
from hub.view import JobView, KindView, Status

CHILD = "\N{BOX DRAWINGS LIGHT UP AND RIGHT} "  # before the title of a job that another one started
COLUMNS = ("id", "status", "progress", "kind", "title")
STUCK_COLUMNS = ("id", "stuck", "since", "worker", "kind", "title")


def kind_lines(kinds: Sequence[KindView]) -> Iterator[str]:
    """Each kind with its parameters; one without a default is needed."""
    if not kinds:
        yield "This hub serves no kinds."
    for kind in kinds:
        yield f"{kind.kind}  {words.plain(kind.doc or kind.title)}"
        needed = kind.params.get("required", ())
        for name, schema in kind.params.get("properties", {}).items():
            yield f"    {parameter_words(name, schema, needed=name in needed)}"


def parameter_words(name: str, schema: Mapping[str, Any], *, needed: bool) -> str:
    """`batch=5000 (integer)`, `path=… (path, needed)`."""
    default = "…" if needed else words.plain(_as_typed(schema.get("default")))
    choices = " or ".join(words.plain(_as_typed(value)) for value in schema.get("enum", ()))
    kind = choices or schema.get("format") or " or ".join(sorted(types_of(schema))) or "anything"
    return f"{name}={default} ({kind}{', needed' if needed else ''})"


def _as_typed(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def job_row(job: JobView) -> tuple[str, ...]:
    """One job's columns."""
    status, children = words.standing(job), words.started(msgspec.structs.replace(job, unit=None))
    progress = ", ".join(filter(None, (words.percent(job), children))) or "-"
    return job.id, status, progress, words.plain(job.kind), words.plain(job.title)


def stuck_row(job: JobView) -> tuple[str, ...]:
    """One stuck job's columns: how it stands, since when, and which worker has it."""
    return job.id, stuck_how(job), stuck_since(job), words.plain(job.worker or "-"), job.kind, words.plain(job.title)


def stuck_how(job: JobView) -> str:
    """`stalled`, `lost`, or where it stands otherwise."""
    return "stalled" if is_stuck(job) and job.stalled else job.status.value


def stuck_since(job: JobView) -> str:
    """When it last advanced, or its worker was last heard, as the clock here shows it; `-` where that is not known."""
    at = job.heard_at if job.status is Status.LOST else job.advanced_at
    return "-" if at is None else datetime.fromtimestamp(at / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def stuck_words(job: JobView) -> str:
    """The same in one line."""
    since = f" since {stuck_since(job)}" if is_stuck(job) else ""
    return f"{stuck_how(job)}{since}{f' on {words.plain(job.worker)}' if job.worker else ''}"


def print_jobs(console: Console, jobs: Iterable[JobView], *, stuck: bool = False) -> None:
    """A table in a terminal, where a child's title is marked; elsewhere columns apart by tabs, without a heading.

    Args:
        console: where to.
        jobs: which.
        stuck: whether to tell since when they are stuck, instead of how far they are.
    """
    listed = list(jobs)
    rows = [stuck_row(job) if stuck else job_row(job) for job in listed]
    if not console.is_terminal:
        for row in rows:
            console.file.write("\t".join(row) + "\n")
        return
    table = Table(*(STUCK_COLUMNS if stuck else COLUMNS), box=None, pad_edge=False)
    table.columns[0].no_wrap = True
    for job, row in zip(listed, rows, strict=True):
        table.add_row(*[Text(cell) for cell in row[:-1]], Text(f"{CHILD if job.parent else ''}{row[-1]}"))
    console.print(table if rows else Text("No jobs.", style="dim"))
