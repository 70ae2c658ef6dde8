"""A training in verl's V0 trainer, beside one of the same set-up in V1: same metrics, same dump; then it is resumed."""

import json
import re
import shutil
import subprocess
import sys
from collections import Counter
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

REWARDS = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    scores = {name: solution_str.count(letter) for name, letter in zip(("correctness", "format", "length"), "aeo")}
    if len(ground_truth) % 2:
        del scores["length"]  # a batch of two tasks: this one has no such reward
    scores["format"] = scores["format"] or None
    return scores | {"words": len(solution_str.split()), "note": "seen"}
"""
"""Three rewards: one that only some prompts have, one that is missing at times, and two further entries."""

OURS = ("adv/", "conflict/", "groups/", "reward/", "rollouts/", "update/", "watch/", "weight/", "whiten/")
SETTINGS = [
    *(
        "scale=cpu",
        "data.train_batch_size=4",
        "actor_rollout_ref.actor.ppo_mini_batch_size=4",
        "trainer.val_before_train=false",
    ),
    *("~reward.custom_reward_function.reward_kwargs", "trainer.save_freq=1", "trainer.resume_mode=auto"),
    *("actor_rollout_ref.actor.optim.lr=1e-6", "trainer.test_freq=2", "+algorithm.gd2po.watch=[words]"),
    "algorithm.gd2po.rewards.correctness.weight={from: 0.2, to: 1.0, steps: 3}",
    *("+algorithm.gd2po.rewards.length.target=0.0", "+algorithm.gd2po.rewards.length.direction=minimize"),
    "+algorithm.gd2po.rewards.length.rate=0.01",
    "actor_rollout_ref.rollout.max_num_seqs=1",  # which requests share a batch decides rounding, and so a rare token
]
V0, ALL_ROWS = "trainer.use_v1=false", "+algorithm.gd2po.skip_masked=false"


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
    (plan.folder / "rewards.py").write_text(REWARDS)
    return plan


@pytest.fixture(scope="module")
def start(training, plan: Plan):
    """Starts a training up to a step."""

    def start(name: str, steps: int, *overrides: str) -> Any:
        return training(
            "tool-calling",
            plan.folder / name,
            *plan.overrides("gd2po_hard"),
            *SETTINGS,
            f"reward.custom_reward_function.path={plan.folder}/rewards.py",
            f"trainer.total_training_steps={steps}",
            *overrides,
        )

    return start


@pytest.fixture(scope="module")
def v1(start) -> Any:
    """A training in V1, with masked rows in its update: leaving them out in V0 must not be seen in the gradient."""
    run = start("v1", 2, ALL_ROWS)
    assert run.wait() == 0, run.log.read_text()[-4000:]
    return run


@pytest.fixture(scope="module")
def v0(start) -> Any:
    run = start("v0", 2, V0)
    assert run.wait() == 0, run.log.read_text()[-4000:]
    return run


@pytest.fixture(scope="module")
def resumed(v0, start) -> Any:
    """One step more of the training in V0."""
    run = start("v0", 3, V0)
    assert run.wait() == 0, run.log.read_text()[-4000:]
    return run


def ours(metrics: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in metrics.items() if name.startswith(OURS)}


def rows(run: Any, step: int) -> list[dict[str, Any]]:
    """Rows without the names of prompts and rollouts, which are drawn anew in each run."""
    plain = [{name: value for name, value in row.items() if name != "uid"} for row in run.rollouts(step)]
    return sorted(plain, key=lambda row: (row["input"], row["output"]))


def answers(run: Any, step: int) -> Counter[tuple[str, str]]:
    return Counter((row["input"], row["output"]) for row in run.rollouts(step))


def test_metrics_and_gradient_are_those_of_v1(v0, v1):
    for step in (1, 2):
        left_out = {"update/rows_left_out"}
        assert ours(v0.steps()[step]).keys() - ours(v1.steps()[step]).keys() == left_out
        assert ours(v1.steps()[step]).keys() <= ours(v0.steps()[step]).keys()
    first, expected = v0.steps()[1], v1.steps()[1]
    assert answers(v0, 1) == answers(v1, 1)
    assert {name: first[name] for name in ours(expected)} == pytest.approx(ours(expected), abs=1e-6)
    assert first["actor/grad_norm"] == pytest.approx(expected["actor/grad_norm"], rel=1e-4)
    assert 0 < first["conflict/masked"] < 1 and first["update/rows_left_out"] > 0
    assert first["reward/length/missing"] > 0


def test_rows_of_the_dump_are_those_of_v1_beside_the_entries_that_verl_dumps(v0, v1):
    for row, row_of_v1 in zip(rows(v0, 1), rows(v1, 1), strict=True):
        assert row.pop("note") == "seen" and row.keys() >= row_of_v1.keys()
        for name, value in row_of_v1.items():
            assert row[name] == (pytest.approx(value, abs=1e-6) if isinstance(value, float) else value), name
    uids = [row["uid"] for row in v0.rollouts(1)]
    assert len(set(uids)) == len(uids) and set(Counter(uid.split("_")[0] for uid in uids).values()) == {8}


def test_validation_has_named_scores(v0):
    metrics = v0.steps()[2]
    assert any(re.fullmatch(r"val-\w+/.*/correctness/mean@\d+", name) for name in metrics)


def test_settings_are_said_once_and_each_step_has_a_line(v0):
    log = v0.log.read_text()
    assert log.count("gd2po settings of this run") == 1 and "Ray was started before this run" not in log
    assert re.search(r"step 2 of 2 \| correctness .* \| watched: words .* \| conflict .*masked", log)


def test_a_resumed_run_goes_on_with_the_same_weights(v0, resumed):
    assert min(resumed.steps()) == 3
    metrics = v0.steps() | resumed.steps()
    assert [metrics[step]["reward/correctness/weight"] for step in (1, 2, 3)] == pytest.approx([0.2, 0.6, 1.0])
    multipliers = [metrics[step]["reward/length/weight"] for step in (1, 2, 3)]
    for step in (1, 2):
        violation = metrics[step]["reward/length/violation"]
        assert multipliers[step] == pytest.approx(multipliers[step - 1] + 0.01 * violation) and violation > 0
    saved = json.loads((v0.folder / "global_step_2" / "gd2po_multipliers.json").read_text())
    assert saved["multipliers"]["length"] == multipliers[2]


def test_a_run_of_v1_goes_on_in_v0(v1, resumed, start):
    """With the prompts, the weights and the policy with which it would have gone on by itself."""
    run = start("v1", 3, ALL_ROWS, V0)
    assert run.wait() == 0, run.log.read_text()[-4000:]
    assert min(run.steps()) == 3
    assert sorted(row["input"] for row in run.rollouts(3)) == sorted(row["input"] for row in resumed.rollouts(3))
    for name in ("correctness", "length"):
        weight = f"reward/{name}/weight"
        assert run.steps()[3][weight] == pytest.approx(resumed.steps()[3][weight], rel=0.05)


def test_check_and_report_read_its_files(v0, resumed, tmp_path):
    shutil.copy(v0.metrics, v0.folder / "metrics.jsonl")  # under the name that a user would give it
    for arguments in (
        ["check", str(v0.folder / "rollouts")],
        ["report", str(v0.folder), "--output", str(tmp_path / "report.html")],
    ):
        command = [sys.executable, "-P", "-m", "gd2po.cli", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        if arguments[0] == "check":
            assert "rewards: correctness, length, format" in done.stdout
    assert "gain of correctness" in (tmp_path / "report.html").read_text()
