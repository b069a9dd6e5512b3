"""The commands that ask a hub: kinds, start, jobs, watch, cancel, retry, pause, resume, reset, stack."""

from __future__ import annotations

import asyncio
import os
import random
import sys
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any, TypeVar

import click
import msgspec
from rich.console import Console

from hub import listing, words
from hub.arguments import pairs, parameters
from hub.calls import JobList, KindList
from hub.errors import Invalid, NotFound
from hub.protocol import HttpControl, HttpStart
from hub.remote import DEFAULT_URL, Remote, job_path
from hub.stack import StackView
from hub.terminal import Bars, Display, JsonLines, Lines
from hub.view import JobView, KindView, Status
from hub.watch import Lost, Watch

F = TypeVar("F", bound=Callable[..., Any])
EXIT_CODES = {Status.SUCCEEDED: 0, Status.FAILED: 1, Status.CANCELLED: 130}
LEFT_BY_HAND = 130  # as shells say of what SIGINT ended
url_option = click.option(
    "--url", "remote", envvar="BARCAST_URL", default=DEFAULT_URL, show_default=True,
    callback=lambda _context, _option, url: Remote(url, os.environ.get("BARCAST_TOKEN")),
    help="The hub's address; its token is read from BARCAST_TOKEN.",
)  # fmt: skip
json_option = click.option("--json", "as_json", is_flag=True, help="Print what the hub answered, as JSON.")


def asking(command: F) -> F:
    """What all of them take."""
    return url_option(json_option(command))


@click.command()
@asking
def kinds(remote: Remote, *, as_json: bool) -> None:
    """List the kinds of jobs that the hub can start, with their parameters."""
    answer = remote.get("/api/kinds")
    if as_json:
        print_json(answer)
        return
    for line in listing.kind_lines(msgspec.json.decode(answer, type=KindList).kinds):
        click.echo(line)


@click.command()
@click.argument("kind")
@click.argument("arguments", nargs=-1, metavar="[NAME=VALUE]…")
@click.option("--title", help="What the job is called, instead of the kind's title.")
@click.option("--tag", "tags", multiple=True, metavar="NAME=VALUE", help="A tag; may repeat.")
@click.option("--key", help="Starting again with the same key returns the job that it started first.")
@click.option("--priority", type=click.IntRange(-100, 100), help="The higher starts first, instead of the kind's own.")
@click.option("--follow", is_flag=True, help="Watch it to its end; exits as `watch` does.")
@asking
def start(
    remote: Remote,
    kind: str,
    arguments: tuple[str, ...],
    *,
    title: str | None,
    tags: tuple[str, ...],
    key: str | None,
    priority: int | None,
    follow: bool,
    as_json: bool,
) -> None:
    """Start a job of KIND.

    A value is text where the parameter is text, else JSON. A relative path is meant from the current folder.
    """
    known = kind_of(remote, kind)
    params = parameters(arguments, known.params, here=Path.cwd() if remote.local else None)
    order = HttpStart(kind=kind, params=params, title=title, tags=pairs(tags), key=key, priority=priority)
    answer = remote.post("/api/jobs", order)
    job = msgspec.json.decode(answer, type=JobView)
    started = f"Started {job.id} ({words.plain(job.title)}): {remote.url}/jobs/{job.id}"
    if as_json:
        print_json(answer)
    else:
        click.echo(started, err=True)
        click.echo(job.id)  # alone, so that scripts can take it
    if follow:
        sys.exit(run_watch(remote, job.id, as_json=as_json))


def kind_of(remote: Remote, kind: str) -> KindView:
    """What the hub knows of a kind.

    Raises:
        NotFound: it serves none of that name.
    """
    served = msgspec.json.decode(remote.get("/api/kinds"), type=KindList).kinds
    for one in served:
        if one.kind == kind:
            return one
    names = ", ".join(one.kind for one in served) or "none, this hub serves no kinds"
    raise NotFound(f"expected one of {names}; got {kind!r}", "KIND")


@click.command()
@click.option(
    "--status", "statuses", multiple=True, type=click.Choice([s.value for s in Status]), help="Only these; may repeat."
)
@click.option("--kind", "named", multiple=True, help="Only of these kinds; may repeat.")
@click.option("--parent", metavar="JOB", help="Only what JOB started; empty for jobs that no other started.")
@click.option("--stuck", is_flag=True, help="Only what is stalled or lost: since when, and which worker has it.")
@click.option("--limit", default=50, show_default=True, type=click.IntRange(1, 500), help="How many, newest first.")
@asking
def jobs(
    remote: Remote,
    *,
    statuses: tuple[str, ...],
    named: tuple[str, ...],
    parent: str | None,
    stuck: bool,
    limit: int,
    as_json: bool,
) -> None:
    """List jobs, newest first."""
    query = [("limit", str(limit)), *(("status", s) for s in statuses), *(("kind", kind) for kind in named)]
    if parent is not None:
        query.append(("parent", parent))
    if stuck:
        query.append(("stuck", "true"))
    answer = remote.get("/api/jobs", query)
    if as_json:
        print_json(answer)
    else:
        listing.print_jobs(Console(), msgspec.json.decode(answer, type=JobList).jobs, stuck=stuck)


