"""The two doors: scores of a text, and the same under the signature verl's reward workers call."""

import math
import re
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from gd2po.errors import DataError, SettingsError, nearest
from gd2po.rewards.declared import called_in_threads, checked_by, returns_rewards
from gd2po.rewards.math.comparison import check_reference, equal
from gd2po.rewards.math.extraction import final_answer, last_box
from gd2po.rewards.math.judges import check_installed
from gd2po.rewards.math.normal_form import is_whole_number
from gd2po.rewards.math.options import MathOptions
from gd2po.rewards.scores import RESPONSE_TOKENS, row_in_words

REWARDS = ("correctness", "length", "format", "integer")
_DEFAULT = MathOptions()
_TAGGED = re.compile(r"<think>.*?</think>\n<answer>.*?</answer>\n?", re.DOTALL)


def score(
    response: str, ground_truth: str, options: MathOptions = _DEFAULT, *, tokens: int | None = None
) -> dict[str, float]:
    """``{"correctness", "length", "format", "integer"}`` of one response, each in [0, 1].

    No response raises, whatever the model wrote. Reference: GDPO, arXiv 2601.05242, section 4.2 (correctness, length)
    and the GSM8K task of its code (format, integer); docs/mathematics.md lists where the scores differ from it.

    Args:
        response: The assistant's text.
        ground_truth: The reference answer.
        options: How to score.
        tokens: The number of generated tokens; without it ``length`` is NaN, which means "not scored".

    Raises:
        DataError: The reference cannot be compared with anything.
    """
    check_reference(ground_truth)
    answer = final_answer(response, options.style)
    return {
        "correctness": float(answer is not None and equal(answer, ground_truth)),
        "length": math.nan if tokens is None else _length(tokens, options),
        "format": float(_well_formed(response, options)),
        "integer": float(answer is not None and is_whole_number(answer)),
    }


def check_options(**options: Any) -> None:
    """Refuse, before a run, options that these rewards do not have, and a machine without math-verify.

    Raises:
        SettingsError: See above.
    """
    _chosen(options)
    check_installed()


@checked_by(check_options)
@called_in_threads
@returns_rewards(*REWARDS)
def compute_score(
    data_source: str,
    solution_str: str,
    ground_truth: str,
    extra_info: Mapping[str, Any] | None = None,
    **options: Any,
) -> dict[str, float]:
    """Score one rollout for ``reward.custom_reward_function``; ``options`` come from its ``reward_kwargs``.

    Args:
        data_source: The task of the row; not used.
        solution_str: The decoded response.
        ground_truth: The reference answer.
        extra_info: ``split`` and ``index`` name the row in errors; ``response_tokens`` is the number of tokens
            that were generated.
        options: Fields of :class:`MathOptions`.

    Raises:
        DataError: Naming the row whose reference cannot be compared with anything.
        SettingsError: An option that these rewards do not have, or a wrong value of one.
    """
    row = extra_info or {}
    try:
        return score(solution_str, ground_truth, _chosen(options), tokens=row.get(RESPONSE_TOKENS))
    except DataError as error:
        raise DataError(f"{row_in_words(row)}: {error}") from error


def _chosen(options: Mapping[str, Any]) -> MathOptions:
    known = {field.name for field in fields(MathOptions)}
    for name in sorted(options.keys() - known):
        raise SettingsError(f"the mathematics rewards have no option {name!r}.{nearest(name, known)}")
    return MathOptions(**options) if options else _DEFAULT


def _length(tokens: int, options: MathOptions) -> float:
    if tokens > options.max_tokens:
        return 0.0
    return 1.0 if options.length == "limit" else 1.0 - tokens / options.max_tokens


def _well_formed(response: str, options: MathOptions) -> bool:
    if options.format == "box":
        _, _, after = response.rpartition("</think>")
        return response.count("</think>") <= 1 and last_box(after) is not None
    tags = [response.count(tag) for tag in ("<answer>", "</answer>")]
    return tags == [1, 1] and _TAGGED.fullmatch(response) is not None
