"""A run whose rewards fail keeps its last whole step."""

from types import SimpleNamespace

import pytest

from gd2po.errors import RewardError
from gd2po.hosts.verl.checkpoints.rescue import wrap_step


class Loader:
    """A data loader that counts the batches it gave."""

    def __init__(self):
        self.given = 4

    def state_dict(self):
        return {"given": self.given}


@pytest.fixture
def trainer(verl_config, rewards, tmp_path):
    """verl's trainer at step 5, whose step 5 draws a batch and fails."""

    def make(*overrides, mode="sync"):
        folder = f"trainer.default_local_dir={tmp_path}"
        chosen = ["algorithm.adv_estimator=gd2po", *rewards("a", "b"), "trainer.save_freq=10", folder, *overrides]
        trainer = SimpleNamespace(config=verl_config(*chosen), trainer_mode=mode, global_steps=5, saved=[])
        trainer.train_dataloader = Loader()
        save = lambda: trainer.saved.append((trainer.global_steps, trainer.train_dataloader.state_dict()))  # noqa: E731
        trainer._save_checkpoint = save
        return trainer

    return make


def failing(error):
    @wrap_step
    def step(self, metrics, timing_raw):
        self.train_dataloader.given += 1
        raise error

    return step


def test_the_step_before_is_saved_with_the_batch_still_to_come(trainer):
    failed = trainer()
    loader = failed.train_dataloader
    with pytest.raises(RewardError, match="no answer"):
        failing(RewardError("no answer"))(failed, {}, {})
    assert failed.saved == [(4, {"given": 4})]
    assert (failed.global_steps, failed.train_dataloader) == (5, loader)


def test_what_is_saved_already_is_not_saved_again(trainer, tmp_path):
    (tmp_path / "global_step_4").mkdir()
    failed = trainer()
    with pytest.raises(RewardError):
        failing(RewardError("no answer"))(failed, {}, {})
    assert failed.saved == []


@pytest.mark.parametrize(
    ("overrides", "mode", "error"),
    [
        (["trainer.save_freq=-1"], "sync", RewardError("no answer")),
        ([], "colocate_async", RewardError("no answer")),
        ([], "sync", RuntimeError("a device is lost")),
    ],
)
def test_nothing_is_saved_where_it_is_not_wanted_or_not_sound(trainer, overrides, mode, error):
    failed = trainer(*overrides, mode=mode)
    with pytest.raises(type(error)):
        failing(error)(failed, {}, {})
    assert failed.saved == []


def test_the_first_step_has_nothing_to_save(trainer):
    failed = trainer()
    failed.global_steps = 1
    with pytest.raises(RewardError):
        failing(RewardError("no answer"))(failed, {}, {})
    assert failed.saved == []


def test_a_step_that_succeeds_passes_through(trainer):
    whole = trainer()
    step = wrap_step(lambda self, metrics, timing_raw: "batch")
    assert step(whole, {}, {}) == "batch" and whole.saved == []
