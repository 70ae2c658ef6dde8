"""The program of one judge: reads `[answer, reference]` lines, writes `true` or `false` lines.

It has 2 GiB of memory; and the operating system ends it, whatever it is doing, when a comparison takes a second more
than the parent waits, so that none outlives a parent that was killed.
"""

import json
import logging
import resource
import signal
import sys

from math_verify import ExprExtractionConfig, LatexExtractionConfig, parse, verify

from gd2po.rewards.math.judges import SECONDS

_MEMORY = 2 * 2**30
_EXTRACTION = (LatexExtractionConfig(boxed_match_priority=0), ExprExtractionConfig())


def equal(answer: str, reference: str) -> bool:
    """Whether math-verify finds an answer in normal form equal to the reference in normal form."""
    given, expected = (parse(f"\\boxed{{{text}}}", _EXTRACTION, parsing_timeout=None) for text in (answer, reference))
    return bool(verify(expected, given, allow_set_relation_comp=True, timeout_seconds=None))


def main() -> None:
    """Answer every line of the standard input."""
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _say("ready")
    for line in sys.stdin:
        signal.setitimer(signal.ITIMER_REAL, SECONDS + 1)
        try:
            verdict = equal(*json.loads(line))
        except (Exception, MemoryError, RecursionError):  # whatever sympy makes of a model's text: it is no answer
            verdict = False
        signal.setitimer(signal.ITIMER_REAL, 0)
        _say(json.dumps(verdict))


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
