"""What the ways of the matrix share: a hub that can be restarted, a redis-server, a worker of each task queue."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from typing import Any

import psutil
from redis import Redis
from websockets.sync.client import connect

from tests.serving import PATIENCE_S, HubProcess
from tests.workers.queues.queueing import State, redis_server

ROOT = Path(__file__).parents[2]
WORKS = Path(__file__).parent / "works"
MARK = "BARCAST_MATRIX"  # carried by every process that is started, with the name of its cell
LIMITS = {
    "BARCAST_LEASE_S": "3",  # work from outside says three times within it that it lives
    "BARCAST_GIVE_UP_S": "6",  # a worker that waits to come back does so within this, also on a busy machine
    "BARCAST_GRACE_S": "2",
    "BARCAST_KILL_S": "0.5",
    "BARCAST_JOBS_AT_ONCE": "100",
    "BARCAST_REQUESTS_PER_MINUTE": "100000",
}
QUEUES = {
    "Celery": ["celery", "-A", "tests.workers.queues.celery_tasks", "worker", "-c", "1", "--pool", "prefork"],
    "RQ": ["rq.cli", "worker", "--worker-class", "workers.rq.Worker", "--path", str(ROOT), "--url"],
    "Dramatiq": ["dramatiq", "tests.workers.queues.dramatiq_tasks", "--processes", "1", "--threads", "1"],
}


class House:
    """A hub and everything around it.

    Args:
        folder: for all files; with a short name, for the sockets in it.
    """

    def __init__(self, folder: Path, redis: Path) -> None:
        self.folder = folder
        self.token = secrets.token_hex(8)
        self._redis_path = redis
        self.redis = Redis(unix_socket_path=str(redis), decode_responses=True)
        self._workers: dict[str, subprocess.Popen[bytes]] = {}
        self._publishing = threading.Lock()
        self.hub = self._start_hub(0)
        self._publisher = self.start("publisher", [sys.executable, "-m", "tests.faults.works.publisher"], talks=True)

    # ── The hub ───────────────────────────────────────────────────────────────

    def _start_hub(self, port: int) -> HubProcess:
        environ = {**LIMITS, **self._surroundings("hub")}
        return HubProcess(self.folder / "hub.db", (str(WORKS / "kinds.py"),), environ, port)

    def restart(self) -> None:
        """Kill the hub, and start it on the same port and database."""
        port = self.hub.port
        self.hub.kill()
        self.hub = self._start_hub(port)

    def find(self, **wanted: str) -> str:
        """The job of a kind, or with a tag, as soon as there is one."""
        filters = {name: [value] for name, value in wanted.items()}
        with self._subscribed("jobs", filter=filters) as messages:
            return next(str(job["id"]) for message in messages for job in message.get("jobs", []))

    def seen(self, job: str, wanted: Callable[[State], object]) -> State:
        """The job, as soon as it is as wanted; its log in `log`."""
        state: State = {"log": []}
        with self._subscribed(f"job:{job}") as messages:
            while not ("status" in state and wanted(state)):
                try:
                    message = next(messages)
                except TimeoutError:
                    raise AssertionError(f"it stayed {state}") from None
                for change in message.get("jobs", []):
                    state.update(change)
                state["log"] += message.get("entries", [])
        return state

    @contextmanager
    def _subscribed(self, topic: str, **more: Any) -> Iterator[Iterator[dict[str, Any]]]:
        """What is told of a topic, as long as there is patience."""
        by_s = time.monotonic() + PATIENCE_S
        with connect(f"{self.hub.socket_url}/ws") as socket:
            socket.send(json.dumps({"type": "subscribe", "id": 1, "topic": topic, **more}))
            yield (json.loads(socket.recv(timeout=by_s - time.monotonic())) for _ in count())

    # ── Processes ─────────────────────────────────────────────────────────────

    def _surroundings(self, name: str) -> dict[str, str]:
        return {
            "PYTHONPATH": str(ROOT),
            "QUEUES_REDIS": str(self._redis_path),
            "XDG_STATE_HOME": str(self.folder / "state"),
            MARK: f"{self.token}/{name}",
        }

    def start(
        self, name: str, command: list[str], *, stdin: int | None = None, stdout: int | None = None, talks: bool = False
    ) -> subprocess.Popen[bytes]:
        """Start a process that carries its name; what it writes is in a file of that name.

        Args:
            name: of the cell, or of what the cells share.
            command: program and arguments.
            stdin, stdout: descriptors; None for none, and for the file.
            talks: whether it is asked and answers.
        """
        environ = {**os.environ, **self._surroundings(name), "BARCAST_URL": self.hub.url}
        path = self.folder / f"{name.replace('/', '-')}.log"
        pipe = subprocess.PIPE if talks else None
        with path.open("ab") as log:
            return subprocess.Popen(
                command,
                stdin=pipe or (subprocess.DEVNULL if stdin is None else stdin),
                stdout=pipe or (log if stdout is None else stdout),
                stderr=log,
                cwd=ROOT,
                env=environ,
            )

    def log(self, name: str) -> str:
        """The end of what a process wrote."""
        path = self.folder / f"{name.replace('/', '-')}.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""

    def publish(self, library: str, task: str, argument: str) -> str:
        """Have a task done; returns its id."""
        assert self._publisher.stdin is not None
        assert self._publisher.stdout is not None
        with self._publishing:
            self._publisher.stdin.write(f"{library} {task} {argument}\n".encode())
            self._publisher.stdin.flush()
            answer = self._publisher.stdout.readline().decode().strip()
        assert answer, self.log("publisher")
        return answer

    def staff(self) -> None:
        """Have a living worker of each queue."""
        for name, arguments in QUEUES.items():
            if name not in self._workers or self._workers[name].poll() is not None:
                server = [f"unix://{self._redis_path}"] if name == "RQ" else []
                self._workers[name] = self.start(name, [sys.executable, "-m", *arguments, *server])

    def dismiss(self, name: str) -> None:
        """End the worker of a queue with all its processes, as a power cut would."""
        worker = self._workers.pop(name)
        if worker.poll() is None:
            head = psutil.Process(worker.pid)
            for process in [head, *head.children(recursive=True)]:
                process.kill()
            worker.wait(PATIENCE_S)

    def close(self) -> None:
        """End all that was started here."""
        for name in list(self._workers):
            self.dismiss(name)
        self._publisher.communicate(timeout=PATIENCE_S)
        self.redis.close()
        self.hub.close()

    def left(self, mark: str) -> list[str]:
        """Processes that carry a mark and do not end by themselves."""
        found = [process for process in psutil.process_iter() if mark in marks(process)]
        _, alive = psutil.wait_procs(found, timeout=5)
        return [" ".join(process.cmdline()) for process in alive if process.status() != psutil.STATUS_ZOMBIE]


def marks(process: psutil.Process) -> str:
    """What a process carries of ours: its cell, and the job that it belongs to."""
    try:
        environ = process.environ()
    except psutil.Error:
        return ""
    return f"{environ.get(MARK, '')} {environ.get('BARCAST_JOB', '')}"


@contextmanager
def house(folder: Path) -> Iterator[House]:
    """A house that is empty when it is left."""
    with ExitStack() as leaving:
        made = House(folder, leaving.enter_context(redis_server(folder)))
        leaving.callback(made.close)
        yield made
    assert made.left(made.token) == []
