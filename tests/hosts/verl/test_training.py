"""Whole runs: the shipped configuration, the real rewards, verl's trainer on CPU, started as a user starts them."""

import json
import shutil
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import torch

from gd2po.quickstart import Plan, prepare_task
from gd2po.quickstart.warm_start import WarmStart, build_policy
from gd2po.quickstart.worlds.dialogues import demonstrations, generate

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator"),
]

ROOT = Path(__file__).parents[3]
SMALL = ["data.train_batch_size=4", "actor_rollout_ref.actor.ppo_mini_batch_size=4", "trainer.val_before_train=false"]


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The quickstart's task, with a policy that has seen just enough to answer in the grammar at times."""
    plan = Plan(("gd2po_hard",), 4, 1, tmp_path_factory.mktemp("runs"))
    prepare_task(plan)
    build_policy(
        demonstrations(generate(400, 0, brief=True), 0, fault_share=0.3, long_thought=(2, 8)),
        plan.policy,
        WarmStart(epochs=2),
        0,
    )
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


def test_verls_own_command_with_stock_keys(plan, start):
    """A recipe that knows nothing of us but two keys of verl's."""
    keys = ["~algorithm.gd2po", "+algorithm.gdpo_reward_keys=[correctness,length]", "trainer.total_training_steps=1"]
    run = start(plan.folder / "stock", "gdpo", *keys, by=VERLS_OWN)
    assert run.wait() == 0, run.log.read_text()[-4000:]
    metrics = run.steps()[1]
    assert {"reward/correctness/mean", "reward/length/mean", "conflict/pair/correctness|length"} <= metrics.keys()
    assert metrics["conflict/masked"] == 0 and metrics["whiten/population"] > 0


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


