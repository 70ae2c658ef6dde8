"""How the scoring went, as metrics."""

import pytest

from gd2po.hosts.verl.reward_models.service import service_info, service_metrics
from gd2po.rewards.models.contract import Scored


def test_shares_requests_and_seconds_are_means_over_the_rollouts():
    scored = [Scored(1.0, seconds=0.5), Scored(None, cut=7, failure="timeout", attempts=3, seconds=1.5)]
    infos = [{"useful": result.score, **service_info("useful", result)} for result in scored]
    assert service_metrics(infos) == pytest.approx(
        {
            "reward_model/useful/failed": 0.5,
            "reward_model/useful/cut": 0.5,
            "reward_model/useful/attempts": 2.0,
            "reward_model/useful/seconds": 1.0,
        }
    )


def test_without_models_there_are_none():
    assert service_metrics([{"correctness": 1.0, "score": 1.0}]) == {}
    assert service_metrics([]) == {}
