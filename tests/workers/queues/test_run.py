"""A task as a job: what stands for it on the hub, and how its own way of telling progress is read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from hub.view import Failure
from tests.serving import PATIENCE_S
from tests.workers.queues.queueing import Hub, has_ended, texts
from workers import late, line, queues
from workers.queues import Run, Task


@pytest.fixture
def reachable(hub: Hub) -> Iterator[Hub]:
    """A hub that tasks in this process report to."""
    yield hub
    queues.leave()
    late.close()
    line.close_all()


def run(id_: str) -> Run:
    return queues.begin(Run(Task(id=id_, name="shop.tasks.add", queue="fast", call="(2, 2)")))


def test_a_task_is_named_by_its_function_and_found_by_its_id(reachable: Hub) -> None:
    run("t-1").succeed(4)
    state = reachable.ended("t-1")
    assert (state["kind"], state["title"], state["result"]) == ("shop.tasks.add", "add", 4)
    assert state["tags"] == {"queue": "fast", "task": "t-1"}
    assert state["params"] == {"call": "(2, 2)"}


def test_what_was_announced_is_the_job_that_the_worker_opens(reachable: Hub) -> None:
    task = Task(id="t-2", name="shop.tasks.add")
    queues.announce_queued(task)
    job = reachable.find("t-2")
    assert reachable.seen(job, lambda state: True)["status"] == "queued"
    work = Run(task)
    assert reachable.seen(job, lambda state: state["status"] == "running")["id"] == work.job.id
    work.succeed()


def test_a_task_that_its_queue_runs_once_more_after_its_end_is_another_job(reachable: Hub) -> None:
    first = run("t-3")
    first.succeed()
    again = run("t-3")
    assert again.allowed
    again.succeed()
    assert again.job.id != first.job.id


def test_a_task_that_was_cancelled_before_it_began_is_not_allowed(reachable: Hub) -> None:
    queues.announce_stopped(Task(id="t-4", name="shop.tasks.add"), "expired")
    assert reachable.ended("t-4")["cancel"]["reason"] == "expired"
    assert not run("t-4").allowed


def test_a_process_that_is_gone_is_told_of_by_another(reachable: Hub) -> None:
    task = Task(id="t-5", name="shop.tasks.add")
    work = Run(task)
    queues.announce_failed(task, Failure(type="WorkerLost", message="killed"), retry_in_s=60.0)
    state = reachable.seen(work.job.id, lambda state: state["attempt"] == 2)
    assert (state["status"], state["attempts"][0]["error"]["message"]) == ("queued", "killed")


def test_what_is_tried_again_while_the_hub_is_away_ends_as_its_last_attempt(reachable: Hub) -> None:
    first = run("t-9")
    job = first.job.id
    reachable.go_away()
    try:
        first.fail(ConnectionError("the line is dead"), retry_in_s=0.0)
        run("t-9").succeed("at last")
    finally:
        reachable.come_back()
    state = reachable.seen(job, has_ended)
    assert (state["status"], state["result"]) == ("succeeded", "at last")
    assert "Tried again while the hub was away, after ConnectionError: the line is dead" in texts(state)


def test_an_end_that_another_process_came_before_is_told_all_the_same(reachable: Hub) -> None:
    work, other = run("t-10"), Run(Task(id="t-10", name="shop.tasks.add"))
    other.fail(ConnectionError("late"), retry_in_s=0.0)
    work.job.advance()
    assert work._session.attempt.over.wait(PATIENCE_S)
    work.succeed()
    state = reachable.ended("t-10")
    assert (state["status"], state["attempt"]) == ("succeeded", 2)


def test_a_result_that_json_cannot_hold_is_shown_as_a_text(reachable: Hub) -> None:
    run("t-6").succeed(object)
    assert reachable.ended("t-6")["result"] == "<class 'object'>"
    run("t-7").succeed("x" * 100_000)
    assert len(reachable.ended("t-7")["result"]) == 1_000


def test_only_the_first_end_counts(reachable: Hub) -> None:
    work = run("t-8")
    work.fail(ValueError("no"))
    work.succeed()
    assert reachable.ended("t-8")["status"] == "failed"
    assert "Failed: no" in texts(reachable.ended("t-8"))


def test_a_key_that_is_too_long_is_shortened_without_being_mixed_up() -> None:
    keys = {Task(id="x" * 300 + end, name="add").opening().key for end in "ab"}
    assert len(keys) == 2


def test_a_function_that_is_called_directly_has_a_job_that_nobody_hears_of() -> None:
    queues.leave()
    job = queues.current_job()
    job.advance(3)
    job.log("into the void")
    assert list(job.track("ab")) == ["a", "b"]
