"""Rule-based rewards of the tool-calling task: correctness, format and length of one response.

A response is ``<think>…</think>``, a newline, then ``<tool_call>`` with one JSON call per line ``</tool_call>``, or
``<response>…</response>``, or both with a newline between. Each reward lives in the module of its name:

============  =======  ==============================================================
correctness   [−3, 3]  how far the calls agree with the ground truth's calls
format        {0, 1}   whether the text has the shape that the ground truth has
length        [0, 1]   words of the think part, relative to a target of 512
============  =======  ==============================================================

:func:`score` gives the three for a text; :func:`compute_score` is the same under the signature verl calls.
"""

from gd2po.rewards.tool_calling.grammar import GroundTruthError
from gd2po.rewards.tool_calling.options import ToolCallingOptions
from gd2po.rewards.tool_calling.scoring import compute_score, score

__all__ = ["GroundTruthError", "ToolCallingOptions", "compute_score", "score"]
