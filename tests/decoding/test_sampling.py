"""Draws follow the requested distribution."""

import pytest
import torch

from gd2po.decoding.sampling import Sampling, choose

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0, -9.0])
DRAWS = 20_000


def frequencies(sampling):
    uniform = torch.rand(DRAWS, generator=torch.Generator().manual_seed(0))
    tokens, _ = choose(LOGITS.expand(DRAWS, -1), uniform, sampling)
    return tokens.bincount(minlength=len(LOGITS)) / DRAWS


def test_greedy_takes_the_largest_and_reports_its_plain_log_probability():
    tokens, log_probs = choose(LOGITS[None], torch.tensor([0.99]), Sampling(temperature=0.0))
    assert tokens.tolist() == [0]
    torch.testing.assert_close(log_probs, LOGITS.log_softmax(-1)[:1])


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.0])
def test_temperature(temperature):
    expected = (LOGITS / temperature).softmax(-1)
    torch.testing.assert_close(frequencies(Sampling(temperature)), expected, atol=0.01, rtol=0)


def test_top_k_draws_from_the_k_largest_in_proportion():
    expected = torch.cat([LOGITS[:2].softmax(-1), torch.zeros(3)])
    torch.testing.assert_close(frequencies(Sampling(top_k=2)), expected, atol=0.01, rtol=0)


def test_top_p_draws_from_the_smallest_set_that_reaches_p():
    assert LOGITS.softmax(-1)[:2].sum() < 0.9 < LOGITS.softmax(-1)[:3].sum()
    expected = torch.cat([LOGITS[:3].softmax(-1), torch.zeros(2)])
    torch.testing.assert_close(frequencies(Sampling(top_p=0.9)), expected, atol=0.01, rtol=0)


def test_log_probabilities_are_those_before_truncation():
    tokens, log_probs = choose(LOGITS[None], torch.tensor([0.5]), Sampling(0.5, top_p=0.5, top_k=1))
    torch.testing.assert_close(log_probs, (LOGITS / 0.5).log_softmax(-1)[tokens])


@pytest.mark.parametrize("uniform", [0.0, 1 - 2**-24])
def test_the_ends_of_the_unit_interval_never_draw_an_excluded_token(uniform):
    vocabulary = torch.linspace(3, -3, 50_000)
    tokens, _ = choose(vocabulary[None], torch.tensor([uniform]), Sampling(top_k=100))
    assert 0 <= tokens.item() < 100
