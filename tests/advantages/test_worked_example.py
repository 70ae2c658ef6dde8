"""One small batch, every method, six decimals: recorded from the published code."""

import pytest
import torch

from gd2po.advantages import compute_advantages

A_CORRECTNESS = [0.707107, 0, -1.414213, 0.707107, 0, 0, 0, 0, -0.855527, -0.855527, 0.665410, 1.045645]
A_LENGTH = [-0.904288, 0.208682, -0.626046, 1.321652, -1.161886, -0.387295, 0.387295, 1.161886]
A_LENGTH += [0.866022, 0.866022, -0.866022, -0.866022]
GRPO_C = [-0.853426, -0.853426, 0.645273, 1.061578]
GDPO_C = [-0.180408, -0.180408, -0.393814, -0.009436]

TABLE = {
    "grpo": (
        {"estimator": "grpo"},
        [0.560543, 0.025099, -1.413908, 0.828266, -1.161886, -0.387295, 0.387295, 1.161886, *GRPO_C],
    ),
    "gdpo": (
        {"estimator": "gdpo"},
        [-0.390347, 0.019939, -2.253507, 1.859849, -1.365563, -0.582532, 0.200499, 0.983530, *GDPO_C],
    ),
    "hard": (
        {"conflict_filter": "hard"},
        [0, -0.078258, -1.733416, 1.261267, -1.371997, -0.611894, 0.148209, 0.908312, 0, 0, 0, 0],
    ),
    "snr-0.8": (
        {"conflict_filter": "snr", "threshold": 0.8},
        [0, -0.078258, -1.733416, 1.261267, -1.371997, -0.611894, 0.148209, 0.908312, 0, 0, 0, 0],
    ),
    "hard-unwhitened": (
        {"conflict_filter": "hard", "whiten": "none"},
        [0, 0.156511, -1.530194, 1.521569, -1.161886, -0.387295, 0.387295, 1.161886, 0, 0, 0, 0],
    ),
    "snr-0.1": (
        {"conflict_filter": "snr", "threshold": 0.1},
        [-0.385061, -0.020715, -2.039600, 1.613176, -1.251081, -0.555727, 0.139627, 0.834980, 0, 0, -0.253073, 0],
    ),
    "snr-0.1-unwhitened": (
        {"conflict_filter": "snr", "threshold": 0.1, "whiten": "none"},
        [-0.197182, 0.208682, -2.040259, 2.028759, -1.161886, -0.387295, 0.387295, 1.161886, 0, 0, -0.050153, 0],
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_advantages(example, name):
    options, expected = TABLE[name]
    out = compute_advantages(*example, **options)
    torch.testing.assert_close(out.rollout_advantages, torch.tensor(expected), atol=2e-6, rtol=0)
    torch.testing.assert_close(out.advantages, out.rollout_advantages[:, None] * example.mask, atol=0, rtol=0)


def test_per_reward_kept_and_query_weight(example):
    out = compute_advantages(*example)
    torch.testing.assert_close(out.per_reward["correctness"], torch.tensor(A_CORRECTNESS), atol=2e-6, rtol=0)
    torch.testing.assert_close(out.per_reward["length"], torch.tensor(A_LENGTH), atol=2e-6, rtol=0)
    assert out.kept.tolist() == [False, True, True, True] + [True] * 4 + [False] * 4
    assert out.query_weight.tolist() == [0.75] * 4 + [1.0] * 4 + [0.0] * 4


def test_a_group_of_two_in_conflict_gets_zeros():
    scores = {"a": torch.tensor([0.0, 1.0]), "b": torch.tensor([5.0, 2.0])}
    out = compute_advantages(scores, ["q", "q"], torch.ones(2, 3))
    assert out.kept.tolist() == [False, False]
    assert out.advantages.eq(0).all()


def test_three_lone_rollouts_get_zeros():
    """The published code takes their raw scores, (3, .5), (−3, 1), (1, .5), for advantages: .730297, 0, −1.095445."""
    scores = {"a": torch.tensor([3.0, -3.0, 1.0]), "b": torch.tensor([0.5, 1.0, 0.5])}
    out = compute_advantages(scores, "abc", torch.tensor([[1, 1, 1], [1, 1, 1], [1, 1, 0]]))
    assert out.advantages.eq(0).all()
    assert out.kept.all()
    assert not out.conflict.any()


def test_three_rewards():
    scores = {
        "correctness": torch.tensor([3.0, 1, -3, 3]),
        "format": torch.tensor([1.0, 1, 0, 1]),
        "length": torch.tensor([0.1, 0.5, 0.2, 0.9]),
    }
    mask = torch.arange(6) < torch.tensor([3, 5, 2, 6])[:, None]
    out = compute_advantages(scores, "aaaa", mask)
    expected = torch.tensor([0, -0.086628, -2.061782, 0.759450])
    torch.testing.assert_close(out.rollout_advantages, expected, atol=2e-6, rtol=0)
    assert out.metrics["conflict/snr_mean"] == pytest.approx(0.1434, abs=1e-4)
