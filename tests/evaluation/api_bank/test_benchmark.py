"""The published files: every gold answer is right, every prompt is read, and the list of flaws follows from them."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from gd2po.evaluation.api_bank import DUPLICATES, FLAWED, LEVELS, score
from gd2po.evaluation.api_bank.items import parse_sample_id
from gd2po.rewards.tool_calling.api_bank.tools import Call, declared_types, gold_call
from gd2po.rewards.tool_calling.api_bank.values import same

SCORES = ("published_correct", "strict_correct", "published_format", "training_format")
WRONG = {"name": "x", "parameters": {}}


def digits_as_numbers(call: Call) -> dict[str, Any]:
    numbers = {name: int(value) if value.isdigit() else value for name, value in call.parameters.items()}
    return {"name": call.name, "parameters": numbers}


def gold(call: Call) -> dict[str, Any]:
    return {"name": call.name, "parameters": call.parameters}


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        pytest.param(lambda call: [gold(call)], (597, 597, 597, 597), id="gold"),
        pytest.param(lambda call: [gold(call) | {"name": f"{call.name}X"}], (0, 0, 597, 597), id="wrong name"),
        pytest.param(lambda call: [WRONG, WRONG, gold(call)], (597, 0, 597, 597), id="two wrong, then right"),
        pytest.param(lambda call: [call.parameters], (597, 0, 597, 597), id="no name"),
        pytest.param(lambda call: ["5", gold(call)], (0, 0, 597, 597), id="a number, then right"),
        pytest.param(
            lambda call: [{"name": call.name, "arguments": call.parameters}], (0, 0, 597, 597), id="arguments"
        ),
        pytest.param(lambda call: [json.dumps(gold(call), indent=2)], (0, 597, 597, 597), id="pretty-printed"),
        pytest.param(lambda call: [digits_as_numbers(call)], (487, 534, 597, 597), id="digits as numbers"),
    ],
)
def test_counts_over_all_items(items, reply, lines: Callable, expected: tuple) -> None:
    scored = [score(reply(*lines(gold_call(item))), item) for item in items]
    assert tuple(sum(scores[name] for scores in scored) for name in SCORES) == expected


def test_an_empty_answer_scores_nothing(items) -> None:
    assert not any(any(score("", item).values()) for item in items)


def test_values_of_the_declared_type_are_right(items, reply) -> None:
    """A model that follows the declared types is strictly right; by the published score it loses 107 of 597 items."""
    published = 0
    for item in items:
        call = gold_call(item)
        types = declared_types(item["system"]).get(call.name, {})
        natural = {name: natural_value(value, types.get(name)) for name, value in call.parameters.items()}
        scores = score(reply({"name": call.name, "parameters": natural}), item)
        assert scores["strict_correct"] == 1, item["id"]
        published += scores["published_correct"]
    assert published == 597 - 107


def natural_value(value: str, declared: str | None) -> Any:
    text = value.replace("'", '"') if declared in ("list", "list(str)") else value.lower()
    try:
        return json.loads(text) if declared not in (None, "str") else value
    except ValueError:
        return value


def test_every_prompt_declares_tools(items) -> None:
    types = {kind for item in items for tool in declared_types(item["system"]).values() for kind in tool.values()}
    assert types == {"str", "int", "float", "bool", "list", "list(str)"}
    assert all(declared_types(item["system"]) for item in items)


def test_the_flawed_items_follow_from_the_files(items) -> None:
    derived: dict[int, dict[int, str]] = {level: {} for level in LEVELS}
    for item in items:
        level, index = parse_sample_id(item["id"])
        if reason := flaw(item):
            derived[level][index] = reason
    assert {level: set(flaws) for level, flaws in FLAWED.items()} == {
        level: set(flaws) for level, flaws in derived.items()
    }
    assert all(word in FLAWED[level][index] for level, flaws in derived.items() for index, word in flaws.items())


def flaw(item: dict[str, Any]) -> str | None:
    """A word of the reason why the gold answer is wrong or cannot be known."""
    call, tools = gold_call(item), declared_types(item["system"])
    if call.name not in tools:
        return "does not offer"
    declared = tools[call.name]
    if call.parameters.keys() - declared.keys():
        return "device_id"
    whole = [value for name, value in call.parameters.items() if declared[name] == "int"]
    return None if all(value.isdigit() and same(value, int(value), "int") for value in whole) else "adult_count"


def test_the_duplicates_follow_from_the_files(items) -> None:
    first: dict[tuple, tuple[int, int]] = {}
    duplicates: dict[int, dict[int, int]] = {level: {} for level in LEVELS}
    for item in items:
        level, index = parse_sample_id(item["id"])
        _, original = first.setdefault((level, item["system"], item["user"], str(item["answer"])), (level, index))
        if original != index:
            duplicates[level][index] = original
    assert duplicates == {level: dict(of_level) for level, of_level in DUPLICATES.items()}
    assert len(duplicates[1]) == 10
