"""The client of one reward model: the same for every server and engine."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Any

from gd2po.rewards.models.contract import Message, RewardModelError, RewardPrompt, Scored
from gd2po.rewards.models.prompts import PromptWriter, load_tokenizer
from gd2po.rewards.models.servers import Breaker, Failed, Servers, check_addresses
from gd2po.rewards.models.settings import ModelSettings

TOP_TOKENS = 20
"""The number of log-probabilities that a guard is asked for: as many as servers give by default."""


class RewardModelClient:
    """Scores many rollouts at once by one reward model. Use it within one event loop.

    Args:
        name: The name of the reward.
        settings: The settings of the model.
        addresses: The base addresses of its servers.
        tokenizer: The model's tokenizer; by default the one at ``settings.path``.

    Raises:
        RewardModelError: The tokenizer, the template, the labels or an address cannot be used.
    """

    def __init__(self, name: str, settings: ModelSettings, addresses: Sequence[str], tokenizer: Any = None) -> None:
        check_addresses(name, addresses)
        tokenizer = load_tokenizer(settings.path) if tokenizer is None else tokenizer
        self.name, self.settings, self.addresses = name, settings, tuple(addresses)
        self._writer = PromptWriter(settings, tokenizer)
        self._breaker = Breaker()
        self._servers: Servers | None = None

    async def close(self) -> None:
        """Close the connections."""
        if self._servers is not None:
            await self._servers.close()
            self._servers = None

    async def score(self, messages: Sequence[Message], response: str) -> Scored:
        """The score of a response.

        Args:
            messages: The conversation before the response; not changed.
            response: The text of the response.

        Raises:
            RewardModelError: The model gives no score, and ``on_failure`` is ``error``.
        """
        started = time.monotonic()
        try:
            prompt = self._writer.write(messages, response)
        except RewardModelError as error:
            if self.settings.on_failure == "error":
                raise
            return Scored(None, failure=str(error), attempts=0)
        if not self._breaker.admits():
            return self._without(prompt, f"not asked, since it does not answer ({self._breaker.last})", 0, 0.0)
        try:
            score, attempts = await self._ask(prompt)
        except Failed as failure:
            if failure.refused:
                self._breaker.answered()
            else:
                self._breaker.failed(str(failure))
            return self._without(prompt, str(failure), failure.attempts, time.monotonic() - started)
        self._breaker.answered()
        return Scored(score, prompt.cut, attempts=attempts, seconds=time.monotonic() - started)

    async def _ask(self, prompt: RewardPrompt) -> tuple[float, int]:
        if self._servers is None:
            self._servers = Servers(self.addresses, self.settings.timeout, self.settings.retries)
        endpoint, body, read = self._request(list(prompt.ids))
        answer, attempts = await self._servers.post(endpoint, {"model": self.settings.path, **body})
        try:
            score = read(answer)
        except (LookupError, TypeError, ValueError, AttributeError) as error:
            raise Failed(f"the answer has no score ({error!r}): {str(answer)[:200]}", attempts, refused=True) from error
        if not math.isfinite(score):
            raise Failed(f"the score is {score}", attempts, refused=True)
        return score, attempts

    def _request(self, ids: list[int]) -> tuple[str, dict[str, Any], Callable[[dict[str, Any]], float]]:
        """The endpoint, the body, and a function that reads the score off the answer."""
        if self._writer.labels is not None:
            options = {"max_tokens": 1, "temperature": 0, "logprobs": TOP_TOKENS, "return_tokens_as_token_ids": True}
            return "v1/completions", {"prompt": ids, **options}, self._log_odds
        if self.settings.engine == "sglang":
            return "v1/embeddings", {"input": ids}, lambda answer: _only(answer["data"][0]["embedding"])
        return "classify", {"input": ids, "use_activation": False}, lambda answer: _only(answer["data"][0]["probs"])

    def _log_odds(self, answer: dict[str, Any]) -> float:
        assert self._writer.labels is not None
        top = answer["choices"][0]["logprobs"]["top_logprobs"][0]
        odds = self._writer.labels.log_odds(
            {int(token.removeprefix("token_id:")): value for token, value in top.items()}
        )
        if odds is None:
            raise ValueError(f"neither label is among the {len(top)} likeliest tokens")
        return odds

    def _without(self, prompt: RewardPrompt, reason: str, attempts: int, seconds: float) -> Scored:
        if self.settings.on_failure == "not_scored":
            return Scored(None, prompt.cut, reason, attempts, seconds)
        raise RewardModelError(
            f"reward {self.name!r}: the model {self.settings.path} at {', '.join(self.addresses)} gave no score in "
            f"{attempts} requests; the last ended in: {reason}. See whether its server runs, raise model.timeout or "
            "model.retries where it is slow, lower model.max_length where the text is too long for it, or set "
            "model.on_failure: not_scored to go on without this reward for such rollouts."
        )


def _only(values: Sequence[float]) -> float:
    if len(values) != 1:
        raise ValueError(f"{len(values)} outputs, expected one: a reward model has num_labels 1")
    return float(values[0])
