"""Fixtures of the workers' tests."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.workers.fake_hub import FakeHub


@pytest.fixture
def address_file(tmp_path: Path) -> Path:
    return tmp_path / "hub.address"


@pytest.fixture
async def hub(address_file: Path) -> AsyncIterator[FakeHub]:
    async with FakeHub(address_file) as running:
        yield running
