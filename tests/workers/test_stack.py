"""Where work is: asked of the worker, and of the system where the worker does not answer."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from hub.protocol import Entry, Stack, StackWanted
from tests.workers.fake_hub import BOUND_S, FakeHub
from tests.workers.starting import JOB, Started
from workers import dump, stack


async def asked(started: Started, wanted: str) -> str:
    """What the system tells, once that is in it."""
    async with asyncio.timeout(BOUND_S):
        while wanted not in (text := await started.launcher.stack(JOB, 1) or ""):
            assert started.exits.empty(), f"the child was {started.exits.get_nowait()}"
            await asyncio.sleep(0)  # the child's end has its turn
    return text


async def test_a_child_tells_where_it_is_while_it_never_reports(hub: FakeHub, started: Started) -> None:
    await started.launch("sleep-in-python")
    await hub.expect(Entry)
    await hub.send(StackWanted(id=5, job=JOB, attempt=1))
    answer = await hub.expect(Stack)
    assert (answer.id, answer.job, answer.attempt) == (5, JOB, 1)
    first = answer.text.split("\n\n")[0]
    assert first.startswith("The job's thread (most recent call last):\n")
    assert "in sleep_in_python\n    threading.Event().wait()" in first
    assert "barcast" not in first
    assert "websockets" not in answer.text
    assert "reporter" not in answer.text


async def test_a_child_whose_interpreter_is_held_is_seen_from_outside(hub: FakeHub, started: Started) -> None:
    await started.launch("hold-the-interpreter")
    text = await asked(started, "ctypes.PyDLL(None).read(")
    await hub.send(StackWanted(id=5, job=JOB, attempt=1))
    again = await asked(started, "ctypes.PyDLL(None).read(")
    assert text == again, "the call was not cut short, and the file does not grow"
    assert text.startswith("The job's thread (most recent call last):\n")
    assert text.count("most recent call") == 1, "to look at threads that may run meanwhile could end the process"
    assert "in hold_the_interpreter" in text
    assert "workers/reporter.py" not in text
    assert not hub.of(Stack), "the interpreter is held indeed"


async def test_a_process_that_would_die_of_the_signal_is_not_asked(address_file: Path) -> None:
    path = address_file.with_suffix(".stack")
    path.write_bytes(b'{"thread":1}\n')
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", "import signal; signal.pause()")
    try:
        assert await asyncio.to_thread(dump.ask, process.pid, path) is None
    finally:
        process.kill()
        assert await process.wait() == -signal.SIGKILL


async def test_nobody_is_asked_where_nothing_runs(started: Started) -> None:
    assert await started.launcher.stack(JOB, 1) is None


def test_a_process_without_a_file_is_not_asked(tmp_path: Path) -> None:
    assert dump.ask(os.getpid(), tmp_path / "stack") is None


def test_a_folder_that_takes_no_file_keeps_nobody_from_work(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with dump.findable(tmp_path / "file" / "stack"):
        pass


def test_a_signal_that_comes_late_ends_nothing(tmp_path: Path) -> None:
    code = (
        "import os, signal, pathlib, sys; from workers import dump\n"
        "with dump.findable(pathlib.Path(sys.argv[1])): pass\n"
        "os.kill(os.getpid(), signal.SIGUSR2); print('alive')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "stack")], capture_output=True, text=True, check=True
    )
    assert done.stdout == "alive\n"
    assert not (tmp_path / "stack").exists()


async def test_a_child_that_is_asked_while_it_works_works_on(hub: FakeHub, started: Started) -> None:
    await started.launch("recurse")
    for _ in range(5):
        assert "in recurse\n" in await asked(started, "in fibonacci\n")
    assert started.exits.empty()


DUMP = """Stack (most recent call first):
  File "job.py", line 3 in inner
  File "job.py", line 9 in work
"""


def test_a_dump_is_turned_round() -> None:
    assert dump.readable(DUMP) == (
        "The job's thread (most recent call last):\n"
        '  File "job.py", line 9 in work\n'
        '  File "job.py", line 3 in inner\n'
    )


def test_a_dump_of_nothing_is_nothing() -> None:
    assert dump.readable("") == dump.readable("Stack (most recent call first):\n") == ""


def test_a_thread_of_its_own_is_named() -> None:
    held, release = threading.Event(), threading.Event()

    def wait_here() -> None:
        held.set()
        release.wait(BOUND_S)

    other = threading.Thread(target=wait_here, name="pool-7")
    other.start()
    assert held.wait(BOUND_S)
    text = stack.of_thread(threading.get_ident())
    release.set()
    other.join()
    first, *others = text.split("\n\n")
    assert "in test_a_thread_of_its_own_is_named" in first
    assert any(one.startswith("Thread pool-7 ") and "in wait_here" in one for one in others)


def test_a_thread_that_is_gone_is_said_to_be() -> None:
    assert stack.of_thread_alone(0) == "The job's thread is gone\n"


def test_a_text_is_no_longer_than_a_message() -> None:
    assert len(stack.bounded("ä" * 100_000).encode()) <= stack.MOST_BYTES


async def test_a_suspended_coroutine_is_told_down_to_where_it_waits() -> None:
    async def inner() -> None:
        await asyncio.Event().wait()

    async def outer() -> None:
        await inner()

    task = asyncio.create_task(outer())
    await asyncio.sleep(0)
    text = stack.of_task(task)
    task.cancel()
    assert text.startswith("The job's coroutine (most recent call last):\n")
    assert text.index("in outer") < text.index("in inner") < text.index("in wait")
