"""Schedules by step, and multipliers of constraints."""

import json
import math

import pytest
import torch

from gd2po.advantages import compute_rollout_advantages
from gd2po.errors import SettingsError
from gd2po.settings import Settings


def settings(**rewards):
    return Settings.parse({"estimator": "gdpo", "rewards": rewards})


def weights_of(weight, steps):
    weights = settings(a={"weight": weight}, b={}).reward_weights()
    return [weights.at(step)["a"] for step in steps]


@pytest.mark.parametrize(
    ("weight", "expected"),
    [
        (0.5, [0.5, 0.5, 0.5, 0.5]),
        ({"from": 0.0, "to": 1.0, "steps": 5}, [0.0, 0.25, 1.0, 1.0]),
        ({"from": 1.0, "to": -1.0, "steps": 5}, [1.0, 0.5, -1.0, -1.0]),
        ({"from": 0.0, "to": 1.0, "steps": 5, "shape": "cosine"}, [0.0, (1 - math.sqrt(0.5)) / 2, 1.0, 1.0]),
        ({"at": {1: 0.2, 2: 0.4, 5: 1.0}}, [0.2, 0.4, 1.0, 1.0]),
        ({"at": {"0": 0.2, "5": 1.0}}, [0.2, 0.2, 1.0, 1.0]),  # keys as JSON has them
    ],
)
def test_a_schedule_by_step_and_beyond_its_end(weight, expected):
    assert weights_of(weight, (1, 2, 5, 1000)) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("reward", "message"),
    [
        ({"weight": {"from": 0, "to": 1}}, r"rewards\.a\.weight: found .*steps: field required; expected a finite"),
        ({"weight": {"from": 0, "to": 1, "steps": 1}}, r"rewards\.a\.weight: found .*steps: input should be greater"),
        ({"weight": {"from": 0, "to": math.inf, "steps": 9}}, r"to: input should be a finite number"),
        ({"weight": {"at": {5: 1.0}}}, r"no weight before step 5; add a weight for step 1"),
        ({"weight": {"at": {}}}, r"at: dictionary should have at least 1 item"),
        ({"weight": math.nan}, r"rewards\.a\.weight: found nan; input should be a finite number"),
        ({"tolerance": 0.1}, r"rewards\.a: tolerance is set, but only a reward with a target reads it"),
        ({"target": 1.0, "weight": {"from": 0, "to": 1, "steps": 9}}, r"found a schedule as weight \(0 → 1"),
        (
            {"target": 1.0, "weight": -1.0},
            r"found weight -1; with a target it is the first multiplier, from 0 to limit",
        ),
        ({"target": 1.0, "limit": 0.5}, r"found weight 1; .* from 0 to limit \(0\.5\)"),
    ],
)
def test_what_is_no_weight_is_refused_with_the_key_and_a_remedy(reward, message):
    with pytest.raises(SettingsError, match=message):
        settings(a=reward, b={})


def test_a_step_in_which_nothing_would_be_learned_is_refused():
    with pytest.raises(SettingsError, match="every reward has weight 0 in step 3, so nothing would be learned"):
        settings(a={"weight": {"at": {1: 1.0, 3: 0.0}}}, b={"weight": 0})
    with pytest.raises(SettingsError, match="weight 0 in step 2"):
        settings(a={"weight": {"from": -1, "to": 1, "steps": 3}})
    with pytest.raises(SettingsError, match="every reward has a target"):
        settings(a={"target": 1.0}, b={"target": 1.0})
    with pytest.raises(SettingsError, match="every reward without a target has weight 0, so"):
        settings(a={"weight": 0}, b={"target": 1.0})


def test_resolved_settings_are_plain_and_give_the_same_again():
    first = settings(
        a={"weight": {"from": 0.2, "to": 1.0, "steps": 100}},
        b={"weight": {"at": {1: 0.2, 9: 1.0}}},
        c={"direction": "minimize", "target": 0.05},
    )
    plain = json.loads(json.dumps(first.resolved()))
    assert plain["rewards"]["a"]["weight"] == {"from": 0.2, "to": 1.0, "steps": 100, "shape": "linear"}
    assert plain["rewards"]["c"]["tolerance"] == 0 and plain["rewards"]["c"]["limit"] == 10
    assert Settings.parse(plain) == first
    assert settings(a={}).resolved()["rewards"] == {"a": {"weight": 1.0, "direction": "maximize", "requires": {}}}


