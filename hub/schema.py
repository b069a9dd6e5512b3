"""Tables of the database, version by version, and the one statement that writes to them.

`record` is a row as JSON, exact to the last character; the columns beside it are what rows are
looked up by. SQLite's JSON functions end a text at a NUL, so no text of a user's is kept through
them: what must be compared exactly (`key`, an artifact's `name`) is kept as a JSON literal.
"""

from __future__ import annotations

APPLICATION_ID = 0x42415243  # "BARC": a file of another program is told apart
TERMINAL = "('succeeded', 'failed', 'cancelled')"

FIRST = f"""
CREATE TABLE meta (
    key TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    key TEXT,                   -- JSON literal
    status TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    search TEXT NOT NULL,       -- title, kind and tags, folded to one case
    record TEXT NOT NULL,       -- JobRow without params and state
    params TEXT NOT NULL
);
CREATE INDEX jobs_by_creation ON jobs (created_at, id);
CREATE INDEX jobs_by_key ON jobs (kind, key) WHERE key IS NOT NULL;
CREATE INDEX jobs_by_end ON jobs (finished_at, status) WHERE finished_at IS NOT NULL;
CREATE INDEX jobs_unfinished ON jobs (created_at, id) WHERE status NOT IN {TERMINAL};

-- Apart from jobs, because it is written once a second for every job that runs.
CREATE TABLE states (
    job TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    state TEXT NOT NULL
);

CREATE TABLE entries (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    n INTEGER NOT NULL,
    at INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (job, n)
) WITHOUT ROWID;

-- The newest entry of a job that is no longer kept.
CREATE TABLE trimmed (
    job TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    n INTEGER NOT NULL,
    at INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE checkpoints (
    job TEXT PRIMARY KEY REFERENCES jobs (id) ON DELETE CASCADE,
    record TEXT NOT NULL,       -- CheckpointRow without data
    data TEXT NOT NULL
);

CREATE TABLE samples (
    id INTEGER PRIMARY KEY,     -- in the order they came
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    record TEXT NOT NULL
);
CREATE INDEX samples_by_job ON samples (job);

-- Belongs to the kind, so it outlives the job.
CREATE TABLE runs (
    kind TEXT NOT NULL,
    job TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    outcome TEXT NOT NULL,
    finished_at INTEGER NOT NULL,
    record TEXT NOT NULL,
    PRIMARY KEY (kind, job, attempt)
) WITHOUT ROWID;
CREATE INDEX runs_by_end ON runs (kind, finished_at);

CREATE TABLE tracebacks (
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    attempt INTEGER NOT NULL,
    record TEXT NOT NULL,       -- JSON literal
    PRIMARY KEY (job, attempt)
) WITHOUT ROWID;

CREATE TABLE artifacts (
    id INTEGER PRIMARY KEY,     -- in the order they were attached
    job TEXT NOT NULL REFERENCES jobs (id) ON DELETE CASCADE,
    name TEXT NOT NULL,         -- JSON literal
    record TEXT NOT NULL,
    UNIQUE (job, name)
);

PRAGMA application_id = {APPLICATION_ID};
"""

PARENTS = """
ALTER TABLE jobs ADD COLUMN parent TEXT;
CREATE INDEX jobs_by_parent ON jobs (parent, created_at, id) WHERE parent IS NOT NULL;
"""

# What a webhook is still to be told. It outlives the job; what was given up is kept for a while, to be looked at.
NOTICES = """
CREATE TABLE notices (
    n INTEGER PRIMARY KEY,      -- in the order they came
    id TEXT NOT NULL UNIQUE,
    job TEXT NOT NULL,
    at INTEGER NOT NULL,
    next_at INTEGER NOT NULL,
    body TEXT NOT NULL,         -- JSON
    tries INTEGER NOT NULL DEFAULT 0,
    given_up_at INTEGER
);
CREATE INDEX notices_by_time ON notices (next_at, n) WHERE given_up_at IS NULL;
CREATE INDEX notices_by_job ON notices (job, n) WHERE given_up_at IS NULL;
CREATE INDEX notices_given_up ON notices (n) WHERE given_up_at IS NOT NULL;
"""

# A new version of the schema is one more script at the end; never change an old one.
MIGRATIONS = (FIRST, PARENTS, NOTICES)
VERSION = len(MIGRATIONS)


def migration(version: int) -> str:
    """One script that brings a database of `version` to :data:`VERSION`, wholly or not at all."""
    steps = "".join(MIGRATIONS[version:])
    return f"BEGIN IMMEDIATE; {steps} PRAGMA user_version = {VERSION}; COMMIT;"


# ── Writing ───────────────────────────────────────────────────────────────────

RUNS_PER_KIND = 100  # the estimator looks at the last 20 that succeeded
GIVEN_UP_KEPT = 1_000  # notices that nobody took
BATCH = (
    "deletes",  # [job]
    "jobs",
    "states",
    "entries",
    "trims",  # [job, the newest number that goes]
    "checkpoints",
    "thins",  # [job, every how many-th sample stays]
    "samples",
    "runs",
    "tracebacks",
    "artifacts",
    "notices",
    "tried",  # [notice, tries, when next, when given up, job]
    "delivered",  # [notice]
)
"""What one commit may bring, in the order it is done: each a JSON array of rows, each an array of columns."""


