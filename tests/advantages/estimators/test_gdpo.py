import torch

from gd2po.advantages import compute_advantages


def test_weighted_sum_of_normalised_rewards(example):
    out = compute_advantages(
        *example, estimator="gdpo", whiten="none", reward_weights={"correctness": 2.0, "length": -0.5}
    )
    expected = 2 * out.per_reward["correctness"] - 0.5 * out.per_reward["length"]
    torch.testing.assert_close(out.rollout_advantages, expected)


def test_everything_scored_is_kept(example):
    out = compute_advantages(*example, estimator="gdpo")
    assert out.conflict.any() and out.kept.all() and out.query_weight.eq(1).all()


def test_a_common_factor_of_the_weights_is_whitened_away(example):
    thrice = dict.fromkeys(example.scores, 3.0)
    torch.testing.assert_close(
        compute_advantages(*example, estimator="gdpo", reward_weights=thrice).advantages,
        compute_advantages(*example, estimator="gdpo").advantages,
    )
