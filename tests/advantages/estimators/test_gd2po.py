import math

import pytest
import torch

from gd2po.advantages import compute_advantages


def test_a_group_is_scaled_by_its_kept_share(example):
    weighted = compute_advantages(*example, whiten="none")
    plain = compute_advantages(*example, whiten="none", reweight="none")
    torch.testing.assert_close(weighted.advantages, plain.advantages * weighted.query_weight[:, None])
    assert plain.query_weight.eq(1).all()


def test_unscored_rollouts_are_not_in_the_kept_share():
    scores = {"a": torch.tensor([0.0, 1, 2, math.nan]), "b": torch.tensor([0.0, 2, 1, math.nan])}
    out = compute_advantages(scores, "qqqq", torch.ones(4, 1))
    torch.testing.assert_close(out.query_weight, torch.tensor([1.0, 1, 1, 0]))


def test_whitening_undoes_a_query_weight_common_to_all_groups(example):
    """Only relative weights survive: a fact of the method, see docs/method.md."""
    scores = {name: row[:4].repeat(2) for name, row in example.scores.items()}
    mask = torch.ones(8, 2)
    weighted = compute_advantages(scores, "aaaabbbb", mask)
    plain = compute_advantages(scores, "aaaabbbb", mask, reweight="none")
    assert weighted.query_weight.unique().tolist() == [0.75]
    torch.testing.assert_close(weighted.advantages, plain.advantages)


def test_whitening_shifts_kept_rows_without_a_signal(example):
    """Group b ties on correctness and, here, on length: its votes are 0, its advantages −mean / std."""
    tied = example.scores["length"].clone()
    tied[4:8] = 0.3
    out = compute_advantages({**example.scores, "length": tied}, example.group_ids, example.mask)
    expected = -out.metrics["whiten/mean"] / out.metrics["whiten/std"]
    assert out.rollout_advantages[4:8].tolist() == pytest.approx([expected] * 4, abs=1e-5)
    assert abs(expected) > 0.01
