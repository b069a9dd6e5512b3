"""The project's pages: their examples, and what runs them as a reader would."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from websockets.sync.client import connect

from tests.serving import PATIENCE_S, HubProcess

ROOT = Path(__file__).parent.parent
COMPILING_S = 4 * PATIENCE_S  # a command may be a compiler that has never seen its libraries


class Page:
    """A page of the project.

    Args:
        path: from the top of the project.
    """

    def __init__(self, path: str) -> None:
        self.path = ROOT / path
        self.text = self.path.read_text()

    @property
    def names(self) -> set[str]:
        """Of the examples that are marked."""
        return set(re.findall(r"<!-- test: (\S+) -->", self.text))

    def example(self, name: str) -> str:
        """The code block that is marked with this name."""
        found = re.search(rf"<!-- test: {re.escape(name)} -->\n```\w+\n(.*?)```", self.text, re.DOTALL)
        assert found is not None, f"{self.path} marks no example {name!r}"
        return found.group(1)

    def missing(self) -> list[str]:
        """Files that it links to and that do not exist."""
        linked = re.findall(r"\]\(([^)#:]+)[^)]*\)", self.text)
        return [path for path in linked if not (self.path.parent / path).exists()]


def run(command: list[str], cwd: Path, url: str) -> subprocess.CompletedProcess[str]:
    """A command as a reader runs it, with `barcast` on the path."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    kept = {"XDG_STATE_HOME": str(cwd / "state"), "PYTHONPATH": str(ROOT), "PATH": path}
    environ = {**os.environ, **kept, "BARCAST_URL": url}
    return subprocess.run(
        command, cwd=cwd, env=environ, capture_output=True, text=True, timeout=COMPILING_S, check=False
    )


def barcast(hub: HubProcess, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, asking this hub."""
    return run([sys.executable, "-m", "hub", *arguments], hub.db.parent, hub.url)


def only_job(hub: HubProcess) -> Mapping[str, Any]:
    """The one job that no other started."""
    jobs = hub.get("/api/jobs?parent=")["jobs"]
    assert len(jobs) == 1
    job: Mapping[str, Any] = hub.get(f"/api/jobs/{jobs[0]['id']}")
    return job


def watched(hub: HubProcess, job: str) -> Iterator[dict[str, Any]]:
    """Every state of a job, as it becomes known."""
    with connect(f"{hub.socket_url}/ws") as socket:
        socket.send(json.dumps({"type": "subscribe", "id": 1, "topic": f"job:{job}"}))
        while True:
            message = json.loads(socket.recv(timeout=PATIENCE_S))
            yield from message.get("jobs", [])
