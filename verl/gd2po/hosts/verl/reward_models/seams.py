"""Wrappers around verl's trainer and its reward loop: start the models, and wake them for a batch where they sleep."""

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from omegaconf import OmegaConf

from gd2po.hosts.verl.reading.names import ADDRESSES, is_colocated, models_of
from gd2po.hosts.verl.reading.run_state import Scoring, caller, share_state, state_of, wrap_calling
from gd2po.hosts.verl.reading.scores import plain_column

_ROW_FIELDS = ("data_source", "reward_model", "extra_info", "uid", "index")
"""Columns of a row that a reward function reads, and that verl does not hand to rewards after the rollouts."""


wrap_setup = wrap_calling


def wrap_init_reward_loop_workers(original: Callable[..., None]) -> Callable[..., None]:
    """Wrap ``RewardLoopManager._init_reward_loop_workers``: first the models, then the workers that ask them."""

    def _init_reward_loop_workers(self: Any) -> None:
        if (trainer := caller()) is not None:
            share_state(self, state_of(trainer))
        state = state_of(self)
        if any(models_of(state.settings)):
            from verl.trainer.ppo.utils import Role

            from gd2po.hosts.verl.reward_models.fleet import Fleet

            manager = trainer.resource_pool_manager
            pool = manager.get_resource_pool(Role.RewardModel) if is_colocated(state.settings) else None
            state.fleet = Fleet(self.config, state.settings, pool)  # servers end with the last handle to them
            OmegaConf.update(self.config, ADDRESSES, state.fleet.addresses, force_add=True)
        original(self)

    return _init_reward_loop_workers


def wrap_get_rollout_replica_class(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap verl's choice of a server's class: servers of a named model get its name as a suffix."""

    def get_rollout_replica_class(*args: Any, **kwargs: Any) -> Any:
        replica_class, suffix = original(*args, **kwargs), getattr(caller(), "name_suffix", None)
        return functools.partial(replica_class, name_suffix=suffix) if suffix else replica_class

    return get_rollout_replica_class


def wrap_reward_loop_worker_handles(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``RewardLoopManager.reward_loop_worker_handles``: None tells the trainer to score after the rollouts."""

    def reward_loop_worker_handles(self: Any) -> Any:
        return None if _sleeping_fleet(self) else original(self)

    return reward_loop_worker_handles


def _sleeping_fleet(reward_loop: Any) -> Any:
    """The reward models of the run, where some of them share the trainer's devices; else None."""
    fleet = state_of(reward_loop).fleet
    return fleet if fleet is not None and fleet.colocated else None


def wrap_compute_reward_colocate(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``PPOTrainer._compute_reward_colocate``: named scores end up where scores beside the rollouts do.

    verl stores them as fields of their own, where its validation does not look.
    """

    def _compute_reward_colocate(self: Any, batch: Any, metrics: dict[str, Any] | None = None) -> Any:
        state = state_of(self)
        state.scoring = scoring = Scoring(batch)
        try:
            result = original(self, batch, metrics)
        finally:
            state.scoring = None
        if scoring.infos:
            _put_infos(batch, scoring.infos)
        return result

    return _compute_reward_colocate


def wrap_compute_rm_score(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``RewardLoopManager.compute_rm_score``: colocated models are awake exactly while they score."""

    def compute_rm_score(self: Any, data: Any) -> Any:
        fleet, scoring = _sleeping_fleet(self), state_of(self).scoring
        if fleet is None:
            return original(self, data)
        assert scoring is not None, "verl scores with colocated models inside _compute_reward_colocate only"
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
    names = [name for name in _ROW_FIELDS if name in known]
    fetched = tq.kv_batch_get(keys=batch.keys, partition_id=batch.partition_id, select_fields=names)
    columns = {}
    for name in names:
        columns[name] = np.empty(len(batch.keys), dtype=object)
        columns[name][:] = plain_column(fetched[name])
    return columns
