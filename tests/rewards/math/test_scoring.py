"""Scores of whole responses: the published cases, and what hosts hand over."""

import json
import math
from pathlib import Path

import pytest

from gd2po.errors import DataError, SettingsError
from gd2po.rewards.math import MathOptions, compute_score, score

CASES = json.loads((Path(__file__).parent / "cases.json").read_text())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_recorded_responses(case):
    if case["judge"]:
        pytest.importorskip("math_verify", reason="math-verify is not installed: pip install 'gd2po[math]'")
    assert score(case["response"], case["ground_truth"])["correctness"] == case["correct"]


def test_the_gsm8k_trio():
    response = "<think>some steps</think>\n<answer>18</answer>"
    assert score(response, "18", tokens=7) == {"correctness": 1, "length": 1, "format": 1, "integer": 1}
    assert score(response + "\n", "18")["format"] == 1
    for misshapen in (" " + response, response + " done", response.replace("\n", ""), response + "<answer>1</answer>"):
        assert score(misshapen, "18")["format"] == 0
    assert score("<answer>-1,234</answer>", "7")["integer"] == 1


def test_the_shape_with_a_box():
    options = MathOptions(format="box")
    assert score("steps</think> so \\boxed{7}", "7", options)["format"] == 1
    assert score("\\boxed{7}</think> so", "7", options)["format"] == 0
    assert score("a</think>b</think>\\boxed{7}", "7", options)["format"] == 0


def test_length_in_tokens():
    assert math.isnan(score("x", "7")["length"])
    assert [score("x", "7", tokens=count)["length"] for count in (1, 4000, 4001)] == [1, 1, 0]
    graded = MathOptions(length="graded", max_tokens=100)
    assert [score("x", "7", graded, tokens=count)["length"] for count in (0, 25, 101)] == [1, 0.75, 0]


def test_under_verls_signature():
    assert compute_score("math", "\\boxed{7}", "7", {"response_tokens": 9}, max_tokens=8)["length"] == 0
    with pytest.raises(DataError, match="train row 5: the reference answer is ''"):
        compute_score("math", "\\boxed{7}", "", {"split": "train", "index": 5})
    with pytest.raises(SettingsError, match=r"no option 'max_token'. Did you mean 'max_tokens'"):
        compute_score("math", "\\boxed{7}", "7", max_token=8)
    with pytest.raises(SettingsError, match="style is 'boxes'"):
        compute_score("math", "\\boxed{7}", "7", style="boxes")
    with pytest.raises(SettingsError, match="max_tokens is 0"):
        MathOptions(max_tokens=0)


@pytest.mark.parametrize("response", ["a" * 10**6, "{" * 10**6, "\0" * 10**6, "\\boxed{" + "1" * 10**6 + "}", "\ud800"])
def test_hostile_responses_are_wrong(response):
    assert score(response, "7")["correctness"] == 0
