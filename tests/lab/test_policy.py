"""The policy of the lab: what is enumerated, sampled and differentiated by hand agrees."""

import torch

from gd2po.lab.policy import (
    ANSWERS,
    BITS,
    TOKENS,
    WEIGHTS,
    all_answers,
    answer_numbers,
    answer_probabilities,
    forward,
    gradient,
    inputs_of,
    sample,
)

SEEDS, PROMPTS = 3, 4


def policies():
    generator = torch.Generator().manual_seed(5)
    weights = 0.5 * torch.randn(SEEDS, WEIGHTS, generator=generator)
    bits = torch.randint(0, 2, (SEEDS, BITS, PROMPTS), generator=generator).float() * 2 - 1
    return weights, bits, generator


def test_each_answer_has_its_number():
    tokens = all_answers().T.expand(SEEDS, -1, -1)
    assert answer_numbers(tokens).tolist() == [list(range(ANSWERS))] * SEEDS


def test_the_probabilities_of_all_answers_sum_to_one():
    weights, bits, _ = policies()
    torch.testing.assert_close(answer_probabilities(weights, bits).sum(1), torch.ones(SEEDS, PROMPTS))


def test_enumerated_probabilities_are_the_products_of_those_of_the_tokens():
    weights, bits, _ = policies()
    tokens = all_answers().T.expand(SEEDS, -1, -1)
    inputs = inputs_of(bits[..., :1].expand(-1, -1, ANSWERS), tokens)
    logs = forward(weights, inputs.flatten(2), tokens.flatten(1)).log_probabilities
    products = logs.view(SEEDS, TOKENS, ANSWERS).sum(1).exp()
    torch.testing.assert_close(products, answer_probabilities(weights, bits)[..., 0])


def test_answers_are_sampled_as_often_as_they_are_probable():
    weights, bits, generator = policies()
    count = 20_000
    uniforms = torch.rand(SEEDS, TOKENS, count, generator=generator)
    sampled = sample(weights, bits[..., :1].expand(-1, -1, count), uniforms)
    expected = answer_probabilities(weights, bits)[..., 0]
    numbers = answer_numbers(sampled.tokens)
    for seed in range(SEEDS):
        share = numbers[seed].bincount(minlength=ANSWERS) / count
        assert (share - expected[seed]).abs().max() < 0.01
        torch.testing.assert_close(
            sampled.log_probabilities[seed].sum(0).exp(), expected[seed][numbers[seed]], atol=1e-5, rtol=1e-4
        )


def test_the_written_gradient_is_that_of_autograd():
    weights, bits, generator = policies()
    tokens = sample(weights, bits, torch.rand(SEEDS, TOKENS, PROMPTS, generator=generator)).tokens
    inputs, tokens = inputs_of(bits, tokens).flatten(2), tokens.flatten(1)
    factors = torch.randn(tokens.shape, generator=generator)
    written = gradient(weights, inputs, tokens, forward(weights, inputs, tokens), factors)
    weights.requires_grad_()
    (forward(weights, inputs, tokens).log_probabilities * factors).sum().backward()
    torch.testing.assert_close(written, weights.grad, atol=1e-5, rtol=1e-4)
