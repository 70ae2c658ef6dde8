"""What a reward function says of itself, so that what cannot work is refused before GPUs are spent."""

from collections.abc import Callable
from typing import Any, TypeVar

RewardFunction = TypeVar("RewardFunction", bound=Callable[..., Any])


def returns_rewards(*names: str) -> Callable[[RewardFunction], RewardFunction]:
    """Mark a reward function with the names in the dict it returns.

    Example:
        >>> @returns_rewards("correctness", "length")
        ... def compute_score(data_source, solution_str, ground_truth, extra_info=None):
        ...     return {"correctness": float(solution_str == ground_truth), "length": len(solution_str) / 512}
        >>> compute_score.returned_rewards
        ('correctness', 'length')
    """

    def mark(function: RewardFunction) -> RewardFunction:
        function.returned_rewards = names  # type: ignore[attr-defined]
        return function

    return mark


def checked_by(check: Callable[..., None]) -> Callable[[RewardFunction], RewardFunction]:
    """Mark a reward function with a check that hosts call before a run.

    Args:
        check: Called with the options of the reward function as keyword arguments; raises SettingsError where the
            function could not score with them.
    """

    def mark(function: RewardFunction) -> RewardFunction:
        function.check_options = check  # type: ignore[attr-defined]
        return function

    return mark


def called_in_threads(function: RewardFunction) -> RewardFunction:
    """Mark a reward function that waits for processes or servers: hosts may call it for several rows at one time."""
    function.in_threads = True  # type: ignore[attr-defined]
    return function
