"""When an output is the expected one."""

import pytest

from gd2po.rewards.coding.comparison import same_output, same_value


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("3\n", "3"),
        ("3  \n\n\n", "3"),
        ("1  2\n", "1 2"),
        ("0.30000000000000004", "0.3"),
        ("3.0", "3"),
        ("1e3", "1000"),
        ("0.3333333333", "0.333333"),
        ("", "\n"),
    ],
)
def test_outputs_that_are_the_same(output, expected):
    assert same_output(output.encode(), expected)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("1", "1\n2\n3"),
        ("1\n2", "1"),
        ("2\n1", "1\n2"),
        ("b a", "a b"),
        ("1 2", "1\n2"),
        ("yes", "YES"),
        ("100000001", "100000002"),
        ("0.301", "0.3"),
        ("00", "0"),
        ("", "0"),
        ("nan", "0.5"),
        ("1e999999", "1"),
        ("9" * 10**6, "1"),
    ],
)
def test_outputs_that_differ(output, expected):
    assert not same_output(output.encode(), expected)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("3", 3),
        ("3.0000000001", 3.0),
        ('{"t":[1,2]}', [1, 2]),
        ('{"d":[["a",1]]}', {"a": 1}),
        ('{"d":[[1,2]]}', {"1": 2}),
        ('{"i":"400000000000000000"}', 2**70),
        ("true", 1),
        ('"cba"', ["cba"]),
        ("null", None),
    ],
)
def test_values_that_are_the_same(output, expected):
    assert same_value(output.encode(), expected)


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ('"3"', 3),
        ("3", "3"),
        ('{"s":[1,2]}', [1, 2]),
        ('{"h":0}', {}),
        ('{"n":[1]}', [1]),
        ("", None),
        ("[" * 10**5, []),
        ('{"i":"zz"}', 1),
        ('{"d":5}', {}),
        ('{"d":[[[],1]]}', {}),
        ('{"a":1,"b":2}', {}),
        ("9" * 10**6, 1),
        ('{"i":"' + "f" * 10**5 + '"}', 1.5),
        ("\udcff", "x"),
    ],
)
def test_values_that_differ(output, expected):
    assert not same_value(output.encode("utf-8", "surrogateescape"), expected)
