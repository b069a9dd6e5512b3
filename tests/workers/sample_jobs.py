"""Jobs for the tests of child processes; each does one thing that a job may do."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from workers import Cancelled, Job, job


@job("add-up", title="Add up to {limit}", phases=["Load", "Check"])
def add_up(job: Job, limit: int = 5) -> dict[str, int]:
    with job.phase("Load", total=limit, unit="rows") as phase:
        for _ in phase.track(range(limit)):
            job.count("ok")
    job.log("loaded", data={"rows": limit})
    job.checkpoint({"at": limit})
    with job.phase("Check"):
        job.message("checking")
    return {"rows": job.counter("ok")}  # type: ignore[dict-item]


@job("fail")
def fail(job: Job) -> None:
    job.advance(3)
    raise ValueError("row 4 has no price")


@job("spin")
def spin(job: Job) -> None:
    """Never calls back, until it was told by way of a file."""
    job.log("spinning")
    while not job.cancelled:
        pass
    job.log("noticed")


@job("clean-up")
def clean_up(job: Job) -> None:
    try:
        job.log("started")  # a cancel may be raised here already
        while True:
            job.advance()
    except Cancelled:
        job.message("Rolling back")
        job.log("rolled back")
        raise Cancelled("Rolled back, nothing was changed") from None


@job("plain-cancel")
def plain_cancel(job: Job) -> None:
    job.log("started")
    for _ in job.track(iter(int, 1)):
        pass


@job("finish-anyway")
def finish_anyway(job: Job) -> str:
    with contextlib.suppress(Cancelled):
        job.log("started")  # a cancel may be raised here already
        while not job.cancelled:
            pass
    return "done all the same"


@job("kill-oneself")
def kill_oneself(job: Job) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@job("exit-hard")
def exit_hard(job: Job) -> None:
    print("the licence has expired", file=sys.stderr, flush=True)
    os._exit(3)


@job("leave-grandchildren")
def leave_grandchildren(job: Job) -> None:
    """Ignores SIGTERM, and so does a grandchild in a session of its own whose parent is gone."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    stubborn = (
        "import signal, sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); signal.pause()"
    )
    starter = (
        "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', sys.argv[1]], stdout=subprocess.PIPE,"
        " start_new_session=True); p.stdout.readline(); print(p.pid, flush=True)"
    )
    done = subprocess.run([sys.executable, "-c", starter, stubborn], stdout=subprocess.PIPE, text=True, check=True)
    job.log(done.stdout.strip())
    while True:
        signal.pause()


@job("say-much")
def say_much(job: Job) -> None:
    """Prints and logs in all the ways that there are."""
    print("\x1b[32mfrom print\x1b[0m")
    print("10%\r50%\r100% of it")
    subprocess.run([sys.executable, "-c", "print('from a grandchild')"], check=True)
    logging.getLogger("shop.orders").info("%d orders", 3)
    logging.getLogger("shop").warning("two are %s", "odd")
    logging.getLogger("barcast.worker").warning("nothing of ours")
    logging.basicConfig(format="%(levelname)s %(message)s")
    try:
        int("row 4")
    except ValueError:
        logging.getLogger("shop").exception("one is bad")
    logging.getLogger("shop").debug("not this")
    print("the end", end="")


@job("close-output")
def close_output(job: Job) -> str:
    sys.stdout.close()
    os.close(2)
    return "quiet"


@job("print-much")
def print_much(job: Job) -> None:
    logging.getLogger("shop").info("%d", "no number")
    for number in range(1000):
        print(f"line {number}")
    for number in range(100):
        logging.getLogger("shop").info("record %d", number)


@job("hold-the-interpreter")
def hold_the_interpreter(job: Job) -> None:
    """Waits in C, for what nobody writes, without letting any other thread of Python run."""
    reading, _ = os.pipe()
    ctypes.PyDLL(None).read(reading, ctypes.create_string_buffer(1), 1)


@job("recurse")
def recurse(job: Job) -> None:
    """Calls and returns all the time."""
    while True:
        fibonacci(20)


def fibonacci(n: int) -> int:
    return n if n < 2 else fibonacci(n - 1) + fibonacci(n - 2)


@job("sleep-in-python")
def sleep_in_python(job: Job) -> None:
    job.log("asleep")
    threading.Event().wait()


@job("start-one")
def start_one(job: Job) -> object:
    return job.start("add-up", limit=4).wait()


@job("never-reports")
def never_reports(job: Job) -> None:
    try:
        job.log("started")  # what stops it may be raised here already
        while True:
            pass
    finally:
        job.log("cleaned up")


@job("wait-for-file", title="Wait for {path.name}")
def wait_for_file(job: Job, path: Path) -> str:
    """Reports all the time until a file appears."""
    job.log("waiting")
    while not path.exists():
        job.advance()
    job.log("there")
    return path.read_text()


@job("resume")
def resume(job: Job) -> object:
    return {"data": job.checkpoint_data, "done": job.done}


@job("too-much")
def too_much(job: Job) -> str:
    return "x" * 70_000


@job("fork")
def fork(job: Job) -> str:
    """A pool of forked processes, which ends its workers by SIGTERM."""
    context = multiprocessing.get_context("fork")
    with context.Pool(2) as pool:
        return str(pool.map(abs, [-1, -2]))


@job("read-input")
def read_input(job: Job) -> str:
    print("the last words", end="\n")
    return sys.stdin.read()


@job("in-thread", runs_in="thread")
def in_thread(job: Job, limit: int = 3) -> int:
    for _ in job.track(range(limit)):
        pass
    job.log("done")
    return limit


@job("thread-spins", runs_in="thread")
def thread_spins(job: Job) -> None:
    job.log("spinning")
    while True:
        job.advance()


@job("on-loop")
async def on_loop(job: Job, limit: int = 3) -> int:
    for _ in job.track(range(limit)):
        pass
    job.log("done")
    return limit
