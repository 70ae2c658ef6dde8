"""Rule-based rewards of programming tasks: what the tests say of a response's program, its length and its format.

=========  ======  ===========================================================================
pass_rate  [0, 1]  the number of passed tests divided by the number of all tests
bug_free   {0, 1}  whether the program compiles, and no test that ran ended in an error
length     [0, 1]  whether the response has at most 4,000 tokens, or how far it stays below them
format     {0, 1}  whether the response has a closed code block, after at most one thought
=========  ======  ===========================================================================

:mod:`.blocks` finds the program, :mod:`.tests_of_row` reads the tests, :mod:`.sandbox` runs one on the other,
:mod:`.comparison` compares what came out with what is expected, and :mod:`.judging` gives each test its verdict.

:func:`score` gives the four for a text; :func:`compute_score` is the same under the signature that verl calls.
"""

from gd2po.rewards.coding.judging import Judgement, judge
from gd2po.rewards.coding.options import CodingOptions
from gd2po.rewards.coding.sandbox.contract import Limits
from gd2po.rewards.coding.scoring import check_sandbox, compute_score, score

__all__ = ["CodingOptions", "Judgement", "Limits", "check_sandbox", "compute_score", "judge", "score"]
