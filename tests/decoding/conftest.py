"""The engine with a small model, and requests for it."""

from collections.abc import Callable, Sequence
from threading import Event

import pytest
import torch
from transformers import PreTrainedModel

from gd2po.decoding.engine import DecodeEngine
from gd2po.decoding.request import GenerationRequest
from gd2po.decoding.sampling import Sampling

GREEDY = Sampling(temperature=0.0)


@pytest.fixture(scope="session", autouse=True)
def in_one_thread(one_thread: None) -> None:
    """All tests of this folder compute in one thread."""


@pytest.fixture(scope="session")
def model(build_model: Callable[[int], PreTrainedModel]) -> PreTrainedModel:
    """One model for all tests that do not change it."""
    return build_model(0)


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
