"""Whether the program of a response passes every test of its problem, in the sandbox of the rewards."""

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from gd2po.evaluation.questions.task import CORRECT, Measure, Response
from gd2po.rewards.coding import CodingOptions, judge
from gd2po.rewards.coding.sandbox.places import count_of_places
from gd2po.rewards.coding.tests_of_row import Tests

MEASURES = (Measure("pass_rate", "pass_rate", better="higher"), Measure("bug", "bug", better="lower"))
"""The mean share of passed tests, and the share of programs with a bug: those whose ``bug_free`` would be 0."""


def judge_all(
    responses: Sequence[Response], tests: Mapping[str, Tests], options: CodingOptions
) -> Iterator[dict[str, Any]]:
    """The verdict on each response, in their order, as they come.

    Args:
        responses: The responses.
        tests: The tests of each problem, by the question's id.
        options: Where programs run, and what a bug is.

    Raises:
        RewardError: The sandbox itself failed.
        SettingsError: There is no sandbox.
    """

    def verdict(response: Response) -> dict[str, Any]:
        judgement = judge(response.text, tests[response.question.id], options)
        free = judgement.is_bug_free(timeout_is_bug=options.timeout_is_bug, memory_is_bug=options.memory_is_bug)
        return {
            CORRECT: int(judgement.pass_rate == 1),
            "pass_rate": judgement.pass_rate,
            "bug": int(not free),
            "program": judgement.program,
            "verdicts": list(judgement.verdicts),
        }

    with ThreadPoolExecutor(count_of_places()) as pool:
        yield from pool.map(verdict, responses)
