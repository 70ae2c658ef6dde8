"""The line a person reads after each step."""

from gd2po.step_line import step_line

METRICS = {
    "reward/useful/mean": 0.8234,
    "reward/harmless/mean": -1.31,
    "reward/useful/weight": 1.0,
    "reward/harmless/weight": 0.5,
    "update/useful/gain": 0.51,
    "update/harmless/gain": -0.004,
    "conflict/rate": 0.43,
    "conflict/masked": 0.43,
    "conflict/emptied_groups": 0.0,
    "groups/count": 8.0,
    "timing_s/step": 34.4,
    "timing_s/gen": 20.1,
    "timing_s/update_actor": 9.2,
    "timing_s/reward": 0.2,
}


def test_rewards_conflict_and_time():
    assert step_line(12, 100, ["useful", "harmless"], METRICS) == (
        "step 12 of 100 | useful 0.823  harmless -1.31 | conflict 43%  masked 43% | 34 s: rollout 20, update 9"
    )


def test_emptied_prompts_are_named_when_there_are_any():
    line = step_line(1, 2, ["useful"], METRICS | {"conflict/emptied_groups": 3.0})
    assert "masked 43%  3 of 8 prompts emptied |" in line


def test_a_reward_that_the_update_lowers_is_named():
    line = step_line(1, 2, ["useful", "harmless"], METRICS | {"update/harmless/gain": -0.081})
    assert "masked 43%  negative gain: harmless -0.08 |" in line
    not_raised = {"update/harmless/gain": -0.081, "reward/harmless/weight": 0.0}
    meant = step_line(1, 2, ["useful", "harmless"], METRICS | not_raised)
    assert "negative gain" not in meant


def test_a_weight_that_moves_stands_behind_the_score():
    weights = {"reward/useful/weight": 0.65, "reward/harmless/weight": 1.234, "reward/harmless/violation": 0.1}
    line = step_line(1, 2, ["useful", "harmless"], METRICS | weights, scheduled=["useful"])
    assert "| useful 0.823 (weight 0.65)  harmless -1.31 (λ 1.23) | conflict" in line
    assert "(weight" not in step_line(1, 2, ["useful", "harmless"], METRICS | weights)


def test_watched_scores_stand_behind_the_rewards():
    line = step_line(
        1, 2, ["useful"], METRICS | {"watch/quality/mean": 0.25, "watch/taste/mean": 3}, ("quality", "taste")
    )
    assert "| useful 0.823 | watched: quality 0.25  taste 3 | conflict" in line


def test_a_short_step_has_no_phases_worth_naming():
    line = step_line(
        1, 2, ["useful"], METRICS | {"timing_s/gen": 0.3, "timing_s/update_actor": 0.4, "timing_s/step": 1}
    )
    assert line.endswith("| 1 s")


def test_a_learned_weight_stands_beside_its_reward():
    learned = {"reward/harmless/weight": 1.25, "reward/harmless/violation": -0.3, "reward/useful/weight": 1.0}
    line = step_line(1, 2, ["useful", "harmless"], METRICS | learned)
    assert "| useful 0.823  harmless -1.31 (λ 1.25) |" in line


def test_evicted_groups_are_named_when_there_are_any():
    evicted = {"filter_groups/evicted_without_vote": 2.0, "filter_groups/evicted_masked": 1.0}
    groups = evicted | {"filter_groups/refilled": 6.0, "filter_groups/kept_without_vote": 0.0}
    assert "masked 43% | 3 groups evicted, 6 prompts refilled |" in step_line(1, 2, ["useful"], METRICS | groups)
    none = dict.fromkeys(groups, 0.0)
    assert step_line(1, 2, ["useful"], METRICS | none) == step_line(1, 2, ["useful"], METRICS)
