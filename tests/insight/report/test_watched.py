"""Rewards that rise while a score that nothing trains on does not."""

import json

import pytest

from gd2po.insight.report.run import RunFolder
from gd2po.insight.report.series import group
from gd2po.insight.report.tables import notes, results
from gd2po.insight.report.writing import write_report

STEPS = range(1, 13)


@pytest.fixture
def series(new_run):
    """A series of one run, whose reward `useful` and watched score `quality` have these values at each step."""

    def make(useful, quality, **useful_settings):
        run = new_run("a").begin(steps=len(STEPS))
        if useful_settings:
            path = run.folder / "gd2po_settings.json"
            settings = json.loads(path.read_text())
            settings["rewards"]["useful"] |= useful_settings
            path.write_text(json.dumps(settings))
        for step in STEPS:
            run.log(
                step, reward__useful__mean=useful(step), watch__quality__mean=quality(step), reward__harmless__mean=1
            )
        return group([RunFolder(run.folder).read_on()])

    return make


def wobbling(slope):
    """A line with the noise of steps."""
    return lambda step: slope * step + 0.1 * (step % 2)


def test_a_reward_that_rises_alone_is_flagged(series):
    (note,) = notes(series(wobbling(0.1), wobbling(0.0)))
    assert note == (
        "GD²PO-Hard: useful (0.267 to 1.13) got better from the first to the last quarter of the steps while the "
        "watched quality did not rise (0.0667 to 0.0333); look at the responses before you trust the rewards"
    )


@pytest.mark.parametrize(
    ("useful", "quality", "settings"),
    [
        (0.1, 0.1, {}),
        (0.0, -0.1, {}),
        (-0.1, 0.0, {}),
        (0.1, 0.0, {"direction": "minimize"}),
        (0.1, 0.0, {"weight": 0.0}),
    ],
)
def test_without_such_a_difference_nothing_is_said(series, useful, quality, settings):
    assert notes(series(wobbling(useful), wobbling(quality), **settings)) == []


def test_a_cost_gets_better_where_it_falls(series):
    assert len(notes(series(wobbling(-0.1), wobbling(0.0), direction="minimize"))) == 1


def test_watched_scores_and_gains_have_their_charts_and_the_flag_is_in_the_page(series, tmp_path):
    member = series(wobbling(0.1), wobbling(0.0))
    assert results(member)[0]["quality (watched)"] == "0.0333"
    write_report(member[0].runs, tmp_path / "report.html")
    page = (tmp_path / "report.html").read_text()
    for text in (
        "Watched scores are logged beside the rewards",
        "watched quality, mean score",
        "gain of harmless",
        "gain of useful: with the filter, less without",
        "while the watched quality did not rise",
    ):
        assert text in page, text


def test_the_end_of_a_schedule_tells_the_sign(series):
    rising = {"weight": {"from": 0.0, "to": 1.0, "steps": 5}}
    assert len(notes(series(wobbling(0.1), wobbling(0.0), **rising))) == 1
