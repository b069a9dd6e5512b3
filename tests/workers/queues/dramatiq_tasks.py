"""Actors for Dramatiq, as a user would write them; `Barcast()` is all there is of Barcast."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import dramatiq
from dramatiq.brokers.redis import RedisBroker
from dramatiq.middleware import AsyncIO
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

import workers.dramatiq
from tests.workers.queues import tasks
from workers.dramatiq import current_job

SERVER = f"unix://{os.environ['QUEUES_REDIS']}"
broker = RedisBroker(url=SERVER, heartbeat_timeout=1_000, maintenance_chance=1_000_000)  # type: ignore[no-untyped-call]
broker.add_middleware(Results(backend=RedisBackend(url=SERVER), store_results=True))  # type: ignore[no-untyped-call]
broker.add_middleware(AsyncIO())
broker.add_middleware(workers.dramatiq.Barcast())
dramatiq.set_broker(broker)


@dramatiq.actor(max_retries=0)
def count(gate: str) -> Any:
    return tasks.count(current_job(), gate)


@dramatiq.actor(max_retries=0)
def fail(text: str) -> None:
    tasks.fail(text)


@dramatiq.actor(max_retries=2, min_backoff=1, max_backoff=1)
def fail_once(gate: str) -> str:
    return tasks.fail_once(gate)


@dramatiq.actor(max_retries=3)
def work_until_cancelled(gate: str) -> None:
    tasks.work_until_cancelled(current_job(), gate)


@dramatiq.actor(max_retries=3)
def deaf(gate: str) -> None:
    tasks.deaf(gate)


@dramatiq.actor(max_retries=0)
def mark(gate: str) -> None:
    tasks.mark(gate)


@dramatiq.actor(max_retries=3)
async def work_on_the_loop(gate: str) -> None:
    job = current_job()
    try:
        while True:
            job.advance()
            await asyncio.sleep(0)
    finally:
        tasks.redis().rpush(f"{gate}:cleaned", "up")
