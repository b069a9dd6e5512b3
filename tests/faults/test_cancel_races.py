"""A cancel against everything that may happen at the same moment: each job has one end, and it is told as it was.

python -m tests.faults.test_cancel_races --rounds 1000
"""

from __future__ import annotations

import argparse
import asyncio
import json
import tempfile
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random
from typing import Any

from tests.faults.aftermath import check_database
from tests.faults.line import Line, Message, dial
from tests.faults.test_processes import ends, seen
from tests.serving import PATIENCE_S, HubProcess, hub_process

ROUNDS = 40
JOBS = str(Path(__file__).parent / "works" / "steady.py")
FREE = {"BARCAST_REQUESTS_PER_MINUTE": "1000000"}


class Talk:
    """A line whose messages are waited for.

    Args:
        line: as dialled.
        messages: what came.
    """

    def __init__(self) -> None:
        self.line: Line
        self._messages: asyncio.Queue[Message] = asyncio.Queue()

    def take(self, message: Message) -> None:
        """One came."""
        self._messages.put_nowait(message)

    async def next(self, **wanted: Any) -> Message:
        """The next that has these fields."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = await self._messages.get()
                if wanted.items() <= message.items():
                    return message


@asynccontextmanager
async def talk(hub: HubProcess, path: str) -> AsyncIterator[Talk]:
    """A conversation with a hub."""
    one = Talk()
    one.line = await dial(hub.port, path, one.take)
    try:
        yield one
    finally:
        one.line.cut()


async def race(hub: HubProcess, rounds: int, seed: int) -> Counter[str]:
    """Cancel work at the moment at which it finishes, round after round, from two tabs.

    Returns:
        how often it ended how.
    """
    chance, outcomes = Random(seed), Counter[str]()
    async with talk(hub, "/ws/worker") as worker, talk(hub, "/ws") as one, talk(hub, "/ws") as other:
        for number in range(rounds):
            worker.line.say(type="open", id=number, kind="sync", title=f"Sync {number}")
            job = (await worker.next(type="opened", id=number))["job"]
            finish = {"type": "finish", "job": job, "attempt": 1, "n": 1, "outcome": "succeeded"}
            cancel = {"type": "cancel", "id": number, "job": job}
            steps = [(worker.line, finish), (one.line, cancel), (other.line, cancel)]
            for line, message in chance.sample(steps, 3):
                line.say(**message)
                if chance.random() < 0.3:
                    await asyncio.sleep(0)  # let it go out, so that the hub may see it alone
            await worker.next(type="ack", job=job, n=1)
            answers = [await tab.next(id=number) for tab in (one, other)]
            outcomes[await asyncio.to_thread(check_end, hub, job, answers)] += 1
    check_database(hub.db)
    return outcomes


def check_end(hub: HubProcess, job: str, answers: list[Message]) -> str:
    """It succeeded, whoever was first: the work was done; its story tells of at most one cancel, and of one end."""
    told = hub.get(f"/api/jobs/{job}")
    told_of = [entry["event"] for entry in hub.log_of(job)]
    asked = "ok" in {answer["type"] for answer in answers}
    assert told["status"] == "succeeded"
    assert told_of.count("attempt_succeeded") == sum(event.startswith("attempt_") for event in told_of) == 1
    assert told_of.count("cancel_requested") == asked == (told["cancel"] is not None)
    assert {answer["type"] for answer in answers} <= {"ok", "error"}
    assert {answer["code"] for answer in answers if answer["type"] == "error"} <= {"conflict"}
    return "cancelled first" if asked else "finished first"


async def test_a_cancel_from_two_tabs_against_the_end_of_the_work_leaves_one_end(tmp_path: Path) -> None:
    with hub_process(tmp_path / "hub.db", **FREE) as hub:
        outcomes = await race(hub, ROUNDS, seed=1)
    assert outcomes.total() == ROUNDS
    assert len(outcomes) == 2, f"only one side ever won: {outcomes}"


def test_work_that_is_cancelled_before_it_starts_is_never_called(tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    with hub_process(tmp_path / "hub.db", JOBS, BARCAST_JOBS_AT_ONCE="1", **FREE) as hub:
        busy = hub.post("/api/jobs", {"kind": "steady", "params": {"gate": str(gate)}})
        called = [tmp_path / f"called {number}" for number in range(5)]
        orders = [{"kind": "marking", "params": {"mark": str(path)}} for path in called]
        waiting = [hub.post("/api/jobs", order)["id"] for order in orders]
        for job in waiting:
            assert hub.post(f"/api/jobs/{job}/cancel")["status"] == "cancelled"
        gate.touch()
        seen(hub, busy["id"], lambda state: state["status"] == "succeeded")
        last = hub.post("/api/jobs", {"kind": "marking", "params": {"mark": str(tmp_path / "last")}})
        seen(hub, last["id"], lambda state: state["status"] == "succeeded")  # whatever was before it has been passed
        for job in waiting:
            state = seen(hub, job, lambda state: bool(ends(state)))
            assert (state["status"], ends(state), state["started_at"]) == ("cancelled", ["attempt_cancelled"], None)
        racing = [hub.post("/api/jobs", order)["id"] for order in orders[:2]]
        for job in racing:  # one of them is just being started
            hub.post(f"/api/jobs/{job}/cancel")
        for job, mark in zip(racing, called, strict=False):
            state = seen(hub, job, lambda state: bool(ends(state)))
            started = "started" in [entry["event"] for entry in state["log"]]
            assert started or not mark.exists()
    assert not any(mark.exists() for mark in called[2:])


def main() -> None:
    """As many rounds as are asked for."""
    parser = argparse.ArgumentParser(description="A cancel from two tabs against the end of the work.")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, hub_process(Path(folder) / "hub.db", **FREE) as hub:
        print(json.dumps(asyncio.run(race(hub, asked.rounds, asked.seed))))


if __name__ == "__main__":
    main()
