"""The `barcast` command."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

import click

from hub import __version__, journal, words
from hub.commands import COMMANDS
from hub.doctor import doctor
from hub.errors import BarcastError, BeyondLoopback, HubError
from hub.reporting import REPORTING
from hub.settings import load
from hub.upkeep import UPKEEP

if TYPE_CHECKING:  # what serves is imported by what serves: the other commands need none of it
    from hub.app import Barcast

F = TypeVar("F", bound=Callable[..., Any])
Begin = Callable[["Barcast"], Awaitable[None]]
EXAMPLES = ("workers.examples",)
LEVELS = ("debug", "info", "warning", "error")
FORMATS = ("text", "json")
LOG = logging.getLogger("barcast")


class Failed(click.ClickException):
    """One clear line on stderr."""

    def __init__(self, error: Exception) -> None:
        super().__init__(words.plain(str(error)))

    def show(self, file: IO[Any] | None = None) -> None:
        """Say it, as a line of the log where that is read by programs."""
        if journal.structured():
            LOG.error("%s", self.message)
        else:
            super().show(file)


class Misused(Failed):
    """The same, for what was asked for wrongly."""

    exit_code = 2


class Commands(click.Group):
    """Commands whose causes of failure become one line each."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run one."""
        try:
            return super().invoke(ctx)
        except BeyondLoopback as error:
            raise Misused(error) from None
        except BarcastError as error:
            raise Failed(error) from None


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="barcast")
def barcast() -> None:
    """A real-time hub for job progress."""


for _command in (*COMMANDS, *REPORTING, *UPKEEP, doctor):
    barcast.add_command(_command)


def main() -> None:
    """Run the command."""
    barcast(prog_name="barcast")


# ── Serving ───────────────────────────────────────────────────────────────────


def serving_options(level: str) -> Callable[[F], F]:
    """What `serve` and `demo` have in common.

    Args:
        level: how much is said unless it is asked for otherwise.
    """
    options = (
        click.option("--host", default="127.0.0.1", envvar="BARCAST_HOST", show_default=True, help="Address to bind."),
        click.option(
            "--port", default=8600, envvar="BARCAST_PORT", show_default=True, type=click.IntRange(0, 65_535),
            help="Port to bind; 0 takes a free one.",
        ),
        click.option("--jobs-at-once", type=int, help="How many jobs run at once.  [default: number of cores]"),
        click.option(
            "--log-level", default=level, envvar="BARCAST_LOG_LEVEL", show_default=True,
            type=click.Choice(LEVELS, case_sensitive=False), help="How much is said on stderr.",
        ),
        click.option(
            "--log-format", default="text", envvar="BARCAST_LOG_FORMAT", show_default=True,
            type=click.Choice(FORMATS), help="How: lines for people, or JSON.",
        ),
    )  # fmt: skip
    return lambda command: functools.reduce(lambda decorated, option: option(decorated), reversed(options), command)


@barcast.command()
@click.argument("modules", nargs=-1, metavar="[MODULE]…")
@click.option(
    "--db", default="barcast.db", envvar="BARCAST_DB", show_default=True, type=click.Path(dir_okay=False),
    help="Database file; made when missing.",
)  # fmt: skip
@serving_options("info")
def serve(modules: tuple[str, ...], db: str, **options: Any) -> None:
    """Serve the jobs of each MODULE, a Python file or a dotted name; the examples when none is given.

    The first line on stdout is the address. SIGTERM means a restart: jobs in processes of their own go on and
    report to the next hub on the same database. Ctrl-C means stop: running jobs are cancelled; a second Ctrl-C ends
    them at once. Each limit can be set by a variable: BARCAST_ and a name of hub/settings.py.
    """
    run_hub(modules or EXAMPLES, Path(db), **options)


@barcast.command()
@click.option("--db", envvar="BARCAST_DB", type=click.Path(dir_okay=False), help="Database file.")
@serving_options("warning")  # it is looked at in a browser; its terminal says where
def demo(db: str | None, **options: Any) -> None:
    """Serve the examples and start one of each.

    Without --db the database is in your data folder.
    """
    run_hub(EXAMPLES, Path(db) if db else demo_database(), begin=start_examples, **options)


def run_hub(
    modules: tuple[str, ...],
    db: Path,
    *,
    host: str,
    port: int,
    jobs_at_once: int | None,
    log_level: str,
    log_format: journal.LogFormat,
    begin: Begin | None = None,
) -> None:
    """Serve until a signal."""
    from hub.app import create_app
    from hub.serve import Foreground, allow_files, check_address, url_of
    from hub.server import listen, server

    journal.keep(log_level, log_format)
    check_address(host)
    settings = load({"jobs_at_once": jobs_at_once}, os.environ)
    allow_files(settings.viewers + settings.workers)
    listener = listen(host, port)
    url = url_of(listener)
    with listener:
        app = create_app(db, modules, settings=settings, url=url)
        foreground = Foreground(app, server(app, settings, host=host, port=port), tell)
        asyncio.run(foreground.run(listener, lambda: announce(app, url, begin)))


async def announce(app: Barcast, url: str, begin: Begin | None) -> None:
    """Say where the hub is, then let it begin."""
    click.echo(f"Barcast is at {url}")
    if begin is not None:
        await begin(app)


async def start_examples(app: Barcast) -> None:
    """Start one of each and say so."""
    from hub.serve import start_one_of_each

    tell(f"Started {await start_one_of_each(app)} example jobs; open the address in a browser. Ctrl-C stops the hub.")


def demo_database() -> Path:
    """The demo's database in the user's data folder (XDG Base Directory Specification), which is made."""
    base = os.environ.get("XDG_DATA_HOME", "")
    folder = (Path(base) if Path(base).is_absolute() else Path.home() / ".local" / "share") / "barcast"
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise HubError(f"expected a folder for the database, got {folder}: {error.strerror} (see --db)") from None
    return folder / "demo.db"


def tell(line: str) -> None:
    """Say something to the person at the terminal, or in the log where programs read it."""
    if journal.structured():
        LOG.info("%s", line)
    else:
        click.echo(line, err=True)
