"""Training in a world: paired, reproducible, and learning."""

from dataclasses import replace

import pytest
import torch

from gd2po.lab.methods import METHODS
from gd2po.lab.probing import Probe
from gd2po.lab.training import draw_noise, prepare, train
from gd2po.lab.worlds import WORLDS

SHORT = replace(WORLDS["tradeoff"], steps=30)


def test_a_seed_does_not_depend_on_the_seeds_beside_it():
    alone, _ = train(prepare(SHORT, (4,)), METHODS["gdpo"])
    beside, _ = train(prepare(SHORT, (1, 4, 9)), METHODS["gdpo"])
    torch.testing.assert_close(alone[..., 0], beside[..., 1], atol=1e-4, rtol=0)


@pytest.mark.parametrize(
    "world",
    [
        SHORT,
        replace(SHORT, optimiser="sgd", learning_rate=0.3),
        replace(SHORT, epochs=2, mini_batches=2),
        replace(SHORT, optimiser="sgd", learning_rate=1.0, gradient_norm=None, mini_batches=1),
        replace(SHORT, group_size=2, warm=3),
    ],
    ids=["adam", "sgd", "epochs", "uncut", "warm"],
)
def test_rewards_rise(world):
    gold, passed = train(prepare(world, (0, 1, 2)), METHODS["gdpo"])
    assert list(passed) == [0, 25, 30] and len(gold) == 3
    assert (gold[-1].mean(0) > gold[0].mean(0) + 0.02).all()


def test_a_training_goes_on_from_given_policies():
    prepared = prepare(SHORT, (0, 1))
    gold, passed = train(prepared, METHODS["gdpo"])
    branch, _ = train(prepared, METHODS["gdpo"], range(25, 30), passed[25])
    torch.testing.assert_close(branch[0], gold[1])


def test_noise_has_the_scale_that_the_world_says():
    world = replace(WORLDS["tail"], noise=(0.0, 0.3))
    noise = draw_noise(world, (2, 50_000), torch.Generator().manual_seed(1))
    assert noise[0].eq(0).all()
    assert noise[1].abs().median() == pytest.approx(0.3 * 0.816, rel=0.05)  # the median of |t| with 2 degrees
    assert draw_noise(SHORT, (2, 10), torch.Generator()) is None


def test_the_probe_sees_what_a_mask_leaves():
    prepared = prepare(WORLDS["tradeoff"], (0, 1, 2))
    probe = Probe(prepared, prepared.weights, "start")
    unmasked, hard = probe.measure(METHODS["gdpo"]), probe.measure(METHODS["gd2po_hard"])
    assert unmasked.masked == [0.0] * 3 and all(share > 0.2 for share in hard.masked)
    for reward in SHORT.rewards:
        assert len(unmasked.gain[reward]) == 3
    # The sum of the gains is largest without a mask.
    summed = [sum(map(sum, update.gain.values())) for update in (unmasked, hard)]
    assert summed[0] > summed[1]
    assert sum(unmasked.cosine) > sum(hard.cosine) > 0
