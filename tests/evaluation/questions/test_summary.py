"""The numbers of a table, by hand and by definition."""

import itertools
import math

import pytest

from gd2po.evaluation.questions.summary import headline, pass_at, summarise
from gd2po.evaluation.questions.task import Measure
from gd2po.intervals import clustered_mean, share


def sample(question, correct, tokens=10, finish="stop", **fields):
    group = question.partition("/")[0]
    return {
        "question": question,
        "group": group,
        "correct": correct,
        "response_tokens": tokens,
        "finish": finish,
    } | fields


def by_name(scores):
    return {score.name: score for score in scores}


@pytest.mark.parametrize(("k", "right", "count"), [(1, 3, 8), (2, 3, 8), (4, 3, 8), (8, 1, 8), (3, 0, 5), (2, 5, 5)])
def test_pass_at_k_is_the_share_of_all_choices_of_k_with_a_right_one(k, right, count):
    responses = [True] * right + [False] * (count - right)
    choices = list(itertools.combinations(responses, k))
    assert pass_at(k, right, count) == pytest.approx(sum(map(any, choices)) / len(choices))


def test_pass_at_1_is_the_mean_and_its_interval_draws_questions(task):
    verdicts = {"easy/0": [1, 1, 0, 0], "easy/1": [1, 0, 0, 0], "easy/2": [0, 0, 0, 0]}
    samples = [sample(question, correct) for question, of_question in verdicts.items() for correct in of_question]
    scores = by_name(summarise(task(samples=4, at=(2, 4)), samples))
    score = scores["easy/pass@1"]
    assert (score.value, score.count, score.correct, score.better) == (0.25, 12, 3, "higher")
    expected = clustered_mean([s["correct"] for s in samples], [s["question"] for s in samples])
    assert (score.low, score.high) == (expected.low, expected.high)
    assert scores["easy/pass@2"].value == pytest.approx((5 / 6 + 3 / 6 + 0) / 3)
    assert scores["easy/pass@4"].value == pytest.approx(2 / 3)


@pytest.mark.parametrize("correct", [0, 1])
def test_a_share_that_is_the_same_everywhere_has_wilsons_interval_over_questions(correct, task):
    samples = [sample(f"easy/{index}", correct) for index in range(5) for _ in range(4)]
    score = by_name(summarise(task(samples=4), samples))["easy/pass@1"]
    expected = share(5 * correct, 5)
    assert (score.value, score.low, score.high) == (correct, *expected[1:])


def test_a_single_question_has_an_interval_as_wide_as_one_trial(task):
    score = by_name(summarise(task(samples=4), [sample("easy/0", correct) for correct in (1, 0, 0, 0)]))["easy/pass@1"]
    assert score.low < 0.1 and score.high > 0.7 and score.value == 0.25


def test_long_cut_and_failed_responses(task):
    samples = [
        sample("easy/0", 1, 4000),
        sample("easy/0", 1, 4001),
        sample("easy/1", 0, 8000, "length"),
        sample("easy/1", 0, None, "error"),
        sample("easy/1", 1, None),
    ]
    scores = by_name(summarise(task(samples=3), samples))
    assert (scores["easy/pass@1"].value, scores["easy/pass@1"].count) == (3 / 5, 5)
    assert (scores["easy/exceed"].value, scores["easy/exceed"].count, scores["easy/exceed"].better) == (
        2 / 3,
        3,
        "lower",
    )
    assert (scores["easy/cut"].value, scores["easy/cut"].count) == (1 / 4, 4)
    assert (scores["easy/tokens"].value, scores["easy/tokens"].unit) == (16001 / 3, "tokens")


def test_a_benchmarks_own_measures_count_the_responses_that_have_them(task):
    samples = [sample("easy/0", 1, bug=0), sample("easy/1", 0, bug=1), sample("easy/1", 0, bug=None)]
    measures = (Measure("bugs", "bug", better="lower"), Measure("depth", "depth", unit="levels"))
    scores = by_name(summarise(task(measures=measures), samples))
    assert (scores["easy/bugs"].value, scores["easy/bugs"].count, scores["easy/bugs"].better) == (0.5, 2, "lower")
    assert "easy/depth" not in scores


def test_the_leaderboard_shows_pass_at_1_then_the_long_responses():
    names = ["a/pass@1", "a/pass@4", "a/exceed", "a/tokens", "b/pass@1", "b/exceed"]
    assert headline(dict.fromkeys(names, "share")) == ["a/pass@1", "b/pass@1", "a/exceed", "b/exceed"]


def test_nothing_measured_has_no_score(task):
    scores = by_name(summarise(task(), [sample("easy/0", 0, None, "error")]))
    assert set(scores) == {"easy/pass@1"} and not math.isnan(scores["easy/pass@1"].value)
