"""One redis-server and one hub for all tests of the queues, and one worker for the tests of each library."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis

from tests.workers.queues.queueing import (
    Celery,
    CelerySolo,
    CeleryThreads,
    Dramatiq,
    Hub,
    Library,
    Rq,
    RqSimple,
    RqSpawn,
    redis_server,
)

LIBRARIES = {made.__name__: made for made in (Celery, CeleryThreads, CelerySolo, Rq, RqSimple, RqSpawn, Dramatiq)}


@pytest.fixture(scope="package")
def place() -> Iterator[Path]:
    """A folder with a short name: that of a Unix socket has about a hundred bytes."""
    with tempfile.TemporaryDirectory(prefix="queues-") as folder:
        yield Path(folder)


@pytest.fixture(scope="package")
def redis(place: Path) -> Iterator[Redis]:
    with redis_server(place) as path:
        os.environ["QUEUES_REDIS"] = str(path)
        client = Redis(unix_socket_path=str(path), decode_responses=True)
        yield client
        client.close()


@pytest.fixture(scope="package")
def hub(place: Path) -> Iterator[Hub]:
    hub = Hub(place)
    os.environ["BARCAST_URL"] = hub.url
    yield hub
    hub.process.close()
    del os.environ["BARCAST_URL"]


@pytest.fixture(scope="module")
def library(request: pytest.FixtureRequest, redis: Redis, hub: Hub, place: Path) -> Iterator[Library]:
    """The library that a test names, with one worker for all its tests (which pytest runs one after the other)."""
    library: Library = LIBRARIES[request.param](redis, place)
    library.start()
    yield library
    library.close()
