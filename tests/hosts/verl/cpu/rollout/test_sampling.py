"""Draws follow the requested distribution; equal requests under the same weights draw from the same numbers."""

import pytest
import torch

from gd2po.hosts.verl.cpu.rollout.sampling import Occurrences, Sampling, choose, prompt_key, uniform_numbers

LOGITS = torch.tensor([2.0, 1.0, 0.0, -1.0, -9.0])
DRAWS = 20_000
KEY = prompt_key(3, [1, 2], Sampling())


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


def test_numbers_follow_from_seed_key_and_occurrence_alone():
    torch.manual_seed(1)
    first = uniform_numbers(42, KEY, 0, 5)
    torch.manual_seed(2)
    assert torch.equal(first, uniform_numbers(42, KEY, 0, 5))
    others = [uniform_numbers(43, KEY, 0, 5), uniform_numbers(42, KEY, 1, 5), uniform_numbers(42, KEY + "0", 0, 5)]
    assert not any(torch.equal(first, other) for other in others)


def test_a_longer_request_begins_with_the_same_numbers():
    assert torch.equal(uniform_numbers(0, KEY, 0, 9)[:5], uniform_numbers(0, KEY, 0, 5))


def test_weights_prompt_and_way_of_sampling_make_the_key():
    others = [
        prompt_key(4, [1, 2], Sampling()),
        prompt_key(3, [1, 3], Sampling()),
        prompt_key(3, [1, 2], Sampling(0.5)),
    ]
    assert len({KEY, *others}) == 4
    assert prompt_key(3, (1, 2), Sampling()) == KEY


def test_equal_requests_are_numbered_and_a_new_version_begins_again():
    occurrences = Occurrences()
    assert [occurrences.next(1, "a"), occurrences.next(1, "a"), occurrences.next(1, "b")] == [0, 1, 0]
    assert occurrences.next(2, "a") == 0
    assert occurrences.next(1, "a") == 2, "a replica that is one version behind is still counted"


def test_old_versions_are_forgotten():
    occurrences = Occurrences()
    for version in (None, 0, 1, 2):
        occurrences.next(version, "a")
    assert occurrences.next(0, "a") == 0
