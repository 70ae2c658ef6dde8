"""Batched decoding with a key-value cache: requests join and leave between tokens."""

from collections import deque
from collections.abc import Iterable, Sequence
from itertools import islice
from threading import Event
from typing import Any

import torch
from torch import Tensor
from transformers import Cache, DynamicCache, PreTrainedModel

from gd2po.cpu_attention import use_cpu_attention
from gd2po.decoding.cache import Rows
from gd2po.decoding.request import GenerationRequest, StopReason
from gd2po.decoding.sampling import Sampling, choose


class DecodeEngine:
    """Continues many prompts at once, one token per step; what a row draws does not depend on the other rows.

    Not thread-safe: one caller at a time. Equal prompts that arrive together are read once.
    """

    def __init__(self, model: PreTrainedModel, max_rows: int, max_prefill_tokens: int) -> None:
        self.model = model.eval()
        use_cpu_attention(model)
        self._max_rows = max_rows
        self._max_prefill_tokens = max_prefill_tokens
        self._waiting: deque[GenerationRequest] = deque()
        self._running: list[GenerationRequest] = []
        self._rows = Rows()

    @property
    def busy(self) -> bool:
        """Whether any request waits or runs."""
        return bool(self._waiting or self._running)

    def add(self, requests: Iterable[GenerationRequest]) -> None:
        """Queue requests; they join the batch at the next step with room for them."""
        self._waiting.extend(requests)

    def abort(self) -> list[GenerationRequest]:
        """End every request with the tokens drawn so far, and forget the cache."""
        aborted = [*self._running, *self._waiting]
        for request in aborted:
            request.stop = StopReason.ABORTED
        self._waiting.clear()
        self._running, self._rows = [], Rows()
        return aborted

    @torch.inference_mode()
    def advance(self, interrupt: Event) -> list[GenerationRequest]:
        """Step until a request is complete, none is left, or `interrupt` is set; returns the completed ones."""
        completed: list[GenerationRequest] = []
        while self.busy and not completed and not interrupt.is_set():
            self._admit()
            completed = self._retire() or self._decode()
        return completed

    def _admit(self) -> None:
        admitted = self._next_admissible()
        if admitted:
            self._prefill(admitted)
            self._running += admitted

    def _next_admissible(self) -> list[GenerationRequest]:
        """Requests from the front of the queue whose distinct prompts, padded, fit one prefill; at least one."""
        prompts: set[tuple[int, ...]] = set()
        count = 0
        for request in islice(self._waiting, max(0, self._max_rows - len(self._running))):
            wider = prompts | {request.prompt}
            if count and len(wider) * max(map(len, wider)) > self._max_prefill_tokens:
                break
            prompts, count = wider, count + 1
        return [self._waiting.popleft() for _ in range(count)]

    def _prefill(self, requests: Sequence[GenerationRequest]) -> None:
        prompts = list(dict.fromkeys(request.prompt for request in requests))
        lengths = [len(prompt) for prompt in prompts]
        width = max(lengths)
        tokens = torch.tensor([(0,) * (width - len(prompt)) + prompt for prompt in prompts])
        mask = torch.arange(width) >= width - torch.tensor(lengths).unsqueeze(-1)
        cache = DynamicCache()
        logits = self._forward(cache, tokens, mask, (mask.cumsum(-1) - 1).clamp(min=0))
        place = {prompt: row for row, prompt in enumerate(prompts)}
        index = [place[request.prompt] for request in requests]
        self._rows.join(cache, lengths, index)
        _draw(requests, logits[index])

    def _decode(self) -> list[GenerationRequest]:
        if not self._running:
            return []
        tokens = torch.tensor([request.tokens[-1:] for request in self._running])
        self._rows.begin_token()
        positions = self._rows.lengths.unsqueeze(-1) - 1
        _draw(self._running, self._forward(self._rows, tokens, self._rows.mask, positions))
        return self._retire()

    def _forward(self, cache: Cache, tokens: Tensor, mask: Tensor, positions: Tensor) -> Tensor:
        model: Any = self.model
        output = model(
            input_ids=tokens,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=cache,
            use_cache=True,
            logits_to_keep=1,
        )
        return output.logits[:, -1]

    def _retire(self) -> list[GenerationRequest]:
        completed = [request for request in self._running if request.stop]
        if len(completed) == len(self._running):
            self._running, self._rows = [], Rows()
        elif completed:
            left = self._rows.drop([row for row, request in enumerate(self._running) if request.stop])
            self._running = [self._running[row] for row in left]
        return completed


def _draw(requests: Sequence[GenerationRequest], logits: Tensor) -> None:
    """Give each request its next token from its row of `logits` [B, V]."""
    groups: dict[Sampling, list[int]] = {}
    for row, request in enumerate(requests):
        groups.setdefault(request.sampling, []).append(row)
    for sampling, members in groups.items():
        uniform = torch.tensor([requests[row].next_uniform for row in members], dtype=torch.double)
        part = logits if len(members) == len(requests) else logits[members]
        tokens, log_probs = choose(part, uniform, sampling)
        for row, token, log_prob in zip(members, tokens.tolist(), log_probs.tolist(), strict=True):
            requests[row].append(token, log_prob)
