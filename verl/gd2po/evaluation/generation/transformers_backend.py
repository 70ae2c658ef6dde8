"""Greedy answers from a Hugging Face model, batch by batch, on CPU or one GPU."""

import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from gd2po import defaults
from gd2po.evaluation.generation.batches import batch_size, next_batch
from gd2po.evaluation.generation.contract import Decoding, DecodingError, Finish, Generation, GenerationError, Request
from gd2po.evaluation.generation.local_model import LocalModel
from gd2po.evaluation.generation.prompts import Prompt, read_prompts
from gd2po.versions import installed

logger = logging.getLogger(__name__)


class TransformersBackend:
    """A causal language model under ``generate``: left-padded batches of prompts of about one length.

    The model's own generation settings (penalties, sampling) are set aside, save its end tokens: answers are greedy.
    Weights are float32 on CPU and of their own type on a GPU.

    Args:
        model: a folder, or a name on the Hugging Face hub.
        batch_tokens: bounds the memory of a batch, rows × (longest prompt + longest answer). Halved for the rest of
            the run whenever a batch does not fit the device.
        trust_remote_code: run Python code that comes with the model.
        hash_cache: file that remembers the hash of the weights.

    Raises:
        GenerationError: the model cannot be loaded or has no chat template.
    """

    def __init__(
        self,
        model: str,
        *,
        batch_tokens: int = defaults.EVAL_BATCH_TOKENS,
        trust_remote_code: bool = False,
        hash_cache: Path | None = None,
    ) -> None:
        import torch

        self._local = LocalModel(model, trust_remote_code, hash_cache)
        self._batch_tokens = batch_tokens
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._model = _load(model, self._device, trust_remote_code)
        self._ends = _end_tokens(self._model, self._local.tokenizer)
        self._set_greedy()

    def _set_greedy(self) -> None:
        from transformers import GenerationConfig

        padding = self._local.tokenizer.pad_token_id
        self._pad = padding if padding is not None else min(self._ends, default=0)
        self._model.generation_config = GenerationConfig(
            do_sample=False, eos_token_id=sorted(self._ends) or None, pad_token_id=self._pad
        )

    def describe(self) -> dict[str, Any]:
        """Model, hash, number type, device and versions."""
        return {
            "name": "transformers",
            **self._local.describe(),
            "dtype": str(self._model.dtype).removeprefix("torch."),
            "device": self._device,
            "versions": installed("torch", "transformers"),
        }

    def generate(self, requests: Sequence[Request], decoding: Decoding) -> Iterator[Generation]:
        """Yield answers batch by batch, longest prompts first; an answer is the one its prompt gets alone."""
        if decoding.temperature != 0:
            raise DecodingError(f"temperature is {decoding.temperature}, expected 0: this engine is greedy")
        prompts, failures = read_prompts(requests, self._local.tokenizer, decoding, self._local.context)
        yield from failures
        yield from self._answer(sorted(prompts, key=lambda prompt: len(prompt.tokens), reverse=True))

    def _answer(self, waiting: Sequence[Prompt]) -> Iterator[Generation]:
        while waiting:
            batch = next_batch(waiting, self._batch_tokens)
            answers = self._try(batch)
            if answers is None and len(batch) > 1:
                self._batch_tokens = batch_size(batch) // 2
                logger.warning("%d rows do not fit the device; going on with half", len(batch))
                continue
            yield from answers or [_no_memory(batch[0])]
            waiting = waiting[len(batch) :]

    def _try(self, batch: Sequence[Prompt]) -> list[Generation] | None:
        """The answers, or None where they do not fit the device's memory."""
        import torch

        with suppress(torch.OutOfMemoryError):
            return self._decode(batch)
        torch.cuda.empty_cache()  # not before: the error's traceback holds the tensors
        return None

    def _decode(self, batch: Sequence[Prompt]) -> list[Generation]:
        import torch

        width = max(len(prompt.tokens) for prompt in batch)
        padding = [width - len(prompt.tokens) for prompt in batch]
        rows = [[self._pad] * pad + prompt.tokens for pad, prompt in zip(padding, batch, strict=True)]
        mask = [[0] * pad + [1] * (width - pad) for pad in padding]
        output = self._model.generate(
            input_ids=torch.tensor(rows, device=self._device),
            attention_mask=torch.tensor(mask, device=self._device),
            max_new_tokens=max(prompt.room for prompt in batch),
        )
        return [self._read(*pair) for pair in zip(batch, output[:, width:].tolist(), strict=True)]

    def _read(self, prompt: Prompt, drawn: list[int]) -> Generation:
        """One row, cut at its own room or after its end token; what is drawn later is padding of the batch."""
        drawn = drawn[: prompt.room]
        end = next((place for place, token in enumerate(drawn) if token in self._ends), None)
        answer = drawn if end is None else drawn[: end + 1]
        text = self._local.tokenizer.decode(answer, skip_special_tokens=True, clean_up_tokenization_spaces=False)
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
    dtype = "auto" if device == "cuda" else torch.float32
    try:
        model: Any = AutoModelForCausalLM.from_pretrained(name, dtype=dtype, trust_remote_code=trust_remote_code)
    except (OSError, ValueError) as error:
        raise GenerationError(f"{name} cannot be loaded: {error}") from error
    return model.to(device).eval()


def _end_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """The ids that end an answer: the tokenizer's, and those in the model's generation settings."""
    found = [tokenizer.eos_token_id, model.generation_config.eos_token_id]
    flat = [each for one in found for each in (one if isinstance(one, list) else [one])]
    return frozenset(id for id in flat if id is not None)


def _no_memory(prompt: Prompt) -> Generation:
    error = f"out of memory on its own: {len(prompt.tokens)} tokens of prompt and up to {prompt.room} of answer"
    return Generation.failed(prompt.id, error, len(prompt.tokens))
