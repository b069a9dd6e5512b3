"""A real redis-server, a real hub, and each library with a real worker process: for the tests beside this file."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
from celery.states import READY_STATES  # type: ignore[import-untyped]
from redis import Redis
from websockets.sync.client import connect

from tests.serving import PATIENCE_S, HubProcess

ROOT = Path(__file__).parents[3]
State = dict[str, Any]
SETTINGS = {
    "BARCAST_GRACE_S": "0.3",
    "BARCAST_LEASE_S": "3",
    "BARCAST_REQUESTS_PER_MINUTE": "10000",
}


@contextmanager
def redis_server(folder: Path) -> Iterator[Path]:
    """The socket of a server of one's own, which keeps nothing."""
    program = shutil.which("redis-server")
    assert program is not None, "these tests need redis-server on the PATH (Debian: apt install redis-server)"
    path = folder / "redis"
    keeps_nothing = ["--port", "0", "--save", "", "--appendonly", "no", "--dir", str(folder)]
    server = subprocess.Popen([program, "--unixsocket", str(path), *keeps_nothing], stdout=subprocess.PIPE, text=True)
    assert server.stdout is not None
    try:
        said: list[str] = []
        while "eady to accept connections" not in (said or [""])[-1]:
            said.append(server.stdout.readline())
            assert said[-1], f"redis-server ended: {''.join(said)}"
        yield path
    finally:
        server.terminate()
        server.communicate(timeout=PATIENCE_S)


class Hub:
    """A hub that can go away and come back, on the same port."""

    def __init__(self, folder: Path) -> None:
        self._db = folder / "hub.db"
        self.process = HubProcess(self._db, environ=SETTINGS)

    @property
    def url(self) -> str:
        return self.process.url

    def go_away(self) -> None:
        self.process.kill()

    def come_back(self) -> None:
        self.process = HubProcess(self._db, environ=SETTINGS, port=self.process.port)

    def find(self, task: str) -> str:
        """The job of a task, as soon as there is one."""
        with connect(f"{self.process.socket_url}/ws") as socket:
            wanted = {"type": "subscribe", "id": 1, "topic": "jobs", "filter": {"tag": [f"task:{task}"]}}
            socket.send(json.dumps(wanted))
            while True:
                for job in json.loads(socket.recv(timeout=PATIENCE_S)).get("jobs", []):
                    return str(job["id"])

    def seen(self, job: str, wanted: Callable[[State], object]) -> State:
        """The job, as soon as it is as wanted; its log in `log`."""
        state: State = {"log": []}
        with connect(f"{self.process.socket_url}/ws") as socket:
            socket.send(json.dumps({"type": "subscribe", "id": 1, "topic": f"job:{job}"}))
            while not ("status" in state and wanted(state)):
                try:
                    message = json.loads(socket.recv(timeout=PATIENCE_S))
                except TimeoutError:
                    raise AssertionError(f"it stayed {state}") from None
                for change in message.get("jobs", []):
                    state.update(change)
                state["log"] += message.get("entries", [])
        return state

    def ended(self, task: str) -> State:
        """The job of a task, at its end."""
        return self.seen(self.find(task), has_ended)

    def cancel(self, job: str) -> State:
        state: State = self.process.post(f"/api/jobs/{job}/cancel", {"reason": "not needed"})
        return state


def has_ended(state: State) -> bool:
    return state["status"] in ("succeeded", "failed", "cancelled") and len(ends(state)) == state["attempt"]


def ends(state: State) -> list[str]:
    return [entry["event"] for entry in state["log"] if entry["event"].startswith("attempt_")]


def texts(state: State) -> list[str]:
    return [entry["text"] for entry in state["log"]]


def pid_of(state: State) -> int:
    return int(state["worker"].rsplit("/", 1)[1])


class Library:
    """One of the three, with a worker that does one task at a time.

    Args:
        redis: the server.
        folder: where the worker's output goes.
    """

    name: str
    command: tuple[str, ...]

    def __init__(self, redis: Redis, folder: Path) -> None:
        self.redis = redis
        self._log = folder / f"{type(self).__name__}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the worker."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", *self.command],
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env={**os.environ, "QUEUES_RESULTS": "yes", "XDG_STATE_HOME": str(self._log.parent)},
            )

    def kill(self) -> None:
        """End the worker and all its processes as a power cut would."""
        if self._process is not None:
            head = psutil.Process(self._process.pid)
            for process in [head, *head.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):  # one that has just done its task
                    process.kill()
            self._process.wait(PATIENCE_S)
            self._process = None

    def log(self) -> str:
        """What the worker wrote."""
        return self._log.read_text(errors="replace")

    def close(self) -> None:
        """End the worker, and let go of what this process has open."""
        self.kill()

    def open(self, gate: str, word: str = "go") -> None:
        """Let the task through that waits there."""
        self.redis.rpush(gate, word)

    def await_(self, place: str) -> None:
        """Wait until a task has left something there."""
        assert self.redis.blpop([place], timeout=int(PATIENCE_S)) is not None, f"nothing at {place}: {self.log()}"

    def await_mark(self, gate: str) -> None:
        """Wait until the task `mark` was called."""
        self.await_(f"{gate}:called")

    def ran(self, gate: str) -> bool:
        """Whether the task `mark` was ever called."""
        return bool(self.redis.exists(f"{gate}:called"))

    def send(self, name: str, argument: str) -> str:
        """Publish a task; returns its id."""
        raise NotImplementedError

    def outcome(self, task: str) -> str:
        """What the library says of a task when it is over."""
        raise NotImplementedError


