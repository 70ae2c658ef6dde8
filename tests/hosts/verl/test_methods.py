"""Methods beyond the papers in whole trainings on CPU, by configuration alone: log, step line, dump and report."""

import json
import math
import re
import shutil
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from verl.trainer.ppo.core_algos import POLICY_LOSS_REGISTRY

from gd2po.advantages import combination_names, filter_names, normaliser_names
from gd2po.insight.check.choice import Choice
from gd2po.insight.check.examine import examine
from gd2po.insight.report import report
from gd2po.quickstart import Plan, prepare_task
from gd2po.quickstart.warm_start import WarmStart, build_policy
from gd2po.quickstart.worlds.dialogues import demonstrations, generate


def e2e(function: Any) -> Any:
    """Mark a test that trains."""
    reason = "this machine has an accelerator"
    marked = pytest.mark.skipif(torch.accelerator.is_available(), reason=reason)(function)
    return pytest.mark.e2e(pytest.mark.timeout(1500)(marked))


ROOT = Path(__file__).parents[3]
PRESETS = {path.stem for path in (ROOT / "verl/gd2po/configs/method").glob("*.yaml")}
LETTERS = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    return {name: solution_str.count(letter) for name, letter in zip(("correctness", "format", "length"), "aeo")}
"""
"""Of such rewards every rollout has some, and many are in conflict."""
SMALL = ["data.train_batch_size=4", "actor_rollout_ref.actor.ppo_mini_batch_size=4", "trainer.val_before_train=false"]
CORRECTION = "{rollout_is: token, rollout_is_threshold: 2.0, loss_type: ppo_clip}"


class Training(NamedTuple):
    """A training by its preset, the options under `algorithm.gd2po`, the title in a report and other overrides."""

    preset: str
    options: dict[str, Any]
    title: str
    others: tuple[str, ...] = ()


TRAININGS = {
    "vanilla": Training(
        "gd2po_hard", {"normalise": "group_mean", "combine": "upgrad"}, "GD²PO-Hard, group_mean, upgrad"
    ),
    "gspo": Training(
        "gd2po_hard",
        {
            "filter": {"kind": "share", "masked": 0.2},
            "normalise": {"kind": "shrunk", "share": 0.3},
            "combine": {"kind": "softmin", "sharpness": 2.0},
        },
        "GD²PO-share masked=0.2, shrunk share=0.3, softmin sharpness=2",
    ),
    "geo_mean": Training(
        "gd2po_hard",
        {"filter": {"kind": "soft", "power": 1.0}, "normalise": "pooled", "combine": "dvao"},
        "GD²PO-soft power=1, pooled, dvao",
    ),
    "cispo": Training(
        "gd2po_snr",
        {"filter": {"threshold": 0.8}, "normalise": "batch", "combine": "mgda"},
        "GD²PO-SNR τ=0.8, batch, mgda",
    ),
    "clip_cov": Training(
        "gd2po_hard",
        {"filter": "none", "normalise": "leave_one_out", "combine": "dualproj"},
        "GD²PO-none, leave_one_out, dualproj",
    ),
    "kl_cov": Training("gdpo", {"combine": "aligned_mtl"}, "GDPO, aligned_mtl"),
    "gpg": Training("gdpo_floored", {}, "GDPO, floored"),
    "sapo": Training("gdpo_shrunk", {}, "GDPO, shrunk share=0.5"),
    "dppo_tv": Training("gd2po_guard", {"normalise": "floored"}, "GD²PO-guard min_kept=0.5 confidence=0.95, floored"),
    "dppo_kl": Training("grpo", {}, "GRPO"),
    "dro": Training(
        "gd2po_hard",
        {"filter": "snr", "normalise": "group_std", "combine": "sum"},
        "GD²PO-SNR τ=0.8",
        ("actor_rollout_ref.actor.policy_loss.dro_beta=0.1",),
    ),
    "bypass_mode": Training(
        "gd2po_hard",
        {},
        "GD²PO-Hard",
        (
            "algorithm.rollout_correction.bypass_mode=true",
            f"+actor_rollout_ref.actor.policy_loss.rollout_correction={CORRECTION}",
        ),
    ),
}
"""Policy loss of verl → a training with it."""


def overrides_of(training: Training) -> list[str]:
    return [
        f"++algorithm.gd2po.{part}={_hydra(choice if isinstance(choice, dict) else {'kind': choice})}"
        for part, choice in training.options.items()
    ]


def _hydra(choice: dict[str, Any]) -> str:
    return "{" + ", ".join(f"{name}: {value}" for name, value in choice.items()) + "}"


def chosen(part: str, usual: str) -> set[str]:
    """The kinds of a part that are trained."""
    choices = (training.options.get(part, usual) for training in TRAININGS.values())
    return {choice.get("kind", "snr") if isinstance(choice, dict) else choice for choice in choices}


def test_every_method_preset_and_policy_loss_is_trained():
    assert set(TRAININGS) == set(POLICY_LOSS_REGISTRY)
    assert chosen("filter", "hard") | {"guard"} == set(filter_names())
    assert chosen("normalise", "group_std") | {"floored"} == set(normaliser_names())
    assert chosen("combine", "sum") == set(combination_names())
    assert {training.preset for training in TRAININGS.values()} == PRESETS
    rows = re.findall(r"^\| `(\w+)`.*? \| `(\w+)` \|", (ROOT / "docs" / "support.md").read_text(), re.MULTILINE)
    assert dict(rows).items() >= {loss: training.preset for loss, training in TRAININGS.items()}.items()


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    """The quickstart's task, with a policy that has seen just enough to answer with different letters."""
    plan = Plan(("gd2po_hard",), 2, 1, tmp_path_factory.mktemp("runs"))
    prepare_task(plan)
    build_policy(
        demonstrations(generate(400, 0, brief=True), 0, fault_share=0.3, long_thought=(2, 8)),
        plan.policy,
        WarmStart(epochs=2),
        0,
    )
    return plan