def _column(index: int, row: str = "value") -> str:
    return f"json_extract({row}, '$[{index}]')"


def _insert(table: str, columns: str, on_conflict: str = "") -> str:
    """The rows of one table; those of a job that is deleted by now are left out."""
    values = ", ".join(_column(index) for index in range(columns.count(",") + 1))
    belongs = "true" if table in ("jobs", "runs", "notices") else f"{_column(0)} IN (SELECT id FROM jobs)"  # noqa: S608 - constants only
    rows = f"SELECT {values} FROM json_each(NEW.{table}) WHERE {belongs}"  # noqa: S608 - constants only
    return f"INSERT INTO {table} ({columns}) {rows} {on_conflict};"


def _upsert(table: str, key: str, others: str) -> str:
    """The same; a row whose key is there takes the other one's place."""
    news = ", ".join(f"{name} = excluded.{name}" for name in others.split(", "))
    return _insert(table, f"{key}, {others}", f"ON CONFLICT ({key}) DO UPDATE SET {news}")


TRIMMED = f"json_each(NEW.trims) AS t CROSS JOIN entries AS e ON e.job = {_column(0, 't.value')}"
THINNED = f"json_each(NEW.thins) AS t CROSS JOIN samples AS s ON s.job = {_column(0, 't.value')}"
STEPS = f"""
DELETE FROM jobs WHERE id IN (SELECT {_column(0)} FROM json_each(NEW.deletes));
{_upsert("jobs", "id", "kind, key, status, created_at, finished_at, search, record, params, parent")}
{_upsert("states", "job", "state")}
{_insert("entries", "job, n, at, record", "ON CONFLICT (job, n) DO NOTHING")}
INSERT INTO trimmed (job, n, at) SELECT e.job, e.n, e.at FROM {TRIMMED} AND e.n = {_column(1, "t.value")} WHERE true
    ON CONFLICT (job) DO UPDATE SET n = excluded.n, at = excluded.at;
DELETE FROM entries WHERE (job, n) IN (SELECT e.job, e.n FROM {TRIMMED} AND e.n <= {_column(1, "t.value")});
{_upsert("checkpoints", "job", "record, data")}
DELETE FROM samples WHERE id IN (
    SELECT id FROM (
        SELECT s.id AS id, {_column(1, "t.value")} AS step,
            row_number() OVER (PARTITION BY s.job ORDER BY s.id) - 1 AS place
        FROM {THINNED})
    WHERE place % step != 0);
{_insert("samples", "job, record")}
{_upsert("runs", "kind, job, attempt", "outcome, finished_at, record")}
DELETE FROM runs WHERE kind IN (SELECT {_column(0)} FROM json_each(NEW.runs))
    AND finished_at < (SELECT newest.finished_at FROM runs AS newest WHERE newest.kind = runs.kind
        ORDER BY newest.finished_at DESC LIMIT 1 OFFSET {RUNS_PER_KIND - 1});
{_upsert("tracebacks", "job, attempt", "record")}
{_upsert("artifacts", "job, name", "record")}
{_insert("notices", "id, job, at, next_at, body", "ON CONFLICT (id) DO NOTHING")}
UPDATE notices SET (tries, next_at, given_up_at) = (
        SELECT {_column(1)}, {_column(2)}, {_column(3)} FROM json_each(NEW.tried) WHERE {_column(0)} = notices.id)
    WHERE id IN (SELECT {_column(0)} FROM json_each(NEW.tried));
UPDATE notices SET next_at = (
        SELECT {_column(2)} FROM json_each(NEW.tried) WHERE {_column(4)} = notices.job AND {_column(3)} IS NULL)
    WHERE given_up_at IS NULL AND job IN (
        SELECT {_column(4)} FROM json_each(NEW.tried) WHERE {_column(3)} IS NULL);
DELETE FROM notices WHERE NEW.tried != '[]' AND given_up_at IS NOT NULL AND n <= (
    SELECT n FROM notices WHERE given_up_at IS NOT NULL ORDER BY n DESC LIMIT 1 OFFSET {GIVEN_UP_KEPT});
DELETE FROM notices WHERE id IN (SELECT {_column(0)} FROM json_each(NEW.delivered));
"""  # noqa: S608 - constants only

# One statement is one call to the database's thread and one transaction; as it starts with a write,
# it takes the write lock at once and waits for it, as BEGIN IMMEDIATE does. Temporary, so that the
# file holds tables only and what is written how stays with the code.
PREPARE = f"""
CREATE TEMP VIEW batch AS SELECT {", ".join(f"'' AS {name}" for name in BATCH)};
CREATE TEMP TRIGGER store_batch INSTEAD OF INSERT ON batch BEGIN {STEPS} END;
"""
STORE = f"INSERT INTO batch ({', '.join(BATCH)}) VALUES ({', '.join('?' for _ in BATCH)})"  # noqa: S608 - constants only
