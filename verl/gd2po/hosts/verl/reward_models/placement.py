"""The settings of a named reward model as verl's own configuration of a reward model, and its servers."""

import asyncio
import logging
from collections.abc import Awaitable, Sequence
from typing import Any

from omegaconf import DictConfig, OmegaConf
from ray.exceptions import RayError
from verl.experimental.reward_loop import RewardModelManager

from gd2po.hosts.verl.reading.names import ENGINE, is_served_by_verl, served
from gd2po.hosts.verl.reading.run_state import calling
from gd2po.hosts.verl.waiting.waits import Wait
from gd2po.rewards.models.contract import RewardModelError
from gd2po.rewards.models.settings import ModelSettings

logger = logging.getLogger(__name__)


def verl_config(config: DictConfig, model: ModelSettings) -> DictConfig:
    """The block ``reward.reward_model`` for this model; settings that the model does not have are those of the run.

    Args:
        config: The configuration of the run.
        model: The model, placed on the trainer's devices or on its own.
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
    """verl's manager of one reward model, of which a run can have several: the Ray actors of each have its name.

    Args:
        name: The name of the reward.
        config: The result of :func:`verl_config`.
        resource_pool: The trainer's devices for a colocated model; None for a model on devices of its own.

    Raises:
        RewardModelError: A server of the model does not start.
    """

    def __init__(self, name: str, config: Any, resource_pool: Any = None) -> None:
        self._name = self.name_suffix = name
        super().__init__(config, resource_pool)

    def _initialize_llm_servers(self) -> None:
        try:
            with calling(self):  # its servers get the suffix of their names from here
                super()._initialize_llm_servers()
        except RayError as error:
            raise RewardModelError(
                f"reward {self._name!r}: {self.config.rollout.name} could not serve {self.config.model_path}; what "
                f"its server wrote before says more: {error}"
            ) from error

    def wake_up(self) -> None:
        """Load the model in each replica that is left.

        Raises:
            RewardModelError: No replica is left.
        """
        lost = self._call("wake_up")
        if len(lost) == len(self.rollout_replicas):
            raise RewardModelError(
                f"reward {self._name!r}: no server of the model {self.config.model_path} wakes up: "
                + "; ".join(f"{address}: {error}" for address, error in lost.items())
            )

    def sleep(self) -> None:
        """Free the memory for the trainer. A lost server holds none; its loss is reported at the next wake-up."""
        self._call("sleep")

    def _call(self, method: str) -> dict[str, BaseException]:
        """Call a method of every replica; return address → error of the replicas that are lost."""
        limit = Wait(
            f"the servers of reward {self._name!r} at {', '.join(self.server_addresses)} to {method.replace('_', ' ')}",
            "a process of one hangs",
            "The server's own lines in the log say more",
        )
        calls = [getattr(replica, method)() for replica in self.rollout_replicas]
        results = zip(self.server_addresses, asyncio.run(_settled(calls, limit)), strict=True)
        lost = {address: error for address, error in results if isinstance(error, BaseException)}
        for address, error in lost.items():
            cause = f"{type(error).__name__}: {error}".splitlines()[0]
            logger.error("reward %s: the server at %s is lost (%s): %s", self._name, address, method, cause)
        return lost


async def _settled(calls: Sequence[Awaitable[Any]], limit: Wait) -> list[Any]:
    """The results and errors, in the order of the calls."""
    return list(await limit.around(asyncio.gather)(*calls, return_exceptions=True))
