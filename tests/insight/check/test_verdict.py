"""Each rule of the verdict, on data made for it."""

from dataclasses import replace

import numpy as np
import pytest
import yaml

from gd2po.insight.check.verdict import judge
from gd2po.settings import Settings

GROUPS = [f"q{row // 8}" for row in range(800)]


@pytest.fixture
def noise():
    return np.random.default_rng(0).normal(size=(3, 800))


def rules_of(verdict):
    return {finding.rule: finding.text for finding in verdict.findings}


def settings_of(verdict):
    algorithm = yaml.safe_load(verdict.suggestion)["algorithm"]
    return Settings.parse({"estimator": algorithm["adv_estimator"], **algorithm["gd2po"]})


def test_rewards_that_agree_leave_nothing_to_filter(checked, noise):
    verdict = judge(checked({"group": GROUPS, "a": noise[0], "b": noise[0] + 0.01 * noise[1]}))
    assert verdict.outcome == "no effect"
    assert "GDPO gives the same update" in verdict.summary
    assert settings_of(verdict).estimator == "gdpo"


def test_conflict_alone_does_not_justify_a_filter(checked, mixed):
    evidence = checked(mixed)
    verdict = judge(evidence)
    assert verdict.outcome == "filtering is not justified"
    hard = evidence.method("Hard").lost
    assert hard.low > 0.03
    assert f"Hard {100 * hard.value:.1f}% ({100 * hard.low:.1f} to {100 * hard.high:.1f})." in verdict.summary
    suggested = settings_of(verdict)
    assert (suggested.estimator, suggested.normalise.kind) == ("gdpo", "shrunk")


def test_a_filter_that_turns_a_negative_gain_positive_is_justified(checked, noise):
    columns = {"group": GROUPS, "a": noise[0], "b": -0.5 * noise[0] + noise[1]}
    evidence = checked(columns, weights={"b": 0.2}, taus=(0.4, 0.7, 0.75))
    verdict = judge(evidence)
    assert verdict.outcome == "filtering is justified"
    before, chosen = evidence.method("GDPO"), settings_of(verdict).filter
    after = evidence.method(f"SNR {chosen.options.threshold:g}")
    assert before.gain["b"].high < 0 < after.gain["b"].value
    assert after.lost.value == min(method.lost.value for method in evidence.snr if method.turned)
    assert f"SNR {chosen.options.threshold:g} turns the gain of b from −0.2" in verdict.summary
    texts = rules_of(verdict)
    assert texts["negative gain"].startswith("Without a filter the update pushes b down: its gain is −0.2")
    assert "turn it positive" in texts["negative gain"]


def test_a_justified_filter_that_leaves_too_little_is_not_suggested(checked, noise):
    columns = {"group": GROUPS, "a": noise[0], "b": noise[0] + 0.5 * noise[1], "c": -noise[0] + 0.8 * noise[2]}
    verdict = judge(checked(columns, taus=(0.2, 0.8)))
    assert verdict.outcome == "will starve training"
    assert "SNR 0.8 and Hard would mend a gain, but each leaves too little" in verdict.summary
    assert "justified filter" in rules_of(verdict)
    assert settings_of(verdict).estimator == "gdpo"


def test_a_gain_that_no_filter_mends_is_told(checked, noise):
    columns = {"group": GROUPS, "a": noise[0], "b": -noise[0] + 0.01 * noise[1]}
    verdict = judge(checked(columns, weights={"b": 0.1}, taus=()))
    assert verdict.outcome == "filtering is not justified"
    assert "No filter mends that" in rules_of(verdict)["negative gain"]


def test_a_filter_that_turns_a_gain_negative_is_named_and_not_justified(checked, mixed):
    evidence = checked(mixed, taus=())
    hard = replace(evidence.method("Hard"), turned=("a",), lowered=("b",))
    others = tuple(method for method in evidence.methods if method.name != "Hard")
    verdict = judge(replace(evidence, methods=(*others, hard)))
    assert verdict.outcome == "filtering is not justified"
    assert rules_of(verdict)["harmful filter"].startswith("Hard pushes b (+0.")


