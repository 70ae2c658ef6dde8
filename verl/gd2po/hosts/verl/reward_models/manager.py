"""Inside verl's reward workers: all reward models and the reward function score a rollout at the same time."""

import asyncio
import logging
import os
from collections.abc import Mapping
from typing import Any

from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager

from gd2po.hosts.verl.reading.names import ADDRESSES, models_of, served
from gd2po.hosts.verl.reading.run_settings import settings_of
from gd2po.hosts.verl.reward_models.seen import as_seen
from gd2po.hosts.verl.reward_models.service import service_info
from gd2po.rewards.models.client import RewardModelClient
from gd2po.rewards.models.contract import Message
from gd2po.rewards.models.messages import plain_messages
from gd2po.rewards.scores import as_score
from gd2po.settings import Settings

logger = logging.getLogger(__name__)
logger.setLevel(os.getenv("VERL_LOGGING_LEVEL", "WARN"))


class NamedRewardManager(NaiveRewardManager):
    """A reward manager of verl: named scores from reward models, and from a reward function where there is one.

    All models score a rollout concurrently, as soon as it is complete.
    """

    def __init__(self, config: Any, tokenizer: Any, compute_score: Any, **kwargs: Any) -> None:
        super().__init__(config, tokenizer, compute_score, **kwargs)
        settings = settings_of(config)
        assert settings is not None, "this manager is chosen where rewards have models"
        self._settings: Settings = settings
        self._has_function = bool(config.reward.custom_reward_function.get("path"))
        addresses = config[ADDRESSES]
        self._clients = {
            name: RewardModelClient(name, served(config, model), list(addresses[name]))
            for name, model in models_of(settings)
        }
        rollout = config.actor_rollout_ref.rollout
        self._prompt_length = rollout.prompt_length
        self._template: Mapping[str, Any] = config.data.get("apply_chat_template_kwargs") or {}

    async def run_single(self, data: Any) -> dict[str, Any]:
        """Score one rollout.

        Args:
            data: verl's ``DataProto`` of one session; its last row has the conversation and the response.

        Returns:
            ``reward_score``, the weighted total, and ``reward_extra_info``, the named scores and service figures.
        """
        data = data[-1:]
        full, seen, response = await self.loop.run_in_executor(None, self._conversation, data[0])
        calls = [
            client.score(full if client.settings.prompt == "full" else seen, response)
            for client in self._clients.values()
        ]
        named, *scored = await asyncio.gather(self._by_function(data), *calls)
        info = dict(named)
        for name, result in zip(self._clients, scored, strict=True):
            if result.failure:
                logger.warning("reward %s: a rollout is not scored: %s", name, result.failure)
            info |= {name: result.score} | service_info(name, result)
        scores = {name: as_score(name, info[name], "this rollout") for name in self._settings.rewards if name in info}
        total = self._settings.total(scores)
        return {"reward_score": total, "reward_extra_info": info | {"score": total}}

    async def _by_function(self, data: Any) -> Mapping[str, Any]:
        if not self._has_function:
            return {}
        row = dict(data.non_tensor_batch["reward_model"][0])
        data.non_tensor_batch["reward_model"][0] = {"ground_truth": None, **row}
        result = await super().run_single(data)
        return {name: value for name, value in result["reward_extra_info"].items() if name != "score"}

    def _conversation(self, item: Any) -> tuple[list[Message], list[Message], str]:
        """The messages of the row, the part of them that the policy saw, and its response as text."""
        responses, attention = item.batch["responses"], item.batch["attention_mask"]
        answered = int(attention[-len(responses) :].sum())
        prompted = int(attention.sum()) - answered
        tokenizer: Any = self.tokenizer
        full = plain_messages(item.non_tensor_batch["raw_prompt"])
        cut = prompted >= self._prompt_length
        seen = as_seen(full, tokenizer, prompted, self._template) if cut else full
        return full, seen, tokenizer.decode(responses[:answered], skip_special_tokens=True)
