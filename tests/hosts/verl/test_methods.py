"""Methods beyond the papers in whole trainings on CPU, by configuration alone: log, step line, dump and report."""

import json
import shutil
from pathlib import Path

import pytest
import torch

from gd2po.insight.report import report
from gd2po.quickstart import Plan, prepare_task
from gd2po.quickstart.warm_start import WarmStart, build_policy
from gd2po.quickstart.worlds.dialogues import demonstrations, generate

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.timeout(1500),
    pytest.mark.skipif(torch.accelerator.is_available(), reason="this machine has an accelerator"),
]

LETTERS = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    return {name: solution_str.count(letter) for name, letter in zip(("correctness", "format", "length"), "aeo")}
"""
"""Of such rewards every rollout has some, and many are in conflict."""
SMALL = ["data.train_batch_size=4", "actor_rollout_ref.actor.ppo_mini_batch_size=4", "trainer.val_before_train=false"]
RUNS = {
    "share, shrunk and softmin under gspo": (
        [
            "algorithm.gd2po.filter.kind=share",
            "+algorithm.gd2po.filter.masked=0.2",
            "+algorithm.gd2po.normalise={kind: shrunk, share: 0.3}",
            "+algorithm.gd2po.combine={kind: softmin, sharpness: 2.0}",
            "actor_rollout_ref.actor.policy_loss.loss_mode=gspo",
        ],
        {
            "filter": {"kind": "share", "masked": 0.2},
            "normalise": {"kind": "shrunk", "share": 0.3},
            "combine": {"kind": "softmin", "sharpness": 2.0},
        },
        "GD²PO-share masked=0.2, shrunk share=0.3, softmin sharpness=2",
    ),
    "soft, pooled and dvao under geo_mean": (
        [
            "algorithm.gd2po.filter.kind=soft",
            "+algorithm.gd2po.filter.power=1.0",
            "+algorithm.gd2po.normalise=pooled",
            "+algorithm.gd2po.combine=dvao",
            "actor_rollout_ref.actor.policy_loss.loss_mode=geo_mean",
        ],
        {"filter": {"kind": "soft", "power": 1.0}, "normalise": {"kind": "pooled"}, "combine": {"kind": "dvao"}},
        "GD²PO-soft power=1, pooled, dvao",
    ),
}


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The quickstart's task, with a policy that has seen just enough to answer with different letters."""
    plan = Plan(("gd2po_hard",), 2, 1, tmp_path_factory.mktemp("runs"))
    prepare_task(plan)
    build_policy(demonstrations(generate(400, 0), 0, think_words=(2, 8)), plan.policy, WarmStart(epochs=2), 0)
    (plan.folder / "letters.py").write_text(LETTERS)
    return plan


@pytest.mark.parametrize("name", RUNS)
def test_options_of_each_kind_are_trained_by_configuration_alone(name, plan, training, tmp_path):
    overrides, expected, title = RUNS[name]
    rewards = f"reward.custom_reward_function.path={plan.folder / 'letters.py'}"
    common = [rewards, "~reward.custom_reward_function.reward_kwargs", "trainer.test_freq=-1"]
    folder: Path = plan.folder / name.split(",")[0]
    run = training("tool-calling", folder, *plan.overrides("gd2po_hard"), *SMALL, *common, *overrides)
    assert run.wait() == 0, run.log.read_text()[-4000:]
    settings = json.loads((folder / "gd2po_settings.json").read_text())
    assert {part: settings[part] for part in expected} == expected
    metrics, rows = run.steps()[2], [row for row in run.rollouts(2) if row["kept"] is not None]
    assert metrics["conflict/rate"] > 0 and metrics["actor/grad_norm"] > 0
    assert sum(row["kept"] for row in rows) == pytest.approx(32 * metrics["conflict/kept"])
    assert any(row["advantage"] for row in rows)
    if settings["filter"]["kind"] == "share":
        assert 0 < metrics["conflict/masked"] <= 0.2
        assert all(row["advantage"] == 0 for row in rows if not row["kept"])
    else:
        assert metrics["conflict/masked"] == 0 and 0 < metrics["query_weight/mean"] < 1
    assert "step 2 of 2 | correctness" in run.log.read_text()
    shutil.copy(run.metrics, folder / "metrics.jsonl")  # under the name that a user would give it
    report([folder], tmp_path / "report.html")
    assert title in (tmp_path / "report.html").read_text()
