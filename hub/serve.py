"""A hub in this process, in the foreground, until a signal ends it."""

from __future__ import annotations

import asyncio
import logging
import resource
import signal
import socket
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from typing import Any

from hub import auth
from hub.app import Barcast
from hub.errors import BarcastError, BeyondLoopback, HubError
from hub.protocol import StartOrder
from hub.server import Server

LOG = logging.getLogger("barcast")
SWITCH_S = 0.0005  # Python's 5 ms let a busy loop keep the database's thread from its commits for seconds
SIGNALS = (signal.SIGTERM, signal.SIGINT)


def check_address(host: str) -> None:
    """Refuse an address that other machines could reach.

    Raises:
        BeyondLoopback: it is one.
    """
    if not auth.is_loopback(host):
        raise BeyondLoopback(host)


def url_of(listener: socket.socket) -> str:
    """The address under which a listening socket is reached."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def allow_files(most: int) -> None:
    """Let this process have as many open files as it may need, where the limit that it was started with is lower.

    Args:
        most: how many that are; not beyond what the system allows it.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = most if hard == resource.RLIM_INFINITY else min(most, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # macOS has a limit of its own
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


class Foreground:
    """A hub and its server, run until a signal.

    SIGTERM means a restart, SIGINT a stop, a second SIGINT an end at once; a third one is Python's own.

    Args:
        app: the hub.
        server: what serves it.
        tell: says something to the person at the terminal.
    """

    def __init__(self, app: Barcast, server: Server, tell: Callable[[str], None]) -> None:
        self._service = app.service
        self._app = app
        self._server = server
        self._tell = tell
        self._tasks: asyncio.TaskGroup | None = None
        self._running: asyncio.Task[Any] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._asked = False
        logging.getLogger("uvicorn.error").setLevel(logging.WARNING)  # making a server set it
        server.config.lifespan = "off"  # the hub runs around the server, so that its causes of failure come out whole

    async def run(self, listener: socket.socket, ready: Callable[[], Awaitable[None]]) -> None:
        """Serve on `listener`; returns once everything is stored and closed.

        Args:
            listener: a listening socket; closed afterwards.
            ready: called when the hub runs.

        Raises:
            HubError: the hub could not start, or failed.
        """
        self._running = asyncio.current_task()
        sys.setswitchinterval(SWITCH_S)
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._terminate)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        try:
            with listener:
                await self._serve(listener, ready)
        except asyncio.CancelledError:
            if not self._asked:
                raise
        except BaseExceptionGroup as group:
            raise cause_of(group) from None
        finally:
            for number in SIGNALS:
                loop.remove_signal_handler(number)

    async def _serve(self, listener: socket.socket, ready: Callable[[], Awaitable[None]]) -> None:
        async with self._app.running(), asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            await ready()
            await self._server.serve(sockets=[listener])
            if self._ending is not None:
                self._ending.cancel()

    # ── Signals ───────────────────────────────────────────────────────────────

    def _terminate(self) -> None:
        self._end(self._restart)

    def _interrupt(self) -> None:
        if self._ending is None:
            self._end(self._stop)
        else:
            asyncio.get_running_loop().remove_signal_handler(signal.SIGINT)
            self._end(self._stop_now)

    def _end(self, how: Callable[[], Coroutine[Any, Any, None]]) -> None:
        self._asked = True
        if self._tasks is None:  # still starting: nothing runs that would have to be stopped
            assert self._running is not None, "signals are heard from the start of `run` on"
            self._running.cancel()
            return
        if self._ending is not None:
            self._ending.cancel()
        self._ending = self._tasks.create_task(self._exit_after(how))

    async def _exit_after(self, how: Callable[[], Coroutine[Any, Any, None]]) -> None:
        try:
            await how()
        except HubError as error:
            LOG.warning("while stopping: %s", error)
        self._server.should_exit = True

    async def _restart(self) -> None:
        await self._service.restart()

    async def _stop(self) -> None:
        count = len(self._service.runner.started())
        if count:
            jobs = "1 running job" if count == 1 else f"{count} running jobs"
            self._tell(f"Cancelling {jobs}; press Ctrl-C again to end {'it' if count == 1 else 'them'} at once")
        await self._service.stop()

    async def _stop_now(self) -> None:
        await self._service.stop_now()


def cause_of(error: BaseException) -> BaseException:
    """The one error inside groups of one."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


async def start_one_of_each(app: Barcast) -> int:
    """Start every kind with its defaults.

    Returns:
        how many took them.
    """
    started = 0
    for kind in sorted(app.service.runner.kinds):
        try:
            await app.service.runner.start(StartOrder(kind=kind), by=None)
            started += 1
        except BarcastError as error:
            LOG.warning("%s was not started: %s", kind, error)
    return started
