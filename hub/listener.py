"""The listening socket: it runs out of file descriptors without harm to those who are connected."""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import resource
import socket
from typing import Any

SPARE = 16  # descriptors that no connection may take: for SQLite, files that are sent, pipes of child processes
SHORTAGE = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})  # as asyncio knows them
ADVICE = "no file descriptors left for new connections (limit %s): they wait until some close, or `ulimit -n` is raised"

log = logging.getLogger("barcast")


class NoDescriptor(OSError):
    """Nothing can be accepted now; asyncio then leaves the socket alone for a second."""


class Listener(socket.socket):
    """A listening socket that stops accepting a little before the process is out of descriptors.

    Who comes then waits in the kernel's queue, and is let in once others have left. It says so once for each
    shortage. asyncio (until Python 3.14) goes on accepting after a failure, as often as the queue is long, with
    a traceback each time: here one failure is followed by "nobody is there".
    """

    _short = False  # since the last connection that could be accepted
    _failed = False  # in the call before

    def accept(self) -> tuple[socket.socket, Any]:
        """The next connection.

        Raises:
            NoDescriptor: only spare descriptors are left.
            BlockingIOError: nobody waits, or the call before failed.
        """
        if self._failed:
            self._failed = False
            raise BlockingIOError
        try:
            self._check_room()
            accepted = super().accept()
        except OSError as error:
            if error.errno not in SHORTAGE:
                raise
            self._tell()
            self._failed = True
            raise NoDescriptor(error.errno, error.strerror) from None
        self._short = False
        return accepted

    def _check_room(self) -> None:
        """The lowest free descriptor, which is the next to be given, tells how many are taken at least."""
        limit = descriptor_limit()
        lowest = os.dup(self.fileno())
        os.close(lowest)
        if limit is not None and lowest >= limit - min(SPARE, limit // 4):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    def _tell(self) -> None:
        if not self._short:
            self._short = True
            log.error(ADVICE, descriptor_limit())


def descriptor_limit() -> int | None:
    """How many descriptors this process may have; None for any number."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return None if soft == resource.RLIM_INFINITY else soft


def quiet_about_shortage(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """An exception handler for a loop: what a listener has said itself is not said again every second."""
    if not isinstance(context.get("exception"), NoDescriptor):
        loop.default_exception_handler(context)
