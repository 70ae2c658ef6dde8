"""The two doors: scores of a text, and the same under the signature verl's reward workers call."""

import math
from collections.abc import Mapping
from typing import Any

from gd2po.errors import DataError
from gd2po.rewards.coding.blocks import is_well_formed
from gd2po.rewards.coding.judging import backend, judge
from gd2po.rewards.coding.options import CodingOptions, known_options
from gd2po.rewards.coding.tests_of_row import read_tests
from gd2po.rewards.declared import called_in_threads, checked_by, returns_rewards
from gd2po.rewards.scores import RESPONSE_TOKENS, row_in_words

REWARDS = ("pass_rate", "bug_free", "length", "format")
_DEFAULT = CodingOptions()


def score(
    response: str, tests: str | Mapping[str, Any], options: CodingOptions = _DEFAULT, *, tokens: int | None = None
) -> dict[str, float]:
    """``{"pass_rate", "bug_free", "length", "format"}`` of one response, each in [0, 1].

    No response raises, whatever the model wrote. Reference: GDPO, arXiv 2601.05242, section 4.3, which leaves open what
    a bug is; docs/coding.md defines it.

    Args:
        response: The assistant's text.
        tests: The tests of the problem, see :func:`.tests_of_row.read_tests`.
        options: How to score, and where programs run.
        tokens: The number of generated tokens; without it ``length`` is NaN, which means "not scored".

    Raises:
        DataError: The tests cannot be read, or there are none.
        RewardError: The sandbox itself failed.
        SettingsError: There is no sandbox.
    """
    judgement = judge(response, read_tests(tests).sample(options.max_tests), options)
    bug_free = judgement.is_bug_free(timeout_is_bug=options.timeout_is_bug, memory_is_bug=options.memory_is_bug)
    return {
        "pass_rate": judgement.pass_rate,
        "bug_free": float(bug_free),
        "length": math.nan if tokens is None else _length(tokens, options),
        "format": float(is_well_formed(response)),
    }


def check_sandbox(**options: Any) -> None:
    """Try the sandbox that ``compute_score`` would use with these options.

    Raises:
        SettingsError: There is none, or an option is wrong; with the remedy.
    """
    chosen = _chosen(options)
    backend(chosen.sandbox_url, chosen.unsafe, chosen.packages).check()


@returns_rewards(*REWARDS)
@checked_by(check_sandbox)
@called_in_threads
def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str | Mapping[str, Any],
    extra_info: Mapping[str, Any] | None = None,
    **options: Any,
) -> dict[str, float]:
    """Score one rollout for ``reward.custom_reward_function``; ``options`` come from its ``reward_kwargs``.

    Args:
        data_source: The task of the row; not used.
        solution_str: The decoded response.
        ground_truth: The tests.
        extra_info: ``split`` and ``index`` name the row in errors; ``response_tokens`` is the number of tokens
            that were generated.
        options: Fields of :class:`CodingOptions`.

    Raises:
        DataError: Naming the row whose tests cannot be read.
        RewardError: The sandbox itself failed.
        SettingsError: An option that these rewards do not have, a wrong value of one, or no sandbox.
    """
    row = extra_info or {}
    try:
        return score(solution_str, ground_truth, _chosen(options), tokens=row.get(RESPONSE_TOKENS))
    except DataError as error:
        raise DataError(f"{row_in_words(row)}: {error}") from error


def _chosen(options: Mapping[str, Any]) -> CodingOptions:
    return CodingOptions(**known_options(options, CodingOptions, "coding rewards")) if options else _DEFAULT


def _length(tokens: int, options: CodingOptions) -> float:
    if tokens > options.max_tokens:
        return 0.0
    return 1.0 if options.length == "limit" else 1.0 - tokens / options.max_tokens
