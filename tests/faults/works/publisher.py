"""Publishes tasks: reads lines of `LIBRARY TASK ARGUMENT`, answers with the task's id."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from redis import Redis

from tests.workers.queues import celery_tasks, dramatiq_tasks, rq_tasks
from workers.rq import Queue


def main() -> None:
    """Until nobody asks any more."""
    queue = Queue(connection=Redis(unix_socket_path=os.environ["QUEUES_REDIS"]))
    ways: dict[str, Callable[[str, str], Any]] = {
        "Celery": lambda task, argument: getattr(celery_tasks, task).delay(argument).id,
        "RQ": lambda task, argument: queue.enqueue(getattr(rq_tasks, task), argument).id,
        "Dramatiq": lambda task, argument: getattr(dramatiq_tasks, task).send(argument).message_id,
    }
    for line in sys.stdin:
        library, task, argument = line.split()
        print(ways[library](task, argument), flush=True)


main()
