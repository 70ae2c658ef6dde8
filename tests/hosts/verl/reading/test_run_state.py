"""One state for a run in a process, shared by the objects of verl that belong to it."""

from types import SimpleNamespace

import pytest
import torch

from gd2po.errors import SettingsError
from gd2po.hosts.verl.reading import run_state
from gd2po.hosts.verl.reading.run_state import BatchAdvantages, caller, calling, has_state, share_state, state_of


@pytest.fixture
def trainer(verl_config, rewards):
    return SimpleNamespace(config=verl_config("algorithm.adv_estimator=gd2po", *rewards("a")))


def test_the_settings_are_read_once(trainer, monkeypatch):
    assert not has_state(trainer)
    state = state_of(trainer)
    monkeypatch.setattr(run_state, "settings_of", lambda config: pytest.fail("read again"))
    assert state_of(trainer) is state and has_state(trainer)
    assert list(state.settings.rewards) == ["a"]


def test_objects_of_a_run_share_its_state(trainer):
    loop = SimpleNamespace(config=trainer.config)
    share_state(loop, state_of(trainer))
    assert state_of(loop) is state_of(trainer)


def test_settings_that_cannot_be_read_leave_no_state(verl_config):
    trainer = SimpleNamespace(config=verl_config("algorithm.adv_estimator=gd2po"))
    with pytest.raises(SettingsError, match="rewards"):
        state_of(trainer)
    assert not has_state(trainer)


def test_advantages_are_those_of_the_latest_batch_only(trainer):
    state = state_of(trainer)
    state.batch_advantages = BatchAdvantages(["k0"], torch.ones(1))
    assert state.advantages_of(["k0"]) is state.batch_advantages
    assert state.advantages_of(["k1"]) is None


def test_who_calls_is_known_inside_the_call_only(trainer):
    assert caller() is None
    with pytest.raises(ValueError, match="inside"), calling(trainer):
        assert caller() is trainer
        raise ValueError("inside")
    assert caller() is None