@pytest.fixture(scope="module")
def start(training, plan: Plan):
    """Starts a training with a reward function of its own, in a folder of its own."""

    def start(name: str, preset: str, function: str, *overrides: str) -> Any:
        path = plan.folder / f"{name}.py"
        path.write_text(function)
        own = [f"reward.custom_reward_function.path={path}", "~reward.custom_reward_function.reward_kwargs"]
        task = [f"method={preset}", *plan.overrides("gd2po_hard")[1:], *SMALL, *own, "trainer.test_freq=-1"]
        return training("tool-calling", plan.folder / name, *task, *overrides)

    return start


@pytest.fixture
def page(tmp_path: Path):
    """The report of a training, as a user makes it."""

    def page(run: Any) -> str:
        shutil.copy(run.metrics, run.folder / "metrics.jsonl")  # under the name that a user would give it
        report([run.folder], tmp_path / "report.html")
        return (tmp_path / "report.html").read_text()

    return page


IN_EVERY_SUITE = ("gspo", "cispo")
"""The others take half an hour on two busy cores: `.venv/bin/python -P -m pytest -m methods`."""


@e2e
@pytest.mark.parametrize(
    "loss", [loss if loss in IN_EVERY_SUITE else pytest.param(loss, marks=pytest.mark.methods) for loss in TRAININGS]
)
def test_methods_and_policy_losses_are_trained_by_configuration_alone(loss, start, page):
    chosen = TRAININGS[loss]
    mode = f"actor_rollout_ref.actor.policy_loss.loss_mode={loss}"
    run = start(loss, chosen.preset, LETTERS, mode, *overrides_of(chosen), *chosen.others)
    assert run.wait() == 0, run.log.read_text()[-4000:]
    settings = json.loads((run.folder / "gd2po_settings.json").read_text())
    for part, choice in chosen.options.items():
        if choice not in ("group_std", "group_mean", "sum"):  # what earlier releases did not have to say
            expected = choice if isinstance(choice, dict) else {"kind": choice}
            assert settings[part].items() >= expected.items()
    metrics, rows = run.steps()[2], [row for row in run.rollouts(2) if row["kept"] is not None]
    assert metrics["conflict/rate"] > 0 and math.isfinite(metrics["actor/pg_loss"])
    assert metrics["actor/grad_norm"] > 0 and any(row["advantage"] for row in rows)
    assert sum(row["kept"] for row in rows) == pytest.approx(32 * metrics["conflict/kept"])
    assert all(row["advantage"] == 0 for row in rows if not row["kept"])
    for name in ("correctness", "format", "length"):
        assert math.isfinite(metrics[f"update/{name}/gain"])
    kind = settings.get("filter", {}).get("kind", "none")
    if kind in ("hard", "snr"):
        assert 0 < metrics["conflict/masked"] <= metrics["conflict/rate"]
    elif kind == "share":
        assert 0 < metrics["conflict/masked"] <= 0.2
    elif kind in ("soft", "none"):
        assert metrics["conflict/masked"] == 0 and (metrics["query_weight/mean"] < 1) == (kind == "soft")
    assert "step 2 of 2 | correctness" in run.log.read_text()
    text = page(run)
    assert chosen.title in text and "gain of correctness" in text


OPPOSED = """
def compute_score(data_source, solution_str, ground_truth, extra_info=None):
    if len(ground_truth) % 2:  # every group ties
        return {"correctness": 1.0, "format": 1.0, "length": 1.0}
    praised = solution_str.count("a")
    format = praised if praised < 12 else -praised
    return {"correctness": praised, "format": format, "length": solution_str.count("o")}
"""
"""Where a rollout has much of what correctness praises, format falls; half of the prompts have no vote at all."""


