"""Intervals against published tables and against each other."""

import random

import pytest

from gd2po.intervals import (
    Interval,
    IntervalError,
    average,
    clustered_mean,
    difference,
    mean,
    share,
    weighted_sum,
)


@pytest.mark.parametrize(
    ("correct", "count", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_in_newcombe_1998_table_1(correct, count, low, high) -> None:
    interval = share(correct, count)
    assert interval.value == correct / count
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((6, 7), (2, 7), 0.0582, 0.8062),
        ((5, 56), (0, 29), -0.0381, 0.1926),
        ((0, 10), (0, 20), -0.1611, 0.2775),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ],
)
def test_difference_as_in_newcombe_1998_method_10(first, second, low, high) -> None:
    interval = difference(share(*first), share(*second))
    assert interval.value == pytest.approx(first[0] / first[1] - second[0] / second[1])
    assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


def test_a_difference_turned_round_is_its_mirror_image() -> None:
    forth, back = difference(share(9, 10), share(3, 10)), difference(share(3, 10), share(9, 10))
    assert (back.value, back.low, back.high) == pytest.approx((-forth.value, -forth.high, -forth.low))


def test_mean_as_by_student() -> None:
    interval = mean([1.0, 2.0, 3.0, 4.0, 5.0])  # t(0.975; 4) = 2.776445, s = 1.581139
    assert (interval.value, interval.low, interval.high) == pytest.approx((3, 3 - 1.963243, 3 + 1.963243), abs=1e-5)
    assert mean([0.1] * 7) == Interval(0.1, 0.1, 0.1)


def test_an_average_is_narrower_than_its_widest_part_and_keeps_its_side() -> None:
    parts = [share(399, 399), share(40, 67), share(100, 131)]
    interval = average(parts)
    assert interval.value == pytest.approx(sum(part.value for part in parts) / 3)
    assert interval.high - interval.low < max(part.high - part.low for part in parts)
    assert average([share(5, 5)] * 3).high == 1.0
    assert weighted_sum([1.0], [parts[1]]) == parts[1]


def test_the_interval_of_an_average_covers_the_truth_about_19_times_in_20() -> None:
    rng, truth, counts = random.Random(0), (0.9, 0.5, 0.7), (80, 40, 60)
    covered = 0
    for _ in range(300):
        parts = [share(sum(rng.random() < p for _ in range(n)), n) for p, n in zip(truth, counts, strict=True)]
        interval = average(parts)
        covered += interval.low <= 0.7 <= interval.high
    assert 0.92 <= covered / 300 <= 0.98


@pytest.mark.parametrize("correct_of_count", [(1, 0), (0, 0), (-1, 5), (6, 5)])
def test_what_is_no_share_is_refused(correct_of_count) -> None:
    with pytest.raises(IntervalError, match="is no share"):
        share(*correct_of_count)


@pytest.mark.parametrize("values", [[], [1.0]])
def test_too_few_values_are_refused(values) -> None:
    with pytest.raises(IntervalError, match="expected two or more"):
        mean(values)


def test_of_distinct_units_the_bootstrap_comes_near_to_student() -> None:
    values = [random.Random(number).gauss(3, 2) for number in range(400)]
    drawn, exact = clustered_mean(values, range(400)), mean(values)
    assert drawn.value == exact.value
    assert (drawn.low, drawn.high) == pytest.approx((exact.low, exact.high), abs=0.03)
    assert clustered_mean(values, range(400)) == drawn, "the seed is fixed"


def test_units_that_are_copies_tell_nothing_new() -> None:
    values = [random.Random(number).gauss(3, 2) for number in range(100)]
    copied = clustered_mean([value for value in values for _ in range(9)], [n for n in range(100) for _ in range(9)])
    assert copied == pytest.approx(clustered_mean(values, range(100)))


def test_large_clusters_weigh_by_their_units() -> None:
    assert clustered_mean([0.0] * 85 + [1.0] * 15, ["one"] * 85 + list(range(15))).value == pytest.approx(0.15)
    assert clustered_mean([2.0, 2.0, 2.0], "aab") == (2.0, 2.0, 2.0)


def test_one_cluster_has_no_interval() -> None:
    with pytest.raises(IntervalError, match="1 clusters have no spread"):
        clustered_mean([1.0, 2.0], "aa")
