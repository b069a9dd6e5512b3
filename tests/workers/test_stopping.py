"""Stopping and waiting: what a report does when somebody wants something."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from hub.errors import Invalid
from hub.protocol import CancelOrder
from workers.meter import Meter
from workers.stopping import Cancelled, Interrupted, Stop, What
from workers.tracking import tracked

BOUND_S = 20.0
ORDER = CancelOrder(reason="enough", by="ada", grace_s=5.0)


class Waits(threading.Condition):
    """Tells when somebody waits on it."""

    def __init__(self) -> None:
        super().__init__()
        self.waited = threading.Event()

    def wait(self, timeout: float | None = None) -> bool:
        self.waited.set()
        return super().wait(timeout)


@pytest.fixture
def changed() -> Waits:
    return Waits()


@pytest.fixture
def stop(changed: Waits) -> Stop:
    return Stop(changed, lambda: None)


@pytest.fixture
def thread() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


def paused_in(stop: Stop, changed: Waits, thread: ThreadPoolExecutor) -> Future[None]:
    """A report in another thread that waits because of a pause."""
    stop.pause()
    report = thread.submit(stop.attend)
    assert changed.waited.wait(BOUND_S)
    assert not report.done()
    return report


def test_a_report_waits_while_paused(stop: Stop, changed: Waits, thread: ThreadPoolExecutor) -> None:
    report = paused_in(stop, changed, thread)
    stop.resume()
    assert report.result(BOUND_S) is None
    assert not stop.attention


@pytest.mark.parametrize(
    ("end", "raised"),
    [(lambda stop: stop.cancel(ORDER), Cancelled), (lambda stop: stop.interrupt("gone"), Interrupted)],
)
def test_a_pause_ends_with_whatever_stops_the_work(
    stop: Stop, changed: Waits, thread: ThreadPoolExecutor, end: Callable[[Stop], None], raised: type[Cancelled]
) -> None:
    report = paused_in(stop, changed, thread)
    end(stop)
    with pytest.raises(raised):
        report.result(BOUND_S)
    assert not stop.paused


def test_work_that_is_to_stop_is_not_paused(stop: Stop) -> None:
    stop.cancel(ORDER)
    stop.pause()
    assert not stop.paused


def test_a_number_that_the_hub_would_refuse_is_told_after_the_pause(
    stop: Stop, changed: Waits, thread: ThreadPoolExecutor
) -> None:
    report = paused_in(stop, changed, thread)
    stop.mistaken(Invalid("expected a number", "done"))
    stop.resume()
    with pytest.raises(Invalid):
        report.result(BOUND_S)


def test_a_tracked_loop_waits_in_its_middle_and_loses_nothing(
    stop: Stop, changed: Waits, thread: ThreadPoolExecutor
) -> None:
    halfway = threading.Event()
    pausing = threading.Event()

    def source() -> Iterator[int]:
        for number in range(5_000):
            if number == 2_500:
                halfway.set()
                assert pausing.wait(BOUND_S)
            yield number

    meter = Meter()
    loop = thread.submit(lambda: list(tracked(source(), meter, stop)))
    assert halfway.wait(BOUND_S)
    stop.pause()
    pausing.set()
    assert changed.waited.wait(BOUND_S)
    stop.resume()
    assert loop.result(BOUND_S) == list(range(5_000))
    assert meter.done == 5_000


async def test_a_coroutine_waits_while_its_loop_goes_on(changed: Waits) -> None:
    stop = Stop(changed, lambda: None, blocking=False)
    stop.pause()
    stop.attend()
    waiting = asyncio.create_task(stop.resumed())
    await asyncio.sleep(0)
    assert not waiting.done()
    await asyncio.to_thread(stop.resume)
    await asyncio.wait_for(waiting, BOUND_S)


async def test_a_coroutine_that_waits_is_cancelled(changed: Waits) -> None:
    stop = Stop(changed, lambda: None, blocking=False)
    stop.pause()
    waiting = asyncio.create_task(stop.resumed())
    await asyncio.sleep(0)
    stop.cancel(ORDER)
    with pytest.raises(Cancelled):
        await asyncio.wait_for(waiting, BOUND_S)


def test_listeners_hear_all_in_order_and_what_holds_already(stop: Stop) -> None:
    heard: list[What] = []
    stop.pause()
    stop.listen(heard.append)
    assert heard == ["pause"]
    stop.pause()
    stop.resume()
    stop.resume()
    stop.cancel(ORDER)
    stop.cancel(ORDER)
    stop.interrupt("gone")
    assert heard == ["pause", "resume", "cancel", "interrupt"]
    late: list[What] = []
    stop.listen(late.append)
    assert late == ["cancel", "interrupt"]


def test_a_listener_is_called_without_the_lock_and_may_ask_for_more(stop: Stop, changed: Waits) -> None:
    heard: list[What] = []

    def take() -> None:
        with changed:
            pass

    def listen(what: What) -> None:
        free = threading.Thread(target=take)
        free.start()
        free.join(BOUND_S)
        assert not free.is_alive()
        heard.append(what)
        stop.resume()

    stop.listen(listen)
    stop.pause()
    assert heard == ["pause", "resume"]


def test_a_listener_that_fails_keeps_nothing_from_the_others(stop: Stop, caplog: pytest.LogCaptureFixture) -> None:
    heard: list[What] = []

    def fail(what: What) -> None:
        raise ValueError(what)

    stop.listen(fail)
    stop.listen(heard.append)
    stop.pause()
    assert heard == ["pause"]
    assert "a listener failed" in caplog.text


def test_a_listener_that_left_hears_nothing(stop: Stop) -> None:
    heard: list[What] = []
    stop.listen(heard.append)
    stop.unlisten(heard.append)
    stop.pause()
    assert heard == []
