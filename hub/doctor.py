"""`barcast doctor`: looks at a running hub and at its database, and says what is wrong and what to do."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import click
import msgspec

from hub import __version__, words
from hub.calls import JobList
from hub.checkup import check_up
from hub.diagnosis import MOST, File, Finding, Seen, of_file, of_hub
from hub.errors import BarcastError, Invalid
from hub.remote import DEFAULT_URL, Refused, Remote, Unreachable
from hub.resetting import is_stuck
from hub.view import JobView, SummaryView

CHECKED_BYTES = 1024**3  # a larger file takes minutes to read through; `barcast check` does
BESIDE = ("", "-wal", ".lock")  # what there is of a database, behind its name
DB = "barcast.db"


class Report(msgspec.Struct):
    """What `--json` prints."""

    well: bool
    looked_at: list[str]
    findings: list[Finding]


def to_ask(_context: click.Context, _option: click.Parameter, url: str) -> Remote:
    """The hub at an address; one that is none is a misuse."""
    try:
        return Remote(url, os.environ.get("BARCAST_TOKEN"))
    except Invalid as error:
        raise click.BadParameter(words.plain(str(error))) from None


@click.command()
@click.option(
    "--url", "remote", envvar="BARCAST_URL", default=DEFAULT_URL, show_default=True, callback=to_ask,
    help="The hub's address; its token is read from BARCAST_TOKEN.",
)  # fmt: skip
@click.option(
    "--db", envvar="BARCAST_DB", type=click.Path(dir_okay=False, path_type=Path),
    help=f"The hub's database, where it is on this machine.  [default: {DB}, if there is one]",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print what was found as JSON.")
def doctor(remote: Remote, db: Path | None, *, as_json: bool) -> None:
    """Say what is wrong with the hub and its database, and what to do: one line each.

    Exits with 0 when nothing is wrong, 1 when something is.
    """
    path = db or (Path(DB) if Path(DB).exists() else None)
    findings = [*hub_findings(remote, path), *(file_findings(path) if path else ())]
    looked_at = [f"the hub at {remote.url}", *([str(path)] if path else [])]
    if as_json:
        click.echo(msgspec.json.encode(Report(not findings, looked_at, findings)))
    else:
        for line in lines(findings, looked_at):
            click.echo(words.plain(line))
    sys.exit(1 if findings else 0)


def lines(findings: list[Finding], looked_at: list[str]) -> list[str]:
    """For people."""
    if not findings:
        return [f"nothing wrong with {' and '.join(looked_at)}"]
    return [f"{finding.what}; {finding.do}" for finding in findings]


# ── The hub ───────────────────────────────────────────────────────────────────


def hub_findings(remote: Remote, db: Path | None) -> Iterator[Finding]:
    """What is wrong with a hub, or why it cannot be asked."""
    try:
        seen = look(remote)
    except Unreachable as error:
        yield Finding("hub_unreachable", str(error), _where(remote, db))
        return
    except BarcastError as error:
        yield Finding("hub_refuses", f"the hub at {remote.url} refuses to answer: {error}", "see BARCAST_TOKEN")
        return
    except (ValueError, KeyError) as error:  # msgspec's and the parser's words for what they do not know
        what = f"what answers at {remote.url} is no hub that this command knows ({type(error).__name__})"
        yield Finding("hub_unknown", what, "use the `barcast` that the hub was installed with, or see --url")
        return
    yield from of_hub(seen, __version__)


def _where(remote: Remote, db: Path | None) -> str:
    """What to do about a hub that is not there: it may be elsewhere, as the file beside its database says."""
    if db is not None:
        with suppress(OSError, ValueError, KeyError, TypeError):
            url = str(msgspec.json.decode(db.with_name(f"{db.name}.address").read_bytes())["url"])
            if url != remote.url:
                return (
                    f"the database was last served at {url}: `barcast doctor --url {url}`; or start it: `barcast serve`"
                )
    return "start it with `barcast serve`, or name its address by --url or BARCAST_URL"


def look(remote: Remote) -> Seen:
    """Ask a hub for all that tells how it is.

    Raises:
        Unreachable, Refused: it does not answer, or not that.
        ValueError, KeyError: what answers is no hub.
    """
    asked = time.time()
    numbers, version = measured(remote.get("/metrics").decode())
    middle = (asked + time.time()) / 2
    why = unready(remote)
    return Seen(
        url=remote.url,
        numbers=numbers,
        version=version,
        skew_s=numbers["barcast_time_seconds"] - middle,
        summary=msgspec.json.decode(remote.get("/api/summary"), type=SummaryView),
        stuck=[job for job in jobs(remote, why, "stuck", "true") if is_stuck(job)],
        failed=jobs(remote, why, "status", "failed"),
        unready=why,
    )


def unready(remote: Remote) -> str | None:
    """Why a hub takes no work, in its own words; None where it does."""
    try:
        remote.get("/readyz")
    except Refused as error:
        return str(error)
    return None


def jobs(remote: Remote, unready: str | None, name: str, value: str) -> list[JobView]:
    """The newest jobs of a sort; none from a hub that is not ready and cannot read its database either."""
    try:
        answer = remote.get("/api/jobs", [(name, value), ("limit", str(MOST))])
    except Refused:
        if unready is None:
            raise
        return []
    return msgspec.json.decode(answer, type=JobList).jobs


def measured(text: str) -> tuple[dict[str, float], str]:
    """The numbers of Prometheus text: `name`, or `name{value}` where there is one label; and the hub's version."""
    from prometheus_client.parser import text_string_to_metric_families  # only here: all other commands start faster

    numbers: dict[str, float] = {}
    version = ""
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            label = "".join(f"{{{value}}}" for value in sample.labels.values())
            numbers[sample.name + label] = sample.value
            version = sample.labels.get("version", version) if sample.name == "barcast_build_info" else version
    return numbers, re.sub(r"[^\w.+-]", "?", version)[:40]


# ── The file ──────────────────────────────────────────────────────────────────


def file_findings(path: Path) -> Iterator[Finding]:
    """What is wrong with a database; one that is not there is wrong, too."""
    if not path.is_file():
        what = f"{path}: expected a database, got no such file"
        yield Finding("file_missing", what, "see --db and BARCAST_DB; a hub makes it where it is started")
        return
    yield from of_file(examined(path))


def examined(path: Path) -> File:
    """A database as it lies there; nothing is changed."""
    problems: list[str] = []
    error = None
    try:
        if path.stat().st_size <= CHECKED_BYTES:
            problems = check_up(path, quick=True).problems
    except (BarcastError, OSError) as failed:
        error = str(failed)
    beside = [path.with_name(path.name + end) for end in BESIDE]
    stats = {str(one): one.stat() for one in beside if one.is_file()}
    free_bytes = None
    with suppress(OSError):
        free_bytes = shutil.disk_usage(path.absolute().parent).free
    log = stats.get(str(beside[1]))
    return File(
        path=str(path),
        error=error,
        problems=problems,
        modes={name: stat.st_mode & 0o777 for name, stat in stats.items()},
        free_bytes=free_bytes,
        log_bytes=log.st_size if log else 0,
    )
