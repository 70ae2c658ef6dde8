"""Whitening, through GD²PO's and GDPO's options: population, unit and the cases without a variance."""

import pytest
import torch

from gd2po.advantages import compute_advantages, compute_rollout_advantages

SCORES = {"a": torch.tensor([0.0, 1, 2, 5, 1, 3])}
IDS = "xxxyyy"


def _gdpo(lengths: list[int], **options):
    return compute_rollout_advantages(SCORES, IDS, torch.tensor(lengths), estimator="gdpo", **options)


def test_tokens_weigh_rollouts_by_their_length():
    lengths = torch.tensor([1, 4, 2, 3, 5, 1])
    out = _gdpo(lengths.tolist())
    tokens = out.rollout_advantages.double().repeat_interleave(lengths)
    assert tokens.mean().item() == pytest.approx(0, abs=1e-6)
    assert tokens.std().item() == pytest.approx(1, abs=1e-6)
    assert out.metrics["whiten/population"] == 16


def test_rollouts_weigh_the_same_whatever_their_length():
    out = _gdpo([1, 4, 2, 3, 5, 1], whiten="rollouts")
    assert out.rollout_advantages.double().std().item() == pytest.approx(1, abs=1e-6)
    assert torch.equal(out.rollout_advantages, _gdpo([9, 9, 9, 1, 1, 1], whiten="rollouts").rollout_advantages)
    assert out.metrics["whiten/population"] == 6


def test_an_empty_response_is_not_in_the_population():
    assert _gdpo([1, 4, 2, 3, 5, 0], whiten="rollouts").metrics["whiten/population"] == 5


def test_no_whitening_returns_the_sum_of_the_votes():
    out = _gdpo([1] * 6, whiten="none")
    assert torch.equal(out.rollout_advantages, out.per_reward["a"])
    assert out.metrics["whiten/population"] == 0


def test_mean_and_std_are_those_of_what_is_whitened():
    plain, out = _gdpo([1] * 6, whiten="none").rollout_advantages, _gdpo([1] * 6)
    assert out.metrics["whiten/mean"] == pytest.approx(plain.mean().item(), abs=1e-6)
    assert out.metrics["whiten/std"] == pytest.approx(plain.std().item(), abs=1e-6)


@pytest.mark.parametrize("lengths", [[0] * 6, [0, 0, 1, 0, 0, 0]], ids=["no token", "one token"])
@pytest.mark.parametrize("whiten", ["tokens", "rollouts"])
def test_a_population_of_one_or_none_gives_zeros(lengths, whiten):
    assert _gdpo(lengths, whiten=whiten).rollout_advantages.eq(0).all()


def test_several_tokens_of_one_rollout_give_zeros():
    assert _gdpo([0, 0, 7, 0, 0, 0]).rollout_advantages.eq(0).all()


@pytest.mark.parametrize("size", [1.0, 1e8])
def test_rounding_errors_are_not_amplified(size):
    """Two rewards cancel but for the last bits; divided by sqrt(1e-8) these would become advantages."""
    scores = torch.tensor([0.1, 0.7, 0.3, 0.9, 0.2, 0.5], dtype=torch.float64) * size
    out = compute_advantages(
        {"gain": scores, "loss": 3 - scores}, "qqqqqq", torch.ones(6, 2), estimator="gdpo", norm_by_std=False
    )
    assert out.advantages.abs().max() < 1e-6


def test_a_fully_masked_batch_gives_zeros():
    scores = {"a": torch.tensor([0.0, 1, 0, 1]), "b": torch.tensor([1.0, 0, 1, 0])}
    out = compute_advantages(scores, "xxyy", torch.ones(4, 3))
    assert out.advantages.eq(0).all()
    assert out.metrics["conflict/emptied_groups"] == 2
    assert out.metrics["tokens/masked_share"] == 1
