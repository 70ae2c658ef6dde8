"""From the settings of a named reward model to verl's own configuration of a reward model, and to its server."""

import asyncio
import functools
import logging
from collections.abc import Awaitable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from omegaconf import DictConfig, OmegaConf
from ray.exceptions import RayError
from verl.experimental.reward_loop import RewardModelManager
from verl.experimental.reward_loop import reward_model as host

from gd2po.hosts.verl.reading.names import ENGINE, is_served_by_verl, served
from gd2po.hosts.verl.waiting.waits import Wait
from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.settings import ModelSettings

logger = logging.getLogger(__name__)


def verl_config(config: DictConfig, model: ModelSettings) -> DictConfig:
    """``reward.reward_model`` for this model; what it does not say is as the run has it.

    Args:
        config: of the run.
        model: placed on the trainer's devices or on its own.
    """
    colocated = model.placement == "colocated"
    trainer = config.trainer
    model = served(config, model)
    rollout = {
        "name": model.engine if is_served_by_verl(model) else ENGINE,
        "tensor_model_parallel_size": model.tensor_parallel,
        "gpu_memory_utilization": model.gpu_memory,
        "prompt_length": model.max_length,
        "response_length": 1,
        "free_cache_engine": colocated,
        "engine_kwargs": {ENGINE: {"kind": model.kind}},
    }
    block = OmegaConf.create(OmegaConf.to_container(config.reward.reward_model, resolve=True))
    changes = {
        "enable": True,
        "model_path": model.path,
        "n_gpus_per_node": trainer.n_gpus_per_node if colocated else model.replicas * model.tensor_parallel,
        "nnodes": trainer.nnodes if colocated else 1,
        "rollout": rollout,
    }
    merged = OmegaConf.merge(block, changes)
    assert isinstance(merged, DictConfig)
    return merged


class NamedRewardModelManager(RewardModelManager):
    """verl's manager of one reward model, made fit for several: the Ray actors of each bear its name.

    Args:
        name: of the reward.
        config: as :func:`verl_config` gives it.
        resource_pool: of the trainer, where the model is colocated; None where it has its own devices.

    Raises:
        RewardModelError: a server of the model does not start.
    """

    def __init__(self, name: str, config: Any, resource_pool: Any = None) -> None:
        self._name = name
        super().__init__(config, resource_pool)

    def _initialize_llm_servers(self) -> None:
        try:
            with _replicas_named(self._name):
                super()._initialize_llm_servers()
        except RayError as error:
            raise RewardModelError(
                f"reward {self._name!r}: {self.config.rollout.name} could not serve {self.config.model_path}; what "
                f"its server wrote before says more: {error}"
            ) from error

    def wake_up(self) -> None:
        """Load the model in each replica that is left.

        Raises:
            RewardModelError: none is.
        """
        lost = self._tell("wake_up")
        if len(lost) == len(self.rollout_replicas):
            raise RewardModelError(
                f"reward {self._name!r}: no server of the model {self.config.model_path} wakes up: "
                + "; ".join(f"{address}: {error}" for address, error in lost.items())
            )

    def sleep(self) -> None:
        """Give the trainer its memory back; a server that is lost has done so, and is missed when it shall wake up."""
        self._tell("sleep")

    def _tell(self, what: str) -> dict[str, BaseException]:
        """Address → why it is lost, of the replicas that did not do it."""
        patience = Wait(
            f"the servers of reward {self._name!r} at {', '.join(self.server_addresses)} to {what.replace('_', ' ')}",
            "a process of one hangs",
            "The server's own lines in the log say more",
        )
        calls = [getattr(replica, what)() for replica in self.rollout_replicas]
        results = zip(self.server_addresses, asyncio.run(_settled(calls, patience)), strict=True)
        lost = {address: error for address, error in results if isinstance(error, BaseException)}
        for address, error in lost.items():
            cause = f"{type(error).__name__}: {error}".splitlines()[0]
            logger.error("reward %s: the server at %s is lost (%s): %s", self._name, address, what, cause)
        return lost


async def _settled(calls: Sequence[Awaitable[Any]], patience: Wait) -> list[Any]:
    """Results and errors, in the order of the calls."""
    return list(await patience.around(asyncio.gather)(*calls, return_exceptions=True))


@contextmanager
def _replicas_named(name: str) -> Iterator[None]:
    original = host.get_rollout_replica_class
    vars(host)["get_rollout_replica_class"] = lambda *engine: functools.partial(original(*engine), name_suffix=name)
    try:
        yield
    finally:
        vars(host)["get_rollout_replica_class"] = original
