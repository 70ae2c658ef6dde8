"""Whether a run ends well or not, vLLM's engines end before Ray kills what is left."""

from types import SimpleNamespace

import pytest
import ray

from gd2po.hosts.verl.lifecycle import engine_end
from gd2po.hosts.verl.reading.run_state import RunState, share_state
from gd2po.settings import Settings


@pytest.fixture
def start_server(queue):
    """Starts an actor like verl's: with a method that is asynchronous, and an engine unless it is on another node."""

    class Engine:
        ended = False

        def shutdown(self):
            self.ended = True

    class Server:
        def __init__(self, first):
            if first:
                self.engine = Engine()

        async def ended(self):
            return self.engine.ended if hasattr(self, "engine") else None

    return ray.remote(num_cpus=0)(Server).remote


def _trainer(name, servers, rewards=None):
    """``rewards``: engine → servers of reward models."""
    config = SimpleNamespace(actor_rollout_ref=SimpleNamespace(rollout=SimpleNamespace(name=name)))
    replicas = [SimpleNamespace(servers=servers)]
    state = RunState(Settings.parse({"estimator": "gd2po", "rewards": {"a": {}}}))
    if rewards is not None:
        served = lambda engine: [SimpleNamespace(servers=rewards[engine])] if engine in rewards else []  # noqa: E731
        state.fleet = SimpleNamespace(replicas_of=served)
    manager = SimpleNamespace(get_replicas=lambda: replicas)
    trainer = SimpleNamespace(config=config, llm_server_manager=manager)
    share_state(trainer, state)
    return trainer


@pytest.mark.parametrize("name", ["vllm", "transformers"])
def test_engines_end_with_a_run_that_fails(start_server, name):
    servers = [start_server(True), start_server(False)]

    def fit(self, agent_loop_manager):
        raise ValueError("in step 3")

    with pytest.raises(ValueError, match="in step 3"):
        engine_end.wrap_fit(fit)(_trainer(name, servers), None)
    assert ray.get([server.ended.remote() for server in servers]) == [name == "vllm", None]


def test_engines_of_reward_models_end_too_and_a_dead_server_holds_up_none(start_server):
    dead, alive, other = (start_server(True) for _ in range(3))
    ray.kill(dead)
    trainer = _trainer("transformers", [other], {"vllm": [dead, alive]})
    engine_end.wrap_fit(lambda self, agent_loop_manager: None)(trainer, None)
    assert ray.get([alive.ended.remote(), other.ended.remote()]) == [True, False]


def test_an_engine_that_does_not_end_is_told_and_not_waited_for(start_server, caplog, monkeypatch):
    monkeypatch.setattr(engine_end, "GRACE", 0.0)
    servers = [start_server(True)]
    engine_end.end(_trainer("vllm", servers).llm_server_manager.get_replicas())
    assert "1 of 1 vLLM engines did not end within 0 s" in caplog.text
