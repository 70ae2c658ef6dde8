"""What is said of a step when verl has made its metrics."""

import logging
from types import SimpleNamespace

import pytest
import torch

from gd2po.advantages import compute_rollout_advantages
from gd2po.hosts.verl.step.narration import wrap_compute_metrics

PROMPTS, ROLLOUTS = 2, 4


@pytest.fixture
def metrics():
    scores = {name: torch.rand(PROMPTS * ROLLOUTS) for name in "ab"}
    groups = [prompt for prompt in range(PROMPTS) for _ in range(ROLLOUTS)]
    found = compute_rollout_advantages(scores, groups, torch.ones(len(groups)), estimator="gd2po").metrics
    return {"timing_s/step": 1.0, "reward/a/weight": 1.0, "reward/b/weight": 1.0, **found}


@pytest.fixture
def tell(verl_config, rewards, metrics, caplog):
    """Narrates a step whose batch has some padding in place of rollouts; gives the metrics and the warnings."""
    sizes = (f"data.train_batch_size={PROMPTS}", f"actor_rollout_ref.rollout.n={ROLLOUTS}")
    config = verl_config("algorithm.adv_estimator=gd2po", *rewards("a", "b"), *sizes)

    def tell(padding: int) -> tuple[dict[str, float], list[str]]:
        real = PROMPTS * ROLLOUTS - padding
        batch = SimpleNamespace(tags=[{"status": "success"}] * real + [{"is_padding": True}] * padding)
        trainer = SimpleNamespace(config=config, total_training_steps=3)
        with caplog.at_level(logging.WARNING, "gd2po.hosts.verl.step.narration"):
            wrap_compute_metrics(lambda *_: None)(trainer, batch, metrics, {}, 1, 0)
        return metrics, caplog.messages

    return tell


def test_a_whole_step_has_lost_nothing(tell, capsys):
    metrics, warnings = tell(0)
    assert metrics["rollouts/lost"] == 0 and not any("ended in an error" in warning for warning in warnings)
    assert "step 1 of 3" in capsys.readouterr().out


def test_rollouts_that_ended_in_an_error_are_counted_and_warned_of(tell):
    metrics, warnings = tell(3)
    assert metrics["rollouts/lost"] == 3
    assert any("step 1: 3 rollouts ended in an error and are not trained on" in warning for warning in warnings)
