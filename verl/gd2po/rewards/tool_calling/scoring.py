"""The two doors: scores of a text, and the same under the signature verl's reward workers call."""

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

from gd2po.errors import SettingsError, nearest
from gd2po.rewards.declared import returns_rewards
from gd2po.rewards.scores import row_in_words
from gd2po.rewards.tool_calling.api_bank.rows import API_BANK, score_api_bank
from gd2po.rewards.tool_calling.correctness import correctness
from gd2po.rewards.tool_calling.grammar import GroundTruthError, read_ground_truth
from gd2po.rewards.tool_calling.length import length
from gd2po.rewards.tool_calling.options import ToolCallingOptions, ranges, target_words
from gd2po.rewards.tool_calling.shape import well_formed

REWARDS = ("correctness", "format", "length")
PUBLISHED = ToolCallingOptions()
_CONFIGURABLE = {field.name for field in fields(ToolCallingOptions)} - {"step"}


def score(response: str, ground_truth: str, options: ToolCallingOptions = PUBLISHED) -> dict[str, float]:
    """``{"correctness", "format", "length"}`` of one response, by default in [−3, 3], {0, 1} and [0, 1].

    ``response`` is the assistant's text alone. The published scorer first cuts that text out of a chat transcript and
    therefore must be told the tokenizer family; verl hands over the response tokens decoded without special tokens,
    where there is nothing to cut, so no family is needed here.

    No response raises, whatever the model wrote.

    Raises:
        GroundTruthError: The ground truth cannot be compared with anything.
    """
    response = response.strip()
    truth = read_ground_truth(ground_truth)
    correctness_range, format_range = ranges(options)
    return {
        "correctness": correctness(response, truth, correctness_range, options.matching),
        "format": format_range[well_formed(response, truth)],
        "length": length(response, options.length_range, target_words(options)),
    }


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
        data_source: Validation rows of API-Bank (``api_bank/…``) get the scores of that benchmark instead; else not
            used: the configuration decides what is scored, not the row.
        solution_str: The decoded response.
        ground_truth: The reference answer, in the output grammar; of API-Bank, its gold call in JSON.
        extra_info: ``split`` and ``index`` name the row in errors. ``global_steps`` drives the schedules: verl's
            rollout servers put there how many updates the weights had that wrote the response, 0 at first.
        options: Fields of :class:`ToolCallingOptions`, except ``step``.

    Returns:
        Always the three scores by name. Which of them count, and their weights, is for ``algorithm.gd2po.rewards`` to
        say; the plug-in adds their sum as verl's ``score``. For API-Bank see :func:`.api_bank.rows.score_api_bank`.

    Raises:
        GroundTruthError: Naming the row.
        SettingsError: An unknown option, or a schedule without ``global_steps``.
    """
    row = extra_info or {}
    try:
        if data_source.startswith(API_BANK):
            return score_api_bank(solution_str, ground_truth, row)
        return score(solution_str, ground_truth, _settings(options, row.get("global_steps")))
    except GroundTruthError as error:
        raise GroundTruthError(f"{row_in_words(row)}: {error}") from error


def _settings(options: Mapping[str, Any], step: int | None) -> ToolCallingOptions:
    for name in sorted(options.keys() - _CONFIGURABLE):
        raise SettingsError(f"the tool-calling rewards have no option {name!r}.{nearest(name, _CONFIGURABLE)}")
    if not options:
        return PUBLISHED
    plain: dict[str, Any] = {name: _plain(value) for name, value in options.items()}
    return ToolCallingOptions(**plain, step=step)


def _plain(value: Any) -> Any:
    """A YAML list as the tuple it stands for."""
    return tuple(value) if isinstance(value, Sequence) and not isinstance(value, str) else value
