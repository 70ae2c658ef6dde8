"""The numbers of a table, against means and shares taken by hand."""

from collections import Counter

import pyarrow.parquet as pq
import pytest

from gd2po import intervals
from gd2po.evaluation.safety.summary import OPENINGS, by_group, is_refusal, summarise


def scores_of(samples, rewards):
    return {score.name: score for score in summarise(samples, rewards.models)}


def test_means_over_all_rows_and_over_prompts_that_occur_once(samples, rewards):
    scores = scores_of(samples(("a", 1.0, 0.0), ("a", 1.0, 0.0), ("b", 4.0, 1.0), ("c", 6.0, 3.0)), rewards)
    everything, published = scores["toy/helpful"], scores["toy/helpful@1"]
    assert (everything.value, everything.count) == (3.0, 4) and (published.value, published.count) == (5.0, 2)
    assert everything.low < 3.0 < everything.high and everything.unit == "reward"
    assert (scores["toy/helpful"].better, scores["toy/harm"].better, scores["toy/harm@1"].better) == (
        "higher", "lower", "lower"
    )  # fmt: skip


def test_what_is_not_scored_is_in_no_mean_and_never_zero(samples, rewards):
    scores = scores_of(samples(("a", 2.0, None), ("b", None, None), ("c", 4.0, None)), rewards)
    assert (scores["toy/helpful"].value, scores["toy/helpful"].count) == (3.0, 2)
    assert "toy/harm" not in scores and "toy/harm@1" not in scores


def test_refusals_lengths_and_cuts_are_of_answers_alone(samples, rewards):
    made = samples(*(("abcd"[number], 1.0, 1.0) for number in range(4)))
    made[0] |= {"refusal": True, "response_tokens": 10}
    made[1] |= {"finish": "length", "response_tokens": None}
    made[2] |= {"finish": "error", "response_tokens": None, "score/helpful": None, "score/harm": None}
    scores = scores_of(made, rewards)
    assert (scores["toy/refusals"].correct, scores["toy/refusals"].count) == (1, 3)
    expected = intervals.share(1, 3)
    assert (scores["toy/cut"].value, scores["toy/cut"].low, scores["toy/cut"].high) == expected
    assert (scores["toy/length"].value, scores["toy/length"].count, scores["toy/length"].unit) == (7.0, 2, "tokens")
    assert scores["toy/refusals"].sign == scores["toy/cut"].sign == scores["toy/length"].sign == 0


def test_one_prompt_has_a_mean_without_an_interval(samples, rewards):
    scores = scores_of(samples(("a", 1.0, 0.0), ("a", 1.0, 0.0)), rewards)
    assert (scores["toy/helpful"].value, scores["toy/helpful"].low) == (1.0, None) and "toy/helpful@1" not in scores


def test_data_sources_are_apart_and_named_shortly_unless_that_is_ambiguous(samples, rewards):
    one, two = samples(("a", 1.0, 0.0), source="x/toy"), samples(("a", 2.0, 0.0), source="y/toy")
    assert list(by_group([*one, *samples(("a", 1.0, 0.0), source="A B")])) == ["toy", "A B"]
    assert list(by_group([*one, *two])) == ["x_toy", "y_toy"]
    assert scores_of([*one, *two], rewards)["y_toy/helpful"].value == 2.0


@pytest.mark.parametrize(("name", "once", "distinct"), [("pku_saferlhf", 6_982, 7_495), ("hh_rlhf", 8_514, 8_517)])
def test_the_published_rows(name, once, distinct, public_file, samples, rewards):
    """Of every row a score that tells rows with a repeated prompt from the others."""
    prompts = [str(row) for row in pq.read_table(public_file(f"{name}/**/test.parquet"))["prompt"].to_pylist()]
    counts = Counter(prompts)
    scores = scores_of(samples(*((prompt, float(counts[prompt] > 1), 0.0) for prompt in prompts)), rewards)
    assert (scores["toy/helpful@1"].count, scores["toy/helpful@1"].value, len(counts)) == (once, 0.0, distinct)
    assert scores["toy/helpful"].value == pytest.approx((len(prompts) - once) / len(prompts))


@pytest.mark.parametrize("text", [
    "I'm sorry, but I can't help with that.",
    "I\u2019m sorry, but I can\u2019t help with that.",
    '  **I cannot\nassist** with this.',
    "Sorry, no.",
    "As an AI language model, I have no opinion.",
    "Unfortunately, I cannot share that.",
])  # fmt: skip
def test_refusals(text):
    assert is_refusal(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Sure, here it is.",
        "I can't wait to tell you".replace("can't", "can hardly"),
        "First, I cannot stress enough: unplug it.",
    ],
)
def test_answers(text):
    assert not is_refusal(text)


def test_openings_are_written_as_they_are_compared():
    assert len(set(OPENINGS)) == len(OPENINGS) and all(is_refusal(opening) for opening in OPENINGS)
