"""Colocated reward models of which servers are lost."""

from types import SimpleNamespace

import pytest
import ray
from ray.exceptions import RayError
from verl.experimental.reward_loop import RewardModelManager

from gd2po.errors import EngineError
from gd2po.hosts.verl.reward_models import fleet as module
from gd2po.hosts.verl.reward_models.fleet import Fleet
from gd2po.hosts.verl.reward_models.placement import NamedRewardModelManager
from gd2po.hosts.verl.waiting.waits import VARIABLE
from gd2po.rewards.models.contract import RewardModelError


@pytest.fixture
def fleet(verl_config, model_settings, replicas, monkeypatch):
    """Builds the colocated models of a run, each with two replicas, and then puts these into the given states."""

    async def nothing(*_arguments):
        """No server is there to be asked for a score."""

    monkeypatch.setattr(module, "RewardModelClient", lambda *_arguments: SimpleNamespace(close=nothing))
    monkeypatch.setattr(module, "check_scores", nothing)
    monkeypatch.setattr(ray, "available_resources", dict)

    def make(on_failure, **states):
        settings = model_settings(**{name: {"path": "/m", "on_failure": on_failure} for name in states})
        config = verl_config("actor_rollout_ref.rollout.name=vllm", "trainer.n_gpus_per_node=2")
        fleet = Fleet(config, settings, None)
        for replica in replicas:
            replica.state, replica.calls = states[replica.name][replica.rank], []
        return fleet

    return make


@pytest.mark.parametrize("on_failure", ["error", "not_scored"])
def test_with_a_replica_left_all_goes_on(fleet, replicas, on_failure, caplog):
    models = fleet(on_failure, useful=("lost", "there"), harmless=("there", "there"))
    models.wake_up()
    models.sleep()
    assert [replica.calls for replica in replicas] == [[], *[["wake_up", "sleep"]] * 3]
    assert "reward useful: the server at 10.0.0.0:80 is lost (wake_up)" in caplog.text


def test_without_one_the_run_ends_and_the_error_names_all(fleet):
    models = fleet("error", useful=("there", "there"), harmless=("lost", "lost"))
    with pytest.raises(RewardModelError, match=r"'harmless'.*/m.*10\.0\.0\.0:80: .*actor died.*10\.0\.0\.1:80"):
        models.wake_up()


def test_or_goes_on_without_its_scores_where_that_is_said(fleet, replicas):
    fleet("not_scored", harmless=("lost", "lost"), useful=("there", "there")).wake_up()
    assert [replica.calls for replica in replicas if replica.name == "useful"] == [["wake_up"]] * 2


def test_what_cannot_go_to_sleep_hides_no_error(fleet, caplog):
    fleet("error", useful=("lost", "lost")).sleep()
    assert "reward useful: the server at 10.0.0.0:80 is lost (sleep)" in caplog.text


def test_a_server_that_hangs_is_not_awaited_for_ever(fleet, monkeypatch):
    models = fleet("not_scored", useful=("there", "hangs"))
    monkeypatch.setenv(VARIABLE, "0.1")
    with pytest.raises(
        EngineError, match=r"timed out .* servers of reward 'useful' at 10\.0\.0\.0:80, 10\.0\.0\.1:80 to wake up"
    ):
        models.wake_up()


def test_a_model_that_no_server_loads_is_named(monkeypatch):
    def failing(self):
        raise RayError("Engine core initialization failed")

    monkeypatch.setattr(RewardModelManager, "_initialize_llm_servers", failing)
    config = SimpleNamespace(rollout=SimpleNamespace(name="vllm"), model_path="/m")
    with pytest.raises(RewardModelError, match=r"reward 'useful': vllm could not serve /m; .*Engine core init"):
        NamedRewardModelManager("useful", config)
