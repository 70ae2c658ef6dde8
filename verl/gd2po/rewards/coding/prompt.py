"""The user's message of a programming problem: the problem, and how the program is to be written."""

from gd2po.rewards.coding.tests_of_row import Tests

_BLOCK = "Write it into one block that begins with ```python and ends with ```."
_STDIN = (
    "{problem}\n\nWrite a Python program that reads from the standard input and prints to the standard output. {block}"
)
_CALL = "{problem}\n\nWrite a Python function with the name {entry}. {block}"
_ASSERT = "{problem}\n\nWrite Python code for which this test passes:\n\n{test}\n\n{block}"
_COMPLETE = "Complete this Python function, and repeat what is given.\n\n```python\n{problem}\n```\n\n{block}"

WORDINGS = (_STDIN, _CALL, _ASSERT, _COMPLETE, _BLOCK)
"""The texts around a problem, by which results are told apart."""


def user_message(problem: str, tests: Tests) -> str:
    """The message for a problem.

    Args:
        problem: The problem; with a preamble in its tests, the function that is to be completed.
        tests: Its tests; of several asserts the first is shown, since the name of the function stands in it.
    """
    problem = problem.strip()
    if tests.preamble:
        return _COMPLETE.format(problem=problem, block=_BLOCK)
    if tests.style == "assert":
        return _ASSERT.format(problem=problem, test=tests.inputs[0].strip(), block=_BLOCK)
    if tests.style == "call":
        return _CALL.format(problem=problem, entry=tests.entry, block=_BLOCK)
    return _STDIN.format(problem=problem, block=_BLOCK)
