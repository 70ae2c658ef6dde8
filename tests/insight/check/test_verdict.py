"""Each rule of the verdict, on data made for it."""

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


def test_some_conflict_and_enough_left(checked, mixed):
    evidence = checked(mixed)
    verdict = judge(evidence)
    assert verdict.outcome == "likely useful"
    assert verdict.summary.startswith("There is conflict to filter: Hard drops")
    assert "enough left" in rules_of(verdict)
    assert (settings_of(verdict).estimator, settings_of(verdict).filter.kind) == ("gd2po", "hard")


def test_where_hard_starves_the_largest_threshold_that_does_not_is_taken(checked, noise):
    evidence = checked({"group": GROUPS, "a": noise[0], "b": noise[1], "c": noise[2]})
    verdict = judge(evidence)
    assert verdict.outcome == "likely useful"
    assert evidence.method("Hard").kept.value < 0.5
    tau = settings_of(verdict).filter.options.threshold
    assert evidence.method(f"SNR {tau:g}").kept.value >= 0.5 > evidence.method(f"SNR {tau + 0.1:g}").kept.value
    assert f"SNR {tau:g} drops" in verdict.summary and "Hard does not" in verdict.summary
    assert "SNR leaves too little from τ" in "".join(finding.text for finding in verdict.findings)


def test_rewards_that_always_contradict_starve_the_training(checked, noise):
    evidence = checked({"group": GROUPS, "a": noise[0], "b": -noise[0] - 0.1 * noise[1]}, taus=(0.5, 0.8))
    verdict = judge(evidence)
    assert verdict.outcome == "will starve training"
    assert "starving filter" in rules_of(verdict)
    assert settings_of(verdict).estimator == "gdpo"


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
