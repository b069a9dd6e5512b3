"""A hub as a process of its own, and commands as processes beside it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
BOUND_S = 60.0  # far beyond what anything here takes: a test that hangs ends
PREFIX = "Barcast is at "
JOBS = '''
import threading
from pathlib import Path
from workers import Job, job

@job("count", title="Count to {to}")
def count(job: Job, to: int, note: str = "", ratio: float = 0.5, names: list[str] = []) -> dict:
    """Counts to a number.

    More of this is not shown.
    """
    with job.phase("Counting", total=to, unit="numbers") as phase:
        for number in phase.track(range(to)):
            job.count("ok")
    job.log("Counted")
    return {"note": note, "ratio": ratio, "names": names}

@job("fail", runs_in="thread")
def fail(job: Job) -> None:
    raise ValueError("no \\x1b[31mluck")

@job("read", runs_in="thread")
def read(job: Job, path: Path) -> str:
    return path.read_text()

@job("wait")
def wait(job: Job) -> None:
    """Waits until it is cancelled, or told to go on."""
    job.log("Waiting")
    while not Path("go-on").exists():
        threading.Event().wait(0.02)
        job.advance(0)

@job("deaf")
def deaf(job: Job) -> None:
    job.log("Deaf from here on")
    while True:
        threading.Event().wait(10)
'''


def environment(**more: str) -> dict[str, str]:
    """The usual one, without this machine's Barcast variables and proxies."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("BARCAST_") and not k.lower().endswith("_proxy")}
    return kept | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1", "COLUMNS": "120"} | more


@contextmanager
def bounded(process: subprocess.Popen[str]) -> Iterator[None]:
    """Kill the process when what is done inside takes too long, so that reading from it ends."""
    timer = threading.Timer(BOUND_S, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def begin(folder: Path, *arguments: str, **env: str) -> subprocess.Popen[str]:
    """Start `barcast` with these arguments in a folder."""
    return subprocess.Popen(
        [sys.executable, "-m", "hub", *arguments],
        cwd=folder, env=environment(**env), text=True, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Exit status and what it wrote from now on, what is buffered here included."""
    assert process.stdout is not None
    assert process.stderr is not None
    with bounded(process), process:
        out, err = process.stdout.read(), process.stderr.read()
    return process.returncode, out, err


def run(folder: Path, *arguments: str, **env: str) -> tuple[int, str, str]:
    """Run `barcast` to its end: exit status, stdout, stderr."""
    return ended(begin(folder, *arguments, **env))


def close(process: subprocess.Popen[str]) -> None:
    """Wait for the end of a process, unless that was done before."""
    assert process.stdout is not None
    if not process.stdout.closed:
        ended(process)


def line_where(process: subprocess.Popen[str], wanted: Callable[[str], bool]) -> str:
    """The next line of stdout that is wanted."""
    assert process.stdout is not None
    with bounded(process):
        for line in process.stdout:
            if wanted(line):
                return line
    raise AssertionError(f"stdout ended: {ended(process)}")


@contextmanager
def outlived(hub: Served) -> Iterator[list[psutil.Process]]:
    """The hub's children, which may outlive it inside this block but not beyond."""
    children = psutil.Process(hub.process.pid).children(recursive=True)
    try:
        yield children
    finally:
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()
        psutil.wait_procs(children, timeout=BOUND_S)


def stop(process: subprocess.Popen[str]) -> None:
    """Interrupt a hub; where that cancels jobs, do not wait for them."""
    process.send_signal(signal.SIGINT)
    assert process.stderr is not None
    with bounded(process):
        cancelling = any("press Ctrl-C again" in line for line in process.stderr)
    if cancelling:
        process.send_signal(signal.SIGINT)


@dataclass
class Served:
    """A hub that serves `jobs.py` in a folder."""

    folder: Path
    process: subprocess.Popen[str]
    url: str
    followers: list[subprocess.Popen[str]] = field(default_factory=list)

    def run(self, *arguments: str, **env: str) -> tuple[int, str, str]:
        """Run a command that asks this hub."""
        return run(self.folder, *arguments, BARCAST_URL=self.url, **env)

    def json(self, *arguments: str) -> Any:
        """What a command prints with `--json`; it must succeed."""
        code, out, err = self.run(*arguments, "--json")
        assert (code, err) == (0, ""), err
        return json.loads(out)

    def begin(self, *arguments: str, **env: str) -> subprocess.Popen[str]:
        """Start a command that asks this hub; ended with it if it is not before."""
        process = begin(self.folder, *arguments, BARCAST_URL=self.url, **env)
        self.followers.append(process)
        return process

    def start(self, kind: str, *arguments: str) -> str:
        """Start a job; its id."""
        return str(self.json("start", kind, *arguments)["id"])

    def await_entry(self, job: str, text: str) -> None:
        """Return once the job's log has an entry with this text."""
        watching = self.begin("watch", job)
        line_where(watching, lambda line: text in line)
        watching.kill()

    def end(self, number: signal.Signals) -> tuple[int, str, str]:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        return ended(self.process)


@contextmanager
def served(folder: Path, *arguments: str, modules: tuple[str, ...] = ("jobs.py",), **env: str) -> Iterator[Served]:
    """A hub on a free port; whatever still runs afterwards is cancelled."""
    (folder / "jobs.py").write_text(JOBS)
    port = () if "--port" in arguments else ("--port", "0")
    quiet = {"BARCAST_LOG_LEVEL": "error"} | env  # what is said to people stands alone on stderr
    process = begin(folder, "serve", *modules, *port, *arguments, **quiet)
    hub = Served(folder, process, line_where(process, lambda line: True).removeprefix(PREFIX).strip())
    try:
        yield hub
    finally:
        for one in hub.followers:
            one.kill()
            close(one)
        if process.poll() is None:
            stop(process)
        close(process)
