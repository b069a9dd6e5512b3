"""Nothing of an attempt is left when the next one starts."""

from __future__ import annotations

import asyncio
from typing import cast

from hub.launch import Launcher
from hub.remains import Remains

LONG_S = 60.0


class Tree:
    """A launcher of which only `stop` is used: it answers when the test lets it.

    Attributes:
        stopped: what was to be ended, in order.
        dies: what `stop` says.
    """

    def __init__(self) -> None:
        self.stopped: list[tuple[str, int, float]] = []
        self.dies = True
        self.held = asyncio.Event()
        self.held.set()

    async def stop(self, job: str, attempt: int, kill_s: float) -> bool:
        self.stopped.append((job, attempt, kill_s))
        await self.held.wait()
        return self.dies


def remains(tree: Tree) -> Remains:
    return Remains(cast("Launcher", tree), 5.0)


async def turns() -> None:
    """Let every task come as far as it can."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_what_was_never_seen_is_swept_at_once() -> None:
    tree = Tree()
    assert await remains(tree).gone("j", 1, LONG_S)
    assert tree.stopped == [("j", 1, 5.0)]


async def test_a_process_may_leave_by_itself_before_anything_is_ended() -> None:
    tree = Tree()
    left = remains(tree)
    left.begin("j", 1)
    waiting = asyncio.create_task(left.gone("j", 1, LONG_S))
    await turns()
    assert (waiting.done(), tree.stopped) == (False, [])
    left.leave("j", 1)
    assert await waiting
    assert tree.stopped == [("j", 1, 5.0)]  # whatever it started and left behind


async def test_a_process_that_stays_is_ended() -> None:
    tree = Tree()
    left = remains(tree)
    left.begin("j", 1)
    assert await left.gone("j", 1, 0.01)
    assert await left.gone("j", 1, LONG_S)  # it is not waited for again


async def test_what_does_not_die_is_told_and_stays() -> None:
    tree = Tree()
    tree.dies = False
    left = remains(tree)
    left.begin("j", 1)
    assert not await left.gone("j", 1, 0.01)
    left.leave("j", 1)
    tree.dies = True
    assert await left.gone("j", 1, LONG_S)


async def test_one_that_leaves_twice_or_was_never_there_is_no_trouble() -> None:
    left = remains(Tree())
    left.begin("j", 1)
    left.leave("j", 1)
    left.leave("j", 1)
    left.leave("k", 1)


async def test_it_is_being_ended_until_the_last_who_ends_it_is_done() -> None:
    tree = Tree()
    left = remains(tree)
    tree.held.clear()
    assert not left.ending("j", 1)
    first, second = (asyncio.create_task(left.end("j", 1)) for _ in range(2))
    await turns()
    assert (left.ending("j", 1), left.ending("j", 2)) == (True, False)
    first.cancel()
    await asyncio.wait([first])
    assert left.ending("j", 1)
    tree.held.set()
    assert await second
    assert not left.ending("j", 1)
