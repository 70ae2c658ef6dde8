"""Answers from a Hugging Face model, on CPU or one GPU."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gd2po.cpu_precision import choose_precision
from gd2po.evaluation.generation.continuous import decode
from gd2po.evaluation.generation.contract import (
    BATCH_TOKENS,
    Decoding,
    Finish,
    Generation,
    GenerationError,
    GenerationRequest,
)
from gd2po.evaluation.generation.local_model import ModelFiles
from gd2po.evaluation.generation.prompts import TokenizedPrompt, read_prompts
from gd2po.evaluation.generation.sampling import SeededSampling
from gd2po.versions import installed

logger = logging.getLogger(__name__)

LEAST_SHARE = 0.5
"""The shortest prompt of a batch has at least this share of the longest one's tokens; the rest would be padding."""


class TransformersBackend:
    """A causal language model, by :func:`.continuous.decode` on CPU, by ``generate`` on a GPU.

    ``generate`` gets left-padded batches of prompts of about one length; so does, on CPU, a model with a recurrent
    state, which is more than keys and values. The model's own generation settings (penalties, sampling) are set aside,
    save its end tokens: answers are greedy, or drawn with the seed of each at a temperature. Weights are of their own
    type on a GPU, and on CPU of that in which this machine computes faster (:mod:`gd2po.cpu_precision`). In bfloat16
    the rounding of logits depends on the batch, and so may a greedy answer, where two tokens are about equally likely.

    Args:
        model: A folder, or a name on the Hugging Face hub.
        batch_tokens: The bound on the memory of a batch, rows × (longest prompt + longest answer), in tokens. It is
            halved for the rest of the run whenever a batch does not fit the GPU.
        trust_remote_code: Whether to run Python code that comes with the model.
        hash_cache: A file that remembers the hash of the weights.

    Raises:
        GenerationError: The model cannot be loaded or has no chat template.
    """

    def __init__(
        self,
        model: str,
        *,
        batch_tokens: int = BATCH_TOKENS,
        trust_remote_code: bool = False,
        hash_cache: Path | None = None,
    ) -> None:
        import torch

        self._files = ModelFiles(model, trust_remote_code, hash_cache)
        self._batch_tokens = batch_tokens
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = _load(model, self._device, trust_remote_code)
        self._continuous = self._device == "cpu" and not getattr(self._model, "_is_stateful", False)
        self._ends = _end_tokens(self._model, self._files.tokenizer)
        self._set_greedy()

    def _set_greedy(self) -> None:
        from transformers import GenerationConfig

        padding = self._files.tokenizer.pad_token_id
        self._pad = padding if padding is not None else min(self._ends, default=0)
        self._model.generation_config = GenerationConfig(
            do_sample=False, eos_token_id=sorted(self._ends) or None, pad_token_id=self._pad
        )

    def describe(self) -> dict[str, Any]:
        """Model, hash, number type, device and versions."""
        return {
            "name": "transformers",
            **self._files.describe(),
            "dtype": str(self._model.dtype).removeprefix("torch."),
            "device": self._device,
            "versions": installed("torch", "transformers"),
        }

    def generate(self, requests: Sequence[GenerationRequest], decoding: Decoding) -> Iterator[Generation]:
        """Yield answers, longest prompts first; an answer is the one its prompt gets alone."""
        prompts, failures = read_prompts(requests, self._files.tokenizer, decoding, self._files.context)
        yield from failures
        prompts.sort(key=lambda prompt: len(prompt.tokens), reverse=True)
        if prompts and self._continuous:
            rows = max(1, self._batch_tokens // longest_row(prompts))
            for prompt, drawn in decode(self._model, prompts, self._ends, decoding, rows):
                yield self._read(prompt, drawn)
        else:
            yield from self._answer(prompts, decoding)

    def _answer(self, waiting: Sequence[TokenizedPrompt], decoding: Decoding) -> Iterator[Generation]:
        while waiting:
            batch = next_batch(waiting, self._batch_tokens)
            answers = self._try(batch, decoding)
            if answers is None and len(batch) > 1:
                self._batch_tokens = batch_size(batch) // 2
                logger.warning("%d rows do not fit the device; going on with half", len(batch))
                continue
            yield from answers or [_no_memory(batch[0])]
            waiting = waiting[len(batch) :]

    def _try(self, batch: Sequence[TokenizedPrompt], decoding: Decoding) -> list[Generation] | None:
        """The answers, or None where they do not fit the device's memory."""
        import torch

        with suppress(torch.OutOfMemoryError):
            return self._decode(batch, decoding)
        torch.cuda.empty_cache()  # not before: the error's traceback holds the tensors
        return None

    def _decode(self, batch: Sequence[TokenizedPrompt], decoding: Decoding) -> list[Generation]:
        import torch

        seeds = [prompt.seed for prompt in batch]
        sampling = [SeededSampling(seeds, decoding.temperature, decoding.top_p, self._device)]
        width = max(len(prompt.tokens) for prompt in batch)
        padding = [width - len(prompt.tokens) for prompt in batch]
        rows = [[self._pad] * pad + prompt.tokens for pad, prompt in zip(padding, batch, strict=True)]
        mask = [[0] * pad + [1] * (width - pad) for pad in padding]
        output = self._model.generate(
            input_ids=torch.tensor(rows, device=self._device),
            attention_mask=torch.tensor(mask, device=self._device),
            max_new_tokens=max(prompt.room for prompt in batch),
            logits_processor=sampling if decoding.temperature > 0 else None,
        )
        return [self._read(*pair) for pair in zip(batch, output[:, width:].tolist(), strict=True)]

    def _read(self, prompt: TokenizedPrompt, drawn: list[int]) -> Generation:
        """One row, cut at its own room or after its end token; what is drawn later is padding of the batch."""
        drawn = drawn[: prompt.room]
        end = next((place for place, token in enumerate(drawn) if token in self._ends), None)
        answer = drawn if end is None else drawn[: end + 1]
        text = self._files.tokenizer.decode(answer, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        finish: Finish = "length" if end is None else "stop"
        return Generation(prompt.id, text, finish, len(prompt.tokens), len(answer))

    def __enter__(self) -> "TransformersBackend":
        return self

    def __exit__(self, *exception: object) -> None:
        """Free the model."""
        import torch

        del self._model
        torch.cuda.empty_cache()


def _load(name: str, device: str, trust_remote_code: bool) -> Any:
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.utils.logging import disable_progress_bar

    disable_progress_bar()
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(name, dtype="auto", trust_remote_code=trust_remote_code)
    except (OSError, ValueError) as error:
        raise GenerationError(f"{name} cannot be loaded: {error}") from error
    if device == "cpu":
        choice = choose_precision(model.num_parameters())
        logger.info("computing in %s: %s", choice.precision, choice.why)
        model = model.to(getattr(torch, choice.precision))
    return model.to(device).eval()


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The ids that end an answer: the tokenizer's, and those in the model's generation settings."""
    ends: set[int | None] = {tokenizer.eos_token_id}
    configured = model.generation_config.eos_token_id
    ends.update(configured if isinstance(configured, list) else [configured])
    return frozenset(id for id in ends if id is not None)


def _no_memory(prompt: TokenizedPrompt) -> Generation:
    error = f"out of memory on its own: {len(prompt.tokens)} tokens of prompt and up to {prompt.room} of answer"
    return Generation.failed(prompt.id, error, len(prompt.tokens))


def longest_row(prompts: Sequence[TokenizedPrompt]) -> int:
    """The tokens of each row of a padded batch at its end: longest prompt + longest answer."""
    return max(len(prompt.tokens) for prompt in prompts) + max(prompt.room for prompt in prompts)


def batch_size(prompts: Sequence[TokenizedPrompt]) -> int:
    """The tokens of a padded batch at its end: rows × (longest prompt + longest answer)."""
    return len(prompts) * longest_row(prompts)


def next_batch(prompts: Sequence[TokenizedPrompt], budget: int) -> Sequence[TokenizedPrompt]:
    """The longest head of ``prompts`` whose :func:`batch_size` is within ``budget``; at least one prompt.

    Args:
        prompts: The prompts that wait, the longest first.
        budget: The bound in tokens.
    """
    rows = 1
    while rows < len(prompts) and _fits(prompts[: rows + 1], budget):
        rows += 1
    return prompts[:rows]


def _fits(head: Sequence[TokenizedPrompt], budget: int) -> bool:
    return len(head[-1].tokens) >= LEAST_SHARE * len(head[0].tokens) and batch_size(head) <= budget
