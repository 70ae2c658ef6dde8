"""Recorded batches through TRL's own code path: ragged lengths, missing scores, gates, one to eight rewards."""

import json
import random

import pytest
import torch

from gd2po.advantages import compute_advantages
from gd2po.rewards.composition import apply_gates
from gd2po.settings import Settings

pytest.importorskip("trl", reason="TRL is not installed here; scripts/test_trl.sh makes an environment with it")

ROWS, SAMPLES, TOKENS = 16, 4, 10


def recorded_batch(rewards):
    """Scores by reward, None where missing, and the length of each completion."""
    numbers = random.Random(rewards)
    scores = {
        f"r{k}": [None if numbers.random() < 0.15 else round(numbers.gauss(0, 10**k), 3) for _ in range(ROWS)]
        for k in range(rewards)
    }
    return scores, [numbers.randint(1, TOKENS) for _ in range(ROWS)]


@pytest.mark.parametrize("estimator", ["grpo", "gdpo", "gd2po"])
@pytest.mark.parametrize("rewards", [1, 3, 8])
def test_advantages_are_those_of_the_contract(make_trainer, tmp_path, estimator, rewards):
    scores, lengths = recorded_batch(rewards)
    block = {
        "estimator": estimator,
        "rewards": {name: {"weight": 1.0 - 0.1 * k} for k, name in enumerate(scores)},
    }
    if rewards > 1:
        block["rewards"]["r1"] |= {"direction": "minimize", "requires": {"r0": -0.5}}
    if estimator == "gd2po":
        block["filter"] = {"kind": "snr", "threshold": 0.3}

    def roll_out(prompts, trainer):
        return {
            "prompt_ids": [[5, 6] for _ in prompts],
            "completion_ids": [[7] * length for length in lengths],
            "logprobs": [[0.0] * length for length in lengths],
        }

    trainer = make_trainer(
        block, lambda **_: scores, rollout_func=roll_out, per_device_train_batch_size=ROWS, max_steps=1
    )
    trainer.train()
    rows = [json.loads(line) for line in (tmp_path / "run" / "rollouts" / "1.jsonl").read_text().splitlines()]

    settings = Settings.parse(block)
    tensors = {
        name: torch.tensor([float("nan") if v is None else v for v in values]) for name, values in scores.items()
    }
    mask = torch.arange(TOKENS) < torch.tensor(lengths)[:, None]
    groups = [row // SAMPLES for row in range(ROWS)]
    expected = compute_advantages(apply_gates(tensors, settings.gates), groups, mask, **settings.advantage_arguments())
    assert [row["advantage"] for row in rows] == pytest.approx(expected.rollout_advantages.tolist(), abs=1e-6)
    assert [row["kept"] for row in rows] == expected.kept.tolist()
    assert [row["conflict"] for row in rows] == expected.conflict.tolist()
    assert [row["reward/r0"] for row in rows] == pytest.approx(scores["r0"])
    logged = trainer.state.log_history[0]
    assert {name: logged[name] for name in expected.metrics} == pytest.approx(expected.metrics, abs=1e-6)
