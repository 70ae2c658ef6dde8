"""Advantages of GD²PO under every policy loss that the installed verl offers: two updates of a small policy each.

Whole trainings of two of them are in tests/hosts/verl/test_methods.py.
"""

import pytest
import torch
from omegaconf import open_dict
from verl.trainer.ppo.core_algos import POLICY_LOSS_REGISTRY, get_policy_loss_fn
from verl.utils.config import omega_conf_to_dataclass

from gd2po.advantages import compute_advantages

WORDS, PROMPTS, PER_PROMPT, TOKENS = 12, 6, 8, 5
CORRECTION = {"rollout_is": "token", "rollout_is_threshold": 2.0, "loss_type": "ppo_clip"}


@pytest.fixture(scope="module")
def batch():
    """Answers of random words, scored by the number of three of them; the mask; their advantages under GD²PO-Hard."""
    generator = torch.Generator().manual_seed(0)
    answers = torch.randint(0, WORDS, (PROMPTS * PER_PROMPT, TOKENS), generator=generator)
    mask = torch.arange(TOKENS) < torch.randint(2, TOKENS + 1, (len(answers), 1), generator=generator)
    scores = {f"word{word}": ((answers == word) & mask).sum(1).float() for word in range(3)}
    out = compute_advantages(scores, [row // PER_PROMPT for row in range(len(answers))], mask, conflict_filter="hard")
    assert 0 < out.metrics["conflict/masked"] < 1
    return answers, mask, out.advantages


@pytest.fixture
def actor_with(verl_config):
    def settings(mode: str):
        config = verl_config(f"actor_rollout_ref.actor.policy_loss.loss_mode={mode}", "data.train_batch_size=6")
        actor = config.actor_rollout_ref.actor
        actor.ppo_micro_batch_size_per_gpu, actor.ppo_mini_batch_size = 1, 6
        with open_dict(actor.policy_loss):
            actor.policy_loss.rollout_correction = CORRECTION
            actor.policy_loss.dro_beta = 1.0
        return omega_conf_to_dataclass(actor)

    return settings


@pytest.mark.parametrize("mode", sorted(POLICY_LOSS_REGISTRY))
def test_two_updates_raise_what_the_advantages_ask_for(mode, batch, actor_with):
    answers, mask, advantages = batch
    logits = torch.zeros(WORDS, requires_grad=True)
    optimizer = torch.optim.SGD([logits], lr=0.1)
    old = logits.log_softmax(0)[answers].detach()
    for _ in range(2):
        loss, _ = get_policy_loss_fn(mode)(
            old_log_prob=old,
            log_prob=logits.log_softmax(0)[answers],
            advantages=advantages,
            response_mask=mask,
            loss_agg_mode="token-mean",
            config=actor_with(mode),
        )
        optimizer.zero_grad()
        loss.backward()
        assert logits.grad.isfinite().all() and logits.grad.abs().sum() > 0
        optimizer.step()
    gain = ((logits.log_softmax(0)[answers] - old) * advantages * mask).sum()
    assert gain > 0
