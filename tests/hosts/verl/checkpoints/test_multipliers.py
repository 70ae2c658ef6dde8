"""The multipliers of constraints are saved with a checkpoint and read again when it is resumed."""

import json
import logging
from pathlib import Path
from types import SimpleNamespace

import pytest

from gd2po.hosts.verl.checkpoints import CheckpointError
from gd2po.hosts.verl.checkpoints.multipliers import MULTIPLIERS_FILE, wrap_load_checkpoint, wrap_save_checkpoint
from gd2po.hosts.verl.reading.run_state import state_of

TARGET = ["+algorithm.gd2po.rewards.a.target=0.0"]


@pytest.fixture
def trainer(run):
    def trainer(*overrides, step=0):
        return SimpleNamespace(config=run.config(*TARGET, *overrides), global_steps=step)

    return trainer


def load(trainer, step):
    def loads(self):
        self.global_steps = step

    wrap_load_checkpoint(loads)(trainer)
    return state_of(trainer).weights.at(step + 1)["a"]


def save(trainer, step):
    trainer.global_steps = step
    wrap_save_checkpoint(lambda self: None)(trainer)


def test_a_resumed_run_goes_on_with_the_same_multiplier(run, trainer):
    first = trainer()
    state_of(first).weights.update(3, {"a": -4.0})
    save(first, 3)
    assert json.loads((run[3] / MULTIPLIERS_FILE).read_text()) == {"step": 3, "multipliers": {"a": 1.4}}
    assert load(trainer("trainer.resume_mode=auto"), 3) == 1.4
    named = trainer("trainer.resume_mode=resume_path", f"trainer.resume_from_path={run[3]}")
    assert load(named, 3) == 1.4


def test_a_run_without_a_target_writes_nothing_and_reads_nothing(run):
    trainer = SimpleNamespace(config=run.config(), global_steps=0)
    save(trainer, 3)
    assert not Path(run[3]).exists()
    assert load(trainer, 3) == 1.0


def test_a_checkpoint_without_multipliers_is_said(trainer, caplog):
    with caplog.at_level(logging.WARNING):
        assert load(trainer(), 3) == 1.0
    assert "is not there: the checkpoint is of a run without targets, and multipliers of a begin anew" in caplog.text


def test_a_torn_file_is_refused_with_a_remedy(run, trainer):
    run[3].mkdir(parents=True)
    (run[3] / MULTIPLIERS_FILE).write_text('{"step": 3')
    with pytest.raises(CheckpointError, match=r"cannot be read.*Resume another checkpoint, or delete the file"):
        load(trainer(), 3)
