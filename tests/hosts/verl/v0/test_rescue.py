"""A V0 run whose rewards fail keeps its last whole step; a batch that prompts do not fill is refused."""

from types import SimpleNamespace

import pytest

from gd2po.errors import RewardError, SettingsError
from gd2po.hosts.verl.reading.run_state import state_of
from gd2po.hosts.verl.v0.prompts import wrap_create_dataloader
from gd2po.hosts.verl.v0.rescue import wrap_fit

INFOS = [{"score": 1.0, "a": float(row), "b": 1.0} for row in range(4)]


@pytest.fixture
def train(v0_trainer, v0_rollouts, rewards, monkeypatch):
    """Two steps, the first a whole one, then `last`; gives the trainer with the checkpoints that were saved."""

    def train(last, *overrides):
        trainer = v0_trainer("algorithm.adv_estimator=gd2po", *rewards("a", "b"), "trainer.save_freq=10", *overrides)
        saved = trainer.trainer.saved = []
        trainer.trainer._save_checkpoint = lambda: saved.append(
            (trainer.trainer.global_steps, trainer.trainer.train_dataloader.state_dict())
        )

        def fit(self):
            trainer.run_step(v0_rollouts(trainer.config, INFOS, [1, 2, 3, 4], 4))
            trainer.global_steps = 2
            last(trainer, v0_rollouts(trainer.config, INFOS, [1, 2, 3, 4], 4))

        with pytest.raises(RewardError, match="no answer"):
            wrap_fit(fit)(trainer.trainer)
        return trainer.trainer

    return train


def failing(*_):
    raise RewardError("no answer")


def failing_after_the_update(trainer, batch):
    trainer.run_step(batch)
    state_of(trainer.trainer).resumable = None  # as when the next step has updated the policy
    failing()


def test_the_step_before_is_saved_with_the_batch_still_to_come(train):
    trainer = train(failing)
    assert trainer.saved == [(1, {"after": 1})] and trainer.global_steps == 2


def test_nothing_is_saved_after_the_policy_has_changed(train):
    assert train(failing_after_the_update).saved == []


def test_nothing_is_saved_where_no_checkpoints_are_made(train):
    assert train(failing, "trainer.save_freq=-1").saved == []


@pytest.mark.parametrize(("rows", "refused"), [(3, True), (4, False)])
def test_prompts_that_fill_no_batch_are_refused(verl_config, rows, refused):
    trainer = SimpleNamespace(config=verl_config("data.train_batch_size=4"))
    create = wrap_create_dataloader(lambda *_: None)
    if refused:
        with pytest.raises(SettingsError, match=r"the 3 prompts of data\.train_files do not fill one batch"):
            create(trainer, range(rows), None, None, None)
    else:
        create(trainer, range(rows), None, None, None)
