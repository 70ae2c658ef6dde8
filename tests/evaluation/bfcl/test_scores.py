"""From rows and verdicts to numbers and notes."""

import pytest

from gd2po.evaluation.bfcl.categories import CATEGORIES, GROUPS, UNSATISFIABLE
from gd2po.evaluation.bfcl.scores import notes, sample, summarise

ANSWERED = {"id": "multiple_0", "result": "text", "finish": "stop", "input_token_count": 9, "output_token_count": 3}
UNANSWERED = {"id": "irrelevance_0", "result": "Error during inference: too long", "traceback": "…"}


def samples(**right: int) -> list[dict]:
    """Samples of whole categories of which the first ``right`` are valid."""
    return [
        {"id": f"{category}_{number}", "category": category, "valid": number < count, "finish": "stop"}
        for category, count in right.items()
        for number in range(CATEGORIES[category])
    ]


def values(scored) -> dict[str, float]:
    return {score.name: score.value for score in scored}


def test_an_answer_that_the_evaluator_does_not_list_is_right():
    entry = sample("multiple", ANSWERED, None)
    assert entry["valid"] and entry["output"] == "text" and entry["finish"] == "stop" and entry["error_type"] is None


@pytest.mark.parametrize(
    "verdict",
    [
        {"error": ["why"], "error_type": "kind"},
        {"error": {"error_type": "kind", "error_message": ["why"], "details": {}}},
    ],
    ids=["single turn", "multi turn"],
)
def test_a_failure_says_why(verdict):
    entry = sample("multiple", ANSWERED, verdict)
    assert (entry["valid"], entry["error_type"], entry["error"]) == (False, "kind", ["why"])


def test_no_answer_is_wrong_even_where_the_evaluator_likes_it():
    entry = sample("irrelevance", UNANSWERED, None)
    assert not entry["valid"] and entry["finish"] == "error" and entry["output"] == ""
    assert entry["error_type"] == "inference_error" and "too long" in entry["error"]


def test_a_category_has_its_share_with_wilson_ends():
    (score,) = summarise(samples(irrelevance=120))
    assert (score.name, score.count, score.correct, score.value) == ("irrelevance/accuracy", 240, 120, 0.5)
    assert score.low == pytest.approx(0.43726, abs=1e-4) and score.high == pytest.approx(0.56274, abs=1e-4)


def test_unsatisfiable_entries_count_and_are_left_out_beside_it():
    every = samples(simple_java=100)
    for entry in every:
        entry["valid"] = entry["id"] not in UNSATISFIABLE["simple_java"]
    assert values(summarise(every)) == {"simple_java/accuracy": 0.97, "simple_java/accuracy_satisfiable": 1.0}


def test_parts_are_averaged_as_in_version_4():
    right = dict.fromkeys(GROUPS["all_offline"], 0)
    right |= {"simple_java": 100, "multiple": 100, "irrelevance": 240, "live_parallel": 16, "multi_turn_base": 50}
    scores = values(summarise(samples(**right)))
    assert scores["non_live/accuracy"] == pytest.approx((1 / 3 + 1 / 2 + 0 + 0) / 4)
    assert scores["live/accuracy"] == pytest.approx(16 / 1351)
    assert scores["multi_turn/accuracy"] == pytest.approx(0.25 / 4)
    assert scores["irrelevance_detection/accuracy"] == pytest.approx(0.5)
    assert not any("overall" in name.lower() for name in scores)


def test_a_part_with_a_missing_category_has_no_score():
    three = dict.fromkeys(GROUPS["multi_turn"][1:], 0)
    assert {name.partition("/")[0] for name in values(summarise(samples(**three)))} == set(three)


def test_a_model_that_never_calls_is_not_praised_unnoticed():
    assert "never calls has 100 %" in notes(samples(irrelevance=240))[0]
    assert "add irrelevance" in notes(samples(multiple=0))[0]
    assert notes(samples(multiple=0, irrelevance=240)) == ()


def test_unsatisfiable_entries_are_named():
    (note,) = notes(samples(live_simple=0, irrelevance=0))
    assert all(id in note and reason in note for id, reason in UNSATISFIABLE["live_simple"].items())


def test_missing_and_cut_answers_are_counted():
    every = samples(multiple=0, irrelevance=0)
    every[0] |= {"finish": "error", "error": "too long"}
    every[1]["finish"] = "length"
    assert notes(every) == (
        "1 entries have no answer and count as wrong; the first, multiple_0: too long",
        "1 answers were cut at the longest length, such as that to multiple_1",
    )
