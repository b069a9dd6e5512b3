"""Server-Sent Events: the same rooms and the same JSON as on the socket, over plain HTTP."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.hub.serving import BOUND_S, Message, Served, serving, soon


class Reader:
    """Reads events, as a browser's EventSource does.

    Attributes:
        events: (event, id, data) of each that came.
    """

    def __init__(self, answer: httpx.Response) -> None:
        self.answer = answer
        self.events: list[tuple[str, str | None, Message]] = []
        self.comments: list[str] = []
        self._lines = lines(answer)

    async def next(self, wanted: str, **fields: Any) -> Message:
        """The next event of that name, and with these fields."""
        async with asyncio.timeout(BOUND_S):
            while True:
                event, _, data = await self._event()
                if event == wanted and fields.items() <= data.items():
                    return data

    async def job(self, **fields: Any) -> Message:
        """The next state of a job that has these fields."""
        async with asyncio.timeout(BOUND_S):
            while True:
                event, _, data = await self._event()
                if event in ("snapshot", "update"):
                    for job in data["jobs"]:
                        if fields.items() <= job.items():
                            found: Message = job
                            return found

    async def comment(self) -> str:
        async with asyncio.timeout(BOUND_S):
            while not self.comments:
                await self._line()
        return self.comments.pop(0)

    async def rest(self) -> list[str]:
        """Read to the end; the names of the events that still came."""
        before = len(self.events)
        with pytest.raises(StopAsyncIteration):
            await self._forever()
        return [event for event, _, _ in self.events[before:]]

    async def _forever(self) -> None:
        async with asyncio.timeout(BOUND_S):
            while True:
                await self._event()

    @property
    def last_id(self) -> str:
        return [id_ for _, id_, _ in self.events if id_][-1]

    async def _event(self) -> tuple[str, str | None, Message]:
        parts: dict[str, str] = {}
        while line := await self._line():
            name, _, value = line.partition(": ")
            parts[name] = value
        if not parts:
            return await self._event()
        self.events.append((parts["event"], parts.get("id"), json.loads(parts["data"])))
        return self.events[-1]

    async def _line(self) -> str:
        while (line := await anext(self._lines)).startswith(":"):
            self.comments.append(line)
            if await anext(self._lines) == "":
                return ""
        return line


async def lines(answer: httpx.Response) -> AsyncIterator[str]:
    """Lines as the format has them; httpx breaks them at U+2028 too."""
    begun = ""
    async for text in answer.aiter_text():
        *whole, begun = (begun + text).split("\n")
        for line in whole:
            yield line


@asynccontextmanager
async def reading(hub: Served, path: str, last: str | None = None) -> AsyncIterator[Reader]:
    headers = {"Last-Event-ID": last} if last else {}
    async with hub.http.stream("GET", path, headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        assert answer.headers["cache-control"] == "no-cache"
        yield Reader(answer)


async def test_a_job_is_streamed_from_a_snapshot_to_its_end(hub: Served) -> None:
    work = await hub.outside(total=10, params={"a": 1})
    async with reading(hub, f"/api/jobs/{work.id}/stream") as reader:
        [job] = (await reader.next("snapshot"))["jobs"]
        assert (job["id"], job["params"]) == (work.id, {"a": 1})
        assert [entry["n"] for entry in (await reader.next("log"))["entries"]] == [1, 2]
        await work.report(done=3)
        assert (await reader.job(done=3))["fraction"] == 0.3
        await work.tell("entry", level="info", text="Third")
        assert (await reader.next("log"))["entries"][0]["text"] == "Third"
        await work.finish(result={"rows": 3})
        assert (await reader.job(status="succeeded"))["result"] == {"rows": 3}


async def test_events_hold_what_the_socket_says_word_for_word(hub: Served) -> None:
    work = await hub.outside(total=10)
    viewer = await hub.watching(f"job:{work.id}")
    async with reading(hub, f"/api/jobs/{work.id}/stream") as reader:
        await work.report(done=3, message="<b>\n</b> \u2028")
        streamed, told = await reader.job(done=3), await viewer.job(work.id, done=3)
        assert {**told, **streamed, "seq": 0, "from": 0} == {**told, "seq": 0, "from": 0}


async def test_a_job_is_resumed_where_the_reader_was(hub: Served) -> None:
    work = await hub.outside()
    viewer = await hub.watching(f"job:{work.id}")
    async with reading(hub, f"/api/jobs/{work.id}/stream") as reader:
        await reader.next("log")
        last = reader.last_id
    assert last.split(":")[0] == hub.service.hub.epoch
    await viewer.job(work.id, viewers=1)
    await work.store("entry", level="info", text="while away")
    async with reading(hub, f"/api/jobs/{work.id}/stream", last) as reader:
        answer = await reader.next("subscribed")
        assert (answer["recovered"], answer["log_gap"]) == (True, None)
        assert (await reader.next("snapshot"))["jobs"][0]["id"] == work.id
        assert [entry["text"] for entry in (await reader.next("log"))["entries"]] == ["while away"]


async def test_a_reader_that_is_current_gets_no_snapshot(hub: Served) -> None:
    work = await hub.outside()
    viewer = await hub.watching(f"job:{work.id}")
    seen = await viewer.job(work.id, viewers=1)
    last = f"{hub.service.hub.epoch}:{seen['seq']}:2"
    async with reading(hub, f"/api/jobs/{work.id}/stream", last) as reader:
        await reader.next("subscribed")
        await work.tell("entry", level="info", text="new")
        assert (await reader.next("log"))["entries"][0]["n"] == 3
        assert "snapshot" not in [event for event, _, _ in reader.events]


@pytest.mark.parametrize(
    "last", ["x", "a:b:c", "::", "e:1", "e:-1:2", f"e:{'9' * 16}:{'9' * 16}", "e:9007199254740993:1"]
)
async def test_a_last_event_id_that_is_none_of_ours_begins_anew(hub: Served, last: str) -> None:
    work = await hub.outside()
    async with reading(hub, f"/api/jobs/{work.id}/stream", last) as reader:
        assert (await reader.next("snapshot"))["jobs"][0]["id"] == work.id
        assert [entry["n"] for entry in (await reader.next("log"))["entries"]] == [1, 2]


async def test_an_id_of_another_epoch_resumes_the_log_and_never_claims_to_be_of_this_one(hub: Served) -> None:
    work = await hub.outside()
    async with reading(hub, f"/api/jobs/{work.id}/stream", "former:2:1") as reader:
        [job] = (await reader.next("snapshot"))["jobs"]
        assert [entry["n"] for entry in (await reader.next("log"))["entries"]] == [2]
        ids = [id_ for _, id_, _ in reader.events if id_]
        seen = [id_.split(":") for id_ in ids]
        assert {epoch for epoch, _, _ in seen} == {hub.service.hub.epoch}
        assert all(int(seq) >= job["seq"] for _, seq, _ in seen)
        assert [int(log) for _, _, log in seen] == sorted(int(log) for _, _, log in seen)


async def test_the_feed_is_streamed_without_ids_and_begins_anew_each_time(hub: Served) -> None:
    work = await hub.outside()
    async with reading(hub, "/api/stream", "anything:1:2") as reader:
        snapshot = await reader.next("snapshot", end=True)
        assert [job["id"] for job in snapshot["jobs"]] == [work.id]
        assert (await reader.next("summary"))["running"] == 1
        other = await hub.outside(title="Another")
        assert (await reader.job(id=other.id))["title"] == "Another"
        await work.finish()
        await reader.job(id=work.id, status="succeeded")
        assert {id_ for _, id_, _ in reader.events} == {None}


async def test_a_reader_that_leaves_is_forgotten(hub: Served) -> None:
    work = await hub.outside()
    viewer = await hub.watching(f"job:{work.id}")
    async with reading(hub, f"/api/jobs/{work.id}/stream") as reader:
        await reader.next("snapshot")
        await viewer.job(work.id, viewers=2)
    await viewer.job(work.id, viewers=1)
    assert len(hub.service.hub.viewers) == 1


async def test_a_comment_comes_after_silence(db: Path) -> None:
    async with serving(db, heartbeat_s=0.05) as hub:
        work = await hub.outside()
        async with reading(hub, f"/api/jobs/{work.id}/stream") as reader:
            await reader.next("snapshot")
            assert await reader.comment() == ": beat"


async def test_a_restart_is_told_and_ends_the_stream(hub: Served) -> None:
    work = await hub.outside()
    async with reading(hub, f"/api/jobs/{work.id}/stream") as reader:
        await reader.next("snapshot")
        await hub.service.restart()
        assert (await reader.rest())[-1] == "closing"
        assert reader.events[-1][2]["code"] == 1012


async def test_a_reader_that_takes_nothing_is_dropped_and_one_that_reads_stays(db: Path) -> None:
    async with serving(db, stuck_s=0.2, write_buffer_bytes=4096) as hub:
        work = await hub.outside()
        async with reading(hub, f"/api/jobs/{work.id}/stream") as reader:
            await reader.next("snapshot")
            small = socket.create_connection(("127.0.0.1", hub.port))
            small.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # soon full
            stuck_reader, stuck_writer = await asyncio.open_connection(sock=small, limit=1024)
            stuck_writer.write(f"GET /api/jobs/{work.id}/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode())
            assert (await soon(stuck_reader.readline())).split()[1] == b"200"
            await reader.job(viewers=2)
            dropped = asyncio.Event()
            writing = asyncio.create_task(keep_writing(work, dropped))
            await reader.job(viewers=1)
            dropped.set()
            await writing
            await work.store("entry", level="info", text="the last one")
            while (await reader.next("log"))["entries"][-1]["text"] != "the last one":
                pass
            numbers = [entry["n"] for event, _, data in reader.events if event == "log" for entry in data["entries"]]
            assert numbers == list(range(1, numbers[-1] + 1))
            own_address = stuck_writer.get_extra_info("sockname")
            connections = hub.server.server_state.connections
            assert own_address not in [one.transport.get_extra_info("peername") for one in connections]
            stuck_writer.close()


async def keep_writing(work: Any, until: asyncio.Event) -> None:
    while not until.is_set():
        await work.store("entry", level="info", text="x" * 4000)
