"""Each combination against its formula, on votes that are plain to see."""

import builtins
import math

import pytest
import torch

from gd2po.advantages import compute_advantages
from gd2po.advantages.combinations.dvao import dvao
from gd2po.advantages.combinations.softmin import SoftminOptions, softmin
from gd2po.advantages.gains import gains
from gd2po.advantages.registry import COMBINATIONS, NEEDS_TORCHJD, combination, has_torchjd
from gd2po.errors import SettingsError

BY_TORCHJD = [kind for kind in COMBINATIONS.names() if NEEDS_TORCHJD in COMBINATIONS.find(kind).traits]
needs_torchjd = pytest.mark.skipif(not has_torchjd(), reason="torchjd is missing: pip install 'gd2po[torchjd]'")


def test_softmin_is_its_formula(votes_of):
    votes = votes_of([[1.0, -2.0], [-0.5, 1.0]])
    terms = softmin(votes, SoftminOptions(2.0))
    expected = [
        -math.log((math.exp(-2 * a) + math.exp(-2 * b)) / 2) for a, b in zip([1.0, -2.0], [-0.5, 1.0], strict=True)
    ]
    assert terms.sum(0).tolist() == pytest.approx(expected)
    share = math.exp(1) / (math.exp(1) + math.exp(-2))
    assert (terms[1, 0] / terms[:, 0].sum()).item() == pytest.approx(share)  # the worse vote of rollout 0


def test_softmin_is_near_the_least_vote_if_sharp_and_near_the_mean_if_not(votes_of):
    votes = votes_of([[1.0, -2.0], [-0.5, 1.0]])
    assert softmin(votes, SoftminOptions(1e3)).sum(0).tolist() == pytest.approx([2 * -0.5, 2 * -2.0], abs=0.01)
    assert softmin(votes, SoftminOptions(1e-5)).sum(0).tolist() == pytest.approx([0.5, -1.0], abs=1e-4)


def test_softmin_reads_weights_and_their_signs(votes_of):
    weighted = softmin(votes_of([[1.0], [-0.5]], [3, -1]), SoftminOptions(1.0)).sum().item()
    assert weighted == pytest.approx(-4 * math.log(0.75 * math.exp(-1) + 0.25 * math.exp(-0.5)))


def test_a_missing_score_is_not_a_vote_of_zero():
    scores = {"a": torch.tensor([3.0, 0, 0, 0]), "b": torch.tensor([math.nan, 1, 2, 3])}
    out = compute_advantages(scores, "qqqq", torch.ones(4, 1), estimator="gdpo", combine="softmin", whiten="none")
    assert out.rollout_advantages[0] == pytest.approx(out.per_reward["a"][0])


def test_dvao_is_the_centred_sum_over_the_sum_of_spreads():
    scores = {"a": torch.tensor([0.0, 4, 0, 4, 1, 1]), "b": torch.tensor([1.0, 0, 0, 1, 5, 5])}
    weights = {"a": 1.0, "b": 2.0}
    options = {"estimator": "gdpo", "combine": "dvao", "whiten": "none", "reward_weights": weights}
    out = compute_advantages(scores, "qqqqrr", torch.ones(6, 1), **options).rollout_advantages
    spread = (16 / 3) ** 0.5 + 2 * (1 / 3) ** 0.5
    expected = [(a - 2 + 2 * (b - 0.5)) / spread for a, b in zip([0, 4, 0, 4], [1, 0, 0, 1], strict=True)]
    assert out.tolist() == pytest.approx([*expected, 0, 0], abs=1e-5)


def test_dvao_of_ties_is_zero(votes_of):
    assert dvao(votes_of([[0.0, 0.0], [0.0, 0.0]])).eq(0).all()


@needs_torchjd
@pytest.mark.parametrize("kind", BY_TORCHJD)
def test_no_reward_is_pushed_down(kind, votes_of):
    """Where the sum would: the third reward opposes two that agree."""
    votes = votes_of([[1.0, -1, 1, -1], [1, -1, 1.5, -1.5], [-0.8, 0.8, 0.1, -0.1]])
    assert gains(votes.weighted, votes.total, votes.present)[2] < 0
    assert (gains(votes.weighted, combination(kind)(votes).sum(0), votes.present) > -1e-3).all()


@needs_torchjd
@pytest.mark.parametrize("kind", ["upgrad", "dualproj"])
def test_without_opposition_it_is_the_sum(kind, votes_of):
    votes = votes_of([[1.0, -1, 1, -1], [1, -1, -0.5, 0.5], [0.0] * 4])
    torch.testing.assert_close(combination(kind)(votes).sum(0), votes.total)


@pytest.mark.parametrize("kind", BY_TORCHJD)
def test_without_torchjd_the_remedy_is_named(kind, example, monkeypatch):
    original = builtins.__import__

    def without(name, *arguments, **options):
        if name.startswith("torchjd"):
            raise ImportError("no torchjd")
        return original(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SettingsError, match=rf"combination {kind} .*pip install 'gd2po\[torchjd\]'"):
        compute_advantages(*example, estimator="gdpo", combine=kind)