class Celery(Library):
    """The prefork pool, with one process."""

    name = "Celery"
    command = (
        "celery",
        "-A",
        "tests.workers.queues.celery_tasks",
        "worker",
        "-c",
        "1",
        "-l",
        "info",
        "--pool",
        "prefork",
    )

    def __init__(self, redis: Redis, folder: Path) -> None:
        super().__init__(redis, folder)
        from tests.workers.queues import celery_tasks

        self._tasks = celery_tasks

    def send(self, name: str, argument: str) -> str:
        return str(getattr(self._tasks, name).delay(argument).id)

    def outcome(self, task: str) -> str:
        place = f"celery-task-meta-{task}"  # each new state is published there, too
        with self.redis.pubsub() as news:  # type: ignore[no-untyped-call]
            news.subscribe(place)
            while (stored := json.loads(self.redis.get(place) or "{}")).get("status") not in READY_STATES:
                assert news.get_message(timeout=PATIENCE_S) is not None, f"it stayed {stored}"
        return str(stored["status"])

    def revoke(self, task: str) -> None:
        """As somebody does who knows nothing of Barcast."""
        self._tasks.app.control.revoke(task)

    def close(self) -> None:
        super().close()
        self._tasks.app.close()


class CeleryThreads(Celery):
    command = (*Celery.command[:-1], "threads")


class CelerySolo(Celery):
    command = (*Celery.command[:-1], "solo")


class Rq(Library):
    name = "Rq"
    command: tuple[str, ...] = ("rq.cli", "worker", "--worker-class", "workers.rq.Worker", "--path", str(ROOT))

    def __init__(self, redis: Redis, folder: Path) -> None:
        super().__init__(redis, folder)
        url = f"unix://{os.environ['QUEUES_REDIS']}"
        self.command = (*type(self).command, "--url", url)
        from workers.rq import Queue

        self.queue = Queue(connection=Redis.from_url(url))

    def send(self, name: str, argument: str) -> str:
        from rq import Retry

        retry = Retry(max=2) if name == "fail_once" else None
        return self.queue.enqueue(f"tests.workers.queues.rq_tasks.{name}", argument, retry=retry).id

    def clean_up_after_the_dead(self) -> None:
        """What each worker does every ten minutes, with a clock that is a day ahead."""
        from workers.rq import Worker

        worker = Worker([self.queue], connection=self.queue.connection)
        self.queue.started_job_registry.cleanup(time.time() + 86_400, exception_handlers=worker._exc_handlers)

    def outcome(self, task: str) -> str:
        job = self.queue.fetch_job(task)
        assert job is not None
        job.latest_result(timeout=int(PATIENCE_S))
        return job.get_status().value


class RqSimple(Rq):
    command = tuple(word.replace("Worker", "SimpleWorker") for word in Rq.command)


class RqSpawn(Rq):
    command = tuple(word.replace("Worker", "SpawnWorker") for word in Rq.command)


class Dramatiq(Library):
    name = "Dramatiq"
    command = ("dramatiq", "tests.workers.queues.dramatiq_tasks", "--processes", "1", "--threads", "1")

    def __init__(self, redis: Redis, folder: Path) -> None:
        super().__init__(redis, folder)
        from tests.workers.queues import dramatiq_tasks

        self._tasks = dramatiq_tasks
        self._messages: dict[str, Any] = {}

    def send(self, name: str, argument: str) -> str:
        message = getattr(self._tasks, name).send(argument)
        self._messages[message.message_id] = message
        return str(message.message_id)

    def outcome(self, task: str) -> str:
        from dramatiq.results import ResultFailure

        try:
            self._messages[task].get_result(block=True, timeout=int(PATIENCE_S * 1000))
        except ResultFailure as error:
            return str(error.orig_exc_type)
        return "done"


def new_gate() -> str:
    """A name that nobody used before."""
    return f"gate:{secrets.token_hex(4)}"
