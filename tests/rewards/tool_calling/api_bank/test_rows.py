"""API-Bank rows in the reward function: the scorer of the final tables, under the names verl needs."""

import json

import pytest

from gd2po.rewards.tool_calling import GroundTruthError, compute_score
from gd2po.rewards.tool_calling.api_bank.scoring import score
from gd2po.rewards.tool_calling.api_bank.tools import ItemError

SYSTEM = (
    "**Available Tools**\n1. Name: AddAlarm\nDescription: adds an alarm\n"
    "Parameters: {'time': {'type': 'str', 'description': 'when'}, 'snooze': {'type': 'int', 'description': 'times'}}"
)
CALL = {"name": "AddAlarm", "parameters": {"time": "07:00", "snooze": "2"}}
ROW = {"split": "lv1", "index": 3, "instruction": SYSTEM, "input": "wake me", "output": ""}


def answer(call: dict, think: str = "the user wants an alarm") -> str:
    return f"<think> {think} </think>\n<tool_call>\n{json.dumps(call)}\n</tool_call>"


OUTPUTS = {
    "right": answer(CALL),
    "number instead of digits": answer(CALL | {"parameters": {"time": "07:00", "snooze": 2}}),
    "wrong value": answer(CALL | {"parameters": {"time": "08:00", "snooze": "2"}}),
    "two calls, one right": answer(CALL).replace("</tool_call>", json.dumps(CALL | {"name": "x"}) + "\n</tool_call>"),
    "bare parameters": answer(CALL["parameters"]),
    "prose": "I would rather talk.",
    "nothing": "",
}


@pytest.mark.parametrize("truth", [CALL, [CALL]], ids=["dict", "list"])
@pytest.mark.parametrize("output", OUTPUTS.values(), ids=OUTPUTS)
def test_a_row_gets_what_the_benchmark_says(output: str, truth: object) -> None:
    scores = compute_score("api_bank/lv1", output, json.dumps(truth), ROW | {"global_steps": 7})
    of_benchmark = score(output, {"system": SYSTEM, "answer": truth})
    assert scores == of_benchmark | {"score": of_benchmark["strict_correct"], "acc": of_benchmark["strict_correct"]}
    assert {type(value) for value in scores.values()} == {float}


def test_the_outputs_above_tell_the_two_ways_of_scoring_apart() -> None:
    outcomes = {name: compute_score("api_bank/lv2", output, json.dumps(CALL), ROW) for name, output in OUTPUTS.items()}
    assert [name for name, scores in outcomes.items() if scores["strict_correct"]] == [
        "right",
        "number instead of digits",
    ]
    assert [name for name, scores in outcomes.items() if scores["published_correct"]] == [
        "right",
        "two calls, one right",
        "bare parameters",
    ]


def test_the_options_of_training_do_not_reach_a_benchmark() -> None:
    plain = compute_score("api_bank/lv1", OUTPUTS["right"], json.dumps(CALL), ROW)
    options = {"correctness_range": [-1, 1], "target_words": 1, "reward_schedule": "linear"}
    assert compute_score("api_bank/lv1", OUTPUTS["right"], json.dumps(CALL), ROW, **options) == plain


@pytest.mark.parametrize(
    ("truth", "row", "error", "message"),
    [
        ("{", ROW, GroundTruthError, r"lv1 row 3: the gold call of API-Bank is '\{', expected JSON"),
        (None, ROW, GroundTruthError, "lv1 row 3: the gold call of API-Bank is None"),
        (json.dumps(CALL), {"split": "lv1", "index": 3}, GroundTruthError, "lv1 row 3: extra_info lacks 'instruction'"),
        ("[]", ROW, ItemError, r"expected one \{'name', 'parameters'\}"),
    ],
)
def test_a_row_that_cannot_be_scored_is_named(truth: str, row: dict, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        compute_score("api_bank/lv1", OUTPUTS["right"], truth, row)


def test_every_gold_answer_of_the_benchmark_is_right(public_file) -> None:
    for level in (1, 2, 3):
        for item in json.loads(public_file(f"level-{level}-api_processed.json").read_text(encoding="utf-8")):
            gold = item["answer"][0] if isinstance(item["answer"], list) else item["answer"]
            row = {"split": f"lv{level}", "index": 0, "instruction": item["system"]}
            scores = compute_score(f"api_bank/lv{level}", answer(gold), json.dumps(item["answer"]), row)
            assert scores["score"] == scores["acc"] == scores["published_correct"] == scores["training_format"] == 1
