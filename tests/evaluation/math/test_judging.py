"""Whether an answer is right by the rules of its set: several answers, tolerances, units."""

import pytest

from gd2po.data.mathematics import MINERVA_TOLERANCE, Problem
from gd2po.evaluation.math.judging import is_right, judge, judge_all
from gd2po.evaluation.questions.task import Question, Response

ROOTS = "$1$,$\\frac{3 + \\sqrt{21}}{2}$,$\\frac{3 - \\sqrt{21}}{2}$"


def several(answer: str, unit: str = "") -> Problem:
    return Problem("", answer, several=True, unit=unit)


def rounded(answer: str) -> Problem:
    return Problem("", answer, relative=MINERVA_TOLERANCE)


RIGHT = [
    (several("1,3,5"), "5, 3 and 1"),
    (several("1,3,5"), "5; 3; 1"),
    (several("$(1,1), (3,2)$"), "(3,2),(1,1)"),
    (several("$f(x)=x$,$f(x)=2-x$"), "f(x) = 2 - x \\text{ or } f(x) = x"),
    (several("$90^{\\circ}$,$60^{\\circ}$"), "60, 90"),
    (several("-2,-2"), "-2"),
    (several("-2,-2"), "-2, -2"),
    (several(ROOTS), "\\left\\{1, \\frac{3-\\sqrt{21}}{2}, \\frac{3+\\sqrt{21}}{2}\\right\\}"),
    (several(ROOTS), "1, \\frac{3\\pm\\sqrt{21}}{2}"),
    (several("$\\angle B E A_{1}=90$,$\\angle A E B_{1}=90$", "^{\\circ}"), "$\\angle A E B_1=90,\\angle B E A_1=90$"),
    (Problem("", "8", unit="min"), "8 \\text{ minutes}"),
    (Problem("", "8", unit="min"), "8"),
    (Problem("", "$\\frac{41}{12}$", unit="km"), "\\frac{41}{12} \\text{ km}"),
    (Problem("", "$\\frac{600}{7}$", unit="km/h"), "\\frac{600}{7}\\text{ km/h}"),
    (Problem("", "$166$", unit="$cm^2$"), "166 \\text{ cm}^2"),
    (Problem("", "4.2", tolerance=0.1, unit="%"), "4.25\\%"),
    (Problem("", "4.2", tolerance=0.1, unit="%"), "4.3"),
    (rounded("4e33"), "4.02 \\times 10^{33} \\text{ erg/s}"),
    (rounded("0.822"), "0.8225"),
    (rounded("7.25e-11"), "7.25\\times10^{-11}"),
    (rounded("1.22"), "1.22 nm"),
    (rounded("50"), "50\\ \\mathrm{kg}\\cdot\\mathrm{m}^2"),
    (rounded("-1/3"), "-0.333"),
    (rounded("-1/3"), "-\\frac{1}{3}"),
    (rounded("\\frac{t}{4} \\sin (2 t)"), "\\frac{1}{4}t\\sin(2t)"),
]
WRONG = [
    (several("1,3,5"), "1,3"),
    (several("1,3,5"), "1,3,5,7"),
    (several("1,3,5"), "1"),
    (several("$(1,1), (3,2)$"), "(2,3),(1,1)"),
    (several("1,3"), ",".join(map(str, range(100)))),
    (Problem("", "1,3,5"), "5,3"),
    (Problem("", "8", unit="min"), "8 \\text{ hours}"),
    (Problem("", "4.2", tolerance=0.1, unit="%"), "4.31"),
    (rounded("4e33"), "4.2 \\times 10^{33}"),
    (rounded("4e33"), "4"),
    (rounded("20"), "20.5"),
    (rounded("0"), "0.001"),
    (Problem("", "20"), "20.01"),
]


@pytest.mark.parametrize(("problem", "answer"), RIGHT)
def test_right(problem, answer):
    assert is_right(answer, problem)


@pytest.mark.parametrize(("problem", "answer"), WRONG)
def test_wrong(problem, answer):
    assert not is_right(answer, problem)


def test_a_verdict_has_the_answer_that_was_judged():
    assert judge("<think>\\boxed{3}</think> so \\boxed{4}", Problem("", "4")) == {"correct": 1, "answer": "4"}
    assert judge("the answer is 4", Problem("", "4")) == {"correct": 0, "answer": None}


LARGE = ["\\boxed{" * 100_000, "}" * 10**6, "\0" * 10**6, "\\boxed{" + "1," * 400_000 + "1}"]
LARGE += ["\\boxed{\\text{}" + " " * 10**6 + "x}", "\\boxed{7" + " nm" * 300_000 + "}"]


@pytest.mark.timeout(30)
@pytest.mark.parametrize("problem", [several("1,3"), rounded("7"), Problem("", "7", unit="km")])
@pytest.mark.parametrize("response", LARGE, ids=range(len(LARGE)))
def test_a_response_of_a_megabyte_has_a_bounded_cost(response, problem):
    assert judge(response, problem)["correct"] == 0


def test_responses_are_judged_in_their_order():
    problems = {str(number): Problem("", str(number)) for number in range(20)}
    responses = [
        Response(Question(id, "g", ()), f"\\boxed{{{id if int(id) % 3 else 'x'}}}", None) for id in reversed(problems)
    ]
    verdicts = list(judge_all(responses, problems))
    assert [verdict["correct"] for verdict in verdicts] == [int(int(id) % 3 > 0) for id in reversed(problems)]
