"""The engine draws what transformers would, whoever else is in the batch."""

from threading import Event

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen3Config, Qwen3ForCausalLM

from gd2po.decoding.engine import DecodeEngine
from gd2po.decoding.request import StopReason
from gd2po.decoding.sampling import Sampling

PROMPTS = [[1, 2, 3], [5, 6, 7, 8, 9, 10, 11], [1, 2, 3], [4], list(range(20, 60))]
WARM = Sampling(temperature=0.7)


def full_forward(model, request):
    """Log-probabilities of the drawn tokens from one pass over prompt and response, as the trainer computes them."""
    with torch.no_grad():
        logits = model(input_ids=torch.tensor([[*request.prompt, *request.tokens]])).logits[0].float()
    scaled = logits / (request.sampling.temperature or 1.0)
    drawn = torch.tensor(request.tokens)[:, None]
    return scaled.log_softmax(-1)[len(request.prompt) - 1 : -1].gather(-1, drawn)[:, 0]


def test_greedy_equals_transformers_generate(build_model, engine, ask, run):
    requests = [ask(prompt, tokens) for prompt, tokens in zip(PROMPTS, [5, 9, 12, 1, 20], strict=True)]
    run(engine, requests)
    untouched = build_model(0)
    for request in requests:
        length = len(request.uniform)
        expected = untouched.generate(
            input_ids=torch.tensor([request.prompt]), max_new_tokens=length, do_sample=False, eos_token_id=None
        )
        assert request.tokens == expected[0, len(request.prompt) :].tolist()
        assert len(request.tokens) == length


@pytest.mark.parametrize("sampling", [Sampling(0.0), Sampling(1.0), WARM, Sampling(1.3, top_p=0.9, top_k=20)], ids=str)
def test_log_probs_equal_a_full_forward_pass(build_model, engine, ask, run, sampling):
    requests = [ask(prompt, 12, sampling, seed=row) for row, prompt in enumerate(PROMPTS)]
    run(engine, requests)
    untouched = build_model(0)
    for request in requests:
        expected = full_forward(untouched, request)
        torch.testing.assert_close(torch.tensor(request.log_probs), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("config", "build"),
    [(LlamaConfig, LlamaForCausalLM), (MistralConfig, MistralForCausalLM), (Qwen3Config, Qwen3ForCausalLM)],
)
def test_other_models_too_with_a_sliding_window_where_they_have_one(config, build, ask, run):
    torch.manual_seed(0)
    size = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "vocab_size": 100, "head_dim": 8}
    shape = {"num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.2, "sliding_window": 6}
    model = build(config(**size, **shape)).eval()
    requests = [ask(prompt, 12, WARM, seed=row) for row, prompt in enumerate(PROMPTS)]
    run(DecodeEngine(model, max_rows=3, max_prefill_tokens=4096), requests)
    model.set_attn_implementation("sdpa")
    for request in requests:
        expected = full_forward(model, request)
        torch.testing.assert_close(torch.tensor(request.log_probs), expected, atol=1e-5, rtol=0)


def test_a_request_ends_at_its_stop_token_and_keeps_it(engine, ask, run):
    free = ask(PROMPTS[0], 20)
    run(engine, [free])
    stop = free.tokens[6]
    stopped, other = ask(PROMPTS[0], 20, stop=[stop]), ask(PROMPTS[1], 20)
    run(engine, [stopped, other])
    assert stopped.tokens == free.tokens[: free.tokens.index(stop) + 1]
    assert stopped.stop is StopReason.COMPLETED
    assert len(other.tokens) == 20


def test_company_changes_nothing(model, ask, run):
    alone = []
    for row, prompt in enumerate(PROMPTS):
        alone.append(ask(prompt, 10 + row, WARM, seed=row))
        run(DecodeEngine(model, max_rows=64, max_prefill_tokens=4096), alone[-1:])
    together = [ask(prompt, 10 + row, WARM, seed=row) for row, prompt in enumerate(PROMPTS)]
    run(DecodeEngine(model, max_rows=64, max_prefill_tokens=4096), together[::-1])
    for single, batched in zip(alone, together, strict=True):
        assert single.tokens == batched.tokens
        assert single.log_probs == pytest.approx(batched.log_probs, abs=1e-5)


def test_requests_join_a_running_batch(model, engine, ask, run):
    first, late = ask(PROMPTS[1], 20, WARM, seed=1), ask(PROMPTS[4], 20, WARM, seed=2)
    short = ask(PROMPTS[0], 3, WARM, seed=3)
    engine.add([first, short])
    assert engine.advance(Event()) == [short]
    run(engine, [late])
    alone = [ask(PROMPTS[1], 20, WARM, seed=1), ask(PROMPTS[4], 20, WARM, seed=2)]
    for request in alone:
        run(DecodeEngine(model, max_rows=1, max_prefill_tokens=1), [request])
    assert [first.tokens, late.tokens] == [request.tokens for request in alone]


def test_more_requests_than_rows_all_finish(model, ask, run):
    requests = [ask([row + 1, row + 2], 1 + row % 5, WARM, seed=row) for row in range(23)]
    run(DecodeEngine(model, max_rows=4, max_prefill_tokens=5), requests)
    assert [len(request.tokens) for request in requests] == [1 + row % 5 for row in range(23)]


def test_abort_keeps_what_was_drawn_and_the_rest_can_be_asked_for(engine, ask, run):
    whole = ask(PROMPTS[1], 12)
    run(engine, [whole])
    partial, short, waiting = ask(PROMPTS[1], 12), ask(PROMPTS[0], 4), ask(PROMPTS[3], 5)
    engine.add([partial, short])
    engine.advance(Event())
    engine.add([waiting])
    assert engine.abort() == [partial, waiting]
    assert (partial.stop, partial.tokens) == (StopReason.ABORTED, whole.tokens[:4])
    assert waiting.tokens == [] and not engine.busy
    rest = ask([*PROMPTS[1], *partial.tokens], 8)
    run(engine, [rest])
    assert partial.tokens + rest.tokens == whole.tokens


def test_an_interrupt_returns_before_anything_is_complete(engine, ask):
    interrupt = Event()
    interrupt.set()
    engine.add([ask(PROMPTS[0], 50)])
    assert engine.advance(interrupt) == []
    assert engine.busy
