"""A listener whose process has no descriptors left."""

from __future__ import annotations

import logging
import socket
from contextlib import closing

import pytest

from hub import listener
from hub.listener import NoDescriptor
from hub.server import listen


def test_a_shortage_is_one_failure_and_one_line_and_over_when_there_is_room(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(listener, "descriptor_limit", lambda: 1)
    with closing(listen("127.0.0.1", 0)) as door, socket.create_connection(door.getsockname()):
        for _ in range(3):
            with pytest.raises(NoDescriptor):
                door.accept()
            with pytest.raises(BlockingIOError):  # where asyncio goes on, it finds nobody
                door.accept()
        assert [record.levelno for record in caplog.records] == [logging.ERROR]
        assert "ulimit -n" in caplog.text
        monkeypatch.setattr(listener, "descriptor_limit", lambda: None)
        door.accept()[0].close()
        with pytest.raises(BlockingIOError):
            door.accept()


def test_other_failures_are_left_to_whoever_accepts() -> None:
    door = listen("127.0.0.1", 0)
    door.close()
    with pytest.raises(OSError, match="Bad file descriptor"):
        door.accept()