def learned(target, means, direction="minimize", **options):
    reward = {"direction": direction, "target": target, "weight": 1.0, "rate": 0.5, **options}
    weights = settings(harm=reward, b={}).reward_weights()
    multipliers = []
    for step, mean in enumerate(means, 1):
        multipliers.append(weights.at(step)["harm"])
        weights.update(step, {"harm": mean})
    return [*multipliers, weights.at(len(means) + 1)["harm"]]


def test_a_multiplier_grows_while_a_ceiling_is_exceeded_and_falls_below_it():
    assert learned(1.0, [3.0, 2.0, 0.0, -9.0]) == [1.0, 2.0, 2.5, 2.0, 0.0]  # never below 0


def test_a_floor_of_a_reward_is_the_other_way_round():
    assert learned(1.0, [3.0, -1.0, 0.0], direction="maximize") == [1.0, 0.0, 1.0, 1.5]


def test_a_multiplier_stays_within_the_tolerance_at_the_limit_and_without_a_score():
    assert learned(1.0, [1.5, 0.5, 2.5], tolerance=0.5) == [1.0, 1.0, 1.0, 1.5]
    assert learned(1.0, [9.0, 9.0], limit=3.0) == [1.0, 3.0, 3.0]
    assert learned(1.0, [math.nan, 3.0]) == [1.0, 1.0, 2.0]


def test_a_state_continues_where_it_was_saved_and_a_step_may_be_told_again():
    make = settings(harm={"direction": "minimize", "target": 0.0}, b={}).reward_weights
    whole, resumed = make(), make()
    for step in (1, 2):
        whole.update(step, {"harm": 1.0})
    saved = json.loads(json.dumps(whole.state_dict(2)))
    assert saved == {"step": 2, "multipliers": {"harm": pytest.approx(1.2)}}
    whole.update(3, {"harm": 1.0})
    assert whole.state_dict(2) == saved  # of the last whole step, although the next has been scored
    assert resumed.load_state_dict(saved) == []
    assert resumed.at(3) == whole.at(3)
    for _ in range(2):
        resumed.update(3, {"harm": 1.0})
    assert resumed.at(4) == whole.at(4)


def test_a_state_of_other_constraints_keeps_what_still_holds():
    weights = settings(a={"target": 0.0, "limit": 2.0}, b={"target": 0.0}, c={}).reward_weights()
    assert weights.load_state_dict({"step": 5, "multipliers": {"a": 7.0, "gone": 3.0}}) == ["b"]
    assert weights.at(6) == {"a": 2.0, "b": 1.0, "c": 1.0}


def test_whitening_rescales_all_weights_together_so_that_their_ratios_survive():
    scores = {"a": torch.randn(32, generator=torch.Generator().manual_seed(0)), "b": torch.arange(32.0) % 5}
    groups, lengths = [i // 8 for i in range(32)], torch.full((32,), 4)

    def advantages(a, b, whiten):
        return compute_rollout_advantages(
            scores, groups, lengths, estimator="gdpo", whiten=whiten, reward_weights={"a": a, "b": b}
        )

    small, large = advantages(0.5, 1.0, "tokens"), advantages(5.0, 10.0, "tokens")
    torch.testing.assert_close(small.rollout_advantages, large.rollout_advantages)
    # Before whitening the advantage is Σ w_k A_k; after it, the same sum over one number, minus another.
    votes = torch.stack([*small.per_reward.values()]).double()
    design = torch.cat([votes, torch.ones(1, 32)]).T
    factors = torch.linalg.lstsq(design, small.rollout_advantages.double()[:, None]).solution.flatten()
    assert factors[0] / factors[1] == pytest.approx(0.5, rel=1e-4)
