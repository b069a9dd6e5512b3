"""A hub for each test."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.hub.serving import Served, serving


@pytest.fixture
def db(tmp_path: Path) -> Path:
    return tmp_path / "barcast.db"


@pytest.fixture
async def hub(db: Path) -> AsyncIterator[Served]:
    """A running hub with the usual limits and quick intervals."""
    async with serving(db) as served:
        yield served


@pytest.fixture(params=["json", "msgpack"])
def encoding(request: pytest.FixtureRequest) -> str:
    return str(request.param)
