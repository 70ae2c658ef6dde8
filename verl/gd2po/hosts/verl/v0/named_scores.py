"""Named scores on their way from the reward workers to the V0 trainer: one dictionary for each rollout.

verl makes a column of each entry that the first rollout of a worker has. It would fail where a batch mixes tasks with
different rewards, and a reward could have the name of one of verl's own columns. So the dictionaries travel whole, in
one column.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from gd2po.errors import RewardError
from gd2po.hosts.verl.reading.run_state import caller, state_of
from gd2po.hosts.verl.reading.scores import ERROR_KEY

INFOS = "reward_extra_info"
"""The column of a batch with what the reward function and the reward models returned for each rollout."""


def wrap_postprocess(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``AgentLoopWorker._postprocess``: verl sees no entries; they travel in the column :data:`INFOS`."""

    def _postprocess(self: Any, inputs: Sequence[Any], *args: Any, **kwargs: Any) -> Any:
        infos = [rollout.extra_fields.pop(INFOS, {}) for rollout in inputs]
        batch = original(self, inputs, *args, **kwargs)
        batch.non_tensor_batch[INFOS] = as_column(infos)
        return batch

    return _postprocess


def wrap_extract_reward(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``extract_reward``: raise the error of a reward worker, and give validation one column for each entry.

    A training batch gets no further columns: the advantages and the rollout dump read :data:`INFOS`.
    """

    def extract_reward(batch: Any) -> Any:
        rewards, _ = original(batch)
        infos = infos_of(batch)
        for text in filter(None, (info.get(ERROR_KEY) for info in infos)):
            raise RewardError(text)
        settings = state_of(caller()).settings
        validates = batch.meta_info.get("validate", False)
        return rewards, entry_columns(infos, (*settings.rewards, *settings.watch)) if validates else {}

    return extract_reward


def infos_of(batch: Any) -> list[Mapping[str, Any]]:
    """[N] What the reward function and the reward models returned for each rollout of verl's DataProto."""
    return list(batch.non_tensor_batch[INFOS])


def entry_columns(infos: Sequence[Mapping[str, Any]], names: Sequence[str]) -> dict[str, Any]:
    """Entry → [N] values, None where a rollout has none.

    Args:
        infos: [N] The entries of each rollout.
        names: The entries that are there in any case.
    """
    entries = dict.fromkeys([*names, *(name for info in infos for name in info)])
    return {name: as_column([info.get(name) for info in infos]) for name in entries}


def as_column(values: Sequence[Any]) -> Any:
    """A numpy array of objects [N], whatever the values are."""
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column
