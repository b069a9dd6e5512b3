"""The commands that run work here and report it to a hub: exec, pipe."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import reduce
from typing import Any, TypeVar

import click

from hub.remote import DEFAULT_URL

F = TypeVar("F", bound=Callable[..., Any])


def reported(command: F) -> F:
    """What both take."""
    options = (
        click.option("--title", help="What the job is called; what `exec` runs has its command line for one."),
        click.option("--kind", help="Name under which such runs are grouped."),
        click.option(
            "--url", envvar="BARCAST_URL", default=DEFAULT_URL, show_default=True,
            help="The hub's address; its token is in BARCAST_TOKEN. Without a hub the work is done all the same.",
        ),
    )  # fmt: skip
    return reduce(lambda decorated, option: option(decorated), reversed(options), command)


@click.command("exec", context_settings={"ignore_unknown_options": False, "allow_interspersed_args": False})
@click.argument("command", nargs=-1, required=True, type=click.UNPROCESSED, metavar="-- COMMAND [ARGUMENT]…")
@reported
@click.option(
    "--pattern",
    "patterns",
    multiple=True,
    metavar="REGEX",
    help="Read progress by this, instead of what is known: groups (?P<percent>…), or (?P<done>…) with (?P<total>…) "
    "and (?P<unit>…). May repeat.",
)
@click.option(
    "--grace",
    "grace_s",
    type=click.FloatRange(0, 86_400),
    metavar="SECONDS",
    help="From SIGTERM to SIGKILL after a cancel.  [default: the hub's]",
)
@click.option(
    "--pty/--no-pty", "terminal", default=True,
    help="Run it in a terminal of its own, as many programs show progress only there; or with pipes.  [default: pty]",
)  # fmt: skip
def run_command(
    command: tuple[str, ...],
    *,
    title: str | None,
    kind: str | None,
    url: str,
    patterns: tuple[str, ...],
    grace_s: float | None,
    terminal: bool,
) -> None:
    """Run COMMAND as a job.

    What it prints passes through unchanged and is kept in the job's log; how far it is, is read from that (rsync,
    curl, wget, pip, apt, git, ffmpeg, docker pull, pytest, and any NN% or n/m), bars of tqdm and rich in Python
    scripts are phases. Signals are passed on to it; a cancel is SIGTERM, then SIGKILL to all that it started.

    Exits as COMMAND does: its exit status, 128 and the signal's number where one killed it, 127 where it was not
    found, 126 where it could not be run.
    """
    from workers.command import Order, run

    order = Order(
        command=list(command), title=title, kind=kind, patterns=patterns, grace_s=grace_s, terminal=terminal
    )  # fmt: skip
    sys.exit(run(order, address=lambda: url, token=os.environ.get("BARCAST_TOKEN")))


@click.command()
@reported
@click.option("--lines", is_flag=True, help="Count lines instead of bytes.")
@click.option("--size", type=click.IntRange(0), metavar="N", help="How many there are.  [default: size of a file]")
def pipe(*, title: str | None, kind: str | None, url: str, lines: bool, size: int | None) -> None:
    """Pass stdin on to stdout, and show on the hub how far it is.

    Exits with 0 when all is through, 130 when it was cancelled (after passing on what it took), 141 when nobody
    reads stdout any more, 1 when reading or writing failed.
    """
    from workers.pipe import Pipe, run

    told = Pipe(title=title, kind=kind, lines=lines, size=size)
    sys.exit(run(told, address=lambda: url, token=os.environ.get("BARCAST_TOKEN")))


REPORTING = (run_command, pipe)
