"""Rewards from models that a server holds: the ``model`` of a reward with ``placement: server``, asked from TRL."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from gd2po.defaults import Direction
from gd2po.errors import SettingsError
from gd2po.hosts.trl.row_functions import response_text
from gd2po.rewards.models.checks import CheckReport, check_scores
from gd2po.rewards.models.client import RewardModelClient
from gd2po.rewards.models.settings import ModelSettings
from gd2po.settings import RewardSettings

logger = logging.getLogger(__name__)


def served_rewards(rewards: Mapping[str, RewardSettings], given: Sequence[str]) -> dict[str, Callable[..., Any]]:
    """An asynchronous reward function for each reward with a model that no other function gives.

    Args:
        rewards: The declared rewards.
        given: The names of the rewards that the user's functions give.

    Raises:
        SettingsError: the model is to run on the trainer's machine, which TRL does not do by this setting.
        RewardModelError: the tokenizer, the template, the labels or an address cannot be used.
    """
    functions = {}
    for name, reward in rewards.items():
        if reward.model is None or name in given:
            continue
        if reward.model.placement != "server":
            raise SettingsError(
                f"algorithm.gd2po.rewards.{name}.model.placement is {reward.model.placement!r}, which verl serves; in "
                "TRL set placement: server and url, or pass the model in reward_funcs, which loads it in this process"
            )
        functions[name] = _served(name, reward.model, reward.direction)
    return functions


def _served(name: str, model: ModelSettings, direction: Direction) -> Callable[..., Awaitable[list[float | None]]]:
    """A function that asks a model; before its first answer counts, the model scores answers of known worth."""
    client = RewardModelClient(name, model, model.url)
    reports: list[CheckReport] = []

    async def served(prompts: Sequence[Any], completions: Sequence[Any], **_: Any) -> list[float | None]:
        if not reports:
            reports.append(await check_scores(client, model, direction))
            logger.info(str(reports[0]))
        scored = await asyncio.gather(
            *(
                client.score(conversation(prompt), response_text(completion))
                for prompt, completion in zip(prompts, completions, strict=True)
            )
        )
        return [rollout.score for rollout in scored]

    return served


def conversation(prompt: Any) -> list[dict[str, Any]]:
    """The messages of a prompt; a plain text is what a user says."""
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)
