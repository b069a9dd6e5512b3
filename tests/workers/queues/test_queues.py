"""Celery, RQ and Dramatiq with real workers and a real redis-server: what the hub shows, and what a cancel does."""

from __future__ import annotations

import psutil
import pytest

from tests.workers.queues.queueing import Celery, Hub, Library, Rq, State, ends, has_ended, new_gate, pid_of, texts

EVERY = ["Celery", "CeleryThreads", "CelerySolo", "Rq", "Dramatiq"]
FINISHED = {"Celery": "SUCCESS", "Rq": "finished", "Dramatiq": "done"}
DROPPED = {"Celery": "REVOKED", "Rq": "stopped", "Dramatiq": "SkipMessage"}
HOW = {"Celery": "forced", "Rq": "forced", "Dramatiq": "acknowledged"}
LOST = {"Celery": "WorkerLostError", "Rq": "WorkerLost"}
every = pytest.mark.parametrize("library", EVERY, indirect=True)


def at_the_gate(state: State) -> bool:
    return bool(state["message"] == "at the gate")


@pytest.mark.parametrize("library", [*EVERY, "RqSimple", "RqSpawn"], indirect=True)
def test_a_task_shows_from_being_queued_to_its_result_with_its_bars(library: Library, hub: Hub) -> None:
    gate = new_gate()
    task = library.send("count", gate)
    job = hub.find(task)
    state = hub.seen(job, lambda state: at_the_gate(state) and state["done"] == 3)
    assert (state["status"], state["total"], state["phase"]) == ("running", 10, 0)
    assert texts(state)[:2] == ["Queued", "Started"]
    library.open(gate, "you")
    state = hub.seen(job, has_ended)
    assert (state["status"], state["result"], state["done"]) == ("succeeded", {"heard": "you"}, 10)
    assert "heard you" in texts(state)


@pytest.mark.parametrize("library", ["Celery", "Rq"], indirect=True)
def test_a_task_that_knows_nothing_of_barcast_shows_what_it_tells_its_queue(library: Library, hub: Hub) -> None:
    gate = new_gate()
    task = library.send("old_style", gate)
    state = hub.seen(hub.find(task), at_the_gate)
    assert (state["done"], state["total"], state["fraction"]) == (3, 10, 0.3)
    library.open(gate, "done")
    assert hub.ended(task)["result"] == "done"


@every
def test_a_task_that_fails_shows_its_error_and_its_traceback(library: Library, hub: Hub) -> None:
    state = hub.ended(library.send("fail", "no such shop"))
    assert (state["status"], state["error"]) == ("failed", {"type": "ValueError", "message": "no such shop"})
    traceback = hub.process.get(f"/api/jobs/{state['id']}/traceback")["traceback"]
    assert "raise ValueError(text)" in traceback


@every
def test_a_task_that_is_tried_again_is_one_job_with_two_attempts(library: Library, hub: Hub) -> None:
    state = hub.ended(library.send("fail_once", new_gate()))
    assert (state["status"], state["result"], state["attempt"]) == ("succeeded", "at the second try", 2)
    assert ends(state) == ["attempt_failed", "attempt_succeeded"]
    assert state["attempts"][0]["error"] == {"type": "ConnectionError", "message": "the line is dead"}


@every
def test_a_queued_task_that_is_cancelled_on_the_hub_is_never_called(library: Library, hub: Hub) -> None:
    gate = new_gate()
    ahead, task = library.send("count", gate), library.send("mark", gate)
    job = hub.find(task)
    assert hub.cancel(job)["status"] == "cancelled"
    library.open(gate)
    assert library.outcome(task) == DROPPED[library.name]
    assert hub.ended(ahead)["status"] == "succeeded"
    assert not library.ran(gate)
    assert ends(hub.seen(job, has_ended)) == ["attempt_cancelled"]


@every
def test_a_running_task_hears_of_a_cancel_at_its_next_report_and_cleans_up(library: Library, hub: Hub) -> None:
    gate = new_gate()
    task = library.send("work_until_cancelled", gate)
    job = hub.find(task)
    hub.seen(job, lambda state: state["done"])
    hub.cancel(job)
    state = hub.seen(job, has_ended)
    assert (state["status"], state["cancel"]["how"]) == ("cancelled", "acknowledged")
    library.await_(f"{gate}:cleaned")
    assert library.outcome(task) == DROPPED[library.name]


@pytest.mark.parametrize("library", ["Celery", "Rq", "Dramatiq"], indirect=True)
def test_a_task_that_does_not_report_is_ended_by_its_library_after_the_grace_time(library: Library, hub: Hub) -> None:
    gate = new_gate()
    task = library.send("deaf", gate)
    library.await_(f"{gate}:running")
    job = hub.find(task)
    hub.cancel(job)
    state = hub.seen(job, has_ended)
    assert (state["status"], state["cancel"]["how"], state["attempt"]) == ("cancelled", HOW[library.name], 1)
    assert library.outcome(task) == DROPPED[library.name]
    after = hub.ended(library.send("mark", gate))
    assert after["status"] == "succeeded"


