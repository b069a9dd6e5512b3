"""Trainings of Lightning on the hub: `Trainer(callbacks=[BarcastCallback()])`.

Needs the package `lightning` or `pytorch-lightning`; nothing else here imports it. Written to the documented
interface of `lightning.pytorch.callbacks.Callback` 2.x, and tested by a stand-in that calls its hooks in the order
documented: the package itself needs PyTorch, of nearly a gigabyte, so the tests never ran it.

The progress is that of optimizer steps. A cancel sets `trainer.should_stop`, so that the trainer ends as it does by
itself: at the end of the batch, not before `min_epochs` and `min_steps`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from workers.job import Job
from workers.training import Training

try:
    from lightning.pytorch import Callback  # type: ignore[import-not-found]  # not installed with the tests
except ImportError:
    try:
        from pytorch_lightning import Callback  # type: ignore[import-not-found]  # likewise
    except ImportError as missing:
        raise ImportError("workers.lightning needs the package lightning: pip install lightning") from missing


class BarcastCallback(Callback):  # type: ignore[misc]  # unknown here
    """Shows each `fit` of a trainer as a job.

    Args:
        job: of the job function that trains, to report through; None for a job of its own for each `fit`.
        kind: name under which such trainings are grouped.
        title: what its own job is called; None for the module's class name.
        tags: of its own job.

    Only the process with rank 0 reports.
    """

    def __init__(
        self,
        job: Job | None = None,
        *,
        kind: str = "training",
        title: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__()
        self._job, self._kind, self._title, self._tags = job, kind, title, tags
        self._training: Training | None = None

    def on_train_start(self, trainer: Any, pl_module: Any) -> None:
        """A training starts, after the sanity check."""
        if not trainer.is_global_zero:
            return
        self._training = Training(self._job, self._kind, self._title or type(pl_module).__name__, self._tags)
        params = {"max_epochs": trainer.max_epochs, **dict(getattr(pl_module, "hparams", None) or {})}
        self._training.begin(_total(trainer), params)

    def on_train_epoch_start(self, trainer: Any, pl_module: Any) -> None:
        """An epoch starts."""
        self._say(trainer, _epoch(trainer))

    def on_train_batch_end(self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """A batch is done."""
        if self._training is not None:
            self._training.step(trainer.global_step, _total(trainer))
            if trainer.logged_metrics:
                self._training.measured(_epoch(trainer), trainer.logged_metrics)
            self._obey(trainer)

    def on_validation_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """A batch of the validation is done."""
        self._say(trainer, f"{_epoch(trainer)} · validating, batch {batch_idx + 1}")

    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """A validation is done."""
        if self._training is not None:
            self._training.log(f"Validated at step {trainer.global_step}", trainer.callback_metrics)
            self._obey(trainer)

    def on_train_end(self, trainer: Any, pl_module: Any) -> None:
        """The training is over."""
        training, self._training = self._training, None
        if training is not None:
            training.step(trainer.global_step, _total(trainer))
            training.end(message=f"Stopped after {trainer.global_step} steps" if training.stopping else None)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Something was raised; Ctrl-C comes here too."""
        training, self._training = self._training, None
        if training is not None:
            training.end(exception)

    def _say(self, trainer: Any, text: str) -> None:
        if self._training is not None:
            self._training.message(text)
            self._obey(trainer)

    def _obey(self, trainer: Any) -> None:
        if self._training is not None and self._training.stopping:
            trainer.should_stop = True


def _epoch(trainer: Any) -> str:
    known = trainer.max_epochs is not None and trainer.max_epochs > 0
    return f"Epoch {trainer.current_epoch + 1}" + (f" of {trainer.max_epochs}" if known else "")


def _total(trainer: Any) -> int | None:
    """Steps in all; infinite where neither epochs nor steps have an end."""
    steps = trainer.estimated_stepping_batches
    return int(steps) if math.isfinite(steps) and steps > 0 else None