@e2e
def test_guard_masks_only_where_a_gain_is_negative_and_then_mends_it(start, page):
    """A reward of small weight is pushed down, and in the last step, where its weight is large, it is not.

    Whether guard masks is left to the rollouts: it mostly does not, even here, since little loss is admissible.
    """
    last = 6
    run = start(
        "guard",
        "gd2po_guard",
        OPPOSED,
        f"algorithm.gd2po.rewards.format.weight={{at: {{1: 0.4, {last}: 3.0}}}}",
        "algorithm.gd2po.rewards.length.weight=0.1",
        "data.train_batch_size=16",
        "actor_rollout_ref.actor.ppo_mini_batch_size=16",
        "actor_rollout_ref.actor.optim.lr=1e-6",  # the answers stay what they are
        f"trainer.total_training_steps={last}",
    )
    assert run.wait() == 0, run.log.read_text()[-4000:]
    masked = {step: metrics["conflict/masked"] for step, metrics in run.steps().items() if step}
    assert masked.keys() == set(range(1, last + 1))
    assert masked[last] == 0 and min(step["update/format/gain_unfiltered"] for step in run.steps().values()) < 0
    lines = {step: re.search(rf"step {step} of {last} \| .*", run.log.read_text())[0] for step in masked}
    for step, share in masked.items():
        metrics, rows = run.steps()[step], [row for row in run.rollouts(step) if row["kept"] is not None]
        gain, unfiltered = (metrics[f"update/format/{figure}"] for figure in ("gain", "gain_unfiltered"))
        assert sum(not row["kept"] for row in rows) == pytest.approx(share * len(rows))
        assert f"masked {share:.0%}" in lines[step]
        if share:
            assert share <= 0.5 and unfiltered < 0 and gain > unfiltered
            assert all(row["conflict"] and not row["advantage"] for row in rows if not row["kept"])
        else:
            assert gain == unfiltered
            assert ("negative gain: format" in lines[step]) == (gain <= -0.005)
    assert run.steps()[last]["update/format/gain"] > 0
    text = page(run)
    assert "GD²PO-guard min_kept=0.5 confidence=0.95" in text and "gain of format" in text
    assert ("gain of format: with the filter, less" in text) == any(masked.values())


SCHEDULES = {
    "correctness": ("1.0", lambda step: 1.0),
    "format": ("{from: 0.2, to: 1.0, steps: 3}", lambda step: min(1.0, 0.2 + 0.4 * (step - 1))),
    "length": ("{at: {1: 0.5, 3: 0.25}}", lambda step: 0.5 if step < 3 else 0.25),
    "vowels": (
        "{from: 0.0, to: -0.4, steps: 4, shape: cosine}",
        lambda step: 0.2 * (math.cos(math.pi * (step - 1) / 3) - 1),
    ),
}
"""Reward → its weight in the configuration, and by the formula in docs/method.md."""


@e2e
def test_each_kind_of_schedule_is_trained_by_configuration_alone(start, page):
    last = 4
    overrides = [f"++algorithm.gd2po.rewards.{name}.weight={written}" for name, (written, _) in SCHEDULES.items()]
    function = LETTERS.replace('"length"), "aeo"', '"length", "vowels"), "aeoi"')
    run = start("schedules", "gd2po_hard", function, *overrides, f"trainer.total_training_steps={last}")
    assert run.wait() == 0, run.log.read_text()[-4000:]
    for step in range(1, last + 1):
        metrics, rows = run.steps()[step], [row for row in run.rollouts(step) if row["kept"] is not None]
        for name, (_, formula) in SCHEDULES.items():
            assert metrics[f"reward/{name}/weight"] == pytest.approx(formula(step)), (name, step)
            assert {row[f"weight/{name}"] for row in rows} == {metrics[f"reward/{name}/weight"]}
        for row in rows:
            votes = [row[f"weight/{name}"] * row[f"adv/{name}"] for name in SCHEDULES]
            assert row["conflict"] == (max(votes) > 1e-8 and min(votes) < -1e-8)
        shown = re.search(rf"step {step} of {last} \| .*", run.log.read_text())[0]
        for name, (written, formula) in SCHEDULES.items():
            assert (f"{name} {metrics[f'reward/{name}/mean']:.3g} (weight {formula(step):.3g})" in shown) == (
                written != "1.0"
            )
    text = page(run)
    assert all((f"weight of {name}" in text) == (name != "correctness") for name in SCHEDULES)
    evidence = examine([str(run.folder / "rollouts")], Choice())
    assert {reward.name: reward.weights for reward in evidence.rewards} == {
        name: pytest.approx((min(weights), max(weights)))
        for name, (_, formula) in SCHEDULES.items()
        for weights in ([formula(step) for step in range(1, last + 1)],)
    }
