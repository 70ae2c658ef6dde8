"""Colocated reward models of which servers are lost."""

import asyncio
from types import SimpleNamespace

import pytest
from omegaconf import OmegaConf
from ray.exceptions import ActorDiedError, RayError
from verl.experimental.reward_loop import RewardModelManager

from gd2po.errors import EngineError
from gd2po.hosts.verl.reward_models.fleet import Fleet
from gd2po.hosts.verl.reward_models.placement import NamedRewardModelManager
from gd2po.hosts.verl.waiting.waits import VARIABLE
from gd2po.rewards.models.contract import RewardModelError


class Replica:
    """A replica that is there, is lost, or hangs."""

    def __init__(self, state="there"):
        self.state, self.done = state, []

    async def _do(self, what):
        if self.state == "lost":
            raise ActorDiedError()
        if self.state == "hangs":
            await asyncio.sleep(60)
        self.done.append(what)

    async def wake_up(self):
        await self._do("wake_up")

    async def sleep(self):
        await self._do("sleep")


@pytest.fixture
def manager():
    """Builds a manager of replicas in these states, without starting any."""

    def make(name, *states):
        manager = NamedRewardModelManager.__new__(NamedRewardModelManager)
        manager._name = name
        manager.config = OmegaConf.create({"model_path": "/m", "rollout": {"free_cache_engine": True, "name": "vllm"}})
        manager.rollout_replicas = [Replica(state) for state in states]
        manager.server_addresses = [f"10.0.0.{number}:80" for number in range(len(states))]
        return manager

    return make


@pytest.fixture
def fleet(model_settings):
    def make(on_failure, *managers):
        models = {manager._name: {"path": "/m", "on_failure": on_failure} for manager in managers}
        fleet = Fleet.__new__(Fleet)
        fleet._rewards = model_settings(**models).rewards
        fleet._managers = {manager._name: manager for manager in managers}
        return fleet

    return make


@pytest.mark.parametrize("on_failure", ["error", "not_scored"])
def test_with_a_replica_left_all_goes_on(fleet, manager, on_failure, caplog):
    partly, whole = manager("useful", "lost", "there"), manager("harmless", "there")
    models = fleet(on_failure, partly, whole)
    models.wake_up()
    models.sleep()
    assert partly.rollout_replicas[1].done == whole.rollout_replicas[0].done == ["wake_up", "sleep"]
    assert "reward useful: the server at 10.0.0.0:80 is lost (wake_up)" in caplog.text


def test_without_one_the_run_ends_and_the_error_names_all(fleet, manager):
    models = fleet("error", manager("useful", "there"), manager("harmless", "lost", "lost"))
    with pytest.raises(RewardModelError, match=r"'harmless'.*/m.*10\.0\.0\.0:80: .*actor died.*10\.0\.0\.1:80"):
        models.wake_up()


def test_or_goes_on_without_its_scores_where_that_is_said(fleet, manager):
    whole = manager("useful", "there")
    models = fleet("not_scored", manager("harmless", "lost"), whole)
    models.wake_up()
    assert whole.rollout_replicas[0].done == ["wake_up"]


def test_what_cannot_go_to_sleep_hides_no_error(fleet, manager, caplog):
    fleet("error", manager("useful", "lost")).sleep()
    assert "reward useful: the server at 10.0.0.0:80 is lost (sleep)" in caplog.text


def test_a_server_that_hangs_is_not_awaited_for_ever(fleet, manager, monkeypatch):
    monkeypatch.setenv(VARIABLE, "0.1")
    with pytest.raises(EngineError, match=r"servers of reward 'useful' at 10\.0\.0\.0:80 to wake up, in vain"):
        fleet("not_scored", manager("useful", "hangs")).wake_up()


def test_a_model_that_no_server_loads_is_named(monkeypatch):
    def failing(self):
        raise RayError("Engine core initialization failed")

    monkeypatch.setattr(RewardModelManager, "_initialize_llm_servers", failing)
    config = SimpleNamespace(rollout=SimpleNamespace(name="vllm"), model_path="/m")
    with pytest.raises(RewardModelError, match=r"reward 'useful': vllm could not serve /m; .*Engine core init"):
        NamedRewardModelManager("useful", config)
