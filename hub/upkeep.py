"""The commands that look after a database, beside a running hub or without one: backup, check."""

from __future__ import annotations

import sys
from pathlib import Path

import click
import msgspec

from hub import words
from hub.backup import back_up
from hub.checkup import Checkup, check_up

db_option = click.option(
    "--db", default="barcast.db", envvar="BARCAST_DB", show_default=True, help="Database file.",
    type=click.Path(dir_okay=False, path_type=Path),
)  # fmt: skip


@click.command()
@click.argument("file", type=click.Path(path_type=Path))
@db_option
@click.option("--force", is_flag=True, help="Take the place of a FILE that is there.")
def backup(file: Path, db: Path, *, force: bool) -> None:
    """Copy the database to FILE, while a hub runs or not.

    FILE is one moment of it, whole and checked, and appears at once or not at all; only you may read it. To go on with
    it, stop the hub and give its name to --db, or put it in the database's place with no `-wal` and `-shm` beside it.
    """
    size = back_up(db, file, force=force)
    click.echo(f"{words.plain(str(file))}: a sound copy of {words.plain(str(db))}, {size:,} bytes")


@click.command()
@db_option
@click.option("--quick", is_flag=True, help="Leave out whether indexes match their tables.")
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def check(db: Path, *, quick: bool, as_json: bool) -> None:
    """Look whether the database is sound and consistent, and count what is in it; nothing is changed.

    A hub may run meanwhile. Exits with 0 when all is right, 1 when something is not, or it cannot be read.
    """
    found = check_up(db, quick=quick)
    if as_json:
        click.echo(msgspec.json.encode(found))
    else:
        for line in lines(found):
            click.echo(words.plain(line))
    sys.exit(1 if found.problems else 0)


UPKEEP = (backup, check)


def lines(found: Checkup) -> list[str]:
    """For people: the verdict first."""
    if found.problems:
        verdict = "not all is right; keep the file, and go on with the newest backup or another --db"
        return [f"{found.path}: {verdict}", *(f"  {problem}" for problem in found.problems)]
    by_status = ", ".join(f"{count:,} {status}" for status, count in found.jobs.items()) or "none"
    log = f", and {found.log_bytes:,} in its write-ahead log" if found.log_bytes else ""
    return [
        f"{found.path}: all is right",
        f"  schema version  {found.version}",
        f"  size            {found.bytes:,} bytes{log}",
        f"  jobs            {sum(found.jobs.values()):,}: {by_status}",
        f"  log entries     {found.entries:,}",
    ]
