"""Scripts whose loops end early: by a `break`, by an exception that somebody caught, by one that nobody did."""

from __future__ import annotations

import signal
from textwrap import indent

import pytest

from hub.protocol import Finish, Report
from tests.workers.fake_hub import FakeHub
from tests.workers.scripts import outcome_of, running

LOOP = """
for item in track(range(5)):
    if item == 2:
        raise ValueError("no such shop")
"""
FUNCTION = f"""
def work():
{indent(LOOP, "    ")}
"""
ROWS = """
def rows():
    for row in track(range(5)):
        yield row
for row in rows():
    if row == 2:
        raise ValueError("no such shop")
"""
POOL = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor() as pool:
    pool.submit(work).result()
"""
FAILED = ("failed", "ValueError", "no such shop")
LEFT = ("cancelled", "Left after 3 of 5")


async def told_by(hub: FakeHub, script: str, status: int = 1) -> tuple[str, ...]:
    """How its only job ended, in the words of `FAILED` and `LEFT`; the script's own exit status is as ever."""
    async with running(f"import sys\nfrom workers import track\n{script}", hub.url) as process:
        found, complaint = await outcome_of(process)
    assert (found, "Traceback" in complaint) == (status, status == 1), complaint
    (finish,) = hub.of(Finish)
    if finish.error is None:
        return finish.outcome, finish.message or ""
    assert finish.error.traceback is not None
    assert 'raise ValueError("no such shop")' in finish.error.traceback or "<string>" in finish.error.traceback
    return finish.outcome, finish.error.type, finish.error.message


@pytest.mark.parametrize(
    "script",
    [
        LOOP,
        FUNCTION + "work()",
        f"import asyncio\nasync def main():\n{indent(LOOP, '    ')}\nasyncio.run(main())",
        "def items():\n  yield from range(2)\n  raise ValueError('no such shop')\nfor _ in track(items()): pass",
        ROWS,
        "def check(row):\n  if row == 2: raise ValueError('no such shop')\nlist(map(check, track(range(5))))",
        LOOP.replace("raise", "try: raise").rstrip() + "\n        finally: print('cleaned')",
        LOOP.replace("raise", "try: raise").rstrip() + "\n        except ValueError: raise",
        f"{FUNCTION}{POOL}",
        f"sys.excepthook = lambda *_: print('Traceback', file=sys.stderr)\n{LOOP}",
    ],
    ids=["module", "function", "coroutine", "source", "around", "map", "finally", "again", "pool", "hook"],
)
async def test_a_loop_left_by_an_exception_that_nobody_catches_failed_of_it(hub: FakeHub, script: str) -> None:
    assert await told_by(hub, script) == FAILED


async def test_the_exception_that_ends_the_script_is_the_one_that_is_told(hub: FakeHub) -> None:
    script = FUNCTION + "try: work()\nexcept ValueError as error: raise RuntimeError('night is over') from error"
    assert await told_by(hub, script) == ("failed", "RuntimeError", "night is over")


@pytest.mark.parametrize(
    "script",
    [
        "for item in track(range(5)):\n    if item == 2: break",
        "def first():\n  for item in track(range(5)):\n    if item == 2: return item\nfirst()",
        FUNCTION + "try: work()\nexcept ValueError: pass",
        "def some():\n  loop = track(range(5)); next(loop); next(loop); next(loop); del loop\nsome()",
    ],
    ids=["break", "return", "caught", "forgotten"],
)
@pytest.mark.parametrize("end", ["", "\ndef other(): raise KeyError('another')\nother()"], ids=["well", "badly"])
async def test_a_loop_left_otherwise_was_cancelled_however_the_script_ends(hub: FakeHub, script: str, end: str) -> None:
    assert await told_by(hub, script + end, status=1 if end else 0) == LEFT


async def test_a_loop_in_a_thread_that_dies_failed_while_the_script_goes_on(hub: FakeHub) -> None:
    script = f"""
from threading import Event, Thread
from workers import track
{FUNCTION}
Thread(target=work).start()
Event().wait()
"""
    async with running(script, hub.url):
        finish = await hub.expect(Finish)
    assert (finish.outcome, finish.error and finish.error.message) == ("failed", "no such shop")