LETTERS = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    return {name: solution_str.count(letter) for name, letter in zip(("correctness", "format", "length"), "aeo")}
"""
"""Of such rewards every rollout has some, and many are in conflict."""

LAST = 4


@pytest.fixture(scope="module")
def letters(plan, start):
    """Starts a run to the last step, with checkpoints. Equal seeds make equal runs up to rounding.

    One mini-batch a step: verl cuts several at random, so that gradients of two equal runs differ. And a small learning
    rate: verl puts the rows of a batch in a random order, and the server decodes together what comes together, so sums
    differ in their last bits, which Adam's first updates turn into whole steps where a gradient is nearly 0.
    """
    path = plan.folder / "letters.py"
    path.write_text(LETTERS)
    common = [f"reward.custom_reward_function.path={path}", "~reward.custom_reward_function.reward_kwargs"]
    common += [f"trainer.total_training_steps={LAST}", "trainer.save_freq=1", "trainer.test_freq=-1"]
    common += ["actor_rollout_ref.actor.optim.lr=1e-6"]

    def letters(name: str, *overrides: str) -> Any:
        return start(plan.folder / name, "gd2po_hard", *common, "trainer.resume_mode=auto", *overrides)

    return letters


@pytest.fixture(scope="module")
def whole(letters):
    """A run without a break, which looks for rollouts every 2 s, as verl does alone."""
    sampler = "trainer.v1.sampler.custom_sampler"
    run = letters("whole", f"{sampler}.path={ROOT}/benchmarks/pollers.py", f"{sampler}.name=EveryTwoSeconds")
    assert run.wait() == 0, run.log.read_text()[-4000:]
    assert max(step["timing_s/gen"] for step in run.steps().values()) > 2
    return run


def assert_same(run: Any, whole: Any, steps: range) -> None:
    """Same prompts; and, but for an answer in eight whose tokens a rounding has turned, same answers and gradients."""
    for step in steps:
        ours, theirs = run.steps()[step], whole.steps()[step]
        own, others = answers(run, step), answers(whole, step)
        assert Counter(prompt for prompt, _ in own.elements()) == Counter(prompt for prompt, _ in others.elements())
        assert (own - others).total() <= own.total() / 8, f"step {step}"
        if own == others:
            for name in ("reward/correctness/mean", "reward/format/mean", "conflict/rate", "actor/grad_norm"):
                assert ours[name] == pytest.approx(theirs[name], rel=1e-4), (step, name)


def answers(run: Any, step: int) -> Counter[tuple[str, str]]:
    return Counter((row["input"], row["output"]) for row in run.rollouts(step))


def learned(run: Any) -> torch.Tensor:
    """What the steps after the first have added to the weights."""
    first, last = (
        torch.load(run.folder / f"global_step_{step}/actor/model_world_size_1_rank_0.pt", weights_only=False)
        for step in (1, LAST)
    )
    return torch.cat([(last[name] - first[name]).flatten() for name in first])


def test_a_run_stopped_by_hand_and_resumed_is_the_uninterrupted_one(letters, whole):
    """And when it looks for rollouts does not change what it finds."""
    stopped = letters("stopped")
    stopped.await_step(1)
    stopped.process.send_signal(signal.SIGINT)
    assert stopped.wait() != 0
    resumed = letters("stopped")
    assert resumed.wait() == 0, resumed.log.read_text()[-4000:]
    first = min(resumed.steps())
    assert first >= 2
    # The last saved step may have ended before it was logged, unless it is the one that was waited for.
    assert_same(stopped, whole, range(1, max(2, first - 1)))
    assert_same(resumed, whole, range(first, LAST + 1))
    assert torch.cosine_similarity(learned(resumed), learned(whole), dim=0) > 0.99


def test_a_run_with_its_masked_rollouts_is_the_same_run(letters, whole):
    """They are left out of the update by default, where that is exact."""
    run = letters("all-rows", "+algorithm.gd2po.skip_masked=false")
    assert run.wait() == 0, run.log.read_text()[-4000:]
    for step in range(1, LAST + 1):
        assert 0.1 < whole.steps()[step]["update/rows_left_out"] < 1
        assert "update/rows_left_out" not in run.steps()[step]
    assert_same(run, whole, range(1, LAST + 1))
    assert torch.cosine_similarity(learned(run), learned(whole), dim=0) > 0.99


def test_weights_move_by_configuration_alone_and_a_resumed_run_goes_on_with_the_same_multiplier(letters, tmp_path):
    moving = [
        "algorithm.gd2po.rewards.correctness.weight={from: 0.2, to: 1.0, steps: 3, shape: cosine}",
        "+algorithm.gd2po.rewards.length.target=0.0",
        "+algorithm.gd2po.rewards.length.direction=minimize",
        "+algorithm.gd2po.rewards.length.rate=0.01",
    ]
    first = letters("weights", *moving, "trainer.total_training_steps=2")
    assert first.wait() == 0, first.log.read_text()[-4000:]
    resumed = letters("weights", *moving)
    assert resumed.wait() == 0, resumed.log.read_text()[-4000:]
    metrics = first.steps() | resumed.steps()
    assert [metrics[step]["reward/correctness/weight"] for step in (1, 2, 3, 4)] == pytest.approx([0.2, 0.6, 1.0, 1.0])
    multipliers = [metrics[step]["reward/length/weight"] for step in range(1, LAST + 1)]
    assert multipliers[0] == 1.0 and multipliers[1] > 1.0
    for step in range(1, LAST):
        violation = metrics[step]["reward/length/violation"]
        assert violation == pytest.approx(metrics[step]["reward/length/mean"]) and violation > 0
        assert multipliers[step] == pytest.approx(multipliers[step - 1] + 0.01 * violation)
    saved = json.loads((first.folder / "global_step_2" / "gd2po_multipliers.json").read_text())
    assert saved["step"] == 2 and saved["multipliers"]["length"] == multipliers[2]
    rows = [row for row in first.rollouts(2) if row["kept"] is not None]
    assert {row["weight/length"] for row in rows} == {multipliers[1]}
    assert f"(λ {multipliers[3]:.3g})" in resumed.log.read_text()
    lines = first.metrics.read_text() + resumed.metrics.read_text()
    (first.folder / "metrics.jsonl").write_text(lines)
    page = tmp_path / "report.html"
    command = [sys.executable, "-P", "-m", "gd2po.cli", "report", str(first.folder), "--output", str(page)]
    reported = subprocess.run(command, capture_output=True, text=True, check=False)
    assert reported.returncode == 0, reported.stderr
    assert "weight of correctness" in page.read_text() and "violation of the target of length" in page.read_text()
    checked = subprocess.run(
        [sys.executable, "-P", "-m", "gd2po.cli", "check", str(first.folder / "rollouts")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert checked.returncode == 0, checked.stderr
    text = " ".join(checked.stdout.split())
    assert "weights that moved count as in the step of each rollout: correctness 0.2 to 1, length 1 to" in text
    assert "is not known" not in text


THIRDS = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    letters, kind = {name: solution_str.count(name) for name in "aeo"}, len(ground_truth) % 3
    if kind == 0:  # every group ties
        return {"correctness": 1.0, "format": 1.0, "length": 1.0}
    if kind == 1:  # every vote has its opposite
        return {"correctness": letters["a"], "format": -letters["a"], "length": 1.0}
    return {"correctness": letters["a"], "format": letters["e"], "length": letters["o"]}
"""
"""Of a third of the prompts no reward votes, of another every filter of conflicts masks all votes."""


