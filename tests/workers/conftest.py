"""Fixtures of the workers' tests."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.workers.beside import STATE
from tests.workers.fake_hub import BOUND_S, FakeHub
from tests.workers.starting import JOB, Started
from workers import line, session

os.environ["XDG_STATE_HOME"] = STATE.name  # nothing lands among the user's own, at the very end of the tests neither


@pytest.fixture
def address_file(tmp_path: Path) -> Path:
    return tmp_path / "hub.address"


@pytest.fixture
async def hub(address_file: Path) -> AsyncIterator[FakeHub]:
    async with FakeHub(address_file) as running:
        yield running


@pytest.fixture(autouse=True)
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is not told is kept in a folder of the test, no line outlives it, and a busy machine is waited for."""
    monkeypatch.setattr(session, "REACH_S", BOUND_S)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    yield
    session._open.clear()
    line.close_all()


@pytest.fixture
async def started(address_file: Path) -> AsyncIterator[Started]:
    one = Started(address_file)
    yield one
    await one.launcher.stop(JOB, 1, 0.0)
    await one.launcher.close()
