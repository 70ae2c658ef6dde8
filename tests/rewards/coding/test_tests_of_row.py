"""The forms in which data sets have tests."""

import json

import numpy as np
import pytest

from gd2po.errors import DataError
from gd2po.rewards.coding.tests_of_row import read_tests


def test_standard_input_and_output():
    tests = read_tests(json.dumps({"inputs": ["1\n", ["2", "3\n"]], "outputs": ["1", ["2", "3"]]}))
    assert (tests.style, tests.inputs, tests.expected) == ("stdin", [b"1\n", b"2\n3\n"], ["1", "2\n3\n"])
    arrays = {"inputs": np.array(["1\n"], dtype=object), "outputs": np.array(["1"], dtype=object)}
    assert read_tests(arrays).inputs == [b"1\n"]


def test_calls_as_eurus_and_apps_write_them():
    eurus = read_tests({"fn_name": "f", "inputs": ['[1, 2]\n"a"'], "outputs": ["true"]})
    apps = read_tests({"fn_name": "f", "inputs": [[[1, 2], "a"]], "outputs": [[True]]})
    assert eurus.inputs == apps.inputs == [[[1, 2], "a"]]
    assert (eurus.style, eurus.entry, eurus.expected, apps.expected) == ("call", "f", [True], [[True]])


def test_code_contests_keep_three_parts():
    part = {"input": ["1"], "output": ["2"]}
    assert len(read_tests({"public_tests": part, "private_tests": part, "generated_tests": None}).inputs) == 2


def test_asserts():
    mbpp = read_tests({"test_list": ["assert f(1) == 2", "assert f(2) == 3"], "test_setup_code": "import math"})
    assert (mbpp.style, mbpp.inputs[1]) == ("assert", "import math\nassert f(2) == 3\n")
    humaneval = read_tests({"test": "def check(candidate): ...", "entry_point": "f"})
    assert humaneval.inputs == ["def check(candidate): ...\ncheck(f)\n"]


def test_a_sample_is_spread_and_always_the_same():
    tests = read_tests({"inputs": [str(i) for i in range(10)], "outputs": [str(i) for i in range(10)]})
    assert tests.sample(4).expected == tests.sample(4).expected == ["0", "2", "5", "7"]
    assert tests.sample(None) is tests.sample(10) is tests


@pytest.mark.parametrize(
    ("tests", "message"),
    [
        ("{not json", "no JSON"),
        ("[" * 10**5, "no JSON"),
        ("[1]", r"expected \{'inputs'"),
        ({"inputs": [], "outputs": []}, "there is no test"),
        ({"test_list": []}, "there is no test"),
        ({"outputs": ["1"]}, "no 'inputs'"),
        ({"inputs": ["1", "2"], "outputs": ["1"]}, "2 inputs and 1 outputs"),
        ({"inputs": [3], "outputs": ["1"]}, "input of test 0 is 3"),
        ({"inputs": "12", "outputs": "12"}, "expected a list"),
        ({"fn_name": "f", "inputs": ["{"], "outputs": ["1"]}, "input of test 0"),
        ({}, "no 'inputs'"),
        ({"inputs": ["", "\ud800"], "outputs": ["1", "2"]}, "input of test 1 holds half of a surrogate pair"),
        ({"test_list": ["assert f() == '\udc80'"]}, "statement of test 0 holds half of a surrogate pair"),
    ],
)
def test_tests_that_cannot_be_read_are_named(tests, message):
    with pytest.raises(DataError, match=message):
        read_tests(tests)