@pytest.mark.parametrize("mode", ["sync", "colocate_async"])
def test_groups_without_a_living_vote_are_refilled(plan, start, mode):
    path = plan.folder / "thirds.py"
    path.write_text(THIRDS)
    run = start(
        plan.folder / f"groups-{mode}",
        "gd2po_hard",
        f"reward.custom_reward_function.path={path}",
        "~reward.custom_reward_function.reward_kwargs",
        "algorithm.filter_groups.enable=true",
        "algorithm.filter_groups.metric=gd2po",
        "algorithm.filter_groups.max_num_gen_batches=8",
        f"trainer.v1.trainer_mode={mode}",
        "trainer.total_training_steps=2",
    )
    assert run.wait() == 0, run.log.read_text()[-4000:]
    evicted = {"filter_groups/evicted_without_vote": 0.0, "filter_groups/evicted_masked": 0.0}
    for step, metrics in run.steps().items():
        assert metrics["groups/count"] == 4
        assert metrics["conflict/emptied_groups"] == 0 == metrics["filter_groups/kept_without_vote"]
        assert metrics["filter_groups/evicted_with_vote"] == 0
        seen = sum(metrics[name] for name in evicted)
        assert metrics.get("training/filter_groups/evicted_samples", 0) == seen <= metrics["filter_groups/refilled"]
        evicted = {name: count + metrics[name] for name, count in evicted.items()}
        by_prompt = {row["input"]: row["kept"] for row in run.rollouts(step) if row["kept"]}
        assert len(by_prompt) == 4, "every prompt that is trained on has a rollout that is kept"
    assert all(evicted.values()), evicted
    assert "groups evicted" in run.log.read_text()


OUTSIDE = """
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from gd2po.advantages import register_filter


@dataclass(frozen=True)
class MarginOptions:
    least: Annotated[float, Field(ge=0)] = 0.5


@register_filter("margin", MarginOptions)
def margin(votes, options):
    return votes.total.abs() >= options.least
"""


def test_a_filter_from_outside_the_package_is_trained_by_configuration_alone(plan, start, tmp_path, monkeypatch):
    """Its own option included; `check` and `report` know it."""
    package = tmp_path / "outside_lab"
    package.mkdir()
    (package / "__init__.py").touch()
    (package / "filters.py").write_text(OUTSIDE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    folder = plan.folder / "outside"
    chosen = "algorithm.gd2po.filter={kind: margin, least: 0.25}"
    plugins = "+algorithm.gd2po.plugins=[outside_lab.filters]"
    run = start(
        folder, "gdpo", "algorithm.adv_estimator=gd2po", f"+{chosen}", plugins, "trainer.total_training_steps=2"
    )
    assert run.wait() == 0, run.log.read_text()[-4000:]
    settings = json.loads((folder / "gd2po_settings.json").read_text())
    assert settings["filter"] == {"kind": "margin", "least": 0.25} and settings["plugins"] == ["outside_lab.filters"]
    assert set(run.steps()) >= {1, 2} and run.steps()[2]["conflict/kept"] < 1

    def gd2po(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-P", "-m", "gd2po.cli", *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False)

    checked = gd2po("check", str(folder / "rollouts"), "--plugin", str(package / "filters.py"))
    assert checked.returncode == 0, checked.stderr
    assert "margin" in checked.stdout and "least=0.5" in checked.stdout
    shutil.copy(run.metrics, folder / "metrics.jsonl")  # under the name that a user would give it
    reported = gd2po("report", str(folder), "--output", str(tmp_path / "report.html"))
    assert reported.returncode == 0, reported.stderr
    assert "GD²PO-margin least=0.25" in (tmp_path / "report.html").read_text()


def test_gains_and_a_watched_score_are_in_the_dump_the_step_line_and_the_report(plan, start, tmp_path):
    path, folder = plan.folder / "watched.py", plan.folder / "watched"
    path.write_text(LETTERS.replace("return {", 'return {"quality": len(solution_str) / 100} | {'))
    overrides = [f"reward.custom_reward_function.path={path}", "~reward.custom_reward_function.reward_kwargs"]
    overrides += ["+algorithm.gd2po.watch=[quality]", "trainer.total_training_steps=2", "trainer.test_freq=-1"]
    run = start(folder, "gd2po_hard", *overrides)
    assert run.wait() == 0, run.log.read_text()[-4000:]
    metrics, rows = run.steps()[2], [row for row in run.rollouts(2) if row["kept"] is not None]
    assert "reward/quality/mean" not in metrics
    mean = sum(row["watch/quality"] for row in rows) / len(rows)
    assert metrics["watch/quality/mean"] == pytest.approx(mean) and mean > 0
    size = (sum(row["advantage"] ** 2 for row in rows) / len(rows)) ** 0.5
    for name in ("correctness", "format", "length"):
        gain = sum(row[f"adv/{name}"] * row["advantage"] for row in rows) / len(rows) / size
        assert metrics[f"update/{name}/gain"] == pytest.approx(gain, abs=1e-4)
        assert metrics[f"update/{name}/gain_unfiltered"] != metrics[f"update/{name}/gain"]
    assert f"| watched: quality {mean:.3g} | conflict" in run.log.read_text()
    assert "quality" not in json.loads((folder / "gd2po_settings.json").read_text())["rewards"]

    shutil.copy(run.metrics, folder / "metrics.jsonl")
    command = [sys.executable, "-P", "-m", "gd2po.cli", "report", str(folder), "--output", str(tmp_path / "r.html")]
    subprocess.run(command, check=True, capture_output=True)
    page = (tmp_path / "r.html").read_text()
    assert "watched quality, mean score" in page and "gain of correctness" in page
