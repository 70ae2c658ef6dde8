"""Whole runs: the shipped configuration, the real rewards, verl's trainer on CPU, started as a user starts them."""

import json
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from gd2po.data.synthetic_tools import demonstrations, generate
from gd2po.quickstart import Plan, prepare_task
from gd2po.quickstart.warm_start import WarmStart, build_policy

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(600),
    pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator"),
]

ROOT = Path(__file__).parents[2]
SMALL = ["data.train_batch_size=4", "actor_rollout_ref.actor.ppo_mini_batch_size=4", "trainer.val_before_train=false"]


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The quickstart's task, with a policy that has seen just enough to answer in the grammar at times."""
    plan = Plan(("gd2po_hard",), 4, 1, tmp_path_factory.mktemp("runs"))
    prepare_task(plan)
    build_policy(demonstrations(generate(400, 0), 0, think_words=(2, 8)), plan.policy, WarmStart(epochs=2), 0)
    return plan


OURS, VERLS_OWN = ("gd2po.cli", "train"), ("verl.trainer.main_ppo",)


@pytest.fixture(scope="module")
def start(training, plan: Plan):
    """Starts a method on the quickstart's task in a folder of its own, by ``gd2po train`` or by verl's own command."""

    def start(folder: Path, method: str, *overrides: str, by: tuple[str, ...] = OURS) -> Any:
        return training("tool-calling", folder, *plan.overrides(method), *SMALL, *overrides, by=by)

    return start


def test_verls_own_command_with_two_workers_in_colocate_async_mode(plan, start):
    overrides = [
        "trainer.n_gpus_per_node=2",
        "trainer.v1.trainer_mode=colocate_async",
        "trainer.total_training_steps=2",
    ]
    run = start(plan.folder / "async", "gd2po_snr", *overrides)
    assert run.wait() == 0, run.log.read_text()[-4000:]
    metrics = run.steps()[2]
    assert metrics["rollouts/count"] == 32 and metrics["groups/count"] == 4
    assert 0 <= metrics["conflict/masked"] <= metrics["conflict/rate"] <= 1
    on_policy = run.steps()[1]  # in step 2 some answers are from the policy before
    assert on_policy["training/rollout_probs_diff_max"] < 1e-3
    assert json.loads((run.folder / "gd2po_settings.json").read_text())["filter"] == {"kind": "snr", "threshold": 0.8}
    rows = [row for row in run.rollouts(2) if row["kept"] is not None]
    assert len(rows) == 32
    for name in ("correctness", "format", "length"):
        mean = sum(row[f"reward/{name}"] for row in rows) / 32
        assert mean == pytest.approx(metrics[f"reward/{name}/mean"])
    assert sum(row["conflict"] for row in rows) == pytest.approx(32 * metrics["conflict/rate"])
    assert all(row["advantage"] == 0 for row in rows if not row["kept"])


@pytest.mark.parametrize("estimator", ["grpo", "gdpo"])
def test_verls_own_command_with_stock_keys(plan, start, estimator):
    """A recipe that knows nothing of us but two keys of verl's: gdpo works, and grpo reports conflicts."""
    keys = ["~algorithm.gd2po", "+algorithm.gdpo_reward_keys=[correctness,length]", "trainer.total_training_steps=1"]
    run = start(plan.folder / f"stock-{estimator}", estimator, *keys, by=VERLS_OWN)
    assert run.wait() == 0, run.log.read_text()[-4000:]
    metrics = run.steps()[1]
    assert {"reward/correctness/mean", "reward/length/mean", "conflict/pair/correctness|length"} <= metrics.keys()
    assert metrics["conflict/masked"] == 0
    whitened = metrics["whiten/population"] > 0
    assert whitened == (estimator == "gdpo")


