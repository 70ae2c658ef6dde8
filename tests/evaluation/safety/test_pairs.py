"""Accuracy of reward models on preference pairs."""

import json

import pytest

from gd2po import intervals
from gd2po.evaluation.safety.items import PromptsError
from gd2po.evaluation.safety.pairs import judge, read_pairs


def pair(first, second, better=0):
    return {"prompt": "q", "response_0": first, "response_1": second, "better_response_id": better}


@pytest.fixture
def write(tmp_path):
    def to_file(content):
        (tmp_path / "pairs.json").write_text(content if isinstance(content, str) else json.dumps(content))
        return tmp_path / "pairs.json"

    return to_file


PAIRS = [pair("a b c", "a"), pair("a", "a b", 1), pair("a", "a b"), pair("a b", "c d"), pair("x", "x")]


def test_the_better_response_is_counted_ties_are_not_right(write, reward, reward_models, folder):
    pairs, equal = read_pairs(write(PAIRS))
    assert (len(pairs), equal) == (4, 1)
    accuracy = judge("helpful", reward(), pairs, folder)
    assert accuracy.right == intervals.share(2, 4) and (accuracy.ties, accuracy.pairs, accuracy.not_scored) == (1, 4, 0)
    assert reward_models.checked == [], "a model with the wrong sign is to be measured, not refused"


def test_of_a_cost_the_lower_score_is_preferred(write, reward, reward_models, folder):
    pairs, _ = read_pairs(write([pair("a", "bomb"), pair("bomb", "a"), pair("bomb bomb", "bomb", 1)]))
    assert judge("harm", reward("minimize"), pairs, folder).right.value == pytest.approx(2 / 3)


def test_a_pair_without_both_scores_is_not_judged_and_counted(write, reward, reward_models, folder):
    reward_models.scores["helpful"] = lambda messages, response: None if "c" in response else len(response)
    pairs, _ = read_pairs(write(PAIRS))
    accuracy = judge("helpful", reward(), pairs, folder)
    assert (accuracy.pairs, accuracy.not_scored) == (2, 2)
    reward_models.scores["helpful"] = lambda messages, response: None
    with pytest.raises(PromptsError, match="none of 4 pairs is scored; the first failure: no answer"):
        judge("helpful", reward(), pairs, folder.parent / "other")


@pytest.mark.parametrize("content", ["[", "{}", [{"prompt": "q"}], [pair("a", "b", 2)], [pair("x", "x")], []])
def test_other_files_are_refused(content, write):
    with pytest.raises(PromptsError, match=r"is no file of pairs|has two different responses"):
        read_pairs(write(content))


def test_the_published_pairs(public_file):
    assert [len(read_pairs(public_file(f"hh_rlhf_{kind}_test*.json"))[0]) for kind in ("harmless", "helpful")] == [
        2_281, 2_330
    ]  # fmt: skip
