"""Reward functions that score one response at a time, as verl calls them, for TRL, which hands over a whole batch."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from gd2po.errors import RewardError
from gd2po.hosts.trl.reward_columns import function_name
from gd2po.rewards.scores import RESPONSE_TOKENS


def by_row(function: Callable[..., Any], **options: Any) -> Callable[..., list[Any]]:
    """A reward function for TRL that calls ``function`` for each completion, as verl's reward workers call it.

    One that is marked by :func:`gd2po.rewards.declared.called_in_threads` is called for several at the same time.

    The data set has the columns of verl's: ``prompt``, ``reward_model`` with the ``ground_truth``, and maybe
    ``data_source`` and ``extra_info``. ``extra_info`` gets ``global_steps``, the number of updates before the response
    was written, which drives schedules of rewards, and ``response_tokens``, the number of generated tokens.

    Args:
        function: ``compute_score(data_source, solution_str, ground_truth, extra_info, **options)``.
        options: Further keyword arguments of each call.

    Raises:
        SettingsError: The function cannot score with these options, as far as it knows by itself.

    Example:
        >>> def exact(data_source, solution_str, ground_truth, extra_info=None):
        ...     return {"correct": float(solution_str == ground_truth)}
        >>> truths = [{"ground_truth": "4"}, {"ground_truth": "5"}]
        >>> by_row(exact)(completions=["4", "4"], reward_model=truths)
        [{'correct': 1.0}, {'correct': 0.0}]
    """

    if check := getattr(function, "check_options", None):
        check(**options)

    def score_rows(
        completions: Sequence[Any],
        reward_model: Sequence[Mapping[str, Any]] | None = None,
        data_source: Sequence[str] | None = None,
        extra_info: Sequence[Mapping[str, Any] | None] | None = None,
        completion_ids: Sequence[Sequence[int]] | None = None,
        trainer_state: Any = None,
        **_: Any,
    ) -> list[Any]:
        if reward_model is None:
            raise RewardError(
                f"the reward function {function_name(function)!r} needs a ground truth: found no column reward_model; "
                "expected a data set with the columns of verl's, such as gd2po data prepare writes"
            )
        rows = len(completions)
        steps = {} if trainer_state is None else {"global_steps": trainer_state.global_step}
        calls = [
            partial(
                function,
                source,
                response_text(completion),
                truth["ground_truth"],
                {**(extra or {}), **steps, **count},
                **options,
            )
            for completion, truth, source, extra, count in zip(
                completions,
                reward_model,
                data_source or [""] * rows,
                extra_info or [None] * rows,
                [{}] * rows if completion_ids is None else [{RESPONSE_TOKENS: len(ids)} for ids in completion_ids],
                strict=True,
            )
        ]
        if not getattr(function, "in_threads", False):
            return [call() for call in calls]
        with ThreadPoolExecutor() as threads:
            return list(threads.map(lambda call: call(), calls))

    score_rows.__name__ = score_rows.__qualname__ = function_name(function)
    if hasattr(function, "returned_rewards"):
        score_rows.returned_rewards = function.returned_rewards  # type: ignore[attr-defined]
    return score_rows


def response_text(completion: Any) -> str:
    """What the policy wrote: the completion itself, or the texts of the assistant's messages one below the other."""
    if isinstance(completion, str):
        return completion
    return "\n".join(str(message.get("content") or "") for message in completion if message.get("role") == "assistant")
