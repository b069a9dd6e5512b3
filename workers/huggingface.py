"""Trainings of Hugging Face Transformers on the hub: `Trainer(..., callbacks=[BarcastCallback()])`.

Needs the package `transformers`; nothing else here imports it. The progress is that of update steps, a cancel sets
`control.should_training_stop`, so that the trainer ends as it does by itself: after the step, with its last save.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.job import Job
from workers.training import Training

try:
    from transformers import TrainerCallback
except ImportError as missing:
    raise ImportError("workers.huggingface needs the package transformers: pip install transformers") from missing

SHOWN = ("model_name_or_path", "learning_rate", "num_train_epochs", "per_device_train_batch_size", "max_steps", "seed")


class BarcastCallback(TrainerCallback):
    """Shows each training of a trainer as a job.

    Args:
        job: of the job function that trains, to report through; None for a job of its own for each training.
        kind: name under which such trainings are grouped.
        title: what its own job is called; None for the trial's or the run's name.
        tags: of its own job.

    Only the process with rank 0 reports. A training that raises tells its end when the next one begins or the
    program ends; within `with Job.open(...) as job:` and `BarcastCallback(job)` it is told at once.
    """

    def __init__(
        self,
        job: Job | None = None,
        *,
        kind: str = "training",
        title: str | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> None:
        self._job, self._kind, self._title, self._tags = job, kind, title, tags
        self._training: Training | None = None
        self._evaluated = 0

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """A training starts."""
        if not state.is_world_process_zero:
            return
        if self._training is not None:
            self._training.abandon()
        title = self._title or state.trial_name or getattr(args, "run_name", None)
        self._training = Training(self._job, self._kind, title, self._tags)
        params = {name: getattr(args, name, None) for name in SHOWN} | (state.trial_params or {})
        self._training.begin(state.max_steps or None, params)
        self._progress(state, control)

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """An epoch starts."""
        self._say(control, _epoch(state))

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """An update step is done."""
        self._progress(state, control)

    def on_log(self, args: Any, state: Any, control: Any, logs: Mapping[str, Any] | None = None, **kwargs: Any) -> None:
        """The trainer logs the loss and the like."""
        if self._training is not None and logs:
            self._training.measured(_epoch(state), {name: value for name, value in logs.items() if name != "epoch"})
            self._obey(control)

    def on_prediction_step(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """One batch of an evaluation is done."""
        self._evaluated += 1
        self._say(control, f"{_epoch(state)} · evaluating, batch {self._evaluated}{_of(kwargs.get('eval_dataloader'))}")

    def on_evaluate(
        self, args: Any, state: Any, control: Any, metrics: Mapping[str, Any] | None = None, **kwargs: Any
    ) -> None:
        """An evaluation is done."""
        self._evaluated = 0
        if self._training is not None:
            self._training.log(f"Evaluated at step {state.global_step}", metrics or {})
            self._obey(control)

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The trainer saved a checkpoint."""
        if self._training is not None:
            self._training.log(f"Checkpoint saved at step {state.global_step}")
            self._obey(control)

    def on_train_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """The training is over."""
        training, self._training = self._training, None
        if training is not None:
            training.step(state.global_step, state.max_steps or None)
            stopped = f"Stopped after {state.global_step} of {state.max_steps} steps"
            training.end(message=stopped if training.stopping else None)

    def _progress(self, state: Any, control: Any) -> None:
        if self._training is not None:
            self._training.step(state.global_step, state.max_steps or None)
            self._obey(control)

    def _say(self, control: Any, text: str) -> None:
        if self._training is not None:
            self._training.message(text)
            self._obey(control)

    def _obey(self, control: Any) -> None:
        if self._training is not None and self._training.stopping:
            control.should_training_stop = True


def _epoch(state: Any) -> str:
    return f"Epoch {state.epoch or 0:.2f} of {state.num_train_epochs}"


def _of(batches: Any) -> str:
    try:
        return f" of {len(batches)}"
    except TypeError:  # a loader of a stream has no length
        return ""
