"""The calls to vLLM, against a stand-in with the signatures of vLLM 0.27.1 (the real one wants a GPU)."""

import sys
from dataclasses import dataclass, replace
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gd2po.evaluation.generation import Decoding, Generation, GenerationError, vllm_backend
from gd2po.evaluation.generation.vllm_backend import VllmBackend


@dataclass
class SamplingParams:
    n: int = 1
    temperature: float = 1.0
    top_p: float = 1.0
    seed: int | None = None
    max_tokens: int | None = 16
    repetition_penalty: float = 1.0
    skip_special_tokens: bool = True


class LLM:
    """Answers with as many letters as the prompt has tokens, and is cut at ``max_tokens``."""

    made: list["LLM"]

    def __init__(
        self,
        model: str,
        *,
        trust_remote_code: bool = False,
        tensor_parallel_size: int = 1,
        dtype: str = "auto",
        seed: int = 0,
        gpu_memory_utilization: float = 0.92,
        **engine_arguments: Any,
    ) -> None:
        self.given = {name: value for name, value in locals().items() if name != "self"}
        self.calls: list[tuple[list[dict[str, list[int]]], list[SamplingParams]]] = []
        LLM.made.append(self)

    def generate(self, prompts, sampling_params=None, *, use_tqdm=True, lora_request=None, priority=None):
        assert not use_tqdm
        self.calls.append((prompts, sampling_params))
        return [self._answer(prompt["prompt_token_ids"], p) for prompt, p in zip(prompts, sampling_params, strict=True)]

    def _answer(self, tokens: list[int], params: SamplingParams) -> Any:
        assert len(tokens) + params.max_tokens <= self.given["engine_arguments"]["max_model_len"]
        drawn = tokens[: params.max_tokens]
        reason = "stop" if len(drawn) == len(tokens) else "length"
        output = SimpleNamespace(text="a" * len(drawn), token_ids=drawn, finish_reason=reason)
        return SimpleNamespace(prompt_token_ids=tokens, outputs=[output])


@pytest.fixture(autouse=True)
def vllm(monkeypatch):
    LLM.made = []
    module = ModuleType("vllm")
    module.LLM, module.SamplingParams, module.__version__ = LLM, SamplingParams, "0.27.1"
    monkeypatch.setitem(sys.modules, "vllm", module)


def test_the_engine_is_made_as_published_within_the_models_context(tiny_model):
    with VllmBackend(str(tiny_model), tensor_parallel=4) as backend:
        (engine,) = LLM.made
        description = backend.describe()
    assert engine.given == {
        "model": str(tiny_model),
        "trust_remote_code": False,
        "tensor_parallel_size": 4,
        "dtype": "auto",
        "seed": 42,
        "gpu_memory_utilization": 0.6,
        "engine_arguments": {"max_model_len": 256},
    }
    assert (description["name"], description["versions"]["vllm"], description["tensor_parallel"]) == (
        "vllm",
        "0.27.1",
        4,
    )
    assert len(description["model_hash"]) == 64


def test_answers_come_with_lengths_and_finish(tiny_model, ask):
    with VllmBackend(str(tiny_model), context=200) as backend:
        generations = {
            each.id: each for each in backend.generate(ask("a", "y" * 90, "z" * 200), Decoding(max_tokens=60))
        }
    (engine,) = LLM.made
    ((prompts, params),) = engine.calls
    length = len(prompts[0]["prompt_token_ids"])
    assert generations["0"] == Generation("0", "a" * length, "stop", length, length)
    assert (generations["1"].finish, generations["1"].response_tokens) == ("length", 60)
    assert (generations["2"].finish, generations["2"].error.split(":")[0]) == ("error", "context_length_exceeded")
    assert [(each.temperature, each.max_tokens, each.repetition_penalty) for each in params] == [(0.0, 60, 1.0)] * 2


def test_each_answer_is_drawn_with_its_own_seed(tiny_model, ask):
    with VllmBackend(str(tiny_model)) as backend:
        requests = [replace(request, seed=seed) for request, seed in zip(ask("a", "b"), (5, None), strict=True)]
        list(backend.generate(requests, Decoding(temperature=0.6, top_p=0.95, seed=7)))
    params = LLM.made[0].calls[0][1]
    assert [(each.temperature, each.top_p, each.seed) for each in params] == [(0.6, 0.95, 5), (0.6, 0.95, 7)]


def test_prompts_are_the_models_template(tiny_model, ask):
    from transformers import AutoTokenizer

    with VllmBackend(str(tiny_model)) as backend:
        list(backend.generate(ask("hello"), Decoding()))
    (engine,) = LLM.made
    (prompt,) = engine.calls[0][0]
    text = AutoTokenizer.from_pretrained(tiny_model).decode(prompt["prompt_token_ids"])
    assert text == "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"


def test_answers_come_chunk_by_chunk(tiny_model, ask, monkeypatch):
    monkeypatch.setattr(vllm_backend, "CHUNK", 2)
    with VllmBackend(str(tiny_model)) as backend:
        (engine,) = LLM.made
        answers = backend.generate(ask(*"abcde"), Decoding(max_tokens=5))
        next(answers)
        assert len(engine.calls) == 1, "the first chunk is there before the second is asked"
        assert len(list(answers)) == 4
    assert [len(prompts) for prompts, params in engine.calls] == [2, 2, 1]


def test_without_vllm_the_remedy_is_named(tiny_model, monkeypatch):
    monkeypatch.setitem(sys.modules, "vllm", None)
    with pytest.raises(GenerationError, match=r"pip install 'gd2po\[vllm\]' on a machine with a GPU, or choose the"):
        VllmBackend(str(tiny_model))
