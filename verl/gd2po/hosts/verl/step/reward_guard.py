"""Around verl's reward workers: every returned score is checked where the sample is known, and no error is lost."""

import math
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from gd2po.errors import RewardError
from gd2po.hosts.verl.reading.names import MANAGER, scores_after_rollouts
from gd2po.hosts.verl.reading.run_settings import settings_of
from gd2po.hosts.verl.reading.run_state import state_of
from gd2po.hosts.verl.reading.scores import ERROR_KEY
from gd2po.hosts.verl.step.reward_calls import SAMPLE, LimitedCalls, check_calls, explain
from gd2po.rewards.scores import RESPONSE_TOKENS, as_score, shown
from gd2po.settings import Settings

_AWAITING = ("naive", "dapo", "gdpo", "rate_limited")
"""verl's reward managers that await an asynchronous reward function in the process of the reward worker."""


def wrap_get_custom_reward_fn(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``get_custom_reward_fn``: functions of every kind, whose calls are limited in time and checked.

    A function that returns named scores without ``score`` gets their weighted sum: verl uses ``score`` for GRPO, dumps
    and ``critic/score``; GDPO and GD²PO do not read it.
    """

    def get_custom_reward_fn(config: Any) -> Any:
        function, settings = original(config), settings_of(config)
        if function is None or settings is None:
            return function
        if _is_awaited(config.reward.reward_manager):
            return LimitedCalls(function, settings).__call__  # bound, so that verl sees an asynchronous function
        return check_calls(function, settings)

    return get_custom_reward_fn


def _is_awaited(manager: Any) -> bool:
    """Whether a reward manager of this configuration awaits an asynchronous reward function."""
    return bool(manager.name in _AWAITING if manager.source == "register" else manager.name == MANAGER["name"])


def wrap_compute_score(original: Callable[..., Awaitable[dict[str, Any]]]) -> Callable[..., Awaitable[dict[str, Any]]]:
    """Wrap ``RewardLoopWorker.compute_score``.

    Scores are checked; NaN becomes None, which verl's validation leaves out of its means. An error is raised in the
    trainer: through the row, because verl would log it here and train on the rows that are left, or directly where the
    trainer itself waits for the scores (a colocated reward model).
    """

    async def compute_score(self: Any, data: Any) -> dict[str, Any]:
        settings = state_of(self).settings
        SAMPLE.set(_sample(data))
        _tell_length(data)
        try:
            return _checked(await original(self, data), data, settings)
        except Exception as error:  # whatever user code raises: it stops the run, from the trainer
            text = explain(error)
            if scores_after_rollouts(self.config, settings):
                raise RewardError(text) from error
            return {"reward_score": 0.0, "reward_extra_info": {ERROR_KEY: text}}

    return compute_score


def wrap_val_metrics_update(original: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap ``PPOTrainer._val_metrics_update``: an error carried by a validation row is raised."""

    def _val_metrics_update(
        self: Any, data_sources: Any, sample_uids: Any, reward_extra_infos_dict: Any, *args: Any, **kwargs: Any
    ) -> Any:
        for text in filter(None, reward_extra_infos_dict.get(ERROR_KEY, [])):
            raise RewardError(text)
        return original(self, data_sources, sample_uids, reward_extra_infos_dict, *args, **kwargs)

    return _val_metrics_update


def _checked(result: dict[str, Any], data: Any, settings: Settings) -> dict[str, Any]:
    info = dict(result.get("reward_extra_info") or {})
    for name in (*settings.rewards, *settings.watch, "score"):
        if name in info:
            score = as_score(name, info[name], _sample(data))
            info[name] = None if math.isnan(score) else score
    total = as_score("score", result["reward_score"], _sample(data))
    if math.isnan(total):
        raise RewardError(
            f"the total 'score' of {_sample(data)} is {shown(result['reward_score'])}; expected a finite number. Leave "
            "'score' out of what the reward function returns: gd2po then sums the rewards that were scored."
        )
    return {**result, "reward_score": total, "reward_extra_info": info}


def _tell_length(data: Any) -> None:
    """Put the number of generated tokens of the last sequence, which is the one that is scored, into its row."""
    fields = data.non_tensor_batch
    row = fields["extra_info"][-1] if "extra_info" in fields else None
    if isinstance(row, dict) and "response_len" in fields:
        row[RESPONSE_TOKENS] = int(fields["response_len"][-1])


def _sample(data: Any) -> str:
    """What the user can find the sample by: data source, index and split of the row, uid and session of the rollout."""
    fields = data.non_tensor_batch
    known = {name: fields[name][-1] for name in ("data_source", "index", "uid", "session_id") if name in fields}
    extra = fields["extra_info"][-1] if "extra_info" in fields else None
    if isinstance(extra, Mapping):
        known |= {name: extra[name] for name in ("split", "index") if name in extra}
    return "rollout (" + ", ".join(f"{name}={value}" for name, value in known.items()) + ")"
