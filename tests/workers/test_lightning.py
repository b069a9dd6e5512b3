"""The callback for Lightning, called by a stand-in for its trainer.

The package itself needs PyTorch, of nearly a gigabyte, so these tests never ran it: the stand-in has the attributes
and the order of hooks that the documentation of `lightning.pytorch.callbacks.Callback` 2.x promises, and no more.
"""

from __future__ import annotations

import asyncio
import importlib
import math
import sys
import threading
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any, ClassVar

import pytest

from hub.protocol import CancelReceived, Entry, Finish, Open, Report
from tests.workers.fake_hub import BOUND_S, FakeHub
from tests.workers.scripts import apart
from workers import Cancelled, Job

EPOCHS, BATCHES = 2, 4


class DocumentedCallback:
    """The base class; its hooks do nothing."""

    def on_train_start(self, trainer: Any, pl_module: Any) -> None: ...


@pytest.fixture(params=["lightning.pytorch", "pytorch_lightning"])
def callbacks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Our module, with the library under either of its names."""
    library = ModuleType(request.param)
    library.Callback = DocumentedCallback  # type: ignore[attr-defined]  # that is what a stand-in is
    for name in ("lightning", "lightning.pytorch", "pytorch_lightning"):
        monkeypatch.setitem(sys.modules, name, library if name == request.param else None)
    if request.param == "lightning.pytorch":
        monkeypatch.setitem(sys.modules, "lightning", ModuleType("lightning"))
    monkeypatch.delitem(sys.modules, "workers.lightning", raising=False)
    yield importlib.import_module("workers.lightning")
    sys.modules.pop("workers.lightning", None)


class Tiny:
    """A module that learns nothing."""

    hparams: ClassVar[dict[str, Any]] = {"width": 8, "loss": math.sin}


class Trainer:
    """Calls hooks as `lightning.pytorch.Trainer.fit` is documented to.

    Args:
        callback: to be called.
        work: called at each batch.
        total: `estimated_stepping_batches`.
        rank: of this process.
    """

    def __init__(
        self,
        callback: Any,
        work: Callable[[Trainer], None] = lambda _: None,
        total: float = EPOCHS * BATCHES,
        rank: int = 0,
    ) -> None:
        self.callback, self.work = callback, work
        self.estimated_stepping_batches = total
        self.max_epochs = EPOCHS if math.isfinite(total) else -1
        self.is_global_zero = rank == 0
        self.current_epoch = self.global_step = 0
        self.logged_metrics: dict[str, float] = {}
        self.callback_metrics: dict[str, float] = {}
        self.should_stop = False

    def fit(self) -> None:
        try:
            self._fit(Tiny())
        except BaseException as error:
            self.callback.on_exception(self, Tiny(), error)
            raise

    def _fit(self, module: Tiny) -> None:
        self.callback.on_train_start(self, module)
        for self.current_epoch in range(EPOCHS):
            self.callback.on_train_epoch_start(self, module)
            for batch in range(BATCHES):
                self._batch(module, batch)
                if self.should_stop:
                    break
            self.callback.on_validation_batch_end(self, module, None, None, 0)
            self.callback_metrics = {"val_loss": 0.25}
            self.callback.on_validation_end(self, module)
            if self.should_stop:
                break
        self.callback.on_train_end(self, module)

    def _batch(self, module: Tiny, batch: int) -> None:
        self.work(self)
        self.global_step += 1
        self.logged_metrics = {"loss": 0.5}
        self.callback.on_train_batch_end(self, module, None, None, batch)


@pytest.fixture
def reachable(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    monkeypatch.setenv("BARCAST_URL", hub.url)
    return hub


async def test_a_fit_is_a_job_of_steps(reachable: FakeHub, callbacks: ModuleType) -> None:
    await apart(Trainer(callbacks.BarcastCallback()).fit)
    opened = await reachable.expect(Open)
    assert (opened.title, opened.total, opened.unit) == ("Tiny", EPOCHS * BATCHES, "steps")
    assert opened.params == {"max_epochs": EPOCHS, "width": 8}
    assert await reachable.expect(Report, lambda report: report.done == EPOCHS * BATCHES)
    finish = await reachable.expect(Finish)
    assert (finish.outcome, finish.result) == ("succeeded", {"loss": 0.5, "val_loss": 0.25})
    texts = [entry.text for entry in reachable.stored if isinstance(entry, Entry)]
    assert texts == ["Epoch 1 of 2 · loss 0.5", "Validated at step 4", "Validated at step 8"]


async def test_a_fit_without_an_end_has_no_total(reachable: FakeHub, callbacks: ModuleType) -> None:
    await apart(Trainer(callbacks.BarcastCallback(title="On and on"), total=math.inf).fit)
    opened = await reachable.expect(Open)
    assert (opened.title, opened.total) == ("On and on", None)


async def test_only_the_first_of_many_processes_reports(reachable: FakeHub, callbacks: ModuleType) -> None:
    await apart(Trainer(callbacks.BarcastCallback(), rank=1).fit)
    await apart(Trainer(callbacks.BarcastCallback()).fit)
    assert len(reachable.of(Open)) == 1


@pytest.mark.parametrize(("error", "outcome"), [(MemoryError(), "failed"), (KeyboardInterrupt(), "cancelled")])
async def test_an_exception_ends_the_job(
    reachable: FakeHub, callbacks: ModuleType, error: BaseException, outcome: str
) -> None:
    def fail(trainer: Trainer) -> None:
        raise error

    def script() -> None:
        with pytest.raises(type(error)):
            Trainer(callbacks.BarcastCallback(), fail).fit()

    await apart(script)
    assert (await reachable.expect(Finish)).outcome == outcome


@pytest.mark.parametrize("within_a_block", [False, True])
async def test_a_cancel_on_the_page_lets_the_trainer_stop_in_its_own_way(
    reachable: FakeHub, callbacks: ModuleType, *, within_a_block: bool
) -> None:
    loop, at_third, cancelled = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def work(trainer: Trainer) -> None:
        if trainer.global_step == 2:
            loop.call_soon_threadsafe(at_third.set)
            assert cancelled.wait(BOUND_S)

    def script() -> int:
        if not within_a_block:
            trainer = Trainer(callbacks.BarcastCallback(), work)
            trainer.fit()
            return trainer.global_step
        with Job.open("tune") as job:
            Trainer(callbacks.BarcastCallback(job), work).fit()
        return 0

    training = asyncio.create_task(apart(script))
    await reachable.expect(Report)
    await asyncio.wait_for(at_third.wait(), BOUND_S)
    await reachable.cancel("outside-1")
    await reachable.expect(CancelReceived)
    cancelled.set()
    if within_a_block:
        with pytest.raises(Cancelled):
            await training
    else:
        assert await training == 3
    finish = await reachable.expect(Finish)
    assert (finish.outcome, finish.message) == ("cancelled", None if within_a_block else "Stopped after 3 steps")