@click.command()
@click.argument("job")
@click.option("--reason", help="Said in the job's log and to the work itself.")
@click.option("--force", is_flag=True, help="Do not wait for the work to clean up.")
@asking
def cancel(remote: Remote, job: str, *, reason: str | None, force: bool, as_json: bool) -> None:
    """Ask for JOB to be cancelled; returns once the request is stored. `watch JOB` sees how it ends."""
    answer = remote.post(job_path(job, "cancel"), HttpControl(reason=reason, force=force))
    print_answer(answer, as_json=as_json)


@click.command()
@click.argument("job")
@asking
def retry(remote: Remote, job: str, *, as_json: bool) -> None:
    """Queue another attempt of JOB, which goes on from its last checkpoint."""
    print_answer(remote.post(job_path(job, "retry"), HttpControl()), as_json=as_json)


@click.command()
@click.argument("job")
@asking
def pause(remote: Remote, job: str, *, as_json: bool) -> None:
    """Let JOB stand still at its next report, until it is resumed."""
    print_answer(remote.post(job_path(job, "pause"), HttpControl()), as_json=as_json)


@click.command()
@click.argument("job")
@asking
def resume(remote: Remote, job: str, *, as_json: bool) -> None:
    """Let JOB, which was paused, go on."""
    print_answer(remote.post(job_path(job, "resume"), HttpControl()), as_json=as_json)


@click.command()
@click.argument("job")
@click.option("--reason", help="Said in the job's log and to the worker.")
@click.option("--force", is_flag=True, help="Although it gets on.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@asking
def reset(remote: Remote, job: str, *, reason: str | None, force: bool, yes: bool, as_json: bool) -> None:
    """Give up the attempt of JOB, which is stalled or lost: its work is stopped, and the next attempt goes on.

    It goes on from the last checkpoint. Without an attempt left the job fails. `jobs --stuck` lists what is stuck.
    """
    check_id(job)
    if not yes:
        found = msgspec.json.decode(remote.get(job_path(job)), type=JobView)
        click.echo(f"{found.id} ({words.plain(found.title)}): {listing.stuck_words(found)}", err=True)
        click.confirm(f"Stop its work ({words.after_reset(found)})?", abort=True, err=True)
    print_answer(remote.post(job_path(job, "reset"), HttpControl(reason=reason, force=force)), as_json=as_json)


@click.command()
@click.argument("job")
@asking
def stack(remote: Remote, job: str, *, as_json: bool) -> None:
    """Show where JOB is now: the stacks of its threads, told by its worker or else by the system."""
    answer = remote.get(job_path(job, "stack"))
    if as_json:
        print_json(answer)
        return
    for line in msgspec.json.decode(answer, type=StackView).text.splitlines():
        click.echo(words.plain(line))


@click.command()
@click.argument("job", required=False)
@asking
def watch(remote: Remote, job: str | None, *, as_json: bool) -> None:
    """Watch JOB to its end, or all jobs until Ctrl-C: live bars in a terminal, else plain lines.

    With --json the hub's messages, one a line. Exits with 0 when JOB succeeded, 1 when it failed (or could not be
    watched), 130 when it was cancelled or you left with Ctrl-C, which does not cancel it.
    """
    sys.exit(run_watch(remote, job, as_json=as_json))


COMMANDS = (kinds, start, jobs, watch, cancel, retry, pause, resume, reset, stack)


# ── Parts ─────────────────────────────────────────────────────────────────────


def check_id(job: str) -> None:
    """Refuse what would lead to another address.

    Raises:
        Invalid: no id could be like this.
    """
    if not 1 <= len(job) <= 64:
        raise Invalid(f"expected a job's id, got {job[:80]!r}", "JOB")


def run_watch(remote: Remote, job: str | None, *, as_json: bool) -> int:
    """Watch; the exit code.

    Raises:
        Unreachable, Refused: see :meth:`hub.watch.Watch.messages`.
        Invalid: no id could be like this.
    """
    if job is not None:
        check_id(job)
    watching = Watch(remote, job, random.random)
    try:
        end = asyncio.run(follow(watching, display_for(job, as_json=as_json)))
    except KeyboardInterrupt:
        return LEFT_BY_HAND
    assert end is not None, "messages end with the job's end, and the feed's never"
    return EXIT_CODES[end]


async def follow(watching: Watch, display: Display) -> Status | None:
    """Show what a watch tells, until it ends."""
    with display:
        async with aclosing(watching.messages()) as messages:
            async for one in messages:
                if isinstance(one, Lost):
                    display.lost(one)
                else:
                    display.show(one, watching.jobs)
    return watching.end


def display_for(job: str | None, *, as_json: bool) -> Display:
    """What suits where stdout leads."""
    if as_json:
        return JsonLines(sys.stdout, sys.stderr)
    if sys.stdout.isatty():
        return Bars(Console(), job)
    return Lines(sys.stdout, sys.stderr, job)


def print_json(answer: bytes) -> None:
    """What the hub answered, in one line."""
    click.echo(answer)


def print_answer(answer: bytes, *, as_json: bool) -> None:
    """A job after a request: its id and how it stands now."""
    if as_json:
        print_json(answer)
        return
    job = msgspec.json.decode(answer, type=JobView)
    click.echo(f"{job.id} ({words.plain(job.title)}): {words.standing(job)}, attempt {job.attempt}")
