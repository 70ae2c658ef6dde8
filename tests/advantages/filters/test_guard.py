"""The guard against its own formula, written down again with loops; and on votes where the answer is plain."""

import itertools
import math

import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from gd2po.advantages.filters.guard import GuardOptions, guard
from gd2po.advantages.gains import gains

GROUPS = "aaaabbbbcccc"
AGREE, OPPOSE = [1.0, 1.0, 0.05], [1.0, 1.0, -1.9]
"""Votes of three rewards: two that are of one mind, and a third that the sum of the second pushes down."""


@pytest.fixture
def pushed_down(votes_of):
    """In each group two rollouts of either kind; the groups differ, so that sums over them are noisy."""
    sizes = [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3]
    columns = [[size * vote for vote in (AGREE, OPPOSE)[row % 2]] for row, size in enumerate(sizes)]
    return votes_of([list(row) for row in zip(*columns, strict=True)], group_ids=GROUPS)


def test_what_pushes_a_reward_down_is_dropped(pushed_down):
    kept = guard(pushed_down, GuardOptions())
    assert kept.tolist() == [True, False] * 6
    before, after = (
        gains(pushed_down.weighted, mask * pushed_down.total, pushed_down.present) for mask in (torch.ones(12), kept)
    )
    assert before[2] < 0 < after[2]


def test_each_group_keeps_its_floor(pushed_down):
    assert guard(pushed_down, GuardOptions(min_kept=0.75)).all()  # two of equal ratio fall together or not at all
    assert guard(pushed_down, GuardOptions(min_kept=1)).all()
    assert guard(pushed_down, GuardOptions(min_kept=0)).tolist() == [True, False] * 6


def test_a_loss_that_shows_is_not_taken(votes_of):
    """The same push, where all groups are alike: any loss of summed gain is more than their noise."""
    columns = [(AGREE, OPPOSE)[row % 2] for row in range(12)]
    votes = votes_of([list(row) for row in zip(*columns, strict=True)], group_ids=GROUPS)
    assert gains(votes.weighted, votes.total, votes.present)[2] < 0
    assert guard(votes, GuardOptions()).all()


@pytest.mark.parametrize("votes", [[[0.0] * 4, [0.0] * 4], [[1, -1, 1, -1], [-1, 1, -1, 1]]], ids=["none", "cancel"])
def test_votes_that_are_no_signal_are_kept(votes_of, votes):
    assert guard(votes_of(votes), GuardOptions()).all()


def test_one_group_has_no_noise_to_compare_with(votes_of):
    columns = [AGREE, OPPOSE, AGREE, OPPOSE]
    assert guard(votes_of([list(row) for row in zip(*columns, strict=True)]), GuardOptions()).all()


@given(
    rows=st.lists(st.tuples(*[st.sampled_from([-2.0, -1.0, -0.3, 0.0, 0.4, 1.0, 1.5])] * 3), min_size=4, max_size=14),
    data=st.data(),
    min_kept=st.sampled_from([0.0, 0.4, 0.5, 0.8]),
    confidence=st.sampled_from([0.5, 0.6, 0.9]),
)
@settings(max_examples=150, deadline=None)
def test_it_is_its_formula(votes_of, rows, data, min_kept, confidence):
    group_ids = data.draw(st.text("abc", min_size=len(rows), max_size=len(rows)))
    votes = votes_of([list(row) for row in zip(*rows, strict=True)], group_ids=group_ids)
    expected = by_loops(votes, list(group_ids), min_kept, confidence)
    assume(expected is not None)
    assert guard(votes, GuardOptions(min_kept, confidence)).tolist() == expected


def by_loops(votes, group_ids, min_kept, confidence):
    """The kept rollouts; None where a comparison hangs on the last digits."""
    quantile = {0.5: 0.0, 0.6: 0.2533471, 0.9: 1.2815516}[confidence]
    rows, total = votes.weighted.T.tolist(), votes.total.tolist()
    ratios = [round(ratio, 9) for ratio in votes.snr.tolist()]
    conflict, everything = votes.conflict.tolist(), [True] * len(rows)
    members = {group: [i for i, other in enumerate(group_ids) if other == group] for group in group_ids}
    voters = [k for k in range(3) if any(row[k] for row in rows)]

    def figures(mask):
        """Gain of each voter, summed gain, and the standard error of each."""
        energy = sum(total[i] ** 2 for i in range(len(rows)) if mask[i])
        if not energy:
            return [0.0 for _ in voters], 0.0, None
        found, errors = [], []
        for value in [*(lambda i, k=k: rows[i][k] * total[i] for k in voters), lambda i: total[i] ** 2]:
            whole = sum(value(i) for i in range(len(rows)) if mask[i])
            scale = math.sqrt(len(rows) * energy)
            found.append(whole / scale)
            influence = [
                sum(value(i) for i in rollouts) / scale
                - found[-1] / 2 * (len(rollouts) / len(rows) + sum(total[i] ** 2 for i in rollouts) / energy)
                for rollouts in members.values()
            ]
            drawn = len(members)
            errors.append(math.sqrt(sum(psi**2 for psi in influence) * drawn / (drawn - 1)) if drawn > 1 else math.inf)
        return found[:-1], found[-1], errors

    unmasked, summed, errors = figures(everything)
    if errors is None or math.inf in errors:
        return everything
    margins = [gain + quantile * error for gain, error in zip(unmasked, errors, strict=False)]
    if any(abs(margin) < 1e-7 for margin in margins):
        return None
    if not any(margin < 0 for margin in margins):
        return everything
    droppable = set()
    for rollouts in members.values():
        allowed = len(rollouts) - math.ceil(min_kept * len(rollouts) - 1e-9)
        opposed = sorted((i for i in rollouts if conflict[i]), key=lambda i: ratios[i])
        for _, tie in itertools.groupby(opposed, key=lambda i: ratios[i]):
            tied = set(tie)
            if len([i for i in opposed if ratios[i] <= max(ratios[j] for j in tied)]) <= allowed:
                droppable |= tied
    best = everything
    for limit in sorted({ratios[i] for i in droppable}):
        mask = [not (i in droppable and ratios[i] <= limit) for i in range(len(rows))]
        found, left, _ = figures(mask)
        loss = summed - left - quantile * errors[-1]
        if any(abs(figure) < 1e-7 for figure in (loss, *found)) and any(found):
            return None
        if all(gain > 0 for gain in found) and loss <= 0:
            best = mask
    return best
