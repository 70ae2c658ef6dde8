"""verl's sampling parameters, translated or refused."""

import pytest

from gd2po.decoding.sampling import Sampling
from gd2po.hosts.verl.cpu.rollout.request import Limits, check_prompt, parse_sampling

LIMITS = Limits(prompt_length=16, response_length=32, max_model_len=64, eos_ids=frozenset({7}))
SENT_BY_VERL = {"temperature": 0.8, "top_p": 0.9, "top_k": -1, "repetition_penalty": 1.0, "logprobs": True}


def test_what_verl_sends_is_understood():
    assert parse_sampling(SENT_BY_VERL) == Sampling(temperature=0.8, top_p=0.9, top_k=-1)


@pytest.mark.parametrize(
    ("params", "message"),
    [({"min_p": 0.1}, r"\['min_p'\] are not known"), ({"repetition_penalty": 1.2}, "repetition_penalty is 1.2")],
)
def test_what_it_cannot_do_is_refused(params, message):
    with pytest.raises(ValueError, match=message):
        parse_sampling(params)


def test_an_empty_prompt_is_refused():
    with pytest.raises(ValueError, match="prompt has no tokens"):
        check_prompt([])


@pytest.mark.parametrize(
    ("length", "params", "expected"),
    [
        (10, {}, 32),
        (20, {}, 28),  # what an earlier turn took from the prompt's share is not given again
        (10, {"max_tokens": 5}, 5),
        (10, {"max_new_tokens": 6}, 6),
        (60, {"max_tokens": 50}, 4),
        (10, {"max_tokens": 0}, 1),
    ],
)
def test_how_many_tokens_a_request_may_draw(length, params, expected):
    assert LIMITS.max_tokens(length, params) == expected


def test_a_prompt_that_fills_the_context_is_refused():
    with pytest.raises(ValueError, match="64 tokens leaves no room"):
        LIMITS.max_tokens(64, {})


def test_stop_tokens():
    assert LIMITS.stop_ids({}) == {7}
    assert LIMITS.stop_ids({"stop_token_ids": [9]}) == {7, 9}
    assert LIMITS.stop_ids({"stop_token_ids": [9], "ignore_eos": True}) == {9}
