"""Paired differences, Holm's correction, areas and hypervolumes."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from gd2po.lab.comparing import area_under_curve, holm, hypervolume, paired, student_interval


def test_a_constant_difference_has_no_width():
    difference = paired(np.array([0.3, 0.4, 0.6]), np.array([0.2, 0.3, 0.5]))
    assert difference.interval == pytest.approx((0.1, 0.1, 0.1)) and difference.p == 0
    assert paired(np.ones(4), np.ones(4)).p == 1


def test_an_interval_holds_the_mean_and_not_what_is_far_away():
    generator = np.random.default_rng(1)
    interval = paired(generator.normal(0.5, 0.1, 40), np.zeros(40)).interval
    assert 0.44 < interval.low < interval.value < interval.high < 0.56


def test_holm_as_in_the_textbook():
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_adjusted_p_values_keep_their_order_and_are_not_smaller(values):
    adjusted = holm(values)
    assert all(new >= old for new, old in zip(adjusted, values, strict=True)) and max(adjusted) <= 1
    order = np.argsort(values)
    assert (np.diff(np.asarray(adjusted)[order]) >= 0).all()


def test_the_area_is_the_mean_over_the_steps():
    assert area_under_curve(np.array([0.0, 0.5, 0.5]), (0, 50, 150)) == pytest.approx(0.25 / 3 + 0.5 * 2 / 3)


@pytest.mark.parametrize(
    ("points", "volume"),
    [
        ([[0.5, 0.5]], 0.25),
        ([[0.5, 0.5], [1.0, 0.2], [0.4, 0.4]], 0.35),
        ([[0.5, 0.5, 0.5]], 0.125),
        ([[1.0, 0.5, 0.5], [0.5, 1.0, 0.5], [0.5, 0.5, 1.0]], 0.25 + 3 * 0.125 - 0.125),
        ([[0.0, 0.3]], 0.0),
    ],
)
def test_the_volume_that_points_dominate(points, volume):
    assert hypervolume(np.array(points)) == pytest.approx(volume)


def test_the_interval_of_few_seeds_is_that_of_student():
    sample = np.array([0.1, 0.2, 0.4])
    expected = stats.t.interval(0.95, 2, sample.mean(), stats.sem(sample))
    interval = student_interval(sample)
    assert (interval.low, interval.high) == pytest.approx(expected)
    both = student_interval(sample, -sample)
    assert both.value == pytest.approx(0) and both.high == pytest.approx(
        stats.t.ppf(0.975, 4) * stats.sem(sample) / 2**0.5
    )
    assert student_interval(np.array([0.3, 0.3])) == (0.3, 0.3, 0.3)
