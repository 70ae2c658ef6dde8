"""Each rollout is weighed as in its step, where the dump, the log or the schedule tells the weight of the step."""

import json

import numpy as np
import pytest
import torch

from gd2po.advantages import compute_rollout_advantages
from gd2po.insight.check.choice import Choice
from gd2po.insight.check.examine import examine
from gd2po.insight.check.terminal import show
from gd2po.insight.check.verdict import judge

STEPS, GROUPS, SIZE = 3, 20, 4
RAMP = {"from": 0.2, "to": 1.0, "steps": 3}
WEIGHTS_OF_B = {1: 0.2, 2: 0.6, 3: 1.0}


@pytest.fixture
def scores():
    """Step → reward → scores [GROUPS × SIZE]; b opposes a in part."""
    generator = np.random.default_rng(0)

    def step():
        a = generator.normal(size=GROUPS * SIZE)
        return {"a": a, "b": generator.normal(size=len(a)) - a / 2}

    return {number: step() for number in range(1, STEPS + 1)}


@pytest.fixture
def run(tmp_path, scores):
    """Writes the dump of a run, with its settings and what else is given; returns the folder of the dump."""

    def write(weight=1.0, dumped=None, logged=None, **reward):
        rewards = {"a": {"weight": 1.0}, "b": {"weight": weight, **reward}}
        (tmp_path / "gd2po_settings.json").write_text(json.dumps({"rewards": rewards}))
        (tmp_path / "rollouts").mkdir()
        for step, columns in scores.items():
            rows = [
                {"uid": f"s{step}g{row // SIZE}", "step": step, "output": "word"}
                | {f"reward/{name}": values[row] for name, values in columns.items()}
                | {f"weight/{name}": value for name, value in (dumped or {}).get(step, {}).items()}
                for row in range(GROUPS * SIZE)
            ]
            (tmp_path / "rollouts" / f"{step}.jsonl").write_text("".join(f"{json.dumps(row)}\n" for row in rows))
        lines = [json.dumps({"step": step, "data": data}) for step, data in (logged or {}).items()]
        (tmp_path / "metrics_1.jsonl").write_text("\n".join(["torn", *lines, '{"step"']))
        return str(tmp_path / "rollouts")

    return write


def check(folder, **choice):
    return examine([folder], Choice(**choice))


def said(evidence):
    return "\n".join(evidence.account.notes)


DUMPED = {step: {"a": 1.0, "b": weight} for step, weight in WEIGHTS_OF_B.items()}
LOGGED = {step: {"reward/a/weight": 1.0, "reward/b/weight": weight} for step, weight in WEIGHTS_OF_B.items()}
SOURCES = {
    "a schedule": {"weight": RAMP},
    "a dump": {"weight": 0.2, "target": 0.5, "dumped": DUMPED},
    "a log": {"weight": 0.2, "target": 0.5, "logged": LOGGED},
    "a dump before a schedule": {"weight": {"from": 5.0, "to": 6.0, "steps": 3}, "dumped": DUMPED},
    "a dump and no settings of such a reward": {"dumped": DUMPED},
}


@pytest.mark.parametrize("source", SOURCES)
def test_each_step_is_a_batch_with_the_weights_of_the_step(source, run, scores):
    evidence = check(run(**SOURCES[source]), taus=(0.8,))
    assert "weights that moved count as in the step of each rollout: b 0.2 to 1" in said(evidence)
    assert "is not known" not in said(evidence)
    kept, advantages, gain = 0.0, [], {"a": 0.0, "b": 0.0}
    for step, weight in WEIGHTS_OF_B.items():
        groups = [row // SIZE for row in range(GROUPS * SIZE)]
        out = compute_rollout_advantages(
            {name: torch.from_numpy(values) for name, values in scores[step].items()},
            groups,
            torch.ones(len(groups), dtype=torch.int64),
            reward_weights={"a": 1.0, "b": weight},
            conflict_filter="snr",
            threshold=0.8,
        )
        kept += out.metrics["conflict/kept"] / STEPS
        advantages.append(out.rollout_advantages.double())
        for name in gain:
            gain[name] += float(out.per_reward[name].double() @ advantages[-1])
    size = float(torch.cat(advantages).square().sum() * GROUPS * SIZE * STEPS) ** 0.5
    method = evidence.method("SNR 0.8")
    assert method.kept.value == pytest.approx(kept)
    for name, product in gain.items():
        assert method.gain[name].value == pytest.approx(product / size, abs=1e-5)
    assert method.lost.value > 0 and evidence.method("GDPO").lost.value == pytest.approx(0, abs=1e-6)


def test_one_weight_for_all_steps_is_one_batch(run):
    folder = run(weight=0.6, dumped={step: {"a": 1.0, "b": 0.6} for step in WEIGHTS_OF_B})
    evidence = check(folder)
    assert "moved" not in said(evidence)
    assert [reward.weights for reward in evidence.rewards] == [(1, 1), (0.6, 0.6)]


def test_where_nothing_tells_the_weight_of_a_step_it_is_said(run):
    evidence = check(run(weight=0.3, target=0.5))
    assert "the weight of b moved, and is not known for 240 of 240 rollouts (no column weight/b" in said(evidence)
    assert "0.3, the first multiplier, counts for them; --weights b=… says another" in said(evidence)
    assert evidence.rewards[1].weights == (0.3, 0.3)


def test_a_weight_that_is_known_in_some_steps_counts_there(run):
    logged = {step: data for step, data in LOGGED.items() if step > 1}
    evidence = check(run(weight=0.3, target=0.5, logged=logged))
    assert evidence.rewards[1].weights == (0.3, 1.0) and evidence.rewards[1].weight == 1.0
    assert "is not known for 80 of 240 rollouts" in said(evidence)


def test_what_the_user_names_holds_for_all_steps(run):
    evidence = check(run(weight=RAMP, dumped=DUMPED), weights={"b": 2.0})
    assert evidence.rewards[1].weights == (2, 2) and "moved" not in said(evidence)


def test_tables_and_the_suggested_block_tell_that_a_weight_moved(run):
    from rich.console import Console

    evidence = check(run(weight=RAMP))
    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    show(evidence, judge(evidence), console)
    text = console.export_text()
    assert "0.2 to 1" in text
    assert "b: {weight: 1.0}  # the weight of the last step here: it moved" in judge(evidence).suggestion


def test_a_weight_that_is_no_number_is_a_bad_row(run):
    dumped = {step: {"a": 1.0, "b": "much" if step == 1 else 0.5} for step in WEIGHTS_OF_B}
    evidence = check(run(weight=0.5, target=0.5, dumped=dumped))
    assert evidence.account.bad == 80 and "weight/b is 'much', not a finite number" in evidence.account.bad_examples[0]


def test_a_rollout_whose_scored_rewards_had_no_weight_counts_nowhere(run, scores):
    scores[1]["a"][:] = np.nan
    stairs = {"at": {1: 0.0, 2: 1.0}}
    evidence = check(run(weight=stairs))
    assert evidence.rollouts == 2 * GROUPS * SIZE and evidence.account.unscored == GROUPS * SIZE
