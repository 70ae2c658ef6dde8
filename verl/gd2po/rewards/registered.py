"""Rewards by name: functions that plug-ins register, and the reward function of verl that calls the chosen ones."""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from gd2po.registry import ChosenMethod, Registry

Reward: TypeAlias = Callable[..., float | None]

REWARDS: Registry[Reward] = Registry("reward")

register_reward = REWARDS.register
"""Decorator: `register_reward(name, options=None)` gives the function a name.

The function takes the response as text, the `ground_truth` and the `extra_info` of the row, and the options object if
it has options; it returns a finite number, or None for "not scored".
"""


def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: Any,
    extra_info: Mapping[str, Any] | None = None,
    *,
    rewards: Mapping[str, Any],
) -> dict[str, float | None]:
    """The scores of one response, for ``reward.custom_reward_function``.

    Args:
        data_source: the task of the row; not used.
        solution_str: the response.
        ground_truth: what the row's ``reward_model`` says is right.
        extra_info: further fields of the row.
        rewards: name of the score → the registered reward: its name, or a mapping of the name under `kind` and the
            reward's options. Given by ``reward.custom_reward_function.reward_kwargs``.

    Raises:
        SettingsError: no plug-in has registered the reward, or the reward does not read an option.
    """
    chosen: dict[str, ChosenMethod[Reward]] = {name: REWARDS.choose(choice) for name, choice in rewards.items()}
    return {name: reward(solution_str, ground_truth, extra_info or {}) for name, reward in chosen.items()}
