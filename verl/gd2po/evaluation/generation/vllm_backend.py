"""Answers from vLLM's offline engine."""

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from gd2po import vllm_cpu as cpu_build
from gd2po.evaluation.generation.contract import (
    GPU_MEMORY,
    TENSOR_PARALLEL,
    Decoding,
    Finish,
    Generation,
    GenerationError,
    GenerationRequest,
)
from gd2po.evaluation.generation.local_model import ModelFiles
from gd2po.evaluation.generation.prompts import TokenizedPrompt, read_prompts
from gd2po.versions import installed

CHUNK = 256
"""The prompts that the engine gets at once: it schedules them itself, and answers are kept after each chunk."""


class VllmBackend:
    """One offline engine, over one GPU or ``tensor_parallel`` of them.

    Prompts are written by the model's chat template and passed as token ids, as ``LLM.chat`` does inside; a prompt
    that is too long thus fails alone. Sampling settings that come with the model do not apply.

    Args:
        model: A folder, or a name on the Hugging Face hub.
        context: The longest prompt and answer together, in tokens.
        seed: The engine's seed.
        tensor_parallel: The number of GPUs that share the model.
        gpu_memory: The share of each GPU's memory that the engine may take.
        trust_remote_code: Whether to run Python code that comes with the model.
        hash_cache: A file that remembers the hash of the weights.

    Raises:
        GenerationError: vLLM is not installed, or the model cannot be loaded or has no chat template.
    """

    def __init__(
        self,
        model: str,
        *,
        context: int = Decoding().context,
        seed: int = Decoding().seed,
        tensor_parallel: int = TENSOR_PARALLEL,
        gpu_memory: float = GPU_MEMORY,
        trust_remote_code: bool = False,
        hash_cache: Path | None = None,
    ) -> None:
        options = cpu_build.prepare_process()
        try:
            from vllm import LLM
        except ImportError as error:
            raise GenerationError(
                f"vLLM cannot be imported ({error}); pip install 'gd2po[vllm]' on a machine with a GPU, or choose the "
                "transformers backend"
            ) from error
        self._files = ModelFiles(model, trust_remote_code, hash_cache)
        self._context = min(context, self._files.context or context)
        self._engine = LLM(
            model=model,
            max_model_len=self._context,
            seed=seed,
            tensor_parallel_size=tensor_parallel,
            gpu_memory_utilization=gpu_memory,
            trust_remote_code=trust_remote_code,
            **options,
        )
        self._tensor_parallel = tensor_parallel

    def describe(self) -> dict[str, Any]:
        """Model, hash, GPUs and versions."""
        import vllm

        return {
            "name": "vllm",
            **self._files.describe(),
            "tensor_parallel": self._tensor_parallel,
            "versions": installed("torch", "transformers") | {"vllm": vllm.__version__},
        }

    def generate(self, requests: Sequence[GenerationRequest], decoding: Decoding) -> Iterator[Generation]:
        """Yield answers chunk by chunk."""
        prompts, failures = read_prompts(requests, self._files.tokenizer, decoding, self._context)
        yield from failures
        waiting = iter(prompts)
        while chunk := list(islice(waiting, CHUNK)):
            yield from self._answer(chunk, decoding)

    def _answer(self, chunk: list[TokenizedPrompt], decoding: Decoding) -> Iterator[Generation]:
        from vllm import SamplingParams

        outputs = self._engine.generate(
            [{"prompt_token_ids": prompt.tokens} for prompt in chunk],
            [
                SamplingParams(
                    temperature=decoding.temperature, top_p=decoding.top_p, seed=prompt.seed, max_tokens=prompt.room
                )
                for prompt in chunk
            ],
            use_tqdm=False,
        )
        for prompt, output in zip(chunk, outputs, strict=True):
            (answer,) = output.outputs
            finish: Finish = "length" if answer.finish_reason == "length" else "stop"
            yield Generation(prompt.id, answer.text, finish, len(prompt.tokens), len(answer.token_ids))

    def __enter__(self) -> "VllmBackend":
        return self

    def __exit__(self, *exception: object) -> None:
        """Free the engine."""
        del self._engine
