"""Recorded outputs of the published code: 60 batches, to 1e-5."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from gd2po.advantages import AdvantageOutput, compute_advantages

CASES = json.loads((Path(__file__).parent / "golden" / "advantages.json").read_text())
NAMES = ("correctness", "format", "length")
ORDINARY = [case for case in CASES if not case["has_singleton_group"]]
WITH_LONE_ROLLOUTS = [case for case in CASES if case["has_singleton_group"]]


def _id(case: dict[str, Any]) -> str:
    return f"{case['id']}-{case['estimator']}-{case['conflict_filter']}"


def _batch(case: dict[str, Any]) -> tuple[list[Tensor], list[str], Tensor]:
    mask = torch.arange(case["num_tokens"]) < torch.tensor(case["response_lengths"])[:, None]
    return [torch.tensor(row) for row in case["scores"]], case["group_ids"], mask


def _ours(case: dict[str, Any], scores: list[Tensor]) -> AdvantageOutput:
    _, group_ids, mask = _batch(case)
    return compute_advantages(
        dict(zip(NAMES, scores, strict=False)),
        group_ids,
        mask,
        estimator=case["estimator"],
        norm_by_std=case["norm_by_std"],
        **_options(case),
    )


def _options(case: dict[str, Any]) -> dict[str, Any]:
    """What the case's method reads."""
    whiten = {"whiten": "tokens" if case["whiten"] else "none"}
    filters = {"conflict_filter": case["conflict_filter"] or "none"}
    threshold = {"threshold": case["threshold"]} if case["conflict_filter"] == "snr" else {}
    return {"grpo": {}, "gdpo": whiten, "gd2po": whiten | filters | threshold}[case["estimator"]]


def _loops(loops: Any, case: dict[str, Any], scores: list[Tensor]) -> Tensor:
    _, group_ids, mask = _batch(case)
    threshold = {"hard": 1.0, "snr": case["threshold"], None: 0.0}[case["conflict_filter"]]
    lengths = torch.tensor(case["response_lengths"])
    return loops.loop_advantages(
        [loops.on_last_token(row, lengths, case["num_tokens"]) for row in scores],
        group_ids,
        mask.float(),
        estimator=case["estimator"],
        threshold=threshold,
        norm_by_std=case["norm_by_std"],
        whiten=bool(case["whiten"]),
    )


def test_the_cases_are_what_the_tests_below_take_them_for():
    """No recorded case has a tied group whose float noise the published code took for a sign: none is left out."""
    assert len(CASES) == 60
    assert len(WITH_LONE_ROLLOUTS) == 12
    assert not any(case["has_float_noise_group"] for case in CASES)


@pytest.mark.parametrize("case", ORDINARY, ids=_id)
def test_equals_the_published_code(case):
    out = _ours(case, _batch(case)[0])
    torch.testing.assert_close(out.advantages, torch.tensor(case["advantages"]), atol=1e-5, rtol=0)


@pytest.mark.parametrize("case", CASES, ids=_id)
def test_the_loops_equal_the_published_code(loops, case):
    """So they may stand in for it below."""
    recorded = torch.tensor(case["advantages"])
    torch.testing.assert_close(_loops(loops, case, _batch(case)[0]), recorded, atol=1e-5, rtol=0)


@pytest.mark.parametrize("case", WITH_LONE_ROLLOUTS, ids=_id)
def test_lone_rollouts_are_repaired(loops, case):
    """The published code takes a lone rollout's raw score as its advantage; with a raw score of 0 both rules agree."""
    scores, group_ids, _ = _batch(case)
    lone = torch.tensor([group_ids.count(group) == 1 for group in group_ids])
    zeroed = [torch.where(lone, 0.0, row) for row in scores]
    out = _ours(case, scores)
    torch.testing.assert_close(out.advantages, _loops(loops, case, zeroed), atol=1e-5, rtol=0)
    assert all(row[lone].eq(0).all() for row in out.per_reward.values())


@pytest.mark.parametrize("case", [case for case in ORDINARY if case["estimator"] == "gd2po"], ids=_id)
def test_metrics_equal_the_published_ones(case):
    recorded, ours = case["reference_metrics"], _ours(case, _batch(case)[0]).metrics
    hard = {"group_ratio_conflict_ratio": "rate", "group_ratio_keep_ratio": "kept"}
    snr = {"conflict_ratio": "rate", "true_conflict_ratio": "masked", "keep_ratio": "kept"}
    snr["abs_mean_in_conflict"] = "snr_mean"
    for theirs, name in (hard if case["conflict_filter"] == "hard" else snr).items():
        prefix = "gdpo_filter_" if case["conflict_filter"] == "hard" else "gdpo_filter_ratio_"
        assert ours[f"conflict/{name}"] == pytest.approx(recorded[prefix + theirs], abs=1e-5), name
    prefix = "gdpo_filter_group_ratio_" if case["conflict_filter"] == "hard" else "gdpo_filter_ratio_group_ratio_"
    for statistic in ("mean", "min"):
        assert ours[f"query_weight/{statistic}"] == pytest.approx(recorded[prefix + statistic], abs=1e-5)
