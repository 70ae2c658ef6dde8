"""One way to write an answer."""

from fractions import Fraction

import pytest

from gd2po.rewards.math.normal_form import choice_letter, exact_value, is_whole_number, normal_form


@pytest.mark.parametrize(
    ("answer", "form"),
    [
        (r"\dfrac12", r"\frac{1}{2}"),
        (r"\frac{1}2", r"\frac{1}{2}"),
        (r"\sqrt2", r"\sqrt{2}"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3,\frac{\pi}{2})"),
        (r"1,\!000,\!000", "1000000"),
        ("1{,}000", "1000"),
        ("(1,234)", "(1,234)"),
        ("−5", "-5"),
        ("2π", r"2\pi"),
        ("½", "1/2"),
        ("2 1/2", r"2\frac{1}{2}"),
        (r"\pi r", r"\pi r"),
        ("1 + 2 i", "1+2i"),
        (r"\text{Evelyn}", "Evelyn"),
        (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\begin{pmatrix}1&2\\3&4\end{pmatrix}"),
        ("{{7}}", "7"),
        ("{1}{2}", "{1}{2}"),
        ("10.", "10"),
        ("Ten", "10"),
        ("²", "^2"),
        ("\0", ""),
    ],
)
def test_marks_that_do_not_change_the_value_are_taken_out(answer, form):
    assert normal_form(answer) == form


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ("-3", Fraction(-3)),
        (".5", Fraction(1, 2)),
        ("1e3", Fraction(1000)),
        ("x=10", Fraction(10)),
        ("-3/4", Fraction(-3, 4)),
        (r"-\frac{-3}{4}", Fraction(3, 4)),
        ("1/0", None),
        ("1e9999999", None),
        (r"\sqrt{2}", None),
        ("9" * 1000, None),
    ],
)
def test_numbers_have_an_exact_value(form, value):
    assert exact_value(form) == value


def test_whole_numbers_and_choices():
    assert [is_whole_number(text) for text in ("-5", "1,234", "3.0", "3.5", "²", "x")] == [True] * 3 + [False] * 3
    assert [choice_letter(form) for form in ("(C)", "C", "(C)5", "CD", "5")] == ["C", "C", "C", None, None]
