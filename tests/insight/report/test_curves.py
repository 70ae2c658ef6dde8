"""Means and spread over seeds, unfinished seeds, and long runs."""

import numpy as np
import pytest

from gd2po.insight.report.curves import bin_width, curve, last_quarter, metric, over_time, weights_over_time
from gd2po.insight.report.run import RunFolder
from gd2po.insight.report.series import group

RATE = metric("conflict/rate")


def series(*writers):
    (experiment,) = group([RunFolder(writer.folder).read_on() for writer in writers])
    return experiment


def test_the_band_goes_from_the_smallest_run_to_the_largest(new_run):
    rates = {1: 0.2, 2: 0.3, 3: 0.7}
    experiment = series(*(new_run(f"{s}").begin(seed=s).log(1, 2, conflict__rate=rate) for s, rate in rates.items()))
    line = curve(experiment, RATE, 1)
    assert line.steps.tolist() == [1, 2]
    assert (line.mean[0], line.low[0], line.high[0]) == pytest.approx((0.4, 0.2, 0.7))
    assert line.alone == ()


def test_a_seed_that_is_further_goes_on_alone(new_run):
    experiment = series(
        new_run("a").begin(seed=1).log(1, 2, 3, 4, conflict__rate=0.2), new_run("b").begin(seed=2).log(1, 2)
    )
    line = curve(experiment, RATE, 1)
    assert line.steps.tolist() == [1, 2]
    ((steps, values),) = line.alone
    assert steps.tolist() == [2, 3, 4] and values.tolist() == [0.2] * 3


def test_a_run_without_the_figure_does_not_count(new_run):
    experiment = series(new_run("a").begin(seed=1).log(1, conflict__rate=0.2), new_run("b").begin(seed=2))
    assert curve(experiment, RATE, 1).mean.tolist() == [0.2]
    assert curve(experiment, metric("nowhere"), 1) is None


def test_long_runs_are_averaged_to_a_limit(new_run):
    run = new_run("a").begin()
    for step in range(1, 11):
        run.log(step, conflict__rate=float(step))
    line = curve(series(run), RATE, bin_width(10, points=4))
    assert line.steps.tolist() == [2, 5, 8, 11]
    assert line.mean.tolist() == [2, 5, 8, 10]


def test_the_last_quarter_is_of_each_run(new_run):
    run = new_run("a").begin()
    for step in range(1, 9):
        run.log(step, conflict__rate=float(step))
    assert last_quarter(series(run), RATE) == [7.5]


def test_a_heat_map_is_the_mean_over_runs(new_run):
    experiment = series(
        new_run("a").begin(seed=1).log(1, 2, conflict__rate=0.2), new_run("b").begin(seed=2).log(1, conflict__rate=0.4)
    )
    steps, values = over_time(experiment, [RATE, metric("nowhere")], 1)
    assert steps.tolist() == [1, 2]
    assert values[0] == pytest.approx([0.3, 0.2]) and np.isnan(values[1]).all()


def test_query_weights_are_shares_of_the_queries_of_all_runs(new_run):
    changes = {number: {"query_weight": 0.0} for number in range(4)}
    experiment = series(
        new_run("a").begin(seed=1).log(1).dump(1, changes=changes), new_run("b").begin(seed=2).log(1).dump(1)
    )
    steps, shares = weights_over_time(experiment, 1)
    assert steps.tolist() == [1]
    assert {place: share for place, share in enumerate(shares[:, 0]) if share} == {0: 0.25, 5: 0.75}
