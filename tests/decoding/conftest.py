"""A random Qwen2 so small that a test can afford to ask transformers for the right answer."""

from collections.abc import Callable, Iterator, Sequence
from threading import Event

import pytest
import torch
from transformers import PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from gd2po.decoding.engine import DecodeEngine
from gd2po.decoding.request import GenerationRequest
from gd2po.decoding.sampling import Sampling

VOCABULARY = 259  # bytes, and the three special tokens of the tokenizer below

GREEDY = Sampling(temperature=0.0)


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """A model this small is slower with two threads, and much slower on a busy machine."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def _build_model(seed: int) -> PreTrainedModel:
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=256,
        initializer_range=0.2,  # a peaked distribution: a wrong place or mask changes the next token
        eos_token_id=256,
        pad_token_id=257,
        bos_token_id=None,
    )
    return Qwen2ForCausalLM(config).eval()


@pytest.fixture(scope="session")
def build_model() -> Callable[[int], PreTrainedModel]:
    """Random weights, from a seed."""
    return _build_model


@pytest.fixture(scope="session")
def model() -> PreTrainedModel:
    """One model for all tests that do not change it."""
    return _build_model(0)


@pytest.fixture
def engine(model: PreTrainedModel) -> DecodeEngine:
    """An engine with room for everything."""
    return DecodeEngine(model, max_rows=64, max_prefill_tokens=4096)


@pytest.fixture
def ask() -> Callable[..., GenerationRequest]:
    """A request; its draws follow from `seed`."""

    def build(
        prompt: Sequence[int],
        tokens: int = 8,
        sampling: Sampling = GREEDY,
        stop: Sequence[int] = (),
        seed: int = 0,
    ) -> GenerationRequest:
        uniform = torch.rand(tokens, generator=torch.Generator().manual_seed(seed)).tolist()
        return GenerationRequest(tuple(prompt), sampling, frozenset(stop), uniform)

    return build


@pytest.fixture
def run() -> Callable[[DecodeEngine, Sequence[GenerationRequest]], None]:
    """Run requests to their end."""

    def until_idle(engine: DecodeEngine, requests: Sequence[GenerationRequest]) -> None:
        engine.add(requests)
        while engine.busy:
            engine.advance(Event())

    return until_idle
