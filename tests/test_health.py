"""Each thing that goes quietly wrong is said once, with its step and a remedy."""

import pytest

from gd2po.health import Health

FINE = {
    "groups/count": 10,
    "groups/singletons": 0,
    "rollouts/count": 40,
    "rollouts/unscored": 0,
    "rollouts/lost": 0,
    "conflict/kept": 0.8,
    "conflict/emptied_groups": 0,
    "whiten/population": 400,
    **{f"adv/{name}/zero_spread_groups": 1 for name in "ab"},
    **{f"reward/{name}/missing": 0 for name in "ab"},
    **{f"reward/{name}/weight": 1.0 for name in "ab"},
    **{f"update/{name}/share": 0.5 for name in "ab"},
    **{f"update/{name}/{figure}": 0.5 for name in "ab" for figure in ("gain", "gain_unfiltered")},
    "conflict/pair/a|b": 0.4,
}


@pytest.fixture
def health():
    return Health(("a", "b"), filters=True)


def test_a_sound_step_says_nothing(health):
    assert health.warnings(1, FINE) == []


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"adv/a/zero_spread_groups": 10}, "reward a is the same for all rollouts of each of the 10 prompts"),
        ({"update/b/share": 0.95}, "reward b makes 95% of the update"),
        ({"reward/a/missing": 3}, "reward a did not score 3 of 40 rollouts"),
        ({"filter_groups/evicted_with_vote": 2}, "threw away 2 prompts on which a reward has a vote"),
        ({"filter_groups/kept_without_vote": 2}, "2 of 10 prompts are trained on without a vote"),
        ({"rollouts/lost": 2}, "2 rollouts ended in an error and are not trained on"),
        ({"conflict/kept": 0.29}, "only 29% of the rollouts are kept"),
        ({"conflict/emptied_groups": 3}, "3 of 10 prompts lost all their rollouts"),
        ({"conflict/emptied_groups": 9, "conflict/kept": 0.5}, "1 of 10 prompts are left to whiten over"),
    ],
)
def test_what_goes_wrong_is_said_once_with_its_step(health, change, text):
    assert any(warning.startswith("step 7: ") and text in warning for warning in health.warnings(7, FINE | change))
    assert health.warnings(8, FINE | change) == []


@pytest.mark.parametrize(
    "change",
    [
        {"adv/a/zero_spread_groups": 9},
        {"update/b/share": 0.9},
        {"reward/a/missing": 2},
        {"conflict/kept": 0.3},
        {"conflict/emptied_groups": 2},
    ],
)
def test_at_the_limit_nothing_is_said(health, change):
    assert health.warnings(1, FINE | change) == []


def test_without_a_filter_its_rules_do_not_apply_and_one_reward_may_make_the_whole_update():
    alone = FINE | {"update/a/share": 1.0, "conflict/kept": 0.1, "conflict/emptied_groups": 5}
    assert Health(("a",), filters=False).warnings(1, alone) == []


def test_groups_of_one_are_not_taken_for_ties(health):
    lonely = FINE | {"groups/singletons": 10, "adv/a/zero_spread_groups": 0}
    assert health.warnings(1, lonely) == []


def test_without_rollouts_nothing_is_said(health):
    nothing = dict.fromkeys(FINE, 0)
    assert health.warnings(1, nothing) == []


FALLING = FINE | {"update/a/gain": -0.1, "update/a/gain_unfiltered": -0.2, "update/b/share": 0.8}


def _told(health, *steps):
    return [warning for number, step in enumerate(steps, 1) for warning in health.warnings(number, step)]


def test_ten_steps_of_negative_gain_are_told_with_who_outweighs_it_and_the_remedy(health):
    assert _told(health, *[FALLING] * 9) == []
    assert health.warnings(10, FALLING) == [
        "step 10: the update has been pushing reward a down for 10 steps (mean gain -0.10), outweighed by b (80% of "
        "the update); raise its weight, lower theirs, or remove a reward that it contradicts; gd2po check on the "
        "rollouts of this run tells whether a filter would turn its gain positive"
    ]
    assert _told(health, *[FALLING] * 20) == []


def test_a_step_in_between_begins_the_count_again(health):
    assert _told(health, *[FALLING] * 9, FINE, *[FALLING] * 9) == []


def test_where_the_filter_makes_the_gain_negative_that_is_the_remedy(health):
    (warning,) = _told(health, *[FALLING | {"update/a/gain_unfiltered": 0.3}] * 10)
    assert warning.endswith("without the filter its mean gain would be 0.30: use gdpo, or a milder filter")


def test_a_reward_that_nobody_contradicts_has_nobody_named(health):
    (warning,) = _told(health, *[FALLING | {"conflict/pair/a|b": 0.0}] * 10)
    assert "(mean gain -0.10); raise its weight" in warning


@pytest.mark.parametrize("weight", [-0.5, 0.0])
def test_a_reward_of_negative_weight_is_meant_to_fall_and_one_without_weight_may(health, weight):
    assert _told(health, *[FALLING | {"reward/a/weight": weight}] * 10) == []


def test_a_reward_of_negative_weight_that_rises_is_told(health):
    assert len(_told(health, *[FINE | {"reward/b/weight": -0.5}] * 10)) == 1
