"""Rewards from models: the ``model`` of a reward, asked at its server, or loaded in the process of the trainer."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from gd2po.defaults import Direction
from gd2po.errors import SettingsError
from gd2po.hosts.trl.row_functions import response_text
from gd2po.rewards.models.checks import CheckReport, check_scores
from gd2po.rewards.models.client import TOP_TOKENS, RewardModelClient
from gd2po.rewards.models.contract import RewardPrompt
from gd2po.rewards.models.hosting.batching import ForwardBatcher
from gd2po.rewards.models.hosting.local import LocalRewardModel
from gd2po.rewards.models.servers import Failed
from gd2po.rewards.models.settings import ModelSettings
from gd2po.settings import RewardSettings

logger = logging.getLogger(__name__)


def served_rewards(rewards: Mapping[str, RewardSettings], given: Sequence[str]) -> dict[str, Callable[..., Any]]:
    """An asynchronous reward function for each reward with a model that no other function gives.

    Args:
        rewards: The declared rewards.
        given: The names of the rewards that the user's functions give.

    Raises:
        SettingsError: the model is to be served on GPUs of its own, which verl does.
        RewardModelError: the tokenizer, the template, the labels or an address cannot be used.
    """
    functions = {}
    for name, reward in rewards.items():
        if reward.model is None or name in given:
            continue
        if reward.model.placement == "own_gpus":
            raise SettingsError(
                f"algorithm.gd2po.rewards.{name}.model.placement is 'own_gpus', which verl serves; in TRL set "
                "placement: server and url for a server that runs, or placement: colocated, which loads the model in "
                "the process of the trainer"
            )
        functions[name] = _served(name, reward.model, reward.direction)
    return functions


class LocalClient(RewardModelClient):
    """The client of a reward model in this process.

    Args:
        name: The name of the reward.
        settings: The settings of the model.

    Raises:
        RewardModelError: The model, the tokenizer, the template or the labels cannot be used.
    """

    def __init__(self, name: str, settings: ModelSettings) -> None:
        super().__init__(name, settings, ["http://localhost"])  # never asked
        self.addresses = ("this process",)
        self._model = LocalRewardModel(settings.path, settings.kind)
        self._batcher = ForwardBatcher(self._model.answer)

    async def _ask(self, prompt: RewardPrompt) -> tuple[float, int]:
        if self._model.context is not None and len(prompt.ids) > self._model.context:
            raise Failed(f"{len(prompt.ids)} tokens exceed the context of {self._model.context}", 1, refused=True)
        [answer] = await self._batcher.ask([list(prompt.ids)])
        if self._writer.labels is None:
            return float(answer), 1
        likeliest = answer.topk(min(TOP_TOKENS, len(answer)))
        odds = self._writer.labels.log_odds(
            dict(zip(likeliest.indices.tolist(), likeliest.values.tolist(), strict=True))
        )
        if odds is None:
            raise Failed(f"neither label is among the {TOP_TOKENS} likeliest tokens", 1, refused=True)
        return odds, 1


def _served(name: str, model: ModelSettings, direction: Direction) -> Callable[..., Awaitable[list[float | None]]]:
    """A function that asks a model; before its first answer counts, the model scores answers of known worth."""
    is_local = model.placement == "colocated"
    client = LocalClient(name, model) if is_local else RewardModelClient(name, model, model.url)
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
