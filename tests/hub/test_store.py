"""What goes into the store comes out, exactly and in order."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.batch import literal
from hub.settings import Settings
from hub.store import ArtifactRow, CheckpointRow, Store, Write
from hub.view import LogGap
from tests.hub.stored import NASTY, bounds, entry, job_row, nothing, put


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "barcast.db"


@pytest.fixture
async def store(path: Path) -> AsyncIterator[Store]:
    opened = await Store.open(path, Settings())
    yield opened
    await opened.close()


# ── What goes in comes out ──────────────────────────────────────────────────────


async def test_a_job_comes_back_to_the_last_character(store: Store) -> None:
    row = job_row(
        title=NASTY, by=NASTY, key=NASTY, tags={NASTY: NASTY}, params=literal(NASTY).encode(), state=b'{"a": 0.1}'
    )
    await put(store, Write(job=row))
    assert await store.job("j1") == row
    assert await store.by_key("import-orders", NASTY) == row
    assert await store.by_key("import-orders", NASTY[:1]) is None
    assert await store.by_key("other", NASTY) is None
    assert [await store.job("j2"), await store.job("\ud800"), await store.job(NASTY)] == [None, None, None]


@pytest.mark.parametrize("text", ["\ud800", "a\udcffb", "\x00\udfff"])
async def test_half_a_surrogate_pair_breaks_nothing(store: Store, text: str) -> None:
    whole = text.encode("utf-8", "replace").decode()
    row = job_row(title=text, by=text, key=text, tags={text: text}, state=b'{"x": "\xed\xa0\x80"}')
    artifact = ArtifactRow(job="j1", name=text, path=text, url=None, bytes=1, media_type=None)
    write = Write(job=row, entries=[entry(1, text, {text: [text, 0.5]})], traceback=(1, text), artifact=artifact)
    await put(store, write)
    found = await store.job("j1")
    assert found is not None
    assert (found.title, found.key, found.tags) == (whole, whole, {whole: whole})
    assert await store.entries("j1") == [entry(1, whole, {whole: [whole, 0.5]})]
    assert await store.traceback("j1") == (1, whole)
    assert await store.jobs(q=text) == ([found], None)
    assert await store.artifact("j1", text) is not None


@pytest.mark.parametrize("state", [b"", b"not JSON", b"\xff\xfe", b"[" * 5_000, b'{"a": NaN}'])
async def test_state_that_is_no_json_does_not_break_the_batch(store: Store, state: bytes) -> None:
    await put(store, Write(job=job_row(state=state, params=state)), Write(job=job_row("j2")))
    found = await store.job("j1")
    assert found is not None
    assert found.state == state.decode("utf-8", "replace").encode()
    assert await store.job("j2") == job_row("j2")


@given(text=st.text(), number=st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**53), 2**53))
def test_any_text_and_number_survives_its_literal(text: str, number: float) -> None:
    with closing(sqlite3.connect(":memory:")) as connection:
        columns = f"[{literal([literal([text, number])])}]"
        [stored] = connection.execute("SELECT json_extract(value, '$[0]') FROM json_each(?)", [columns]).fetchone()
    assert stored == literal([text, number])


async def test_checkpoint_traceback_artifacts_and_samples_come_back(store: Store) -> None:
    checkpoint = CheckpointRow(job="j1", attempt=1, at=5, done=0.1, fraction=1 / 3, data=b'["\\u0000"]')
    newer = CheckpointRow(job="j1", attempt=2, at=6, done=7, fraction=None, data=b"null")
    file = ArtifactRow(job="j1", name="b\x00", path="/x", url=None, bytes=3, media_type="text/html")
    link = ArtifactRow(job="j1", name="b", path=None, url="https://x", bytes=None, media_type=None)
    longer = ArtifactRow(job="j1", name="b\x00", path="/y", url=None, bytes=4, media_type="text/html")
    await put(
        store,
        Write(job=job_row(), checkpoint=checkpoint, traceback=(1, NASTY)),
        Write(job_id="j1", traceback=(2, "second")),
        Write(artifact=file),
        Write(artifact=link),
    )
    assert await store.checkpoint("j1") == checkpoint
    await put(store, Write(checkpoint=newer), Write(artifact=longer))
    assert await store.checkpoint("j1") == newer
    assert await store.checkpoint("j2") is None
    assert [await store.traceback("j1", 1), await store.traceback("j1")] == [(1, NASTY), (2, "second")]
    assert await store.traceback("j1", 3) is None
    assert await store.artifacts("j1") == [longer, link]
    assert await store.artifact("j1", "b") == link
    assert await store.artifact("j1", "c") is None


async def test_a_change_is_taken_as_it_was_when_submitted(store: Store) -> None:
    row = job_row(tags={"store": "7"})
    store.submit(Write(job=row), nothing)
    row.tags["store"] = "8"
    row.title = "Later"
    await store.flush()
    assert await store.job("j1") == job_row(tags={"store": "7"})


async def test_a_change_of_nobody_is_refused_at_once(store: Store) -> None:
    with pytest.raises(ValueError, match="expected job_id"):
        store.submit(Write(entries=[entry(1)]), nothing)
    with pytest.raises(ValueError, match="expected job_id"):
        store.submit(Write(delete=True), nothing)
    assert store.waiting == 0


async def test_the_secret_is_made_once(path: Path) -> None:
    store = await Store.open(path, Settings())
    secret = await store.secret()
    await store.close()
    store = await Store.open(path, Settings())
    assert await store.secret() == secret
    assert len(secret) == 32
    await store.close()


async def test_only_its_owner_may_read_the_file(store: Store) -> None:
    beside = [store.path, *store.path.parent.glob("barcast.db?*")]
    assert {stat.S_IMODE(file.stat().st_mode) for file in beside} == {0o600}


# ── The log ─────────────────────────────────────────────────────────────────────


async def test_log_entries_come_in_order_and_in_pieces(store: Store) -> None:
    await put(store, Write(job=job_row()), *(Write(job_id="j1", entries=[entry(n)]) for n in range(1, 11)))

    async def numbers(**given: Any) -> list[int]:
        return [found.n for found in await store.entries("j1", **given)]

    assert await numbers() == list(range(1, 11))
    assert await numbers(after=3, before=7) == [4, 5, 6]
    assert await numbers(after=3, limit=2) == [4, 5]
    assert await numbers(before=7, limit=2, newest=True) == [5, 6]
    assert await bounds(store, "j1") == (1, 10)
    assert await bounds(store, "j2") == (0, 0)
    assert await store.gap("j1") is None


async def test_an_entry_that_came_already_changes_nothing(store: Store) -> None:
    await put(store, Write(job=job_row(), entries=[entry(1, "first")]), Write(job_id="j1", entries=[entry(1, "again")]))
    await put(store, Write(job_id="j1", entries=[entry(1, "and again"), entry(2)]))
    assert await store.entries("j1") == [entry(1, "first"), entry(2)]


async def test_only_the_newest_entries_are_kept_and_the_gap_is_told(path: Path) -> None:
    store = await Store.open(path, Settings(log_entries_per_job=3))
    await put(store, Write(job=job_row(), entries=[entry(n) for n in range(1, 8)]), Write(job=job_row("j2")))
    assert await bounds(store, "j1") == (5, 7)
    await put(store, Write(job_id="j1", entries=[entry(8)]), Write(job_id="j2", entries=[entry(1)]))
    assert [found.n for found in await store.entries("j1")] == [6, 7, 8]
    assert await store.gap("j1") == LogGap(from_=1, to=5, from_at=1_000, to_at=50)
    assert await store.gap("j1", after=4) == LogGap(from_=5, to=5, from_at=None, to_at=50)
    assert await store.gap("j1", after=5) is None
    assert await store.gap("j2") is None
    await store.close()
