"""What every work of the matrix does half-way: wait at its gate, a named pipe, for the test to let it on."""

from __future__ import annotations

import asyncio
import os
import sys


def script() -> tuple[str, str]:
    """Outcome and gate, as a script is told them."""
    return sys.argv[1], sys.argv[2]


def wait(outcome: str, gate: str) -> None:
    """Wait to be let on.

    Raises:
        ValueError: this work is to fail.
    """
    with open(gate) as pipe:
        pipe.readline()
    if outcome == "fail":
        raise ValueError("no such shop")


async def wait_on_loop(outcome: str, gate: str) -> None:
    """The same, and the event loop goes on."""
    loop, opened = asyncio.get_running_loop(), asyncio.Event()
    pipe = os.open(gate, os.O_RDONLY | os.O_NONBLOCK)
    loop.add_reader(pipe, opened.set)
    try:
        await opened.wait()
        os.read(pipe, 64)
    finally:
        loop.remove_reader(pipe)
        os.close(pipe)
    if outcome == "fail":
        raise ValueError("no such shop")
