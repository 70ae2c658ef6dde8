"""What a mathematician accepts as equal."""

import pytest

from gd2po.errors import DataError
from gd2po.rewards.math import comparison
from gd2po.rewards.math.comparison import equal


@pytest.fixture
def no_judge(monkeypatch):
    """Cheap rules alone decide."""

    def judged(given, expected):
        raise AssertionError(f"{given} against {expected} was given to a judge")

    monkeypatch.setattr(comparison, "_judged", judged)


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("3/4", "0.75"),
        (r"\frac34", r"75\%"),
        ("75", r"75\%"),
        ("0.75", r"75\%"),
        ("75%", "0.75"),
        (r"10\%", "10"),
        ("10 dollars", "10"),
        (r"10\,\mathrm{cm}", "10"),
        ("5", r"5\text{ cm}"),
        (r"5\text{ cm}", r"5\text{ cm}"),
        ("evelyn", r"\text{Evelyn}"),
        (r"\textbf{(C)}\ 5", r"\text{(C)}"),
        ("12_8", "12_{8}"),
        ("33", "033"),
        ("x=10", "10"),
    ],
)
def test_cheap_rules_find_equal_answers(no_judge, answer, reference):
    assert equal(answer, reference)


@pytest.mark.parametrize(
    ("answer", "reference"),
    [
        ("4.9999", "5"),
        ("10", "100"),
        (r"5\text{ m}", r"5\text{ cm}"),
        ("12", "12_8"),
        ("13_8", "12_8"),
        (r"\textbf{(D)}", r"\text{(C)}"),
        ("2,3", "(2,3)"),
        ("", "7"),
        ("1" * 3000, "7"),
    ],
)
def test_cheap_rules_find_different_answers(no_judge, answer, reference):
    assert not equal(answer, reference)


@pytest.mark.parametrize("reference", ["", " ", "$$", "solution " * 100])
def test_a_reference_that_cannot_be_compared_is_named(reference):
    with pytest.raises(DataError, match="the reference answer"):
        equal("7", reference)
