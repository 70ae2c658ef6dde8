"""A policy with one hidden layer over answers of 5 tokens, for many seeds at once; gradients are written out.

The logits of token t are ``W_out · s(W_bits · bits + W_position[t] + Σ_{j<t} W_token[j, y_j]) + bias``, with
``s(x) = x / (1 + |x|)``, which costs a tenth of tanh. Prompts share all weights. Every answer of a prompt can be
enumerated, so expected rewards and their gradients are exact.
"""

from typing import NamedTuple

import torch
from torch import Tensor

SYMBOLS, TOKENS, BITS, HIDDEN = 4, 5, 8, 24
ANSWERS = SYMBOLS**TOKENS

_INPUTS = BITS + TOKENS + (TOKENS - 1) * SYMBOLS
_SPLIT = _INPUTS * HIDDEN
WEIGHTS = _SPLIT + HIDDEN * SYMBOLS + SYMBOLS
"""The number of weights of one policy, D."""


def all_answers() -> Tensor:
    """Every answer as its tokens [ANSWERS, TOKENS] int64; the first token changes fastest."""
    return torch.cartesian_prod(*[torch.arange(SYMBOLS)] * TOKENS).flip(1)


def answer_numbers(tokens: Tensor) -> Tensor:
    """The number of each answer [S, N] in :func:`all_answers`, from its tokens [S, TOKENS, N]."""
    return (tokens * SYMBOLS ** torch.arange(TOKENS)[:, None]).sum(1)


def initial_weights(generator: torch.Generator) -> Tensor:
    """Random weights of one policy [D]; the bias and the output are small, so that every answer is about as likely."""
    weights = torch.randn(WEIGHTS, generator=generator)
    weights[:_SPLIT] *= 0.5
    weights[_SPLIT:] *= 0.1
    weights[-SYMBOLS:] = 0.0
    return weights


class _Parts(NamedTuple):
    """Views of the weights [S, D]."""

    hidden: Tensor  # [S, HIDDEN, inputs]
    bits: Tensor  # [S, HIDDEN, BITS]
    position: Tensor  # [S, HIDDEN, TOKENS]
    token: Tensor  # [S, HIDDEN, TOKENS - 1, SYMBOLS]
    out: Tensor  # [S, SYMBOLS, HIDDEN]
    bias: Tensor  # [S, SYMBOLS, 1]


def _parts(weights: Tensor) -> _Parts:
    seeds = len(weights)
    hidden = weights[:, :_SPLIT].view(seeds, HIDDEN, _INPUTS)
    return _Parts(
        hidden,
        hidden[..., :BITS],
        hidden[..., BITS : BITS + TOKENS],
        hidden[..., BITS + TOKENS :].unflatten(-1, (TOKENS - 1, SYMBOLS)),
        weights[:, _SPLIT:-SYMBOLS].view(seeds, SYMBOLS, HIDDEN),
        weights[:, -SYMBOLS:, None],
    )


def _squashed(values: Tensor) -> Tensor:
    return values / (1 + values.abs())


def _log_softmax(logits: Tensor) -> Tensor:
    """Over the symbols of logits [S, SYMBOLS, …]; several times as fast as torch's for an axis of four."""
    logits = logits - logits.detach().amax(1, keepdim=True)
    return logits - logits.exp().sum(1, keepdim=True).log()


class Sampled(NamedTuple):
    """Answers of S policies.

    Attributes:
        tokens: The answers [S, TOKENS, N] int64.
        log_probabilities: Of each token [S, TOKENS, N].
    """

    tokens: Tensor
    log_probabilities: Tensor