def test_two_binary_rewards_in_groups_of_four_make_snr_hard(checked):
    generator = np.random.default_rng(0)
    a, b = generator.integers(0, 2, (2, 400))
    evidence = checked({"group": [row // 4 for row in range(400)], "a": a, "b": b}, taus=(0.2, 0.8, 0.9))
    text = rules_of(judge(evidence))["SNR is Hard"]
    assert text.startswith("SNR with τ = 0.8 and τ = 0.9 keeps exactly what Hard keeps.")
    assert text.endswith("no conflict has a ratio above (n − 2) / n, which is 0.5 at n = 4.")
    unequal = checked({"group": [row // 4 for row in range(400)], "a": a, "b": b}, weights={"a": 2}, taus=(0.95,))
    assert "(n − 2)" not in rules_of(judge(unequal))["SNR is Hard"]


def test_a_dead_reward_is_named_and_marked(checked, mixed):
    verdict = judge(checked(mixed | {"c": [0.1] * 800}, scores=("a", "b", "c")))
    assert rules_of(verdict)["dead reward"] == (
        "c is the same for all rollouts of each of the 100 groups it scored: no vote."
    )
    assert "c: {weight: 1.0}  # no vote here: repair or drop it" in verdict.suggestion
    assert set(settings_of(verdict).rewards) == {"a", "b", "c"}


def test_a_duplicate_is_named_and_marked(checked, mixed):
    verdict = judge(checked(mixed | {"c": [2 * value + 3 for value in mixed["a"]]}))
    assert rules_of(verdict)["duplicated reward"].startswith("a and c vote as one within groups (correlation 1.00)")
    assert "# votes as a does: drop one, or halve both weights" in verdict.suggestion


def test_a_mirror_image_is_named(checked, mixed):
    verdict = judge(checked(mixed | {"c": [-value for value in mixed["a"]]}))
    assert "cancelling rewards" in rules_of(verdict)
    turned = judge(checked(mixed | {"c": [-value for value in mixed["a"]]}, directions={"c": "minimize"}))
    assert "duplicated reward" in rules_of(turned)
    assert settings_of(turned).rewards["c"].direction == "minimize"
    weighted = judge(checked(mixed | {"c": [-value for value in mixed["a"]]}, weights={"c": -1.0}))
    assert "duplicated reward" in rules_of(weighted)
    silent = judge(checked(mixed | {"c": [-value for value in mixed["a"]]}, weights={"c": 0.0}))
    assert rules_of(silent).keys().isdisjoint({"duplicated reward", "cancelling rewards"})


def test_a_reward_on_a_large_scale_dominates_grpo(checked, mixed):
    verdict = judge(checked(mixed | {"a": [100 * value for value in mixed["a"]]}))
    assert rules_of(verdict)["dominant reward"].startswith("a makes 99% under GRPO and 50% under GDPO of the update")


def test_further_facts(checked, mixed):
    columns = {name: values[:90] for name, values in mixed.items()}
    columns["group"] = [*columns["group"][:88], "alone", "too"]
    columns["a"] = [""] * 10 + columns["a"][10:]
    columns["c"] = [1.0] + [0.0] * 89
    texts = rules_of(judge(checked(columns)))
    assert texts["single rollouts"].startswith("2 groups (15%) have one rollout")
    assert texts["few groups"] == "13 groups say little about other prompts."
    assert texts["missing scores"] == "a did not score 10 rollouts (11%)."
    assert texts["rare signal"] == "c tells rollouts apart in 7.7% of the groups and has no vote elsewhere."


def test_names_and_weights_of_all_kinds_make_a_block_that_can_be_used(checked, mixed):
    columns = {"group": mixed["group"], "no": mixed["a"], 'a "b": {x}': mixed["b"]}
    verdict = judge(checked(columns, weights={"no": -0.25}))
    assert {name: reward.weight for name, reward in settings_of(verdict).rewards.items()} == {
        "no": -0.25,
        'a "b": {x}': 1.0,
    }


def test_groups_that_a_filter_of_groups_would_evict_are_counted(checked):
    """Groups of two: a tie on all, a tie on the sum, a tie on the sum that a weight undoes, and one that varies."""
    groups = {"tie": [(1, 1), (1, 1)], "sum": [(0.1, 0.2), (0.2, 0.1)], "vary": [(0, 0), (1, 1)]}
    rows = [(name, *scores) for name, group in groups.items() for scores in group]
    columns = dict(zip(("group", "a", "b"), map(list, zip(*rows, strict=True)), strict=True))
    evidence = checked(columns, scores=("a", "b"))
    assert (evidence.group_votes.without_vote, evidence.group_votes.same_sum) == (1, 1)
    texts = rules_of(judge(evidence))
    assert "would throw away 1 groups (33%) in which a reward has a vote" in texts["group filter"]
    assert "No reward has a vote in 1 groups (33%)" in texts["no vote"]
    assert "about 1.5 times as many prompts" in texts["no vote"]
    weighted = checked(columns, scores=("a", "b"), weights={"a": 2.0})
    assert (weighted.group_votes.without_vote, weighted.group_votes.same_sum) == (1, 0)
    opposite = checked(columns, scores=("a", "b"), directions={"b": "minimize"})
    assert (opposite.group_votes.without_vote, opposite.group_votes.same_sum) == (1, 1), "the sum of the last is 0"
