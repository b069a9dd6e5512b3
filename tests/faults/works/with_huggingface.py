"""A training by the order in which `transformers.Trainer` calls its callbacks: the trainer itself needs PyTorch."""

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from transformers import TrainerControl, TrainerState
from transformers.trainer_callback import CallbackHandler

from tests.faults.works.acting import script, wait
from workers.huggingface import BarcastCallback

STEPS = 5
outcome, gate = script()
callback = BarcastCallback(kind=Path(sys.argv[0]).stem)
handler = CallbackHandler([callback], model=None, processing_class=None, optimizer=None, lr_scheduler=None)
state, control = TrainerState(max_steps=STEPS, num_train_epochs=1), TrainerControl()
args: Any = SimpleNamespace(run_name="tiny")
control = handler.on_train_begin(args, state, control)
while state.global_step < STEPS and not control.should_training_stop:
    control = handler.on_step_begin(args, state, control)
    if state.global_step == 3:
        wait(outcome, gate)
    state.global_step += 1
    control = handler.on_step_end(args, state, control)
handler.on_train_end(args, state, control)
