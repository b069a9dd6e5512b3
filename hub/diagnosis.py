"""What is wrong with a hub and its database, by what was seen of them, and what to do. Pure; `barcast doctor` looks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from msgspec import Struct

from hub.view import JobView, Outcome, Status, SummaryView
from hub.words import about, plain, size

LAG_S = 0.5  # a person notices a tenth of a second; half a second is no passing load
WAITING = 1_000  # more changes than one commit takes: the disk is behind
QUEUED_S = 60.0  # a queue that moves is no fault
SKEW_S = 2.0  # times on the page are the hub's; a second may pass while it is asked
FREE_BYTES = 256 * 1024 * 1024  # a commit is up to 8 MiB, twice; a busy day writes some hundreds
WAL_BYTES = 64 * 1024 * 1024  # SQLite takes it back at 4 MiB; one commit adds up to 8
FILES_SHARE = 0.9  # of the open files that the process may have
DIED_S = 3_600.0  # who looks today need not hear of what died last week
PRIVATE = 0o077  # group and others
MOST = 20  # jobs of one sort that are told; more of them say nothing new


class Finding(Struct, frozen=True):
    """One thing that is wrong.

    Attributes:
        code: what sort of thing, for programs.
        what: is wrong.
        do: what to do about it.
        job: which job it is about.
    """

    code: str
    what: str
    do: str
    job: str | None = None


class Seen(Struct, kw_only=True):
    """A hub as it answered.

    Attributes:
        url: where.
        numbers: its metrics: `name`, or `name{value}` where there is a label.
        version: of the hub.
        skew_s: by how much its clock is ahead of this machine's.
        summary: its numbers of jobs.
        stuck: jobs that are lost or stalled, some at least.
        failed: the newest jobs that failed.
        unready: why it takes no work, in its own words, or None.
    """

    url: str
    numbers: Mapping[str, float]
    version: str
    skew_s: float
    summary: SummaryView
    stuck: list[JobView]
    failed: list[JobView]
    unready: str | None = None


class File(Struct, kw_only=True):
    """A database as it lies there.

    Attributes:
        path: where.
        error: why it cannot be read, or None.
        problems: what is wrong in it.
        modes: permissions of it and of the files beside it, by name.
        free_bytes: room on its disk, or None where that is not known.
        log_bytes: size of its write-ahead log.
    """

    path: str
    error: str | None
    problems: list[str]
    modes: Mapping[str, int]
    free_bytes: int | None
    log_bytes: int


# ── The hub ───────────────────────────────────────────────────────────────────


def of_hub(seen: Seen, version: str) -> Iterator[Finding]:
    """What is wrong with a hub.

    Args:
        seen: how it answered.
        version: of the Barcast that asks.
    """
    yield from _store(seen)
    yield from _process(seen)
    now = seen.numbers.get("barcast_time_seconds", 0.0)
    yield from _jobs(seen, now)
    yield from _queue(seen.summary, now)
    if seen.version != version:
        what = f"the hub is Barcast {seen.version}, this command is {version}"
        yield Finding("version_differs", what, "restart the hub with the version that is installed here")


def _store(seen: Seen) -> Iterator[Finding]:
    numbers = seen.numbers
    if numbers.get("barcast_store_failing"):
        failures = numbers.get("barcast_commit_failures_total", 0)
        why = f" ({plain(seen.unready)})" if seen.unready else ""
        what = f"the hub cannot store: {failures:,.0f} commits have failed, and nothing is acknowledged{why}"
        do = (
            "look at the disk, and for what else uses the file; then `barcast check`; where the file is damaged or "
            "gone, stop the hub and restore a backup"
        )
        yield Finding("store_failing", what, do)
    waiting = numbers.get("barcast_store_waiting", 0)
    if waiting > WAITING:
        what = f"{waiting:,.0f} changes wait to be stored: the disk is slower than the work"
        yield Finding("store_waiting", what, "put the database on a faster disk, or let jobs report less often")
    yield from space(numbers.get("barcast_disk_free_bytes"), numbers.get("barcast_store_bytes{wal}", 0), "the database")


def _process(seen: Seen) -> Iterator[Finding]:
    numbers = seen.numbers
    if not numbers.get("barcast_ready", 1):
        yield Finding("not_ready", "the hub is stopping", "wait for it to end, then start it again")
    lag_s = numbers.get("barcast_loop_lag_worst_seconds", 0)
    if lag_s > LAG_S:
        what = f"the hub was held up for {lag_s:.1f} s within the last two minutes, and everybody with it"
        do = "look for busy jobs in its own process (`runs_in` thread or loop): let them run in a process of their own"
        yield Finding("loop_lag", what, do)
    if abs(seen.skew_s) > SKEW_S:
        how = "ahead of" if seen.skew_s > 0 else "behind"
        what = f"the hub's clock is {abs(seen.skew_s):.0f} s {how} this machine's"
        yield Finding("clock_differs", what, "set both by NTP; restart a hub whose own machine's clock was set back")
    yield from _files(numbers)


def _files(numbers: Mapping[str, float]) -> Iterator[Finding]:
    most, used = numbers.get("process_max_fds"), numbers.get("process_open_fds", 0)
    allowed = numbers.get("barcast_viewers_allowed", 0)
    if most is None:  # no Linux
        return
    do = "raise the limit (`ulimit -n`, or LimitNOFILE= of systemd), or lower BARCAST_VIEWERS, and restart the hub"
    if most < allowed:
        what = f"{allowed:,.0f} viewers are allowed, but the process may have {most:,.0f} open files only"
        yield Finding("files_limit", what, do)
    elif used > most * FILES_SHARE:
        yield Finding("files_limit", f"{used:,.0f} of at most {most:,.0f} files are open", do)


def _jobs(seen: Seen, now: float) -> Iterator[Finding]:
    for job in seen.stuck:
        yield _lost(job, now) if job.status is Status.LOST else _stalled(job, now)
    told = len(seen.stuck)
    more = seen.summary.lost + seen.summary.stalled - told
    if told and more > 0:
        yield Finding("jobs_stuck", f"{more:,} more jobs are lost or stalled", "`barcast jobs --stuck` lists them")
    for job in seen.failed:
        if _died(job) and now - (job.finished_at or 0) / 1000 <= DIED_S:
            yield _dead(job)


def _lost(job: JobView, now: float) -> Finding:
    what = (
        f"job {job.id} ({plain(job.title)}) is lost: its worker {_worker(job)} was last heard {_ago(job.heard_at, now)}"
    )
    do = f"see whether that worker still runs; `barcast reset {job.id}` gives it up, `barcast cancel {job.id}` ends it"
    return Finding("job_lost", what, do, job.id)


def _stalled(job: JobView, now: float) -> Finding:
    since = _ago(job.advanced_at or job.started_at, now)
    what = f"job {job.id} ({plain(job.title)}) is stalled: worker {_worker(job)} lives, but advanced last {since}"
    do = f"`barcast stack {job.id}` shows where it is, `barcast reset {job.id}` begins another attempt"
    return Finding("job_stalled", what, do, job.id)


def _dead(job: JobView) -> Finding:
    how = plain(job.error.message) if job.error else "its worker is gone"
    what = f"job {job.id} ({plain(job.title)}) failed because its worker {_worker(job)} died: {how}"
    do = f"look for what ended it (memory? `dmesg`), then `barcast retry {job.id}`"
    return Finding("job_died", what, do, job.id)


def _died(job: JobView) -> bool:
    attempts = job.attempts or []
    return bool(attempts) and attempts[-1].outcome is Outcome.LOST


def _worker(job: JobView) -> str:
    return plain(job.worker) if job.worker else "(it told no name)"


def _ago(at: int | None, now: float) -> str:
    return "never" if at is None else f"{about(max(now - at / 1000, 0))} ago"


def _queue(summary: SummaryView, now: float) -> Iterator[Finding]:
    since = summary.oldest_queued_at
    if summary.queued and not summary.slots_free and since is not None and now - since / 1000 > QUEUED_S:
        jobs = "1 job waits" if summary.queued == 1 else f"{summary.queued:,} jobs wait"
        what = f"{jobs} and no slot is free; the oldest was queued {_ago(since, now)}"
        yield Finding("queue_blocked", what, "raise BARCAST_JOBS_AT_ONCE and restart the hub, or cancel what is stuck")


# ── The file ──────────────────────────────────────────────────────────────────


def of_file(file: File) -> Iterator[Finding]:
    """What is wrong with a database."""
    path = plain(file.path)
    if file.error is not None:
        yield Finding(
            "file_unreadable", plain(file.error), "keep the file; go on with the newest backup, or another --db"
        )
    for problem in file.problems:
        what = f"{path}: {plain(problem)}"
        yield Finding("file_damaged", what, f"`barcast check --db {path}` tells more; go on with the newest backup")
    for name, mode in file.modes.items():
        if mode & PRIVATE:
            what = f"{plain(name)} holds secrets and results, and others on this machine may open it (mode {mode:03o})"
            yield Finding("file_open", what, f"chmod 600 {plain(name)}")
    yield from space(file.free_bytes, file.log_bytes, path)


def space(free_bytes: float | None, log_bytes: float, path: str) -> Iterator[Finding]:
    """What is wrong with the room for a database.

    Args:
        free_bytes: on its disk; None where that is not known.
        log_bytes: of its write-ahead log.
        path: what it is called.
    """
    if free_bytes is not None and free_bytes < FREE_BYTES:
        what = f"the disk of {path} is nearly full: {size(int(free_bytes))} are left"
        yield Finding("disk_full", what, "make room, or keep less: BARCAST_KEEP_S, BARCAST_KEEP_JOBS")
    if log_bytes > WAL_BYTES:
        what = (
            f"the write-ahead log of {path} has grown to {size(int(log_bytes))}: somebody reads the file all the time"
        )
        yield Finding(
            "wal_grown", what, "end what has it open (`fuser`: a shell of sqlite3, a backup), or restart the hub"
        )
