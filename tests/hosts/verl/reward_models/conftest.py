"""Settings of named reward models, as a run would have them, and replicas that stand in for their servers."""

import asyncio
from typing import Any

import pytest
from ray.exceptions import ActorDiedError

from gd2po.settings import Settings


def _settings(**models: dict[str, Any]) -> Settings:
    """Reward name → its ``model`` block."""
    rewards = {name: {"model": {"measures": "other", **model}} for name, model in models.items()}
    return Settings.parse({"estimator": "gd2po", "rewards": rewards})


def _model_overrides(name: str, **model: Any) -> list[str]:
    """Hydra overrides that declare a reward with a model."""
    prefix = f"+algorithm.gd2po.rewards.{name}.model"
    return [f"{prefix}.{key}={value}" for key, value in ({"measures": "other"} | model).items()]


@pytest.fixture
def model_settings() -> Any:
    return _settings


@pytest.fixture
def model_overrides() -> Any:
    return _model_overrides


class Replica:
    """A replica of a reward model as verl's manager sees it: it is there, is lost, or hangs."""

    def __init__(self, *, name_suffix: str, replica_rank: int, **_options: Any) -> None:
        self.name, self.rank, self.state = name_suffix, replica_rank, "there"
        self.calls: list[str] = []
        self._server_handle, self._server_address = None, f"10.0.0.{replica_rank}:80"

    async def init_standalone(self) -> None:
        """Nothing to start."""

    async def _answer(self, call: str) -> None:
        if self.state == "lost":
            raise ActorDiedError()
        if self.state == "hangs":
            await asyncio.sleep(60)
        self.calls.append(call)

    async def wake_up(self) -> None:
        await self._answer("wake_up")

    async def sleep(self) -> None:
        await self._answer("sleep")


@pytest.fixture
def replicas(monkeypatch: pytest.MonkeyPatch) -> list[Replica]:
    """All replicas that verl's managers make in this test; no server starts."""
    from verl.experimental.reward_loop import reward_model as host

    from gd2po.hosts.verl.reward_models.placement import NamedRewardModelManager
    from gd2po.hosts.verl.reward_models.seams import wrap_get_rollout_replica_class

    made: list[Replica] = []

    def make(**options: Any) -> Replica:
        made.append(Replica(**options))
        return made[-1]

    monkeypatch.setattr(host, "get_rollout_replica_class", wrap_get_rollout_replica_class(lambda *_engine: make))
    monkeypatch.setattr(host, "HFModelConfig", lambda path: type("Model", (), {"get_processor": lambda self: None})())
    monkeypatch.setattr(NamedRewardModelManager, "_initialize_router", lambda self: None)
    return made
