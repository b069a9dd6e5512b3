"""Where a running job is: its worker is asked, and where that does not answer, the system."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import count
from typing import Literal

from msgspec import Struct, field

from hub.deadlines import ALIVE
from hub.errors import Conflict, Unavailable
from hub.held import Held
from hub.launch import Launcher
from hub.protocol import Stack, StackWanted

ANSWER_S = 3.0  # a worker's own thread needs the interpreter's lock, which C code may hold


Source = Literal["worker", "system"]


class StackView(Struct, kw_only=True):
    """Where the work was, as text; `from` says who told it."""

    job: str
    attempt: int
    at: int
    text: str
    from_: Source = field(name="from")


class Stacks:
    """The questions that are under way; of several about one attempt only one is asked.

    Args:
        launcher: knows the processes of this machine.
        clock: milliseconds since 1970.
        answer_s: seconds that a worker has to answer.
    """

    def __init__(self, launcher: Launcher, clock: Callable[[], int], answer_s: float = ANSWER_S) -> None:
        self.answer_s = answer_s
        self._launcher = launcher
        self._clock = clock
        self._ids = count(1)
        self._asked: dict[tuple[str, int], asyncio.Future[str]] = {}

    async def of(self, held: Held) -> StackView:
        """Where a job's attempt is now.

        Raises:
            Conflict: no worker has it.
            Unavailable: neither its worker nor the system tells.
        """
        status, attempt = held.job.state.status, held.job.state.attempt
        if status not in ALIVE:
            raise Conflict(f"a job that is {status} is nowhere")
        text = await self._by_worker(held, attempt)
        source: Source = "system" if text is None else "worker"
        if text is None:
            text = await self._launcher.stack(held.id, attempt)
        if text is None:
            raise Unavailable("the worker does not answer, and the system cannot tell where it is")
        return StackView(job=held.id, attempt=attempt, at=self._clock(), text=text, from_=source)

    async def _by_worker(self, held: Held, attempt: int) -> str | None:
        key = (held.id, attempt)
        if key not in self._asked:
            if held.worker is None:
                return None
            self._asked[key] = asyncio.get_running_loop().create_future()
            held.worker.send(StackWanted(id=next(self._ids), job=held.id, attempt=attempt))
        answer = self._asked[key]
        try:
            async with asyncio.timeout(self.answer_s):
                return await asyncio.shield(answer)
        except TimeoutError:
            return None
        finally:
            if self._asked.get(key) is answer:
                del self._asked[key]

    def answered(self, message: Stack) -> None:
        """A worker told where it is; what nobody waits for any more is dropped."""
        answer = self._asked.get((message.job, message.attempt))
        if answer is not None and not answer.done():
            answer.set_result(message.text)
