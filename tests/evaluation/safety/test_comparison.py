"""Paired comparisons, oriented by each reward's direction."""

import dataclasses
import json

import pytest

from gd2po.evaluation.results import ResultError, Summary, write_result, write_summary
from gd2po.evaluation.safety.comparison import Baseline, check_comparable, compare, read_baseline

SUMMARY = Summary("safety", {"f": "1", "reward harm": "2"}, "base", {}, {"max_tokens": 9}, {}, "", 1.0, True, ())


@pytest.fixture
def against(samples, rewards):
    def compared(mine, theirs):
        baseline = Baseline(SUMMARY, {sample["id"]: sample for sample in samples(*theirs)})
        scores, notes = compare(samples(*mine), baseline, rewards.models)
        return {score.name: score for score in scores}, notes

    return compared


def test_wins_count_by_direction_and_ties_half(against):
    scores, _ = against(
        [("a", 2.0, 0.0), ("b", 1.0, 3.0), ("c", 5.0, 1.0), ("d", 0.0, 1.0)],
        [("a", 1.0, 1.0), ("b", 2.0, 1.0), ("c", 5.0, 2.0), ("d", 3.0, 1.0)],
    )
    assert scores["toy/helpful/wins"].value == 1.5 / 4 and scores["toy/harm/wins"].value == 2.5 / 4
    assert scores["toy/helpful/difference"].value == (1 - 1 + 0 - 3) / 4
    assert scores["toy/harm/difference"].value == (-1 + 2 - 1 + 0) / 4
    assert scores["toy/improved_on_all"].value == 1 / 4
    assert (scores["toy/helpful/difference"].sign, scores["toy/harm/difference"].sign) == (1, -1)
    assert all(score.count == 4 and score.low <= score.value <= score.high for score in scores.values())


def test_the_same_text_is_a_tie_whatever_rounding_did_to_its_score(samples, rewards):
    mine, theirs = samples(("a", 1.0, 1.0), ("b", 2.0, 2.0)), samples(("a", 1.0, 1.0), ("b", 2.0, 2.0))
    for sample in theirs:
        sample["score/helpful"] += 1e-6
    baseline = Baseline(SUMMARY, {sample["id"]: sample for sample in theirs})
    scores = {score.name: score for score in compare(mine, baseline, rewards.models)[0]}
    assert scores["toy/helpful/wins"].value == 0.5 and scores["toy/helpful/difference"].value == 0


def test_a_prompt_without_both_scores_takes_no_part_and_is_named(against):
    scores, notes = against(
        [("a", 2.0, 0.0), ("b", None, 0.0), ("c", 3.0, 0.0)], [("a", 1.0, None), ("b", 1.0, 1.0), ("c", 1.0, 1.0)]
    )
    assert (scores["toy/helpful/wins"].count, scores["toy/harm/wins"].count) == (2, 2)
    assert (scores["toy/improved_on_all"].count, scores["toy/improved_on_all"].value) == (1, 1.0)
    assert "toy: 1 of 3 prompts lack a helpful score to compare" in notes


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"version": {"f": "9", "reward harm": "2"}}, "f has another content or other settings there"),
        ({"version": {"f": "1"}}, "reward harm is here only"),
        ({"version": {"f": "1", "reward harm": "2", "reward x": "3"}}, "reward x is there only"),
        ({"decoding": {"max_tokens": 8}}, "max_tokens is 9 here and 8 there"),
        ({"benchmark": "bfcl"}, "benchmark is safety here and bfcl there"),
    ],
)
def test_what_differs_is_named(change, says):
    baseline = Baseline(dataclasses.replace(SUMMARY, **change), {"s/0": {}})
    with pytest.raises(ResultError, match=f"the result of base cannot be compared with this one: {says}"):
        check_comparable(baseline, "safety", SUMMARY.version, SUMMARY.decoding, ["s/0"])


def test_other_prompts_are_refused():
    baseline = Baseline(SUMMARY, {"s/0": {}, "s/1": {}})
    check_comparable(baseline, "safety", SUMMARY.version, SUMMARY.decoding, ["s/0", "s/1"])
    with pytest.raises(ResultError, match=r"1 are in one of the two only, such as s/1"):
        check_comparable(baseline, "safety", SUMMARY.version, SUMMARY.decoding, ["s/0"])


def test_a_baseline_is_read_from_its_folder(tmp_path, samples):
    with pytest.raises(ResultError, match=r"holds no summary\.json"):
        read_baseline(tmp_path)
    write_summary(tmp_path, SUMMARY)
    with pytest.raises(ResultError, match=r"samples\.jsonl cannot be read"):
        read_baseline(tmp_path)
    made = samples(("a", 1.0, 0.0))
    write_result(tmp_path, SUMMARY, made)
    assert read_baseline(tmp_path) == Baseline(SUMMARY, json.loads(json.dumps({made[0]["id"]: made[0]})))
