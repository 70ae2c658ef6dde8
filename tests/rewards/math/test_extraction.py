"""Where the final answer of a response stands."""

import pytest

from gd2po.rewards.math.extraction import final_answer, last_box


@pytest.mark.parametrize(
    ("response", "answer"),
    [
        (r"So $\boxed{\frac{1}{2}}$.", r"\frac{1}{2}"),
        (r"First \boxed{8}, corrected \boxed{7}", "7"),
        (r"\boxed{\boxed{5}}", "5"),
        (r"\boxed{{7}}", "{7}"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"answer \boxed 7$ end", "7"),
        (r"\boxed{7}}", "7"),
        (r"\boxed{7", None),
        (r"\boxed{7} and then \boxed{8", "7"),
        (r"\boxed{}", ""),
        ("<think>\\boxed{7}</think> no box", None),
        ("<think>\\boxed{7}</think> <answer>8</answer>", "8"),
        ("<answer>19</answer>\n<answer>18</answer>", "18"),
        ("<answer>18", None),
        ("<answer>The answer is 18</answer>", "18"),
        (r"<answer>so it is \boxed{18}</answer>", "18"),
        ("#### 73\nno wait\n#### 72", "72"),
        ("####72", "72"),
        ("The answer is $7$.", None),
        ("It costs 72 euros", None),
        ("<think>let me see", None),
    ],
)
def test_the_final_answer_is_the_last_in_the_first_style_that_occurs(response, answer):
    assert final_answer(response) == answer


def test_a_style_alone_is_looked_for():
    response = "\\boxed{1} <answer>2</answer>\n#### 3"
    assert [final_answer(response, style) for style in ("auto", "box", "tags", "hash")] == ["1", "1", "2", "3"]
    assert final_answer("<answer>2</answer>", "box") is None


def test_a_hundred_thousand_open_boxes_are_read_once():
    assert last_box("\\boxed{" * 100_000) is None
    assert last_box("\\boxed{" * 100_000 + "7" + "}" * 100_000) == "7"
