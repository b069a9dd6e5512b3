"""A child process end to end, against a hub on a real socket."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil

from hub.launch import ProcessId
from hub.protocol import (
    CancelAck,
    CancelOrder,
    CancelReceived,
    Checkpoint,
    Entry,
    Finish,
    Open,
    PauseWork,
    PhaseStart,
    Report,
    ResumeWork,
    SavedCheckpoint,
    Stack,
    StackWanted,
    StartChild,
)
from tests.workers.children import ended
from tests.workers.fake_hub import BOUND_S, FakeHub
from tests.workers.starting import JOB, Started
from workers.order import mark
from workers.process import Watch, identify, tree


def appear(path: Path, text: str) -> None:
    """A file that is never seen half written."""
    partial = path.with_suffix(".partial")
    partial.write_text(text)
    partial.replace(path)


async def test_a_child_reports_its_whole_story_in_order(hub: FakeHub, started: Started) -> None:
    await started.launch("add-up", limit=7)
    finish = await hub.expect(Finish)
    assert finish.outcome == "succeeded"
    assert finish.result == {"rows": 7}
    assert [type(message) for message in hub.stored] == [PhaseStart, Entry, Checkpoint, PhaseStart, Finish]
    last = [report for report in hub.of(Report) if report.counters][-1]
    assert last.counters == {"ok": 7}
    assert await started.ended() == "exit status 0"


async def test_a_child_names_itself_by_token_and_without_an_origin(hub: FakeHub, started: Started) -> None:
    await started.launch("add-up")
    await hub.expect(Finish)
    headers = {name.lower(): value for name, value in hub.headers[0].items()}
    assert headers["authorization"] == "Bearer secret"
    assert headers["user-agent"].startswith("barcast-worker")
    assert headers["sec-websocket-protocol"].startswith("barcast.v1.msgpack")
    assert "origin" not in headers


async def test_an_exception_is_the_error_with_its_traceback(hub: FakeHub, started: Started) -> None:
    await started.launch("fail")
    finish = await hub.expect(Finish)
    assert (finish.outcome, finish.retry) == ("failed", True)
    assert finish.error is not None
    assert (finish.error.type, finish.error.message) == ("ValueError", "row 4 has no price")
    assert "in fail" in (finish.error.traceback or "")
    assert hub.of(Report)[-1].done == 3


async def test_a_cancel_is_delivered_while_the_function_never_calls_back(hub: FakeHub, started: Started) -> None:
    await started.launch("spin")
    await hub.expect(Entry)
    await hub.cancel(JOB)
    await hub.expect(CancelReceived)
    await hub.expect(Finish)


async def test_a_cancel_is_acknowledged_before_the_cleanup_and_its_words_are_the_end(
    hub: FakeHub, started: Started
) -> None:
    await started.launch("clean-up")
    await hub.expect(Entry)
    await hub.cancel(JOB)
    finish = await hub.expect(Finish)
    assert (finish.outcome, finish.message) == ("cancelled", "Rolled back, nothing was changed")
    assert [type(message) for message in hub.stored] == [Entry, CancelAck, Entry, Finish]
    assert await started.ended() == "exit status 0"


async def test_a_tracked_loop_without_end_stops_at_its_next_step(hub: FakeHub, started: Started) -> None:
    await started.launch("plain-cancel")
    await hub.expect(Entry)
    await hub.cancel(JOB)
    finish = await hub.expect(Finish)
    assert (finish.outcome, finish.message) == ("cancelled", None)


async def test_success_wins_over_a_cancel(hub: FakeHub, started: Started) -> None:
    await started.launch("finish-anyway")
    await hub.expect(Entry)
    await hub.cancel(JOB)
    finish = await hub.expect(Finish)
    assert (finish.outcome, finish.result) == ("succeeded", "done all the same")


async def test_a_function_cancelled_before_its_start_is_never_called(hub: FakeHub, started: Started) -> None:
    hub.cancel_order = CancelOrder(reason=None, by=None, grace_s=5.0)
    await started.launch("fail")
    finish = await hub.expect(Finish)
    assert finish.outcome == "cancelled"
    assert [type(message) for message in hub.stored] == [CancelAck, Finish]


async def test_a_child_killed_from_outside_says_how_it_died(hub: FakeHub, started: Started) -> None:
    process = await started.launch("spin")
    await hub.expect(Entry)
    os.kill(process.pid, signal.SIGKILL)
    assert await started.ended() == "killed by SIGKILL"
    assert not hub.of(Finish)


async def test_a_child_that_kills_itself_says_how_it_died(hub: FakeHub, started: Started) -> None:
    await started.launch("kill-oneself")
    assert await started.ended() == "killed by SIGKILL"


async def test_a_child_that_exits_hard_is_told_with_its_last_words(hub: FakeHub, started: Started) -> None:
    await started.launch("exit-hard")
    assert await started.ended() == "exit status 3: the licence has expired"


async def test_sigterm_gives_a_function_that_never_reports_a_clean_chance(hub: FakeHub, started: Started) -> None:
    process = await started.launch("never-reports")
    await hub.expect(Entry)
    os.kill(process.pid, signal.SIGTERM)
    await hub.expect(Entry, lambda entry: entry.text == "cleaned up")
    assert await started.ended() == "killed by SIGTERM"
    assert not hub.of(Finish)


async def test_force_after_a_cancel_ends_as_cancelled_where_the_function_can_be_reached(
    hub: FakeHub, started: Started
) -> None:
    await started.launch("never-reports")
    await hub.expect(Entry)
    await hub.cancel(JOB)
    await hub.expect(CancelReceived)
    assert await started.launcher.stop(JOB, 1, BOUND_S)
    finish = await hub.expect(Finish)
    assert finish.outcome == "cancelled"


async def test_force_kills_a_grandchild_in_its_own_session_that_ignores_sigterm(hub: FakeHub, started: Started) -> None:
    process = await started.launch("leave-grandchildren")
    grandchild = psutil.Process(int((await hub.expect(Entry)).text))
    assert grandchild.ppid() != process.pid
    assert await started.launcher.stop(JOB, 1, 0.2)
    assert await started.ended() == "killed by SIGKILL"
    assert not grandchild.is_running() or grandchild.status() == psutil.STATUS_ZOMBIE
    assert not tree(None, mark(JOB, 1))


async def test_a_child_goes_on_while_the_hub_is_away_and_finds_it_on_another_port(
    hub: FakeHub, started: Started, tmp_path: Path
) -> None:
    path = tmp_path / "go"
    await started.launch("wait-for-file", path=str(path))
    await hub.expect(Report, lambda report: bool(report.done))
    port = hub.port
    await hub.stop()
    appear(path, "went on")
    await hub.start()
    assert hub.port != port
    finish = await hub.expect(Finish)
    assert finish.result == "went on"
    assert [message.n for message in hub.stored] == [1, 2, 3]
    assert await started.ended() == "exit status 0"


async def test_the_next_attempt_goes_on_from_the_checkpoint(hub: FakeHub, started: Started) -> None:
    hub.checkpoint = SavedCheckpoint(at=0, done=12, fraction=None, data={"batch": 4})
    await started.launch("resume")
    assert (await hub.expect(Finish)).result == {"data": {"batch": 4}, "done": 12}


async def test_a_result_over_the_limit_is_an_error_that_is_not_retried(hub: FakeHub, started: Started) -> None:
    await started.launch("too-much")
    finish = await hub.expect(Finish)
    assert (finish.outcome, finish.retry) == ("failed", False)
    assert finish.error is not None
    assert "result" in finish.error.message


async def test_a_child_without_a_hub_stops_itself_and_its_end_reaches_the_next_hub(
    hub: FakeHub, address_file: Path
) -> None:
    first = Started(address_file, orphan_s=0.3)
    process = await first.launch("never-reports")
    await hub.expect(Entry)
    await first.launcher.close()
    gone: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
    watch = Watch(process.pid, gone.set_result)
    await hub.stop()
    async with asyncio.timeout(BOUND_S):
        assert await gone == os.EX_TEMPFAIL
    watch.close()
    second = Started(address_file)
    assert second.launcher.adopt(JOB, 1, process)
    await hub.start()
    finish = await hub.expect(Finish)
    assert finish.error is not None
    assert finish.error.type == "NoHub"
    assert await second.ended() == "stopped itself: it found no hub"
    await second.launcher.close()


async def test_an_end_that_no_hub_could_hear_reaches_the_next_one(
    hub: FakeHub, address_file: Path, tmp_path: Path
) -> None:
    path = tmp_path / "go"
    first = Started(address_file, orphan_s=0.3)
    process = await first.launch("wait-for-file", path=str(path))
    await hub.expect(Entry)
    await hub.stop()
    gone = asyncio.Event()
    watch = Watch(process.pid, lambda _: gone.set())
    appear(path, "all is done")
    async with asyncio.timeout(BOUND_S):
        await gone.wait()
    watch.close()
    await hub.start()
    finish = await hub.expect(Finish)
    assert finish.result == "all is done"
    assert await first.ended() == "stopped itself: it found no hub"
    assert not list(address_file.with_suffix(".workers").iterdir())
    await first.launcher.close()


async def where(hub: FakeHub) -> str:
    """Where the child says it is."""
    await hub.send(StackWanted(id=1, job=JOB, attempt=1))
    return (await hub.expect(Stack, nth=len(hub.of(Stack)) + 1)).text


async def test_a_child_that_is_paused_waits_and_sigterm_ends_that(hub: FakeHub, started: Started) -> None:
    process = await started.launch("clean-up")
    await hub.expect(Entry)
    await hub.send(PauseWork(job=JOB, attempt=1))
    async with asyncio.timeout(BOUND_S):
        while "in attend" not in await where(hub):
            pass
    os.kill(process.pid, signal.SIGTERM)
    assert await started.ended() == "killed by SIGTERM"
    assert not hub.of(Finish)


async def test_a_child_found_paused_when_it_opens_does_not_begin(hub: FakeHub, started: Started) -> None:
    hub.paused = True
    await started.launch("add-up")
    await hub.expect(Open)
    await hub.send(ResumeWork(job=JOB, attempt=1))
    assert (await hub.expect(Finish)).outcome == "succeeded"


async def test_a_start_that_the_hub_did_not_answer_is_asked_for_again_from_the_next(
    hub: FakeHub, started: Started
) -> None:
    answer, hub.answer_start = hub.answer_start, lambda start: None
    await started.launch("start-one")
    start = await hub.expect(StartChild)
    await hub.stop()
    hub.answer_start = answer
    await hub.start()
    again = await hub.expect(StartChild, nth=2)
    assert again == start
    await hub.stop()
    await hub.start()
    await hub.expect(Open, nth=3)
    await hub.send(ended(start, result={"rows": 4}))
    assert (await hub.expect(Finish)).result == {"rows": 4}
    assert len(hub.of(StartChild)) == 2


async def test_a_function_may_close_what_it_could_print_to(hub: FakeHub, started: Started) -> None:
    await started.launch("close-output")
    assert (await hub.expect(Finish)).result == "quiet"
    assert await started.ended() == "exit status 0"


async def test_processes_that_the_function_forks_end_as_they_should(hub: FakeHub, started: Started) -> None:
    await started.launch("fork")
    assert (await hub.expect(Finish)).result == "[1, 2]"
    assert await started.ended() == "exit status 0"


async def test_the_function_finds_its_standard_input_empty(hub: FakeHub, started: Started) -> None:
    await started.launch("read-input")
    assert (await hub.expect(Finish)).result == ""


async def test_an_adopted_process_that_is_nobody_s_child_here_is_noticed_when_it_ends(started: Started) -> None:
    code = "import subprocess, sys; p = subprocess.Popen([sys.executable, '-c', 'import signal; signal.pause()']"
    orphan = await asyncio.to_thread(
        subprocess.check_output,
        [
            sys.executable,
            "-c",
            f"{code}, stdout=subprocess.DEVNULL, start_new_session=True); p.returncode = print(p.pid) or 0",
        ],
    )
    process = identify(int(orphan))
    assert started.launcher.adopt(JOB, 1, process)
    os.kill(process.pid, signal.SIGKILL)
    assert await started.ended() == "ended (its exit status is not known)"


async def test_a_process_that_is_gone_is_not_adopted(started: Started) -> None:
    assert not started.launcher.adopt(JOB, 1, ProcessId(pid=2**22 - 1, started_at=0))


async def test_another_process_with_the_same_number_is_not_adopted(started: Started) -> None:
    assert not started.launcher.adopt(JOB, 1, ProcessId(pid=os.getpid(), started_at=1))
