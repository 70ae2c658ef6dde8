"""Wrappers around verl's trainer and its reward loop: start the models, and wake them for a batch where they sleep."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from gd2po.hosts.verl.reading.names import ADDRESSES, models_of
from gd2po.hosts.verl.reading.run_settings import settings_of
from gd2po.hosts.verl.reading.scores import plain_column

if TYPE_CHECKING:
    from gd2po.hosts.verl.reward_models.fleet import Fleet

_FLEET = "_gd2po_fleet"
_ROW_FIELDS = ("data_source", "reward_model", "extra_info", "uid", "index")
"""Columns of a row that a reward function reads, and that verl does not hand to rewards after the rollouts."""

_trainer: ContextVar[Any] = ContextVar("gd2po_trainer")
_scoring: ContextVar["Scoring"] = ContextVar("gd2po_scoring")


@dataclass
class Scoring:
    """The rows that the trainer has scored after their rollouts, and what came out for each."""

    batch: Any
    infos: Sequence[Mapping[str, Any]] = ()


@contextmanager
def _known(variable: ContextVar[Any], value: Any) -> Iterator[None]:
    token = variable.set(value)
    try:
        yield
    finally:
        variable.reset(token)


def knowing_the_trainer(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``PPOTrainer._setup``: the reward loop made inside it finds the trainer's devices."""

    @functools.wraps(original)
    def _setup(self: Any) -> None:
        with _known(_trainer, self):
            original(self)

    return _setup


def starting_models(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``RewardLoopManager._init_reward_loop_workers``: first the models, then the workers that ask them."""

    @functools.wraps(original)
    def _init_reward_loop_workers(self: Any) -> None:
        settings = settings_of(self.config)
        if settings is not None and any(models_of(settings)):
            from verl.trainer.ppo.utils import Role

            from gd2po.hosts.verl.reward_models.fleet import Fleet

            pool = _trainer.get().resource_pool_manager.get_resource_pool(Role.RewardModel)
            fleet = Fleet(self.config, settings, pool)
            OmegaConf.update(self.config, ADDRESSES, fleet.addresses, force_add=True)
            self.__dict__[_FLEET] = fleet  # servers end with the last handle to them
        original(self)

    return _init_reward_loop_workers


class WrappedProperty(property):
    """A property that can be marked as ours."""


def without_workers_while_colocated(original: property) -> property:
    """Wrap ``RewardLoopManager.reward_loop_worker_handles``: None tells the trainer to score after the rollouts."""

    def reward_loop_worker_handles(self: Any) -> Any:
        return None if _sleeping_fleet(self) else original.__get__(self)

    return WrappedProperty(reward_loop_worker_handles)


def fleet_of(reward_loop: Any) -> "Fleet | None":
    """The named reward models that verl's ``RewardLoopManager`` has started; None where there are none."""
    return vars(reward_loop).get(_FLEET)


def _sleeping_fleet(reward_loop: Any) -> "Fleet | None":
    """The fleet, where some of its models share the trainer's devices."""
    fleet = fleet_of(reward_loop)
    return fleet if fleet is not None and fleet.colocated else None


def keeping_named_scores(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``PPOTrainer._compute_reward_colocate``: named scores end up where scores beside the rollouts do.

    verl stores them as fields of their own, where its validation does not look.
    """

    @functools.wraps(original)
    def _compute_reward_colocate(self: Any, batch: Any, metrics: dict[str, Any] | None = None) -> Any:
        scoring = Scoring(batch)
        with _known(_scoring, scoring):
            result = original(self, batch, metrics)
        if scoring.infos:
            _put_infos(batch, scoring.infos)
        return result

    return _compute_reward_colocate


def waking_models(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``RewardLoopManager.compute_rm_score``: colocated models are awake exactly while they score."""

    @functools.wraps(original)
    def compute_rm_score(self: Any, data: Any) -> Any:
        fleet = _sleeping_fleet(self)
        if fleet is None:
            return original(self, data)
        scoring = _scoring.get()
        data.non_tensor_batch.update(_row_fields(scoring.batch))
        fleet.wake_up()
        try:
            scored = original(self, data)
        finally:
            fleet.sleep()
        columns = scored.non_tensor_batch
        scoring.infos = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
        return scored

    return compute_rm_score


def _put_infos(batch: Any, infos: Sequence[Mapping[str, Any]]) -> None:
    """Into each row's ``extra_fields.reward_extra_info``."""
    import transfer_queue as tq
    from verl.utils.tensordict_utils import list_of_dict_to_tensordict

    where = {"keys": batch.keys, "partition_id": batch.partition_id}
    known = plain_column(tq.kv_batch_get(**where, select_fields=["extra_fields"])["extra_fields"])
    rows = [{"extra_fields": {**fields, "reward_extra_info": info}} for fields, info in zip(known, infos, strict=True)]
    tq.kv_batch_put(**where, fields=list_of_dict_to_tensordict(rows))


def _row_fields(batch: Any) -> Mapping[str, Any]:
    """Columns of the rows, as numpy arrays of objects; those that the data set does not have are left out."""
    import numpy as np
    import transfer_queue as tq

    known = tq.kv_batch_get(keys=batch.keys[:1], partition_id=batch.partition_id).keys()
    wanted = [name for name in _ROW_FIELDS if name in known]
    found = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=wanted)
    columns = {}
    for name in wanted:
        columns[name] = np.empty(len(batch.keys), dtype=object)
        columns[name][:] = plain_column(found[name])
    return columns
