"""What the first step of a run does once: write down the settings and the start, and freeze the heap."""

import gc
from pathlib import Path
from typing import Any

from gd2po.hosts.verl.reading.run_state import RunState, state_of
from gd2po.runs.files import record_start, save_settings


def started_state(trainer: Any) -> RunState:
    """The state of a run whose first step has begun."""
    state = state_of(trainer)
    if not state.started:
        state.started = True
        folder = Path(trainer.config.trainer.default_local_dir)
        save_settings(folder, state.settings)
        record_start(folder, trainer.__dict__.get("total_training_steps"))
        freeze_heap()
    return state


def freeze_heap() -> None:
    """Leave the objects that exist now out of Python's later garbage collections.

    torch, verl and what they import hold about 500,000 objects, and the thousands of rows that a step fetches make
    Python look through all of them several times a step, at some 0.2 s each.
    """
    gc.collect()
    gc.freeze()
