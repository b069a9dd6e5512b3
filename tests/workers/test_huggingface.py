"""The callback for Hugging Face Transformers, driven by Transformers' own handler of callbacks, without PyTorch."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from transformers import TrainerCallback, TrainerControl, TrainerState
from transformers.trainer_callback import CallbackHandler

from hub.protocol import CancelAck, CancelReceived, Entry, Finish, Open, Report
from tests.workers.fake_hub import BOUND_S, FakeHub
from tests.workers.scripts import apart
from workers import Cancelled, Job
from workers.huggingface import BarcastCallback

STEPS, EPOCHS = 12, 3
ARGS = SimpleNamespace(learning_rate=5e-5, num_train_epochs=EPOCHS, run_name="tiny", seed=7, output_dir=object())


class Trainer:
    """The order in which `transformers.Trainer` calls its callbacks, with a step that learns nothing.

    Args:
        callback: to be called.
        rank: of this process among those that train together.
        step: called at each step, as the work.
    """

    def __init__(
        self, callback: TrainerCallback, rank: int = 0, step: Callable[[TrainerState], None] = lambda _: None
    ) -> None:
        self.handler = CallbackHandler([callback], model=None, processing_class=None, optimizer=None, lr_scheduler=None)
        self.handler.eval_dataloader = range(2)
        self.state = TrainerState(max_steps=STEPS, num_train_epochs=EPOCHS, is_world_process_zero=rank == 0)
        self.control = TrainerControl()
        self._step = step

    def train(self) -> None:
        self.call("on_train_begin")
        for epoch in range(EPOCHS):
            self.call("on_epoch_begin")
            for _ in range(STEPS // EPOCHS):
                self.one_step()
                if self.control.should_training_stop:
                    break
            self.call("on_epoch_end")
            self.state.epoch = epoch + 1.0
            if self.control.should_training_stop:
                break
        self.call("on_log", logs={"train_runtime": 1.5, "train_loss": 0.25})
        self.call("on_train_end")

    def one_step(self) -> None:
        self.call("on_step_begin")
        self._step(self.state)
        self.state.global_step += 1
        self.state.epoch += EPOCHS / STEPS
        self.call("on_step_end")
        self.call("on_log", logs={"loss": 0.5, "learning_rate": 5e-05, "epoch": self.state.epoch})
        if self.state.global_step == STEPS // 2:
            self.evaluate()
            self.call("on_save")

    def evaluate(self) -> None:
        for _ in range(2):
            self.call("on_prediction_step")
        self.call("on_evaluate", metrics={"eval_loss": 0.4})

    def call(self, event: str, **given: Any) -> None:
        if event in ("on_log", "on_evaluate"):
            getattr(self.handler, event)(ARGS, self.state, self.control, *given.values())
        else:
            self.control = getattr(self.handler, event)(ARGS, self.state, self.control)


@pytest.fixture
def reachable(hub: FakeHub, monkeypatch: pytest.MonkeyPatch) -> FakeHub:
    monkeypatch.setenv("BARCAST_URL", hub.url)
    return hub


async def test_a_training_is_a_job_of_steps_with_its_measures_as_result(reachable: FakeHub) -> None:
    await apart(Trainer(BarcastCallback()).train)
    opened = await reachable.expect(Open)
    assert (opened.kind, opened.title, opened.total, opened.unit) == ("training", "tiny", STEPS, "steps")
    assert opened.params == {"learning_rate": 5e-5, "num_train_epochs": EPOCHS, "seed": 7}
    assert (await reachable.expect(Report, lambda report: report.done == STEPS)).job == "outside-1"
    finish = await reachable.expect(Finish)
    measured = {"loss": 0.5, "learning_rate": 5e-05, "eval_loss": 0.4, "train_runtime": 1.5, "train_loss": 0.25}
    assert (finish.outcome, finish.result) == ("succeeded", measured)


async def test_evaluations_and_checkpoints_are_lines_of_the_story_and_logs_only_now_and_then(
    reachable: FakeHub,
) -> None:
    await apart(Trainer(BarcastCallback()).train)
    story = [(entry.text, entry.data) for entry in reachable.stored if isinstance(entry, Entry)]
    assert story == [
        ("Epoch 0.25 of 3 · loss 0.5 · learning_rate 5e-05", {"loss": 0.5, "learning_rate": 5e-05}),
        (f"Evaluated at step {STEPS // 2}", {"eval_loss": 0.4}),
        (f"Checkpoint saved at step {STEPS // 2}", None),
    ]


async def test_the_newest_message_says_epoch_loss_and_learning_rate(reachable: FakeHub) -> None:
    await apart(Trainer(BarcastCallback(title="Tiny", kind="tune", tags={"gpu": "0"})).train)
    opened = await reachable.expect(Open)
    assert (opened.kind, opened.title, opened.tags) == ("tune", "Tiny", {"gpu": "0"})
    said = [report.message for report in reachable.of(Report) if isinstance(report.message, str)]
    assert "Epoch 0.25 of 3 · loss 0.5 · learning_rate 5e-05" in said


async def test_a_cancel_on_the_page_stops_the_training_and_not_the_script(reachable: FakeHub) -> None:
    loop, at_third, cancelled = asyncio.get_running_loop(), asyncio.Event(), threading.Event()

    def work(state: TrainerState) -> None:
        if state.global_step == 2:
            loop.call_soon_threadsafe(at_third.set)
            assert cancelled.wait(BOUND_S)

    trainer = Trainer(BarcastCallback(), step=work)
    training = asyncio.create_task(apart(trainer.train))
    await reachable.expect(Report)
    await asyncio.wait_for(at_third.wait(), BOUND_S)
    await reachable.cancel("outside-1")
    await reachable.expect(CancelReceived)
    cancelled.set()
    await training
    assert trainer.state.global_step == 3
    finish = await reachable.expect(Finish)
    assert (finish.outcome, finish.message) == ("cancelled", f"Stopped after 3 of {STEPS} steps")
    assert len(reachable.of(CancelAck)) == 1


async def test_only_the_first_of_many_processes_reports(reachable: FakeHub) -> None:
    await apart(Trainer(BarcastCallback(), rank=1).train)
    await apart(Trainer(BarcastCallback()).train)
    assert len(reachable.of(Open)) == 1


async def test_a_training_that_raised_is_told_when_the_next_one_begins(reachable: FakeHub) -> None:
    callback = BarcastCallback()

    def out_of_memory(state: TrainerState) -> None:
        raise MemoryError

    with pytest.raises(MemoryError):
        await apart(Trainer(callback, step=out_of_memory).train)
    await apart(Trainer(callback).train)
    assert [finish.outcome for finish in reachable.of(Finish)] == ["failed", "succeeded"]


async def test_within_a_block_the_block_tells_the_end(reachable: FakeHub) -> None:
    def script() -> None:
        with Job.open("tune") as job:
            Trainer(BarcastCallback(job)).train()
            job.result = "trained"

    await apart(script)
    assert [opened.kind for opened in reachable.of(Open)] == ["tune"]
    assert await reachable.expect(Report, lambda report: report.done == STEPS)
    assert [finish.result for finish in reachable.of(Finish)] == ["trained"]


async def test_within_a_block_a_cancel_is_raised_once_the_trainer_has_stopped(reachable: FakeHub) -> None:
    def script() -> None:
        with Job.open("tune") as job:
            assert cancelled.wait(BOUND_S)
            trainer = Trainer(BarcastCallback(job))
            try:
                trainer.train()
            finally:
                steps.append(trainer.state.global_step)

    steps: list[int] = []
    cancelled = threading.Event()
    training = asyncio.create_task(apart(script))
    await reachable.expect(Report)
    await reachable.cancel("outside-1")
    await reachable.expect(CancelReceived)
    cancelled.set()
    with pytest.raises(Cancelled):
        await training
    assert steps == [1]
    assert [finish.outcome for finish in reachable.of(Finish)] == ["cancelled"]
