"""A real hub in a process of its own, for tests that kill, restart and look at it from outside."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

PATIENCE_S = 30.0  # for what takes a moment on a busy machine; never waited out when all is well


class HubProcess:
    """`barcast serve` on a free port.

    Args:
        db: the database; a later process on the same one is the hub restarted.
        modules: whose jobs are served.
        environ: further variables, such as `BARCAST_LEASE_S`.
        port: 0 for any free one.
        program: the module that is run; one that does as `hub` does.

    It runs in the database's folder, so that modules may be files there.
    """

    def __init__(
        self,
        db: Path,
        modules: tuple[str, ...] = (),
        environ: Mapping[str, str] | None = None,
        port: int = 0,
        program: str = "hub",
    ) -> None:
        self.db = db
        self._log: IO[bytes] = (db.parent / "hub.log").open("ab")
        command = [sys.executable, "-m", program, "serve", *modules, "--port", str(port), "--db", str(db)]
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            cwd=db.parent,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent), **(environ or {})},
        )
        assert self.process.stdout is not None
        first = self.process.stdout.readline()
        assert " at http://" in first, f"the hub said {first!r}; its log: {self.log()}"
        self.url = first.split(" at ")[1].split()[0]

    def log(self) -> str:
        """What it wrote to its log so far."""
        return (self.db.parent / "hub.log").read_text(errors="replace")

    @property
    def socket_url(self) -> str:
        return self.url.replace("http://", "ws://")

    @property
    def port(self) -> int:
        return int(self.url.rsplit(":", 1)[1])

    def kill(self) -> None:
        """As a power cut would."""
        self.process.kill()
        self._wait()

    def stop(self, signum: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end; returns its exit status."""
        self.process.send_signal(signum)
        return self._wait()

    def close(self) -> None:
        """End it and all that it started, as Ctrl-C does; nothing if it has ended already."""
        if self.process.poll() is None:
            self.stop(signal.SIGINT)

    def _wait(self) -> int:
        status = self.process.wait(PATIENCE_S)
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()
        return status

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        return self.call("GET", path)

    def post(self, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """The JSON answered to a body."""
        return self.call("POST", path, body or {})

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """One request; a problem is returned like any other answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, method=method)
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            return json.loads(error.read())

    def log_of(self, job: str) -> list[dict[str, Any]]:
        """All entries of a job's log."""
        entries: list[dict[str, Any]] = []
        while more := self.get(f"/api/jobs/{job}/log?limit=1000&after={entries[-1]['n'] if entries else 0}")["entries"]:
            entries += more
        return entries


@contextmanager
def hub_process(db: Path, *modules: str, **environ: str) -> Iterator[HubProcess]:
    """A hub that is ended with the block, however the block ends."""
    hub = HubProcess(db, modules, environ)
    try:
        yield hub
    finally:
        hub.close()