def test_a_run_stopped_by_hand_and_resumed_is_the_uninterrupted_one(plan, start):
    """Same prompts in every step, same answers up to float noise.

    verl draws a random order of rows in a batch, so sums differ in the last bit, and now and then one sampled token.
    The uninterrupted run looks for rollouts every 2 s, as verl does alone: when it looks does not change what it finds.
    """
    checkpoints = ["trainer.save_freq=1", "trainer.resume_mode=auto", "trainer.test_freq=-1"]
    sampler = "trainer.v1.sampler.custom_sampler"
    patient = [f"{sampler}.path={ROOT}/benchmarks/pollers.py", f"{sampler}.name=EveryTwoSeconds"]
    whole = start(plan.folder / "whole", "gd2po_hard", *checkpoints, *patient)
    assert whole.wait() == 0, whole.log.read_text()[-4000:]

    stopped = start(plan.folder / "stopped", "gd2po_hard", *checkpoints)
    stopped.await_step(2)
    stopped.process.send_signal(signal.SIGINT)
    assert stopped.wait() != 0

    resumed = start(stopped.folder, "gd2po_hard", *checkpoints)
    assert resumed.wait() == 0, resumed.log.read_text()[-4000:]
    assert min(resumed.steps()) >= 3 and max(resumed.steps()) == 4
    assert max(step["timing_s/gen"] for step in whole.steps().values()) > 2
    for step in range(1, 5):
        rows = [run.rollouts(step) for run in (whole, resumed)]
        prompts = [Counter(row["input"] for row in run) for run in rows]
        assert prompts[0] == prompts[1], f"step {step}"
        answers = [Counter((row["input"], row["output"]) for row in run) for run in rows]
        assert (answers[0] & answers[1]).total() >= 0.9 * answers[0].total(), f"step {step}"


def test_a_reward_function_that_raises_ends_the_run_and_says_where(plan, start):
    path = plan.folder / "reward.py"
    path.write_text(
        "def compute_score(data_source, solution_str, ground_truth, extra_info=None):\n    return {}['oops']\n"
    )
    overrides = [f"reward.custom_reward_function.path={path}", "~reward.custom_reward_function.reward_kwargs"]
    run = start(plan.folder / "raises", "gd2po_hard", *overrides)
    assert run.wait() != 0
    assert "the reward function raised KeyError: 'oops'" in run.log.read_text()
    assert f"(at {path}:2) on rollout (data_source=rlla" in run.log.read_text()


SKIP = ("true", "false")
LETTERS = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    return {name: solution_str.count(letter) for name, letter in zip(("correctness", "format", "length"), "aeo")}
"""


def test_a_run_without_its_masked_rollouts_is_the_same_run(plan, start):
    """Same seed, same prompts: answers are equal, and rewards and gradients agree step by step within float noise.

    One mini-batch a step: verl cuts several at random, so that gradients of two equal runs differ.
    """
    path = plan.folder / "letters.py"
    path.write_text(LETTERS)
    common = [f"reward.custom_reward_function.path={path}", "~reward.custom_reward_function.reward_kwargs"]
    common += ["trainer.total_training_steps=3", "+algorithm.gd2po.skip_masked="]
    runs = [start(plan.folder / f"skip-{skip}", "gd2po_hard", *common[:-1], common[-1] + skip) for skip in SKIP]
    for run in runs:
        assert run.wait() == 0, run.log.read_text()[-4000:]
    skipping, whole = runs
    for step in (1, 2, 3):
        ours, theirs = skipping.steps()[step], whole.steps()[step]
        assert 0.1 < ours["update/rows_left_out"] < 1 and "update/rows_left_out" not in theirs
        assert answers(skipping, step) == answers(whole, step)
        for name in ("reward/correctness/mean", "reward/format/mean", "conflict/rate", "actor/grad_norm"):
            assert ours[name] == pytest.approx(theirs[name], rel=1e-4), (step, name)


def answers(run: Any, step: int) -> Counter[tuple[str, str]]:
    return Counter((row["input"], row["output"]) for row in run.rollouts(step))
