"""verl's own metrics of a validation on API-Bank beside the task's own rows."""

import json
from collections import defaultdict

import pytest

pytest.importorskip("verl", reason="verl is not installed: pip install 'gd2po[cpu]'")

from verl.trainer.ppo.v1 import get_trainer_cls

from gd2po.rewards.tool_calling import compute_score

GOLD = '<think> t </think>\n<tool_call>\n{"name": "f", "parameters": {"a": "1"}}\n</tool_call>'
CALL = json.dumps([{"name": "f", "parameters": {"a": "1"}}])
ROW = {"split": "lv1", "index": 0, "instruction": "1. Name: f\nParameters: {'a': {'type': 'int'}}"}


def metrics_of(rows: list[tuple[str, dict | None]]) -> dict[str, float]:
    """verl's own metrics of validation rows ``(data_source, scores)``; None is a rollout that failed."""
    columns: dict[str, list] = defaultdict(list)
    answered = [(uid, source, scores) for uid, (source, scores) in enumerate(rows) if scores is not None]
    for name in {name for _, _, scores in answered for name in scores}:
        columns[name] = [scores.get(name) for _, _, scores in answered]  # as PPOTrainer._validate does it
    columns["reward"] = [scores["score"] for _, _, scores in answered]
    trainer = get_trainer_cls("sync")
    return trainer._val_metrics_update(
        trainer.__new__(trainer),
        [source for _, source, _ in answered],
        [str(uid) for uid, _, _ in answered],
        columns,
        [],
        expected_acc_counts={(source, str(uid)): 1 for uid, (source, _) in enumerate(rows)},
    )


@pytest.fixture(scope="module")
def metrics() -> dict[str, float]:
    right = compute_score("api_bank/lv1", GOLD, CALL, ROW)
    wrong = compute_score("api_bank/lv1", GOLD.replace('"1"', '"2"'), CALL, ROW)
    task = {"score": 4.0} | compute_score("rlla", GOLD, GOLD, ROW)  # the sum is the plug-in's
    return metrics_of(
        [
            ("rlla", task),
            ("api_bank/lv1", right),
            ("api_bank/lv1", wrong),
            ("api_bank/lv1", None),
            ("api_bank/lv2", right),
        ]
    )


def test_each_level_has_its_own_scores(metrics):
    assert metrics["val-core/api_bank/lv1/acc/mean@1"] == pytest.approx(1 / 3)
    assert metrics["val-aux/api_bank/lv1/strict_correct/mean@1"] == 1 / 2
    assert metrics["val-aux/api_bank/lv1/published_correct/mean@1"] == 1 / 2
    assert metrics["val-aux/api_bank/lv1/think_words/mean@1"] == 1
    assert metrics["val-core/api_bank/lv2/acc/mean@1"] == metrics["val-aux/api_bank/lv2/training_format/mean@1"] == 1


def test_a_failed_rollout_counts_as_wrong_as_in_the_tables(metrics):
    assert metrics["val-aux/api_bank/lv1/acc_success_only/mean@1"] == 1 / 2


def test_the_task_keeps_its_names_and_gets_no_zeros_of_others(metrics):
    names = {name for name in metrics if "/rlla/" in name}
    assert names == {
        "val-core/rlla/reward/mean@1",
        *(f"val-aux/rlla/{name}/mean@1" for name in ("score", "correctness", "format", "length")),
    }
    api_bank = {name.split("/")[3] for name in metrics if "/api_bank/lv2/" in name}
    assert api_bank.isdisjoint({"correctness", "format"})