@pytest.mark.parametrize("library", ["Celery", "Rq"], indirect=True)
def test_a_task_whose_process_is_killed_has_failed_and_the_worker_says_so(library: Library, hub: Hub) -> None:
    gate = new_gate()
    task = library.send("count", gate)
    state = hub.seen(hub.find(task), at_the_gate)
    psutil.Process(pid_of(state)).kill()
    state = hub.ended(task)
    assert (state["status"], state["error"]["type"]) == ("failed", LOST[library.name])
    assert "9" in state["error"]["message"]


@pytest.mark.parametrize("library", ["Celery", "Rq"], indirect=True)
def test_a_task_whose_worker_is_killed_as_a_whole_is_lost(library: Library, hub: Hub) -> None:
    gate = new_gate()
    task = library.send("count", gate)
    job = hub.find(task)
    hub.seen(job, at_the_gate)
    library.kill()
    hub.seen(job, lambda state: state["status"] == "lost")
    library.start()
    if isinstance(library, Rq):
        library.clean_up_after_the_dead()
        state = hub.seen(job, has_ended)
        assert (state["status"], state["error"]["type"]) == ("failed", "AbandonedJobError")
    assert hub.ended(library.send("mark", gate))["status"] == "succeeded"


@pytest.mark.parametrize("library", ["Dramatiq"], indirect=True)
def test_a_task_that_is_delivered_again_after_its_worker_died_goes_on_as_the_same_job(
    library: Library, hub: Hub
) -> None:
    gate = new_gate()
    task = library.send("count", gate)
    job = hub.find(task)
    hub.seen(job, at_the_gate)
    library.kill()
    hub.seen(job, lambda state: state["status"] == "lost")
    library.start()
    hub.seen(job, lambda state: "The worker is back" in texts(state) and state["done"] == 3)
    library.open(gate, "again")
    state = hub.seen(job, has_ended)
    assert (state["status"], state["result"], state["done"]) == ("succeeded", {"heard": "again"}, 10)


@every
def test_a_hub_that_is_away_neither_stops_a_task_nor_loses_what_it_says(library: Library, hub: Hub) -> None:
    gate = new_gate()
    task = library.send("count", gate)
    job = hub.find(task)
    hub.seen(job, at_the_gate)
    hub.go_away()
    try:
        library.open(gate, "alone")
        unseen = new_gate()
        assert library.outcome(task) == FINISHED[library.name]
        library.send("mark", unseen)
        library.await_mark(unseen)
    finally:
        hub.come_back()
    state = hub.seen(job, has_ended)
    assert (state["status"], state["result"], state["done"]) == ("succeeded", {"heard": "alone"}, 10)
    assert "heard alone" in texts(state)


@pytest.mark.parametrize("library", ["CeleryThreads"], indirect=True)
def test_where_nothing_can_end_a_task_that_does_not_report_the_page_says_so_and_its_success_stands(
    library: Library, hub: Hub
) -> None:
    gate = new_gate()
    task = library.send("wait", gate)
    job = hub.find(task)
    hub.seen(job, lambda state: state["status"] == "running")
    hub.cancel(job)
    hub.seen(job, lambda state: any("cannot end a task" in text for text in texts(state)))
    library.open(gate, "all the same")
    state = hub.seen(job, has_ended)
    assert (state["status"], state["result"]) == ("succeeded", "all the same")


@pytest.mark.parametrize("library", ["Celery"], indirect=True)
def test_a_task_that_is_revoked_in_celery_is_cancelled_on_the_hub(library: Celery, hub: Hub) -> None:
    gate = new_gate()
    ahead, task = library.send("count", gate), library.send("mark", gate)
    hub.seen(hub.find(ahead), at_the_gate)
    library.revoke(task)
    library.open(gate)
    state = hub.ended(task)
    assert (state["status"], state["cancel"]["reason"]) == ("cancelled", "revoked in Celery")
    assert not library.ran(gate)


@pytest.mark.parametrize("library", ["Celery"], indirect=True)
def test_a_task_that_ends_itself_by_ignore_ends_as_it_says(library: Library, hub: Hub) -> None:
    state = hub.ended(library.send("ignored", "not today"))
    assert (state["status"], state["message"]) == ("succeeded", "Ignored: not today")
    state = hub.ended(library.send("gives_up", "no stock"))
    assert (state["status"], state["error"]) == ("failed", {"type": "Ignore", "message": "no stock"})


@pytest.mark.parametrize("library", ["Rq"], indirect=True)
def test_a_job_that_returns_a_retry_is_one_job_with_two_attempts(library: Library, hub: Hub) -> None:
    state = hub.ended(library.send("ask_again", new_gate()))
    assert (state["status"], state["result"], state["attempt"]) == ("succeeded", "at the second try", 2)


@pytest.mark.parametrize("library", ["Dramatiq"], indirect=True)
def test_an_actor_on_the_event_loop_hears_of_a_cancel_too(library: Library, hub: Hub) -> None:
    gate = new_gate()
    task = library.send("work_on_the_loop", gate)
    job = hub.find(task)
    hub.seen(job, lambda state: state["done"])
    hub.cancel(job)
    assert hub.seen(job, has_ended)["status"] == "cancelled"
    library.await_(f"{gate}:cleaned")
    assert library.outcome(task) == DROPPED[library.name]