@pytest.mark.parametrize(
    ("shown", "outcome"), [("sys.last_value = error", "failed"), ("pass", "cancelled")], ids=["shown", "caught"]
)
async def test_what_a_notebook_shows_is_seen_without_any_hook(hub: FakeHub, shown: str, outcome: str) -> None:
    """IPython catches what a cell raises, shows it, and keeps it where Python itself does."""
    script = f"""
import sys, threading
from workers import track
{FUNCTION}
try:
    work()
except ValueError as error:
    {shown}
threading.Event().wait()
"""
    async with running(script, hub.url):
        assert (await hub.expect(Finish)).outcome == outcome


async def test_a_process_of_multiprocessing_fails_of_what_ends_it(hub: FakeHub) -> None:
    script = f"""
import multiprocessing
{FUNCTION}
process = multiprocessing.get_context("fork").Process(target=work)
process.start()
process.join()
sys.exit(process.exitcode)
"""
    assert await told_by(hub, script) == FAILED


async def test_ctrl_c_in_a_loop_is_a_cancel(hub: FakeHub) -> None:
    script = """
        import signal, threading
        from workers import track
        signal.signal(signal.SIGINT, signal.default_int_handler)
        for _ in track(iter(int, 1)):
            threading.Event().wait(0.05)
    """
    async with running(script, hub.url) as process:
        await hub.expect(Report, lambda report: bool(report.done))
        process.send_signal(signal.SIGINT)
        assert (await outcome_of(process))[0] == -signal.SIGINT
    (finish,) = hub.of(Finish)
    assert (finish.outcome, finish.message) == ("cancelled", "Interrupted at the keyboard")


async def test_a_cancelled_loop_that_ends_the_script_is_cancelled(hub: FakeHub) -> None:
    script = "from workers import track\nfor _ in track(range(3)):\n  for _ in track(iter(int, 1), kind='inner'): pass"
    async with running(script, hub.url) as process:
        await hub.expect(Report, lambda report: report.job == "outside-2" and bool(report.done))
        await hub.cancel("outside-2")
        assert (await outcome_of(process))[0] == 1
    ends = {finish.job: (finish.outcome, finish.message) for finish in hub.of(Finish)}
    assert ends == {"outside-1": ("cancelled", "enough"), "outside-2": ("cancelled", None)}


async def test_the_hooks_are_given_back_and_one_that_came_later_stays(hub: FakeHub) -> None:
    script = """
import threading
hooks = sys.excepthook, threading.excepthook
try: work()
except ValueError: pass
assert sys.excepthook is not hooks[0]
ours, heard = sys.excepthook, []
def later(*args):
    heard.append(args)
    ours(*args)
sys.excepthook = later
from workers import left
while left._held: pass
while left._ears: pass
assert (sys.excepthook, threading.excepthook) == (later, hooks[1])
try: work()
except ValueError: pass
assert sys.excepthook is not later
"""
    async with running(f"import sys\nfrom workers import track\n{FUNCTION}{script}", hub.url) as process:
        assert await outcome_of(process) == (0, "")
    assert [(finish.outcome, finish.message) for finish in hub.of(Finish)] == [LEFT, LEFT]


async def test_more_than_can_be_held_end_at_once(hub: FakeHub) -> None:
    script = f"""
from workers import left
left.MOST = 0
{FUNCTION}
try: work()
except ValueError: print(sys.excepthook is sys.__excepthook__)
"""
    assert await told_by(hub, script, status=0) == LEFT


async def test_a_forked_process_holds_nothing_of_its_parent(hub: FakeHub) -> None:
    script = f"""
import os
from workers import left
{FUNCTION}
try: work()
except ValueError: pass
child = os.fork()
if not child:
    assert not left._held and sys.excepthook is sys.__excepthook__
    sys.exit()
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
    assert await told_by(hub, script, status=0) == LEFT
