"""The worlds: their rewards, and what depends on a seed."""

import pytest
import torch

from gd2po.errors import SettingsError
from gd2po.lab.policy import ANSWERS
from gd2po.lab.worlds import WORLDS, find_worlds


def test_there_are_two_sets():
    held_out = [world.name for world in WORLDS.values() if world.held_out]
    assert len(held_out) >= 13 and len(WORLDS) - len(held_out) >= 26
    assert [world.name for world in find_worlds((), held_out=True)] == held_out


def test_an_unknown_world_is_refused_with_the_nearest_name():
    with pytest.raises(SettingsError, match="tool3"):
        find_worlds(["tool33"], held_out=False)


@pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)
def test_gold_rewards_are_in_the_unit_interval_and_there_is_one_for_each_name(world):
    instance, observed, gold = world.tables(3)
    assert observed.shape == gold.shape == (len(world.rewards), instance.bits.shape[0], ANSWERS)
    assert gold.min() >= 0 and gold.max() <= 1 and observed.isfinite().all()
    assert len(world.reward_weights) == len(world.rewards) and len(set(world.rewards)) == len(world.rewards)
    assert not world.noise or len(world.noise) == len(world.rewards)


def test_a_seed_gives_the_same_world_again_and_another_seed_another_one():
    first, again, other = (WORLDS["many"].tables(seed) for seed in (1, 1, 2))
    assert torch.equal(first[1], again[1]) and torch.equal(first[0].bits, again[0].bits)
    assert not torch.equal(first[1], other[1])


def test_prompts_of_the_test_are_not_trained_on():
    instance, _, _ = WORLDS["tool"].tables(1)
    assert len({tuple(bits) for bits in instance.bits.tolist()}) == len(instance.bits)
