"""Values compared by the declared type."""

import pytest

from gd2po.rewards.tool_calling.api_bank.values import same


@pytest.mark.parametrize(
    ("declared", "gold", "right", "wrong"),
    [
        ("str", "2", ["2"], [2, 2.0, " 2", None, ["2"]]),
        (
            "int",
            "2",
            ["2", 2, 2.0, " 2"],
            [3, 2.5, "2.5", "two", True, None, [2], float("inf"), float("nan"), "9" * 9999],
        ),
        ("int", "1", [1], [True, "true"]),
        ("float", "74.0060", [74.006, "74.006", "7.4006e1"], ["74.0061", 74, None, float("nan"), "x", 10**400]),
        ("float", "10", [10, 10.0, "10.0"], ["ten", True]),
        ("bool", "True", [True, "true", "TRUE"], [1, "1", "yes", False, "False"]),
        ("bool", "False", [False, "false"], [0, "", None, True]),
        (
            "list(str)",
            "['Jack', 'Rose']",
            [["Jack", "Rose"], '["Jack", "Rose"]'],
            [["Rose", "Jack"], "Jack, Rose", "Jack"],
        ),
        (
            "list",
            "[{'name': 'pulse', 'value': '75'}]",
            [[{"value": "75", "name": "pulse"}]],
            [[{"name": "pulse"}], [], "["],
        ),
        ("list", "[{'name': 'pulse', 'value': '75'}]", [], [[{"name": "pulse", "value": 75}]]),
        ("dict", "{'a': 'b'}", [{"a": "b"}, '{"a": "b"}'], [{"a": "c"}, [["a", "b"]], "{[]: 1}"]),
        ("int", "", [""], [0, None]),
        ("int", "2', child_count=", ["2', child_count="], [2, "2"]),
        ("date", "2", ["2"], [2]),
        (None, "2", ["2"], [2, 2.0]),
        (None, 1, [1], [True, 1.0, "1"]),
    ],
)
def test_same(declared, gold, right, wrong) -> None:
    assert all(same(gold, value, declared) for value in right)
    assert [value for value in wrong if same(gold, value, declared)] == []


@pytest.mark.parametrize("declared", ["list", "dict", "int", "float", "bool", "str", None])
@pytest.mark.parametrize(
    "text", ["[" * 100_000, "-" * 100_000 + "1", "{" * 100_000, "[1,\0]", "\ud800", '["\ud800"]', "[" + "~" * 50_000]
)
def test_a_hostile_text_is_another_value(declared, text) -> None:
    assert not same("['a']", text, declared)