def sample(weights: Tensor, bits: Tensor, uniforms: Tensor) -> Sampled:
    """Answers by inversion, so that policies that share random numbers differ little.

    Args:
        weights: The weights of S policies [S, D].
        bits: The prompt of each rollout [S, BITS, N].
        uniforms: Numbers in [0, 1) that choose the tokens [S, TOKENS, N].
    """
    parts = _parts(weights)
    state = parts.bits @ bits
    tokens, chosen = [], []
    for place in range(TOKENS):
        logs = _log_softmax(parts.out @ _squashed(state + parts.position[..., place, None]) + parts.bias)
        below = logs[:, :-1].exp().cumsum(1)
        token = (uniforms[:, None, place] > below).sum(1)
        tokens.append(token)
        chosen.append(logs.gather(1, token[:, None])[:, 0])
        if place < TOKENS - 1:
            state = state + parts.token[:, :, place].gather(2, token[:, None].expand(-1, HIDDEN, -1))
    return Sampled(torch.stack(tokens, 1), torch.stack(chosen, 1))


def inputs_of(bits: Tensor, tokens: Tensor) -> Tensor:
    """What the hidden layer reads at each token of given answers [S, inputs, TOKENS, N].

    Args:
        bits: The prompt of each rollout [S, BITS, N].
        tokens: The answers [S, TOKENS, N].
    """
    seeds, _, rollouts = tokens.shape
    inputs = bits.new_zeros(seeds, _INPUTS, TOKENS, rollouts)
    inputs[:, :BITS] = bits[:, :, None]
    inputs[:, BITS : BITS + TOKENS] = torch.eye(TOKENS)[..., None]
    before = inputs[:, BITS + TOKENS :].unflatten(1, (TOKENS - 1, SYMBOLS))
    for place in range(TOKENS - 1):
        one_hot = tokens[:, place, None] == torch.arange(SYMBOLS)[:, None]
        before[:, place, :, place + 1 :] = one_hot[:, :, None]
    return inputs


class Forward(NamedTuple):
    """Log-probabilities of given tokens, and what their gradient needs.

    Attributes:
        log_probabilities: Of each token [S, R].
        hidden: The hidden layer [S, HIDDEN, R].
        probabilities: Of every symbol [S, SYMBOLS, R].
    """

    log_probabilities: Tensor
    hidden: Tensor
    probabilities: Tensor


def forward(weights: Tensor, inputs: Tensor, tokens: Tensor) -> Forward:
    """Log-probabilities of tokens [S, R] that follow inputs [S, inputs, R], under S policies [S, D]."""
    parts = _parts(weights)
    hidden = _squashed(parts.hidden @ inputs)
    logs = _log_softmax(parts.out @ hidden + parts.bias)
    return Forward(logs.gather(1, tokens[:, None])[:, 0], hidden, logs.exp())


def gradient(weights: Tensor, inputs: Tensor, tokens: Tensor, passed: Forward, factors: Tensor) -> Tensor:
    """The gradient [S, D] of Σ_r factor_r · log p_r for each policy, with factors [S, R] that are held fixed."""
    logits = -factors[:, None] * passed.probabilities
    logits.scatter_add_(1, tokens[:, None], factors[:, None])
    back = (_parts(weights).out.transpose(1, 2) @ logits) * (1 - passed.hidden.abs()).square()
    return torch.cat(
        [
            (back @ inputs.transpose(1, 2)).flatten(1),
            (logits @ passed.hidden.transpose(1, 2)).flatten(1),
            logits.sum(2),
        ],
        dim=1,
    )


def answer_probabilities(weights: Tensor, bits: Tensor) -> Tensor:
    """The probability of every answer to every prompt [S, ANSWERS, P], for prompts [S, BITS, P]; differentiable.

    One policy at a time: what all need at once does not fit into a cache.
    """
    return torch.cat([_probabilities(*pair) for pair in zip(weights.split(1), bits.split(1), strict=True)])


def _probabilities(weights: Tensor, bits: Tensor) -> Tensor:
    parts = _parts(weights)
    seeds, _, prompts = bits.shape
    state = parts.bits @ bits
    logs = bits.new_zeros(seeds, prompts)
    for place in range(TOKENS):
        step = _log_softmax(parts.out @ _squashed(state + parts.position[..., place, None]) + parts.bias)
        logs = (logs[:, None] + step).flatten(1)
        if place < TOKENS - 1:
            state = (state[:, :, None] + parts.token[:, :, place, :, None]).flatten(2)
    return logs.exp().view(seeds, ANSWERS, prompts)
