"""Whole scripts: Ctrl-C, forgotten ends, forks, and loops that run already."""

from __future__ import annotations

import signal

from hub.protocol import Finish, Open, Report
from tests.workers.fake_hub import FakeHub
from tests.workers.scripts import outcome_of, running


async def test_ctrl_c_ends_a_block_as_cancelled(hub: FakeHub) -> None:
    script = """
        import signal, threading
        from workers import Job
        signal.signal(signal.SIGINT, signal.default_int_handler)  # where a shell started it behind, it is ignored
        with Job.open("nightly"):
            while not threading.Event().wait(0.05):  # a signal just before a wait without end is not seen by Python
                pass
    """
    async with running(script, hub.url) as process:
        await hub.expect(Open)
        process.send_signal(signal.SIGINT)
        finish = await hub.expect(Finish)
        status, complaint = await outcome_of(process)
    assert (finish.outcome, finish.message) == ("cancelled", "Interrupted at the keyboard")
    assert status == -signal.SIGINT
    assert complaint.rstrip().endswith("KeyboardInterrupt")


async def test_ctrl_c_ends_an_async_block_as_cancelled(hub: FakeHub) -> None:
    script = """
        import asyncio
        from workers import Job
        async def main():
            async with Job.open("nightly"):
                await asyncio.Event().wait()
        asyncio.run(main())
    """
    async with running(script, hub.url) as process:
        await hub.expect(Open)
        process.send_signal(signal.SIGINT)
        assert (await hub.expect(Finish)).outcome == "cancelled"
        status, _ = await outcome_of(process)
    assert status == -signal.SIGINT


async def test_what_a_script_leaves_open_ends_with_it(hub: FakeHub) -> None:
    script = """
        from workers import track
        loop = track(range(9))
        next(loop), next(loop)
    """
    async with running(script, hub.url) as process:
        assert await outcome_of(process) == (0, "")
    finish = await hub.expect(Finish)
    assert (finish.outcome, finish.message) == ("cancelled", "Left after 2 of 9: the program ended")


async def test_what_is_open_when_an_error_ends_the_script_failed_by_it(hub: FakeHub) -> None:
    script = """
        from workers.outside import Session, opening
        sessions = [Session(opening(kind)) for kind in ("one", "two")]
        raise ValueError("out of luck")
    """
    async with running(script, hub.url) as process:
        assert (await outcome_of(process))[0] == 1
    assert [finish.outcome for finish in hub.of(Finish)] == ["failed", "failed"]
    assert {finish.error.message for finish in hub.of(Finish) if finish.error} == {"out of luck"}


async def test_a_forked_process_says_nothing_for_its_parent_and_may_report_itself(hub: FakeHub) -> None:
    script = """
        import os
        from workers import Job
        with Job.open("parent") as job:
            job.advance()
            child = os.fork()
            if child == 0:
                job.advance(10)
                for number in range(3):
                    job.log("from the wrong process")
                with Job.open("child") as own:
                    own.advance(5)
            else:
                assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
                job.log("from the parent")
    """
    async with running(script, hub.url) as process:
        assert await outcome_of(process) == (0, "")
    assert len([message for message in hub.of(Open) if message.job is None]) == 2
    parent, child = hub.outside("parent"), hub.outside("child")
    assert {finish.job: finish.outcome for finish in hub.of(Finish)} == {parent: "succeeded", child: "succeeded"}
    assert [type(message).__name__ for message in hub.stored if message.job == parent] == ["Entry", "Finish"]
    assert {report.job: report.done for report in hub.of(Report)} == {parent: 1, child: 5}


async def test_a_process_of_multiprocessing_ends_what_it_left_open(hub: FakeHub) -> None:
    script = """
        import multiprocessing
        from workers import Job
        from workers.outside import Session, opening
        def work():
            global session
            session = Session(opening("child"))
            session.job.advance(3)
        with Job.open("parent"):
            process = multiprocessing.get_context("fork").Process(target=work)
            process.start()
            process.join()
        assert process.exitcode == 0
    """
    async with running(script, hub.url) as process:
        assert await outcome_of(process) == (0, "")
    said = [finish.message for finish in hub.of(Finish)]
    assert said == ["Left after 3: the program ended", None]


async def test_a_plain_block_works_where_a_loop_runs_already(hub: FakeHub) -> None:
    script = """
        import asyncio
        from workers import Job, track
        async def cell():
            with Job.open("cell") as job:
                job.advance()
            return list(track("ab", kind="loop"))
        assert asyncio.run(cell()) == ["a", "b"]
    """
    async with running(script, hub.url) as process:
        assert await outcome_of(process) == (0, "")
    assert [finish.outcome for finish in hub.of(Finish)] == ["succeeded", "succeeded"]


async def test_at_a_prompt_an_error_of_long_ago_is_not_blamed(hub: FakeHub) -> None:
    script = """
        import sys
        sys.ps1, sys.last_value = ">>> ", ValueError("an hour ago")
        from workers.outside import Session, opening
        session = Session(opening("one"))
    """
    async with running(script, hub.url) as process:
        assert await outcome_of(process) == (0, "")
    assert [finish.outcome for finish in hub.of(Finish)] == ["cancelled"]


async def test_a_script_without_a_hub_ends_quietly_and_soon(hub: FakeHub) -> None:
    url = hub.url
    await hub.stop()
    script = """
        from workers import Job, track
        with Job.open("one") as job:
            job.log("to nobody")
        list(track("ab"))
    """
    async with running(script, url) as process:
        assert await outcome_of(process) == (0, "")
