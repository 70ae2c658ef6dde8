"""Questions that are the same whatever their spaces and signs."""

import pytest

from gd2po.data.overlap import HeldOut, normalised


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Find $\\frac{1}{2}$ of  it.", "find \\dfrac{1}{2} of it"),
        ("What is $\\left( 1, 2 \\right)$?", "What is (1,2)"),
        ("Ａ\u2212b", "a-b"),
        ("He said “7”", "He said “7”"),
    ],
)
def test_the_same_question(first, second):
    assert normalised(first) == normalised(second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Compute $\\arccos (-1)$.", "Compute $\\arccos 1$."),
        ("1.5 apples", "15 apples"),
        ("x+y", "x*y"),
        ("x<y", "x>y"),
        ("\\leftarrow", "arrow"),
    ],
)
def test_another_question(first, second):
    assert normalised(first) != normalised(second)


def test_a_benchmark_is_named_and_what_is_absent_is_said():
    held_out = HeldOut.of({"a/test": ["One?", "Two?"], "b/test": ["two"]}, ["c/test", "d/test"])
    assert (held_out.find("ONE"), held_out.find("two ?"), held_out.find("three")) == ("a/test", "a/test", None)
    (note,) = held_out.notes()
    assert note.startswith("c/test, d/test are not here") and "gd2po data get c/test d/test" in note
    assert HeldOut({}).notes() == ()
