"""Reading what is stored: one question, one `SELECT` on a connection that never writes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from hub.batch import folded, literal
from hub.errors import Invalid, StoreError
from hub.rows import ArtifactRow, CheckpointRow, Counts, JobRow, NoticeRow, RunRow
from hub.schema import TERMINAL
from hub.view import SAFE, LogEntry, LogGap, Outcome, Sample, Status

Fetch = Callable[[str, Mapping[str, Any]], Awaitable[Iterable[Sequence[Any]]]]
"""Runs one `SELECT` with named parameters; raises StoreError."""

T = TypeVar("T")
JOBS = "SELECT record, params, state FROM jobs JOIN states ON job = id"
PAGE = f"""{JOBS}
    WHERE (created_at, id) < (:created_at, :last_id) {{whose}}
    AND (:status = '[]' OR status IN (SELECT value FROM json_each(:status)))
    AND (:kind = '[]' OR kind IN (SELECT value FROM json_each(:kind)))
    AND (:tag = '[]' OR EXISTS (
        SELECT 1 FROM json_each(record, '$.tags') AS t, json_each(:tag) AS wanted
        WHERE wanted.value IN (t.key, t.key || ':' || t.value)))
    AND instr(search, :q)
    AND (:of = 'null' OR id IN (SELECT value FROM json_each(:of)))
    ORDER BY created_at DESC, id DESC LIMIT :limit"""  # noqa: S608 - constants only
ANYBODYS = PAGE.format(whose="")
NOBODYS = PAGE.format(whose="AND parent IS NULL")
SOMEBODYS = PAGE.format(whose="AND parent = :parent")
COUNTS = f"""SELECT coalesce(sum(finished_at >= :since), 0),
    coalesce(sum(finished_at >= :since AND status = 'failed'), 0), count(*)
    FROM jobs WHERE finished_at IS NOT NULL AND parent IS NULL AND status IN {TERMINAL}"""  # noqa: S608 - constants only
SUPERFLUOUS = f"""WITH RECURSIVE tree (id, root) AS (
        SELECT id, id FROM jobs WHERE parent IS NULL OR parent NOT IN (SELECT id FROM jobs)
        UNION ALL SELECT jobs.id, root FROM tree JOIN jobs ON jobs.parent = tree.id)
    SELECT id FROM (
        SELECT own.id AS id, root, top.finished_at AS finished_at,
            min(own.status IN {TERMINAL}) OVER (PARTITION BY root) AS ended,
            count(*) OVER (ORDER BY top.finished_at DESC, root DESC
                GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING) AS newer
        FROM tree CROSS JOIN jobs AS own ON own.id = tree.id CROSS JOIN jobs AS top ON top.id = root
        WHERE top.finished_at IS NOT NULL AND top.status IN {TERMINAL})
    WHERE ended AND (finished_at < :before OR newer >= :keep)
    ORDER BY finished_at, root, id DESC"""  # noqa: S608 - constants only
ROWS = """SELECT value,
        (SELECT count(*) FROM entries WHERE job = value) + (SELECT count(*) FROM samples WHERE job = value)
    FROM json_each(:jobs) ORDER BY key"""
BELOW = """WITH RECURSIVE below (id, status, depth) AS (
        SELECT id, status, 1 FROM jobs WHERE parent = :job
        UNION ALL SELECT jobs.id, jobs.status, depth + 1 FROM below JOIN jobs ON jobs.parent = below.id)
    SELECT id, status FROM below ORDER BY depth DESC, id"""
KIN = f"""SELECT child.parent, child.id, child.status FROM jobs AS child WHERE child.parent IN (
        SELECT id FROM jobs WHERE status NOT IN {TERMINAL}
        UNION SELECT parent FROM jobs WHERE parent IS NOT NULL AND status NOT IN {TERMINAL})
    ORDER BY child.created_at, child.id"""  # noqa: S608 - constants only
OLDEST = "SELECT record FROM entries WHERE job = :job AND n > :after AND n < :before ORDER BY n LIMIT :limit"
NEWEST = "SELECT record FROM entries WHERE job = :job AND n > :after AND n < :before ORDER BY n DESC LIMIT :limit"
NOTICE = ("id", "job", "at", "tries", "next_at")
NEXT_NOTICE = f"""SELECT {", ".join(NOTICE)}, body FROM notices AS one
    WHERE given_up_at IS NULL AND NOT EXISTS (
        SELECT 1 FROM notices AS before
        WHERE before.given_up_at IS NULL AND before.job = one.job AND before.n < one.n)
    ORDER BY next_at, n LIMIT 1"""  # noqa: S608 - constants only
ENTRY = msgspec.json.Decoder(LogEntry)
SAMPLE = msgspec.json.Decoder(Sample)
RUN = msgspec.json.Decoder(RunRow)
ARTIFACT = msgspec.json.Decoder(ArtifactRow)


class Reader:
    """Answers from the committed state only.

    Every method raises StoreError when the database cannot be read.
    """

    def __init__(self, fetch: Fetch) -> None:
        self._fetch = fetch

    async def secret(self) -> bytes:
        """The hub's own 32 random bytes, made once for each database."""
        [[secret]] = await self._fetch("SELECT value FROM meta WHERE key = 'secret'", {})
        return bytes(secret)

    async def job(self, id: str) -> JobRow | None:  # noqa: A002 - the word of the wire
        """The job of that id."""
        return _one(await self._jobs(f"{JOBS} WHERE id = :id", id=id))

    async def unfinished(self) -> list[JobRow]:
        """Every job that is not terminal, oldest first."""
        return await self._jobs(f"{JOBS} WHERE status NOT IN {TERMINAL} ORDER BY created_at, id")

    async def by_key(self, kind: str, key: str) -> JobRow | None:
        """The newest job of that kind that was started with that idempotency key."""
        where = "WHERE kind = :kind AND key = :key ORDER BY created_at DESC, id DESC LIMIT 1"
        return _one(await self._jobs(f"{JOBS} {where}", kind=kind, key=literal(key)))

    async def recent(self, limit: int) -> list[JobRow]:
        """Terminal jobs that no other started, the one that ended last first."""
        where = f"WHERE finished_at IS NOT NULL AND status IN {TERMINAL} AND parent IS NULL"
        return await self._jobs(f"{JOBS} {where} ORDER BY finished_at DESC, id DESC LIMIT :limit", limit=limit)

    async def ended_children(self, limit: int) -> list[JobRow]:
        """Terminal jobs whose parents are not, the one that ended last first."""
        where = f"""WHERE finished_at IS NOT NULL AND status IN {TERMINAL}
            AND parent IN (SELECT id FROM jobs WHERE status NOT IN {TERMINAL})"""  # noqa: S608 - constants only
        return await self._jobs(f"{JOBS} {where} ORDER BY finished_at DESC, id DESC LIMIT :limit", limit=limit)

    async def kin(self) -> list[tuple[str, str, Status]]:
        """Parent, id and status of every child in a family that is not done: its parent, or one of them, is not."""
        return [(parent, job, Status(status)) for parent, job, status in await self._fetch(KIN, {})]

    async def brood(self, parent: str) -> list[tuple[str, Status]]:
        """Id and status of each child of a job."""
        rows = await self._fetch("SELECT id, status FROM jobs WHERE parent = :parent", {"parent": parent})
        return [(job, Status(status)) for job, status in rows]

    async def below(self, job: str) -> list[tuple[str, Status]]:
        """Id and status of all that a job started, and what that started in turn; children before their parents."""
        return [(one, Status(status)) for one, status in await self._fetch(BELOW, {"job": job})]

    async def jobs(
        self,
        status: Sequence[Status] = (),
        kind: Sequence[str] = (),
        tag: Sequence[str] = (),
        q: str = "",
        limit: int = 100,
        after: str | None = None,
        parent: str | None = None,
        of: Sequence[str] | None = None,
    ) -> tuple[list[JobRow], str | None]:
        """A page of jobs, newest first. An empty filter lets all through; several values mean any of them.

        Args:
            status: statuses.
            kind: kinds.
            tag: `name:value` or `name`.
            q: what title, kind or a tag contains, in whatever case.
            limit: jobs on the page.
            after: the cursor that came with the page before.
            parent: whose children; empty for jobs without a parent, None for all.
            of: ids of those that are asked for; None for all.

        Returns:
            The jobs, and the cursor of the next page (None at the end).

        Raises:
            Invalid: a cursor that no page came with.
        """
        created_at, last_id = _position(after)
        found = await self._jobs(
            ANYBODYS if parent is None else SOMEBODYS if parent else NOBODYS,
            created_at=created_at, last_id=last_id, status=literal(list(status)), kind=literal(list(kind)),
            tag=literal(list(tag)), q=folded(q), limit=limit + 1, parent=parent, of=literal(of),
        )  # fmt: skip
        page = found[:limit]
        return page, f"{page[-1].created_at}-{page[-1].id}" if page and len(found) > limit else None

    async def _jobs(self, sql: str, **values: Any) -> list[JobRow]:
        return [_job(*columns) for columns in await self._fetch(sql, values)]

    async def entries(
        self, job: str, after: int = 0, before: int | None = None, limit: int = 1_000, newest: bool = False
    ) -> list[LogEntry]:
        """Log entries between two numbers, both left out, in their order.

        Args:
            job: whose.
            after: the last number not wanted.
            before: the next number not wanted; None for no end.
            limit: how many at most.
            newest: take them from the end of the range instead of its start.
        """
        values = {"job": job, "after": after, "before": SAFE if before is None else before, "limit": limit}
        rows = await self._fetch(NEWEST if newest else OLDEST, values)
        found = [ENTRY.decode(record) for [record] in rows]
        return found[::-1] if newest else found

    async def gap(self, job: str, after: int = 0) -> LogGap | None:
        """The entries behind number `after` that are no longer kept; None when all are.

        The time of the first is known only where it is the job's very first.
        """
        rows = await self._fetch(
            "SELECT n, at, created_at FROM trimmed JOIN jobs ON id = job WHERE job = :job AND n > :after",
            {"job": job, "after": after},
        )
        for last, at, created_at in rows:
            return LogGap(from_=after + 1, to=last, from_at=None if after else created_at, to_at=at)
        return None

    async def checkpoint(self, job: str) -> CheckpointRow | None:
        """The newest checkpoint."""
        rows = await self._fetch("SELECT record, data FROM checkpoints WHERE job = :job", {"job": job})
        return _one([_row(record, CheckpointRow, data=data.encode()) for record, data in rows])

    async def samples(self, job: str) -> list[Sample]:
        """Points of the job's chart, in the order they came."""
        rows = await self._fetch("SELECT record FROM samples WHERE job = :job ORDER BY id", {"job": job})
        return [SAMPLE.decode(record) for [record] in rows]

    async def runs(self, kind: str, limit: int = 20, outcome: Outcome | None = None) -> list[RunRow]:
        """Attempts of that kind that ended, newest first; only those with `outcome`, if it is given."""
        rows = await self._fetch(
            "SELECT record FROM runs WHERE kind = :kind AND (:outcome IS NULL OR outcome = :outcome)"
            " ORDER BY finished_at DESC, job DESC, attempt DESC LIMIT :limit",
            {"kind": kind, "outcome": outcome and outcome.value, "limit": limit},
        )
        return [RUN.decode(record) for [record] in rows]

    async def traceback(self, job: str, attempt: int | None = None) -> tuple[int, str] | None:
        """That attempt, or the last one that has a traceback, and its text."""
        rows = await self._fetch(
            "SELECT attempt, record FROM tracebacks WHERE job = :job AND (:attempt IS NULL OR attempt = :attempt)"
            " ORDER BY attempt DESC LIMIT 1",
            {"job": job, "attempt": attempt},
        )
        return _one([(number, msgspec.json.decode(record, type=str)) for number, record in rows])

    async def artifacts(self, job: str) -> list[ArtifactRow]:
        """What the work attached, in that order."""
        rows = await self._fetch("SELECT record FROM artifacts WHERE job = :job ORDER BY id", {"job": job})
        return [ARTIFACT.decode(record) for [record] in rows]

    async def artifact(self, job: str, name: str) -> ArtifactRow | None:
        """The artifact of that name."""
        rows = await self._fetch(
            "SELECT record FROM artifacts WHERE job = :job AND name = :name", {"job": job, "name": literal(name)}
        )
        return _one([ARTIFACT.decode(record) for [record] in rows])

    async def next_notice(self) -> NoticeRow | None:
        """What a webhook is told next: of each job only what waits longest, of these what is due first."""
        rows = await self._fetch(NEXT_NOTICE, {})
        return _one([NoticeRow(**dict(zip(NOTICE, row, strict=True)), body=body.encode()) for *row, body in rows])

    async def notices_waiting(self) -> int:
        """How many notices are neither delivered nor given up."""
        [[count]] = await self._fetch("SELECT count(*) FROM notices WHERE given_up_at IS NULL", {})
        return int(count)

    async def oldest_notices(self, limit: int) -> list[str]:
        """Ids of those that wait longest; none for a limit of 0 or less."""
        where = "WHERE given_up_at IS NULL ORDER BY n LIMIT :limit"
        rows = await self._fetch(f"SELECT id FROM notices {where}", {"limit": max(limit, 0)})  # noqa: S608 - constants only
        return [notice for [notice] in rows]

    async def counts(self, since: int) -> Counts:
        """How many jobs ended (and failed) at or after `since` (milliseconds since 1970), and ended in all."""
        [columns] = await self._fetch(COUNTS, {"since": since})
        return Counts(*columns)

    async def superfluous(self, before: int, keep: int) -> list[str]:
        """Ids of terminal jobs that ended before that time or are not among the newest `keep`, oldest first.

        A job goes with all that it started, children first, once all of that has ended; its own end counts for them.
        """
        return [job for [job] in await self._fetch(SUPERFLUOUS, {"before": before, "keep": keep})]

    async def rows(self, jobs: Sequence[str]) -> list[tuple[str, int]]:
        """How many log entries and samples each of these jobs has."""
        return [(job, count) for job, count in await self._fetch(ROWS, {"jobs": literal(list(jobs))})]


def _one(rows: list[T]) -> T | None:
    return rows[0] if rows else None


def _job(record: str, params: str, state: str) -> JobRow:
    return _row(record, JobRow, params=params.encode(), state=state.encode())


def _row(record: str, kind: type[T], **free: bytes) -> T:
    """A row from its record and the free JSON beside it."""
    try:
        return msgspec.convert(msgspec.json.decode(record) | free, kind)
    except msgspec.MsgspecError as error:
        raise StoreError(f"expected a stored {kind.__name__}, got something else: {error}") from None


def _position(cursor: str | None) -> tuple[int, str]:
    if cursor is None:
        return SAFE, ""
    created_at, dash, last_id = cursor.partition("-")
    digits = created_at.isascii() and created_at.isdigit() and len(created_at) <= len(str(SAFE))
    if not (dash and digits and int(created_at) <= SAFE):  # Python refuses to read thousands of digits
        raise Invalid("expected a cursor that came with a page", "after")
    return int(created_at), last_id
