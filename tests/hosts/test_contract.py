"""The contract of all hosts on recorded batches: two steps each of one to eight rewards, with what must come of them.

``contract.json`` beside this file holds the batches, and the advantages, metrics and fields of the dump that
``gd2po.hosts.contract`` gives for them. verl's V1 and V0 trainers and TRL, which share no environment, are each held to
it by a test of their own. After a change that is meant, write it anew: ``python -P tests/hosts/test_contract.py``.
"""

import json
import math
import random
from pathlib import Path
from typing import Any

import pytest
import torch

from gd2po.hosts.contract import estimate_rollouts, record_columns, weight_metrics
from gd2po.settings import Settings

FILE = Path(__file__).with_name("contract.json")
PROMPTS, ROLLOUTS, TOKENS, STEPS = 4, 4, 10, 2
ROWS = PROMPTS * ROLLOUTS

METHODS: tuple[dict[str, Any], ...] = (
    {"estimator": "gdpo"},
    {"estimator": "gd2po", "filter": {"kind": "hard"}},
    {"estimator": "gd2po", "filter": {"kind": "snr", "threshold": 0.3}},
    {"estimator": "gdpo", "normalise": {"kind": "shrunk", "share": 0.3}, "whiten": "rollouts"},
    {"estimator": "gd2po", "filter": {"kind": "soft"}},
    {"estimator": "gd2po", "filter": {"kind": "share", "masked": 0.25}, "reweight": "none"},
    {"estimator": "grpo"},
    {"estimator": "gd2po", "filter": {"kind": "hard"}, "combine": {"kind": "softmin"}},
)
"""The method of one reward, of two, and so on."""


def settings_block(count: int) -> dict[str, Any]:
    """The settings of a run with so many rewards: gates, costs, schedules and targets where the method has them."""
    rewards: dict[str, dict[str, Any]] = {f"r{k}": {"weight": 1 - k / 16} for k in range(count)}
    moves = METHODS[count - 1]["estimator"] != "grpo"
    if count > 1:
        rewards["r1"] |= {"direction": "minimize", "requires": {"r0": -0.5}}
        rewards["r1"] |= {"target": 0.25, "rate": 0.5} if moves else {}
    if count > 2 and moves:
        rewards["r2"]["weight"] = {"from": 0.25, "to": 1.0, "steps": STEPS}
    return METHODS[count - 1] | {"rewards": rewards}


def recorded_step(count: int, numbers: random.Random) -> dict[str, Any]:
    """Scores of a step by reward, None where missing, and the number of tokens of each rollout.

    From three rewards on the last one is of a task that only the first prompts have. Scores are multiples of 1/8, which
    are the same in float32 and float64.
    """
    scores = {
        f"r{k}": [None if numbers.random() < 0.1 else round(numbers.gauss(0, 8 * (k + 1))) / 8 for _ in range(ROWS)]
        for k in range(count)
    }
    absent = [f"r{count - 1}"] if count > 2 else []
    for name in absent:
        scores[name][ROWS // 2 :] = [None] * (ROWS // 2)
    return {"scores": scores, "absent": absent, "lengths": [numbers.randint(1, TOKENS) for _ in range(ROWS)]}


def expected_steps(block: dict[str, Any], steps: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What the contract gives for each step; without the fields that repeat the scores and the weights."""
    settings, groups = Settings.parse(block), [row // ROLLOUTS for row in range(ROWS)]
    reward_weights = settings.reward_weights()
    expected = []
    for number, step in enumerate(steps, 1):
        scores = {
            name: torch.tensor([math.nan if score is None else score for score in values], dtype=torch.float64)
            for name, values in step["scores"].items()
        }
        weights = reward_weights.at(number if reward_weights.move else 1)
        result = estimate_rollouts(settings, scores, groups, torch.tensor(step["lengths"]), weights)
        metrics = result.metrics | weight_metrics(reward_weights, number, weights, scores)
        columns = record_columns(scores, result, {}, weights if reward_weights.move else {})
        columns = {name: values for name, values in columns.items() if not name.startswith(("reward/", "weight/"))}
        expected.append({"metrics": metrics, "columns": columns})
    return expected


def cases() -> list[dict[str, Any]]:
    made = []
    for count in range(1, len(METHODS) + 1):
        numbers, block = random.Random(count), settings_block(count)
        steps = [recorded_step(count, numbers) for _ in range(STEPS)]
        expected = expected_steps(block, steps)
        made.append({"settings": block, "steps": [step | each for step, each in zip(steps, expected, strict=True)]})
    return made


def rounded(value: Any) -> Any:
    """The value with its numbers to ten digits."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    return float(f"{value:.10g}") if isinstance(value, float) else value


@pytest.mark.parametrize("count", range(1, len(METHODS) + 1))
def test_the_contract_gives_what_is_recorded(count):
    recorded, made = json.loads(FILE.read_text())[count - 1], cases()[count - 1]
    assert recorded["settings"] == made["settings"]
    for then, now in zip(recorded["steps"], made["steps"], strict=True):
        assert (then["scores"], then["absent"], then["lengths"]) == (now["scores"], now["absent"], now["lengths"])
        assert now["metrics"] == pytest.approx(then["metrics"], rel=1e-8, abs=1e-9)
        assert now["columns"].keys() == then["columns"].keys()
        for name, values in then["columns"].items():
            assert now["columns"][name] == pytest.approx(values, rel=1e-8, abs=1e-9), name


def test_the_recorded_batches_have_what_goes_wrong():
    recorded = json.loads(FILE.read_text())
    steps = [step for case in recorded for step in case["steps"]]
    assert all(min(step["lengths"]) < TOKENS / 2 < max(step["lengths"]) for step in steps)
    assert any(step["metrics"]["conflict/masked"] > 0 for step in steps)
    assert any(step["metrics"].get("reward/r1/violation", 0) > 0 for step in steps)
    assert any(None in step["scores"]["r0"] for step in steps)
    first, second = (step["metrics"]["reward/r1/weight"] for step in recorded[2]["steps"])
    assert first != second, "a multiplier moves"


if __name__ == "__main__":
    FILE.write_text("[\n" + ",\n".join(json.dumps(rounded(case)) for case in cases()) + "\n]\n")
