"""Against verl's own functions, called as they are, where they are right: groups of two or more, no ties."""

import pytest
import torch

from gd2po.advantages import compute_advantages

np = pytest.importorskip("numpy", reason="numpy is not installed: verl's functions take arrays of ids")
core_algos = pytest.importorskip("verl.trainer.ppo.core_algos", reason="verl is not installed: nothing to compare with")

ROLLOUTS, TOKENS = 36, 7


@pytest.fixture
def batch():
    generator = torch.Generator().manual_seed(3)
    scores = {name: torch.randn(ROLLOUTS, generator=generator) * 3 + 1 for name in ("helpful", "safe", "short")}
    group_ids = [f"prompt-{row % 9}" for row in range(ROLLOUTS)]
    lengths = torch.randint(1, TOKENS + 1, (ROLLOUTS,), generator=generator)
    return scores, group_ids, (torch.arange(TOKENS) < lengths[:, None]).long()


@pytest.mark.parametrize("norm_by_std", [True, False])
def test_grpo(batch, norm_by_std):
    scores, group_ids, mask = batch
    rewards = torch.zeros(ROLLOUTS, TOKENS)
    rewards[:, 0] = torch.stack(list(scores.values())).sum(0)
    index = np.array(group_ids, dtype=object)
    expected, _ = core_algos.compute_grpo_outcome_advantage(rewards, mask, index, norm_adv_by_std_in_grpo=norm_by_std)
    out = compute_advantages(scores, group_ids, mask, estimator="grpo", norm_by_std=norm_by_std)
    torch.testing.assert_close(out.advantages, expected, atol=2e-6, rtol=1e-5)


@pytest.mark.parametrize("weights", [None, {"helpful": 1.0, "safe": 2.5, "short": 0.3}])
def test_gdpo(batch, weights):
    scores, group_ids, mask = batch
    expected, _ = core_algos.compute_gdpo_outcome_advantage(
        torch.zeros(ROLLOUTS, TOKENS),
        mask,
        np.array(group_ids, dtype=object),
        config={"gdpo_reward_keys": list(scores), "gdpo_reward_weights": weights and list(weights.values())},
        non_tensor_batch={name: row.numpy() for name, row in scores.items()},
        batch={
            "prompts": torch.zeros(ROLLOUTS, 2),
            "attention_mask": torch.cat([torch.ones(ROLLOUTS, 2), mask], 1).long(),
        },
    )
    out = compute_advantages(scores, group_ids, mask, estimator="gdpo", reward_weights=weights)
    torch.testing.assert_close(out.advantages, expected, atol=2e-6, rtol=1e-5)
