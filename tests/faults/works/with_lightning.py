"""A training by the documented order of Lightning's hooks: the package itself needs PyTorch."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

from tests.faults.works.acting import script, wait

for name in ("lightning", "lightning.pytorch"):
    sys.modules[name] = ModuleType(name)
sys.modules["lightning.pytorch"].Callback = object  # type: ignore[attr-defined]  # whose hooks do nothing

from workers.lightning import BarcastCallback  # noqa: E402 - it asks for the package

STEPS = 5
outcome, gate = script()
callback = BarcastCallback(kind=Path(sys.argv[0]).stem)
module = SimpleNamespace(hparams={})
trainer = SimpleNamespace(
    is_global_zero=True, max_epochs=1, current_epoch=0, global_step=0, estimated_stepping_batches=STEPS,
    logged_metrics={}, callback_metrics={}, should_stop=False,
)  # fmt: skip
try:
    callback.on_train_start(trainer, module)
    while trainer.global_step < STEPS and not trainer.should_stop:
        if trainer.global_step == 3:
            wait(outcome, gate)
        trainer.global_step += 1
        callback.on_train_batch_end(trainer, module, None, None, 0)
    callback.on_train_end(trainer, module)
except BaseException as error:
    callback.on_exception(trainer, module, error)
    raise
