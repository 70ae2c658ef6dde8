"""Rule-based rewards of mathematical reasoning: correctness, length, format and integer answers of one response.

============  ======  ==============================================================================
correctness   {0, 1}  whether the final answer of the response is the reference
length        [0, 1]  whether the response has at most 4,000 tokens, or how far it stays below them
format        {0, 1}  whether the response has the shape `<think>…</think>`, newline, `<answer>…</answer>`
integer       {0, 1}  whether the final answer is a whole number
============  ======  ==============================================================================

:mod:`.extraction` finds the final answer, :mod:`.normal_form` writes it in one form, :mod:`.comparison` decides whether
two answers are equal, with math-verify in processes of their own (:mod:`.judges`) where their forms differ.

:func:`score` gives the four for a text; :func:`compute_score` is the same under the signature that verl calls.
"""

from gd2po.rewards.math.options import MathOptions
from gd2po.rewards.math.scoring import compute_score, score

__all__ = ["MathOptions", "compute_score", "score"]
