"""The README's first command in a clean clone: a page is served, and an example runs to its right result."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import threading
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.checkout import BUILD_S, ROOT, clone_into, environment


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """The address and process of what the README says to type first."""
    found = re.search(r"```sh\n(bash \.ci/demo)\n```", (ROOT / "README.md").read_text())
    assert found is not None
    clone = tmp_path / "clone"
    clone.mkdir()
    clone_into(clone)
    command = [*found.group(1).split(), "--port", "0", "--db", str(tmp_path / "demo.db")]
    with subprocess.Popen(command, cwd=clone, env=environment(), stdout=subprocess.PIPE, text=True) as process:
        timer = threading.Timer(BUILD_S, process.kill)
        timer.start()
        assert process.stdout is not None
        try:
            yield process.stdout.readline().removeprefix("Barcast is at ").strip(), process
        finally:
            timer.cancel()
            if process.poll() is None:
                process.send_signal(signal.SIGINT)


def ended(url: str, kind: str) -> dict[str, Any]:
    """The job of a kind, once it has ended."""
    with urllib.request.urlopen(f"{url}/api/jobs?kind={kind}", timeout=BUILD_S) as answer:
        job: dict[str, Any] = json.load(answer)["jobs"][0]
    with connect(f"{url.replace('http', 'ws')}/ws") as socket:
        socket.send(json.dumps({"type": "subscribe", "id": 1, "topic": f"job:{job['id']}"}))
        while job["finished_at"] is None:
            for state in json.loads(socket.recv(timeout=BUILD_S)).get("jobs", []):
                job.update(state)
    return job


def test_the_first_command_ends_with_the_page_and_an_example_that_succeeds(
    demo: tuple[str, subprocess.Popen[str]],
) -> None:
    url, process = demo
    with urllib.request.urlopen(f"{url}/", timeout=BUILD_S) as page:
        assert b"Barcast" in page.read()
    report = ended(url, "csv-report")
    assert report["status"] == "succeeded"
    assert (report["result"]["rows"], report["result"]["sales"], report["result"]["left_out"]) == (1200, 1192, 8)
    with urllib.request.urlopen(url + report["artifacts"][0]["url"], timeout=BUILD_S) as artifact:
        assert b"<svg" in artifact.read()
    process.send_signal(signal.SIGINT)
    assert process.wait(BUILD_S) == 0
